"""The columns of sightings, and the indicators in them."""

import re

from reader import Malformed, Reader, checked_time

MAPPED = bytes(10) + b"\xff\xff"
LABEL = re.compile(rb"[a-z0-9_-]{1,63}\Z")
URL = re.compile(rb"[a-z][a-z0-9+.-]*://[!-~]+\Z")


def mask_of(length, width):
    """The bits that a prefix leaves free."""
    return (1 << width * 8 - length) - 1


def check_range(value):
    """Type 3: a prefix length and an address of 4 or 16 bytes."""
    prefix, address = value[0] if value else 0, value[1:]
    if len(address) not in (4, 16) or prefix >= len(address) * 8:
        raise Malformed("a range that is no range")
    if int.from_bytes(address, "big") & mask_of(prefix, len(address)):
        raise Malformed("a range with bits beyond its prefix")
    if prefix >= 96 and address[:12] == MAPPED:
        raise Malformed("a range of IPv4-mapped addresses")


def check_domain(value):
    """Type 4."""
    if not 1 <= len(value) <= 253 or not all(LABEL.match(label) for label in value.split(b".")):
        raise Malformed("a domain that is none")


def check_url(value):
    """Type 5."""
    if not URL.match(value):
        raise Malformed("a URL that is none")


def check_file(value):
    """Type 6."""
    if len(value) != 32:
        raise Malformed("a SHA-256 that has not 32 bytes")


def check_system(value):
    """Type 7."""
    reader = Reader(value)
    reader.varint(32)
    reader.end()


CHECKS = {3: check_range, 4: check_domain, 5: check_url, 6: check_file, 7: check_system}


def other_indicator(reader):
    """An indicator that is no address: type and value."""
    kind, value = reader.u8(), reader.prefixed(1024)
    if kind <= 2:
        raise Malformed("an indicator of type 0, or an address outside of its column")
    CHECKS.get(kind, lambda _: None)(value)
    return kind, value


def ipv6(reader):
    """An address of the IPv6 column."""
    address = reader.take(16)
    if address[:12] == MAPPED:
        raise Malformed("an IPv4-mapped address among those of IPv6")
    return 2, address


def table(reader, rows):
    """The pairs of behaviour and rule hash in use."""
    length = reader.varint()
    if not 1 <= length <= rows:
        raise Malformed("a table that is empty or longer than the rows")
    return pairs(reader, length)


def pairs(reader, length):
    """So many entries of a table."""
    entries = [(reader.varint(16), reader.take(8)) for _ in range(length)]
    if any(one >= other for one, other in zip(entries, entries[1:])):
        raise Malformed("a table that does not ascend")
    return entries


def at_most(value, most, what):
    """The value if it is not above its bound."""
    if value > most:
        raise Malformed(f"{what} {value}, {most} is the most")
    return value


def sightings(reader, rows, time_base):
    """The columns of so many rows: a list of dicts."""
    return columns(reader, rows, time_base, table(reader, rows))


def columns(reader, rows, time_base, entries, indexed=True):
    """The same after the table; without indexes all have its only entry."""
    v4, v6 = reader.varint(), reader.varint()
    if v4 + v6 > rows:
        raise Malformed("more addresses than rows")
    found = [(1, reader.take(4)) for _ in range(v4)] + [ipv6(reader) for _ in range(v6)]
    found += [other_indicator(reader) for _ in range(rows - v4 - v6)]
    indexes = reader.take(rows) if indexed else bytes(rows)
    if set(indexes) != set(range(len(entries))):
        raise Malformed("a row without an entry of the table, or an entry without a row")
    minutes = [reader.zigzag() for _ in range(rows)]
    times = [checked_time((time_base // 60000 + minute) * 60000) for minute in minutes]
    counts = [at_most(count, 63, "count") for count in reader.take(rows)]
    confidences = [at_most(percent, 100, "confidence") for percent in reader.take(rows)]
    return [
        {
            "type": kind, "value": value, "behaviour": entries[index][0], "rule": entries[index][1],
            "minutes": minute, "time": time, "count": count, "confidence": confidence,
        }
        for (kind, value), index, minute, time, count, confidence in zip(
            found, indexes, minutes, times, counts, confidences
        )
    ]  # fmt: skip


def varint(number):
    """The bytes of a varint."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def row_bytes(row):
    """The bytes of which a row's leaf is made."""
    value = row["value"] if row["type"] <= 2 else varint(len(row["value"])) + row["value"]
    minutes = row["minutes"]
    zigzag = minutes * 2 if minutes >= 0 else -minutes * 2 - 1
    return (
        bytes([row["type"]]) + value + varint(row["behaviour"]) + row["rule"] + varint(zigzag)
        + bytes([row["count"], row["confidence"]])
    )  # fmt: skip
