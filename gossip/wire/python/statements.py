"""Statements: what organisations sign about keys."""

from crypto import hashed, key, signed
from reader import Malformed, Reader, Unknown

DAY = 86_400_000
ANY_NETWORK = bytes(16)
DOMAINS = {1: "certificate", 2: "vouch", 3: "withdrawal", 4: "revocation", 5: "continues", 6: "seed-change"}


def labels(reader):
    """What a voucher attests."""
    operator, country, asn = reader.take(8), reader.take(2), reader.varint(32)
    if country != b"\0\0" and not all(65 <= letter <= 90 for letter in country):
        raise Malformed("a country that is none")
    return {"operator": operator, "country": country, "asn": asn}


def between(start, end, days):
    """Checks that a period is not empty and not too long."""
    if not start < end <= start + days * DAY:
        raise Malformed(f"a period that is empty, or of more than {days} days")


def different(*keys):
    """Checks that no key stands twice."""
    if len(set(keys)) < len(keys):
        raise Malformed("one key in two places")


def certificate(reader, said):
    """Type 1."""
    said["signer"], said["node"] = key(reader), key(reader)
    said["not_before"], said["not_after"] = reader.time(), reader.time()
    said["first_epoch"], said["last_epoch"] = reader.varint(32), reader.varint(32)
    said["consent"] = reader.take(64)
    between(said["not_before"], said["not_after"], 90)
    different(said["signer"], said["node"])
    if said["first_epoch"] > said["last_epoch"]:
        raise Malformed("epochs that end before they begin")


def vouch(reader, said):
    """Type 2."""
    said["signer"], said["subject"] = key(reader), key(reader)
    said["name"], said["labels"] = reader.name(), labels(reader)
    said["issued"], said["expires"], said["serial"] = reader.time(), reader.time(), reader.varint()
    between(said["issued"], said["expires"], 366)
    different(said["signer"], said["subject"])


def withdrawal(reader, said):
    """Type 3."""
    said["signer"], said["subject"] = key(reader), key(reader)
    said["serial"], said["time"] = reader.varint(), reader.time()
    different(said["signer"], said["subject"])


def revocation(reader, said):
    """Type 4."""
    said["signer"] = key(reader)
    said["target"] = None if reader.flag() else key(reader)
    said["since"], said["time"] = reader.time(), reader.time()
    if said["since"] > said["time"]:
        raise Malformed("compromised since a time after that of the statement")


def continues(reader, said):
    """Type 5."""
    said["signer"], said["old"], said["new"] = key(reader), key(reader), key(reader)
    said["time"] = reader.time()
    different(said["signer"], said["old"], said["new"])


def seed_change(reader, said):
    """Type 6, all but its signatures."""
    said["signer"] = None
    said["sequence"], said["time"] = reader.varint(), reader.time()
    if said["sequence"] < 1:
        raise Malformed("a change of seeds with sequence 0")
    if reader.flag():
        said["removed"] = key(reader)
    else:
        said["added"], said["name"], said["labels"] = key(reader), reader.name(), labels(reader)


READERS = {1: certificate, 2: vouch, 3: withdrawal, 4: revocation, 5: continues, 6: seed_change}


def statement(data):
    """A statement: its fields, its name, and over what it is signed."""
    reader = Reader(data)
    kind = reader.u8()
    if kind not in READERS:
        raise Unknown(f"a statement of type {kind}")
    said = {"type": kind, "network": reader.take(16)}
    READERS[kind](reader, said)
    if said["network"] == ANY_NETWORK and kind != 4:
        raise Malformed("a statement about every network that is no revocation")
    said["message"] = data[: reader.at]
    said["id"] = hashed("vigie/statement/v1", said["message"])
    if kind == 6:
        said["signatures"] = reader.list(64, lambda: (reader.u8(), reader.take(64)))
        seeds = [seed for seed, _ in said["signatures"]]
        if any(one >= other for one, other in zip(seeds, seeds[1:])):
            raise Malformed("seeds that do not ascend")
    else:
        said["signature"] = reader.take(64)
    reader.end()
    return said


def holds(said, seeds=None, quorum=None):
    """Whether its signatures hold. A change of seeds needs the list of seeds before it, and the quorum."""
    domain = f"vigie/{DOMAINS[said['type']]}/v1"
    if said["type"] == 6:
        marks = said["signatures"]
        return len(marks) >= quorum and all(
            seed < len(seeds) and signed(seeds[seed], mark, domain, said["message"]) for seed, mark in marks
        )
    consent = said["type"] != 1 or signed(
        said["node"], said["consent"], "vigie/possession/v1", said["network"] + said["signer"] + said["node"]
    )
    return consent and signed(said["signer"], said["signature"], domain, said["message"])
