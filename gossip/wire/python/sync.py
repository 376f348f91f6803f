"""Messages of sync, requests and responses: from section Sync of the page."""

from envelopes import proof
from reader import Malformed, Reader, Unknown
from statements import statement

LONGEST, ITEMS, HEADS, RANGES, PLACES = 1_048_576, 16_384, 8_192, 256, 65_536


def ascending(items, what):
    """Checks that the items ascend, none twice."""
    if any(one >= other for one, other in zip(items, items[1:])):
        raise Malformed(f"{what} that do not ascend")
    return items


def chain(reader):
    """A publisher and an epoch."""
    return reader.take(16), reader.varint(32)


def digest(reader):
    """What is held, and the clock."""
    return {
        "heads": reader.take(16), "statements": reader.take(16), "count": reader.varint(), "clock": reader.time(),
    }  # fmt: skip


def span(reader):
    """A range of a chain: its lowest and highest place."""
    publisher, epoch = chain(reader)
    low, more = reader.varint(), reader.varint()
    if more >= PLACES or (low + more) >> 64:
        raise Malformed("a range that is too long, or beyond the last place")
    return {"publisher": publisher, "epoch": epoch, "from": low, "to": low + more}


def head(reader):
    """The state of one chain."""
    publisher, epoch = chain(reader)
    low, more, count = reader.varint(), reader.varint(), reader.varint()
    if (low + more) >> 64 or not 1 <= count <= more + 1:
        raise Malformed("a head whose numbers contradict each other")
    return {
        "publisher": publisher, "epoch": epoch, "low": low, "seq": low + more, "count": count,
        "hash": reader.take(32), "fingerprint": reader.take(16),
    }  # fmt: skip


def statements_wanted(reader):
    """Request 2."""
    said = {"from": reader.take(8), "to": reader.take(8)}
    said["have"] = reader.list(ITEMS, lambda: reader.take(8))
    if said["have"] != sorted(said["have"]):
        raise Malformed("prefixes that do not ascend")
    return said


def heads(reader):
    """Response 131."""
    listed = reader.list(HEADS, lambda: head(reader))
    forks = reader.list(HEADS, lambda: (*chain(reader), reader.take(16)))
    ascending([(one["publisher"], one["epoch"]) for one in listed], "heads")
    ascending([fork[:2] for fork in forks], "proofs")
    return {"heads": listed, "forks": forks, "more": reader.flag()}


def hashes(reader):
    """Response 132."""
    listed = reader.list(ITEMS, lambda: (reader.varint(), reader.take(16)))
    ascending([seq for seq, _ in reversed(listed)], "hashes")
    return {"hashes": listed}


def statements(reader):
    """Response 130."""
    listed = [one for one in reader.list(ITEMS, lambda: known(reader.prefixed())) if one]
    ascending([one["id"] for one in listed], "statements")
    return {"statements": listed, "more": reader.flag()}


def known(data):
    """A statement, None if it is of an unknown type: those are left out."""
    try:
        return statement(data)
    except Unknown:
        return None


def proofs(reader):
    """Response 134."""
    listed = reader.list(RANGES, reader.prefixed)
    for one in listed:
        proof(one)
    return {"proofs": listed}


READERS = {
    1: digest,
    2: statements_wanted,
    3: lambda reader: {"after": chain(reader) if reader.flag() else None},
    4: span,
    5: lambda reader: {"ranges": reader.list(RANGES, lambda: span(reader))},
    6: lambda reader: {"chains": reader.list(RANGES, lambda: chain(reader))},
    128: lambda reader: {"clock": reader.time()},
    129: digest,
    130: statements,
    131: heads,
    132: hashes,
    133: lambda reader: {"envelopes": reader.list(ITEMS, reader.prefixed)},
    134: proofs,
}


def message(data):
    """A message: its type and what it says."""
    if len(data) > LONGEST:
        raise Malformed("a message of more than 1 MiB")
    reader = Reader(data)
    kind = reader.u8()
    if kind not in READERS:
        raise Malformed(f"a message of type {kind}")
    said = {"type": kind, **READERS[kind](reader)}
    reader.end()
    return said
