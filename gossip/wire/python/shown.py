"""How decoded values are written in the vectors and by the implementation: hexadecimal, names, addresses as people do.

The names are those of section Behaviours, in the order of their numbers from 1.
"""

import ipaddress

from envelopes import bundle, envelope, proof, verifies
from genesis import genesis
from reader import Reader
from statements import holds, statement
from sync import message

BEHAVIOURS = """
generic:scan generic:bruteforce generic:exploit tcp:scan ssh:bruteforce ssh:exploit http:scan
http:bruteforce http:exploit http:crawl http:spam http:dos ftp:bruteforce sftp:bruteforce telnet:bruteforce
smtp:spam smtp:bruteforce pop3/imap:bruteforce pop3/imap:user-enumeration database:bruteforce
ldap:bruteforce smb:bruteforce windows:bruteforce sip:bruteforce iot:bruteforce vcs:bruteforce
vm-management:bruteforce vm-management:exploit k8s:bruteforce k8s:scan cloud:bruteforce teleport:bruteforce
vpn:bruteforce linux:exploitation linux:post-exploitation ecommerce:fraud mail:malware malware:c2
malware:host phishing:url ddos:reflector
""".split()
TYPES = {3: "range", 4: "domain", 5: "url", 6: "sha256", 7: "asn"}


def plain(value):
    """Bytes as hexadecimal, tuples as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return [plain(one) for one in value.values()]
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def shown_value(kind, value):
    """The value of an indicator."""
    if kind <= 2:
        return str(ipaddress.ip_address(value))
    if kind == 3:
        return f"{ipaddress.ip_address(value[1:])}/{value[0]}"
    if kind in (4, 5):
        return value.decode()
    if kind == 7:
        return Reader(value).varint(32)
    return list(value) if kind == 6 else {"tag": kind, "bytes": list(value)}


def shown_sighting(row):
    """A row of sightings."""
    number = row["behaviour"]
    known = 1 <= number <= len(BEHAVIOURS)
    kind = "ip" if row["type"] <= 2 else TYPES.get(row["type"], "unknown")
    return {
        "indicator": {"type": kind, "value": shown_value(row["type"], row["value"])},
        "behaviour": BEHAVIOURS[number - 1] if known else f"behaviour {number}",
        "rule": row["rule"].hex(), "at": row["time"], "count": row["count"], "confidence": row["confidence"],
    }  # fmt: skip


def shown_labels(labels):
    """Operator, country, autonomous system."""
    return plain([labels["operator"], labels["country"], labels["asn"]])


def terms(said):
    """What a statement says, by type."""
    kind = said["type"]
    if kind == 1:
        fields = [said[name] for name in ("node", "not_before", "not_after", "first_epoch", "last_epoch")]
    elif kind == 2:
        labels = shown_labels(said["labels"])
        fields = [said["subject"], said["name"], labels, said["issued"], said["expires"], said["serial"]]
    elif kind == 3:
        fields = [said["subject"], said["serial"], said["time"]]
    elif kind == 4:
        fields = [said["target"], said["since"], said["time"]]
    elif kind == 5:
        fields = [said["old"], said["new"], said["time"]]
    else:
        added = "added" in said and [said["added"], said["name"], shown_labels(said["labels"])]
        fields = [said["sequence"], said["time"], added or [said["removed"]], [seed for seed, _ in said["signatures"]]]
    return plain([kind, *fields])


def shown_statement(said):
    """A statement; whether a change of seeds holds cannot be said of it alone."""
    return {
        "id": said["id"].hex(), "network": said["network"].hex(), "signer": said["signer"] and said["signer"].hex(),
        "terms": terms(said), "holds": said["type"] != 6 and holds(said),
    }  # fmt: skip


def shown_proof(said, key):
    """A proof, and whether the key signed both headers."""
    network, name, epoch, seq = said["place"]
    return {
        "network": network.hex(), "publisher": name.hex(), "epoch": epoch, "seq": seq,
        "hashes": plain(said["hashes"]), "holds": all(verifies(head, key) for head in said["headers"]),
    }  # fmt: skip


def shown_item(kind, row, key):
    """A row of any kind but sightings; None if it is a statement of an unknown type."""
    if kind == 8:
        return shown_proof(proof(row), key)
    if kind in (4, 5, 6):
        return shown_statement(statement(row)) if 1 <= row[0] <= 6 else None
    reader = Reader(row)
    start = [reader.take(16).hex()] if kind == 7 else []
    place = [reader.varint(32), reader.varint(), reader.u8()]
    return start + place + [reader.u8() for _ in range(kind == 7)]


def shown_envelope(head, key):
    """An envelope, all of it."""
    rows = [row for row in head.get("content", []) if row is not None]
    sightings = head.get("sightings")
    items = [] if sightings else [shown_item(head["kind"], row, key) for row in rows]
    kept = [number for number, row in enumerate(head.get("content", [])) if row is not None]
    return {
        "version": head["version"], "kind": head["kind"], "flags": head["flags"], "network": head["network"].hex(),
        "publisher": head["publisher"].hex(), "epoch": head["epoch"], "seq": head["seq"], "prev": head["prev"].hex(),
        "time_base_millis": head["time"], "tlp": ("clear", "green")[head["tlp"]], "policy": head["policy"],
        "rows": head["rows"], "root": head["root"].hex(), "signature": head["signature"].hex(),
        "header_hash": head["hash"].hex(), "known": head["known"], "form": head["form"],
        "sightings": [shown_sighting(row) for row in sightings or []], "kept": kept if sightings else [],
        "items": [item for item in items if item is not None], "holds": verifies(head, key),
    }  # fmt: skip


def shown_genesis(said):
    """A genesis file."""

    def founder(one):
        labels = [one["operator"] or bytes(8), (one["country"] or "\0\0").encode(), one["asn"] or 0]
        return plain([one["key"], one["name"], one["history"], labels])

    return {
        "network": said["network"].hex(), "name": said["name"], "created": said["created"], "quorum": said["quorum"],
        "seeds": [founder(one) for one in said["seeds"]], "members": [founder(one) for one in said["members"]],
    }  # fmt: skip


def shown_message(said):
    """A message of sync: its fields in the order of the page."""
    said = dict(said)
    if said["type"] == 130:
        said["statements"] = [one["id"] for one in said["statements"]]
    if said["type"] == 134:
        said["proofs"] = [[*proof(one)["place"], *proof(one)["hashes"]] for one in said["proofs"]]
    return {name: plain(value) for name, value in said.items()}


SHOW = {
    "envelope": lambda data, key: shown_envelope(envelope(data), key),
    "statement": lambda data, _: shown_statement(statement(data)),
    "bundle": lambda data, _: {"envelopes": plain(bundle(data))},
    "proof": lambda data, key: shown_proof(proof(data), key),
    "genesis": lambda data, _: shown_genesis(genesis(data)),
    "sync": lambda data, _: shown_message(message(data)),
}
