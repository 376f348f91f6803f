"""Headers, envelopes with their bodies and trees, heads, bundles, and proofs of equivocation."""

from blake3 import derive_key
from crypto import ZERO, hashed, publisher, signed, tree
from reader import Malformed, Reader, Refused, Tlp, Unknown
from sightings import row_bytes, sightings
from statements import READERS, statement

LONGEST, LONGEST_OPAQUE, FREE_FOR_A_ROW, MOST_ROWS = 16384, 4096, 32, 256
SIGHTINGS, RETRACTION, HEAD, CERTIFICATE, VOUCH, REVOCATION, DISPUTE, PROOF = range(1, 9)
STATEMENTS = {CERTIFICATE: (1, 6), VOUCH: (2, 3, 5), REVOCATION: (4,)}


def header(reader):
    """A header with its signature: the same in every version."""
    start = reader.at
    head = {"version": reader.u8()}
    if head["version"] == 0:
        raise Malformed("version 0")
    head["kind"], head["flags"] = reader.u8(), reader.u8()
    head["network"], head["publisher"] = reader.take(16), reader.take(16)
    head["epoch"], head["seq"] = reader.varint(32), reader.varint()
    head["prev"], head["time"] = reader.take(32), reader.time()
    byte = reader.u8()
    if byte >> 6 > 1:
        raise Tlp("a label stricter than GREEN")
    head["tlp"], head["policy"] = byte >> 6, byte & 63
    head["rows"], head["root"] = reader.varint(16), reader.take(32)
    head["bytes"] = reader.data[start : reader.at]
    head["hash"] = hashed("vigie/header/v1", head["bytes"])
    head["signature"] = reader.take(64)
    return head


def verifies(head, node):
    """Whether the node key is the publisher's and signed this header."""
    if publisher(node) != head["publisher"]:
        return False
    return signed(node, head["signature"], "vigie/envelope/v1", head["bytes"])


def is_opaque(head):
    """Whether a node of version 1 cannot read its body."""
    return head["version"] != 1 or not SIGHTINGS <= head["kind"] <= PROOF or head["flags"] != 0


def envelope(data):
    """An envelope: header, form, and for each row its bytes or None; sightings also as dicts."""
    if len(data) > LONGEST:
        raise Malformed("an envelope of more than 16384 bytes")
    reader = Reader(data)
    head = header(reader)
    head["known"] = not is_opaque(head)
    if is_opaque(head):
        return opaque(head, reader)
    check_rows(head)
    form = reader.u8()
    if head["rows"] == 0 and head["root"] != ZERO:
        raise Malformed("a root without rows")
    head["form"] = ("erased", "whole", "redacted")[form] if form < 3 else None
    if form == 0:
        head["content"], head["salts"], head["leaves"] = [None] * head["rows"], [], []
    elif form == 1 and head["rows"]:
        whole(head, reader)
        if len(data) > LONGEST - FREE_FOR_A_ROW * head["rows"]:
            raise Malformed("a whole envelope that leaves no room for erasing")
    elif form == 2:
        redacted(head, reader)
    else:
        raise Malformed(f"a body of form {form}")
    reader.end()
    if form and tree(head["leaves"]) != head["root"]:
        raise Malformed("a body that is not that of the root")
    return head


def check_rows(head):
    """As many rows as the kind has."""
    low, high = {HEAD: (0, 0), PROOF: (1, 1)}.get(head["kind"], (1, MOST_ROWS))
    if not low <= head["rows"] <= high:
        raise Malformed(f"{head['rows']} rows in an envelope of kind {head['kind']}")


def opaque(head, reader):
    """An envelope of a later version, kind or flag."""
    if len(reader.data) > LONGEST_OPAQUE:
        raise Unknown("an envelope of a later version that is longer than 4096 bytes")
    form = reader.u8()
    if form == 1:
        commitment, content = reader.take(32), reader.rest()
        root = hashed("vigie/opaque/v1", commitment + hashed("vigie/content/v1", content))
        if root != head["root"]:
            raise Malformed("an opaque body that is not that of the root")
    elif form != 0:
        raise Unknown(f"an opaque body of form {form}")
    reader.end()
    head["form"] = "opaque" if form else "erased"
    return head


def whole(head, reader):
    """A body with all its rows."""
    stream = derive_key("vigie/row-salt/v1", reader.take(16), 16 * head["rows"])
    rows = content(head, reader, head["rows"])
    head["content"] = rows
    head["salts"] = [stream[at : at + 16] for at in range(0, len(stream), 16)]
    head["leaves"] = [leaf(salt, row) for salt, row in zip(head["salts"], rows)]


def redacted(head, reader):
    """A body of which some rows are erased."""
    count = head["rows"]
    bits = int.from_bytes(reader.take((count + 7) // 8), "little")
    kept = [bits >> row & 1 for row in range(count)]
    if bits >> count or not 0 < sum(kept) < count:
        raise Malformed("a redacted body with all rows, with none, or with bits beyond the last")
    slots = [reader.take(16 if keeps else 32) for keeps in kept]
    rows = iter(content(head, reader, sum(kept)))
    head["content"] = [next(rows) if keeps else None for keeps in kept]
    head["salts"] = slots
    head["leaves"] = [slot if row is None else leaf(slot, row) for slot, row in zip(slots, head["content"])]


def leaf(salt, row):
    """The leaf of a row."""
    return hashed("vigie/leaf/v1", salt + row)


def content(head, reader, count):
    """The rows that are there, as the bytes of which leaves are made."""
    if head["kind"] == SIGHTINGS:
        head["sightings"] = sightings(reader, count, head["time"])
        return [row_bytes(row) for row in head["sightings"]]
    rows = [reader.prefixed() for _ in range(count)]
    for row in rows:
        check_row(head["kind"], row)
    return rows


def check_row(kind, row):
    """A row of another kind than sightings."""
    reader = Reader(row)
    if kind in STATEMENTS:
        number = reader.u8()
        if number in READERS:
            if number not in STATEMENTS[kind]:
                raise Malformed("a statement in an envelope of another kind")
            statement(row)
        return
    if kind == PROOF:
        proof(row)
        return
    if kind == DISPUTE:
        reader.take(16)
    reader.varint(32), reader.varint(), reader.u8()
    if kind == DISPUTE:
        reader.u8()
    reader.end()


def asserted(head):
    """Where a header says that which hash stands."""
    place = head["network"], head["publisher"], head["epoch"], head["seq"]
    return place, head["prev"] if head["kind"] == HEAD else head["hash"]


def proof(data):
    """A proof of equivocation: the place, and both assertions with their headers."""
    reader = Reader(data)
    heads = header(reader), header(reader)
    reader.end()
    (place, one), (elsewhere, other) = map(asserted, heads)
    if place != elsewhere:
        raise Malformed("a proof about two places")
    if one >= other:
        raise Malformed("a proof that proves nothing, or in the wrong order")
    return {"place": place, "hashes": (one, other), "headers": heads}


def bundle(data):
    """The bytes of the envelopes of a bundle."""
    reader = Reader(data)
    if len(data) > LONGEST or reader.u8() != 0 or not reader.left():
        raise Malformed("a bundle that is too long, empty or none")
    members = []
    while reader.left():
        members.append(reader.prefixed())
        if not members[-1] or members[-1][0] == 0:
            raise Malformed("an empty envelope or a bundle in a bundle")
    return members


def judged(read, data):
    """The class of a refusal, or None."""
    try:
        read(data)
    except Refused as error:
        return error.kind
    return None
