"""Messages between neighbours, and the envelopes restored from them."""

from blake3 import derive_key
from crypto import ZERO, tree
from envelopes import FREE_FOR_A_ROW, LONGEST, MOST_ROWS, header, leaf
from reader import Malformed, Reader, Tlp, checked_time
from sightings import columns, pairs, row_bytes, varint

LONGEST_PARCEL, VERSION = 65536, 65
COMPACT, WHOLE_NAME, OWN_PREV = 1, 2, 4


def names(reader):
    """A list of names."""
    found = [reader.take(8) for _ in range(reader.varint())]
    if any(one >= other for one, other in zip(found, found[1:])):
        raise Malformed("names that do not ascend")
    return found


def parcel(data):
    """A parcel: its lists, and its envelopes as dicts, not restored."""
    if len(data) > LONGEST_PARCEL:
        raise Malformed("a parcel of more than 65536 bytes")
    reader = Reader(data)
    if reader.u8() != VERSION:
        raise Malformed("a parcel of another version")
    said = {"wish": reader.u8(), "named": names(reader), "asked": names(reader), "asked_whole": names(reader)}
    if said["wish"] > 2:
        raise Malformed("a wish that is none")
    said["envelopes"] = envelopes(reader)
    reader.end()
    if not any(said.values()):
        raise Malformed("a parcel that says nothing")
    return said


def envelopes(reader):
    """What stands after the names."""
    count = reader.varint()
    if count == 0:
        return []
    base = reader.time()
    entries = pairs(reader, reader.varint())
    found = [one(reader, base, entries) for _ in range(count)]
    compact = [member for member in found if "whole" not in member]
    if base != max((member["time"] for member in compact), default=0):
        raise Malformed("a base that is not the latest of the times")
    if set(entries) != {pair for member in compact for pair in member["table"]}:
        raise Malformed("an entry of the table that nobody uses")
    return found


def one(reader, base, entries):
    """An envelope in either form."""
    form = reader.u8()
    if form == 0:
        whole = reader.prefixed(LONGEST)
        return {"whole": whole, "name": header(Reader(whole))["signature"][32:40]}
    if not form & COMPACT or form > COMPACT + WHOLE_NAME + OWN_PREV:
        raise Malformed(f"an envelope of form {form}")
    found = {"publisher": reader.take(16 if form & WHOLE_NAME else 4)}
    found["epoch"], found["seq"] = reader.varint(32), reader.varint()
    found["prev"] = reader.take(32) if form & OWN_PREV else None
    if found["seq"] == 0 and found["prev"] == ZERO:
        raise Malformed("a prev that follows, and is there")
    found["time"] = checked_time(base - reader.varint())
    found["label"] = reader.u8()
    if found["label"] >> 6 > 1:
        raise Tlp("a label stricter than GREEN")
    found["signature"], found["salt"], found["count"] = reader.take(64), reader.take(16), reader.varint()
    found["name"] = found["signature"][32:40]
    if not 1 <= found["count"] <= MOST_ROWS:
        raise Malformed("no rows, or too many")
    found["table"] = own_table(reader, found["count"], entries)
    start = reader.at
    indexed = len(found["table"]) > 1
    rows = columns(reader, found["count"], found["time"], found["table"], indexed)
    found["rows"], found["columns"], found["indexed"] = rows, reader.data[start : reader.at], indexed
    return found


def own_table(reader, rows, entries):
    """The entries of the parcel's table that one envelope uses."""
    numbers = [reader.varint() for _ in range(reader.varint())]
    if not 1 <= len(numbers) <= rows or numbers != sorted(set(numbers)) or numbers[-1] >= len(entries):
        raise Malformed("entries that do not ascend or are none")
    return [entries[number] for number in numbers]


def restored(said, network, publishers, held):
    """For each envelope its bytes, or what is missing to restore it."""
    earlier = {}
    for member in said["envelopes"]:
        data = member.get("whole") or restore(member, network, publishers, {**earlier, **held})
        if isinstance(data, bytes):
            head = header(Reader(data))
            earlier.setdefault((head["publisher"], head["epoch"], head["seq"]), head["hash"])
        yield member["name"], data


def restore(member, network, publishers, held):
    """The bytes of one envelope, or the name of what is missing."""
    known = [name for name in publishers if name.startswith(member["publisher"])]
    if len(member["publisher"]) == 4 and len(known) != 1:
        return "publisher"
    name = member["publisher"] if len(member["publisher"]) == 16 else known[0]
    prev = member["prev"] or ZERO
    if member["prev"] is None and member["seq"] > 0:
        prev = held.get((name, member["epoch"], member["seq"] - 1))
        if prev is None:
            return "ancestor"
    count = member["count"]
    stream = derive_key("vigie/row-salt/v1", member["salt"], 16 * count)
    leaves = [leaf(stream[16 * nth : 16 * nth + 16], row_bytes(row)) for nth, row in enumerate(member["rows"])]
    head = (
        b"\x01\x01\x00" + network + name + varint(member["epoch"]) + varint(member["seq"]) + prev
        + varint(member["time"]) + bytes([member["label"]]) + varint(count) + tree(leaves)
    )  # fmt: skip
    table = varint(len(member["table"])) + b"".join(varint(number) + rule for number, rule in member["table"])
    data = head + member["signature"] + b"\x01" + member["salt"] + table + with_indexes(member)
    if len(data) > LONGEST - FREE_FOR_A_ROW * count:
        raise Malformed("an envelope that leaves no room for erasing")
    return data


def with_indexes(member):
    """The columns as an envelope has them."""
    if member["indexed"]:
        return member["columns"]
    reader = Reader(member["columns"])
    v4, v6 = reader.varint(), reader.varint()
    reader.take(4 * v4 + 16 * v6)
    for _ in range(member["count"] - v4 - v6):
        reader.u8(), reader.prefixed()
    return member["columns"][: reader.at] + bytes(member["count"]) + member["columns"][reader.at :]
