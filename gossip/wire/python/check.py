"""Checks every vector of gossip/wire/vectors: `python3 check.py DIRECTORY`. Prints each disagreement, and the counts.

Written from docs/protocol.md alone; it shares nothing with the implementation but the page and these files.
"""

import json
import sys
from pathlib import Path

from blake3 import derive_key
from crypto import is_key, organisation, publisher, signed, tree
from envelopes import bundle, envelope, judged, leaf
from genesis import genesis
from parcels import parcel, restored
from reader import Malformed
from shown import shown_envelope
from statements import holds, statement

READ = {"envelope": envelope, "bundle": bundle, "parcel": parcel, "statement": statement}
raw = bytes.fromhex


def keys(case):
    """A public key and its names, or bytes that are none."""
    key = raw(case["public"])
    yield "valid", is_key(key)
    if case["valid"]:
        yield "publisher", publisher(key).hex()
        yield "organisation", organisation(key).hex()


def signatures(case):
    """A signature that holds or not."""
    yield "valid", signed(raw(case["public"]), raw(case["signature"]), case["domain"], raw(case["message"]))


def rows(case):
    """Salts, leaves and root."""
    stream = derive_key("vigie/row-salt/v1", raw(case["salt"]), 16 * len(case["rows"]))
    salts = [stream[at : at + 16] for at in range(0, len(stream), 16)]
    leaves = [leaf(salt, raw(row["bytes"])) for salt, row in zip(salts, case["rows"])]
    for row, salt, made in zip(case["rows"], salts, leaves):
        if (row["salt"], row["leaf"]) != (salt.hex(), made.hex()):
            yield "leaf", made.hex()
    yield "root", tree(leaves).hex()


def envelopes(case):
    """A valid envelope and all that it says."""
    shown = shown_envelope(envelope(raw(case["bytes"])), raw(case["public"]))
    yield "signature holds", shown["holds"]
    yield from ((field, value) for field, value in shown.items() if field in case)


def statements(case):
    """A valid statement."""
    said = statement(raw(case["bytes"]))
    yield "id", said["id"].hex()
    yield "network", said["network"].hex()
    yield "signer", said["signer"] and said["signer"].hex()
    if said["signer"]:
        yield "signature holds", holds(said)


def genesis_files(case):
    """A genesis file, valid with its network or refused."""
    try:
        yield "network", genesis(case["text"].encode())["network"].hex()
    except Malformed:
        yield "refused", "line" in case


def parcels(case):
    """A parcel, and what its receiver makes of it."""
    said = parcel(raw(case["bytes"]))
    yield "wish", said["wish"]
    yield from ((field, [name.hex() for name in said[field]]) for field in ("named", "asked", "asked_whole"))
    held = {(raw(at["publisher"]), at["epoch"], at["seq"]): raw(at["hash"]) for at in case["held"]}
    publishers = [raw(name) for name in case["publishers"]]
    shown = [
        {
            "name": name.hex(), "bytes": made.hex() if isinstance(made, bytes) else None,
            "missing": None if isinstance(made, bytes) else made,
        }
        for name, made in restored(said, raw(case["network"]), publishers, held)
    ]  # fmt: skip
    yield "envelopes", shown


def invalid(case):
    """Bytes that must be refused."""
    yield "class", judged(READ[case["as"]], raw(case["bytes"]))


FILES = {
    "keys": keys, "signatures": signatures, "rows": rows, "envelopes": envelopes, "statements": statements,
    "genesis": genesis_files, "parcels": parcels, "invalid": invalid,
}  # fmt: skip


def disagreements(name, case):
    """What a case says otherwise than this decoder."""
    try:
        for field, found in FILES[name](case):
            expected = case.get(field, True)
            if expected != found:
                yield f"{field}: {found!r}, the vector says {expected!r}"
    except Exception as error:
        yield f"{type(error).__name__}: {error}"


def main(directory):
    """All files."""
    wrong = 0
    for name in FILES:
        cases = json.loads((Path(directory) / f"{name}.json").read_text())
        for case in cases:
            for what in disagreements(name, case):
                wrong += 1
                print(f"{name}: {case['note']}: {what}")
        print(f"{name}: {len(cases)} vectors")
    print(f"{wrong} disagreements")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
