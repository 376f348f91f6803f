"""What a node holds of one publisher after everything has arrived: rates, forks and times of section Admission, and the
fingerprints of section Sync. A function of sets: the order of arrival is no argument.

The publisher's standing is given (`class`), the same for all of his signed times; admission itself is not done here.
"""

import struct

from blake3 import derive_key
from crypto import publisher
from envelopes import HEAD, PROOF, RETRACTION, REVOCATION, header, proof, verifies
from reader import Reader

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SLOT = 10 * MINUTE
ROWS = {"newcomer": 60, "member": 600, "seed": 6_000}
URGENT_BIT, FORKS = 32, 8


def place(head):
    """Where an envelope stands among all of its publisher."""
    return head["epoch"], head["seq"]


def cost(head):
    """What it takes of the budget."""
    return max(head["rows"], 1)


def floor(now):
    """Where the time begins that is held."""
    return (now // DAY - 30) * DAY


def is_timely(head, now):
    """Neither of the future nor of a day that is held no more, and whole if it is of the last day."""
    in_time = floor(now) <= head["time"] <= now + 2 * MINUTE
    lacks_rows = head["rows"] > 0 and head["form"] in ("erased", "redacted")
    return in_time and not (lacks_rows and now - head["time"] <= DAY)


def proof_name(headers):
    """The name of a proof, from its headers in order."""
    return derive_key("vigie/proof-name/v1", b"".join(head["hash"] for head in headers), 16)


def forks(proofs, network, key, now):
    """By epoch the fork that is kept: seq, name, time."""
    kept = {}
    for data in proofs:
        headers = proof(data)["headers"]
        one = headers[0]
        time = max(head["time"] for head in headers)
        if one["network"] != network or time > now + 2 * MINUTE or not all(verifies(head, key) for head in headers):
            continue
        fork = (one["seq"], proof_name(headers), time)
        kept[one["epoch"]] = min(fork, kept.get(one["epoch"], fork))
    return {epoch: kept[epoch] for epoch in sorted(kept)[:FORKS]}


def conduct(kept, held, now):
    """What the forks amount to, given what is held: a word, and the epoch that decides."""
    verdict, before = ("clean", None), []
    for epoch, (_, _, time) in kept.items():
        if len(before) + 1 >= FORKS or any(time <= earlier + 90 * DAY for earlier in before):
            return "equivocation", epoch
        before.append(time)
        later = [head["time"] for head in held if head["epoch"] > epoch]
        if not later:
            verdict = ("suspended", epoch)
        elif time + DAY < floor(now) or min(later) <= time + DAY:
            verdict = ("accident", epoch)
        else:
            return "equivocation", epoch
    return verdict


def span(head, standing):
    """The number of the slot, or of the hour, whose budget it takes from."""
    return head["time"] // (HOUR if standing == "newcomer" else SLOT)


def asks_urgency(head):
    """By its kind, or by its policy."""
    return head["kind"] in (RETRACTION, REVOCATION, PROOF) or bool(head["policy"] & URGENT_BIT)


def within_rate(heads, standing):
    """Those within the rate, in the order of places; and of those the places that may travel as urgent."""
    spent, urgent, held, fast = {}, {}, [], []
    for head in sorted(heads, key=place):
        slot, rows = span(head, standing), cost(head)
        if spent.get(slot, 0) + rows > ROWS[standing]:
            continue
        spent[slot] = spent.get(slot, 0) + rows
        held.append(head)
        if asks_urgency(head):
            if urgent.get(slot, 0) + rows <= ROWS[standing] // 10:
                fast.append(place(head))
            urgent[slot] = urgent.get(slot, 0) + rows
    return held, fast


def without_rows(data):
    """An envelope's header and form: more is not asked here, and the trees are the slow part."""
    reader = Reader(data)
    head = header(reader)
    return {**head, "form": ("erased", "whole", "redacted")[reader.u8()]}


def little(number, width):
    """An integer, little-endian."""
    return struct.pack({4: "<I", 8: "<Q"}[width], number)


def summed_up(held):
    """The head of every epoch: epoch, low, seq, count, hash, fingerprint."""
    found = []
    for epoch in sorted({head["epoch"] for head in held}):
        chain = sorted((head["seq"], head["hash"]) for head in held if head["epoch"] == epoch)
        blocks = {}
        for seq, link in chain:
            blocks[seq // 64] = blocks.get(seq // 64, b"") + little(seq, 8) + link
        prints = b"".join(derive_key("vigie/block/v1", block, 16) for _, block in sorted(blocks.items()))
        print_of = derive_key("vigie/chain/v1", prints, 16)
        found.append((epoch, chain[0][0], chain[-1][0], len(chain), chain[-1][1], print_of))
    return found


def digest(name, heads, kept):
    """*Heads* of the page, where this publisher is the only one."""
    data = b""
    for epoch, _, seq, count, _, print_of in heads:
        data += name + little(epoch, 4) + little(seq, 8) + little(count, 8) + print_of
    data += b"forks"
    for epoch, (_, fork, _) in kept.items():
        data += name + little(epoch, 4) + fork
    return derive_key("vigie/heads/v1", data, 16)


def chain(case):
    """All of a case: what is held, what is urgent, what the forks amount to, and the digest."""
    raw = bytes.fromhex
    network, key, now, standing = raw(case["network"]), raw(case["public"]), case["now"], case["class"]
    kept = forks([raw(one) for one in case["proofs"]], network, key, now)
    offered = {}
    for data in case["envelopes"]:
        head = without_rows(raw(data))
        own = head["network"] == network and verifies(head, key) and head["kind"] != HEAD
        if own and is_timely(head, now) and not (head["epoch"] in kept and head["seq"] >= kept[head["epoch"]][0]):
            offered[place(head)] = head
    held, _ = within_rate(offered.values(), standing)
    word, decides = conduct(kept, held, now)
    # What is void after one fork says nothing for an earlier one, which may then decide.
    while word == "equivocation" and any(head["epoch"] > decides for head in held):
        held = [head for head in held if head["epoch"] <= decides]
        word, decides = conduct(kept, held, now)
    held, urgent = within_rate(held, standing)
    fresh = {place(head) for head in held if now - head["time"] <= DAY}
    heads = summed_up(held)
    return {
        "held": [[*place(head), head["hash"].hex()] for head in held],
        "urgent": [list(one) for one in urgent if one in fresh],
        "conduct": word, "decided_by": decides,
        "heads": [[epoch, low, seq, count, link.hex(), mark.hex()] for epoch, low, seq, count, link, mark in heads],
        "forks": [[epoch, name.hex()] for epoch, (_, name, _) in kept.items()],
        "digest": digest(publisher(key), heads, kept).hex(),
    }  # fmt: skip

