"""The genesis file: a text with exactly one writing, whose hash is the network."""

import re
from datetime import datetime, timezone

from blake3 import blake3
from crypto import is_key
from reader import Malformed, checked_name

LONGEST = 1_048_576
CREATED = re.compile(r"created (\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)


def number(text, low, high):
    """A decimal without sign or leading zeros."""
    if not re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII) or not low <= int(text) <= high:
        raise Malformed(f"{text!r} is no number from {low} to {high}")
    return int(text)


def hexadecimal(text, digits):
    """So many lower-case hexadecimal digits."""
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", text, re.ASCII):
        raise Malformed(f"{text!r} is not {digits} hexadecimal digits")
    return bytes.fromhex(text)


def said(text, read):
    """A field that may be `-`, and is never zero."""
    if text == "-":
        return None
    return read(text)


def operator(text):
    """Eight bytes, not all zero."""
    label = hexadecimal(text, 16)
    if not any(label):
        raise Malformed("an operator of zeros")
    return label


def country(text):
    """Two capital letters."""
    if not re.fullmatch("[A-Z]{2}", text, re.ASCII):
        raise Malformed(f"{text!r} is no country")
    return text


def founder(text):
    """A line `seed` or `member` without its first word."""
    fields = text.split(" ", 5)
    if len(fields) != 6:
        raise Malformed("a line with too few fields")
    key = hexadecimal(fields[0], 64)
    if not is_key(key):
        raise Malformed("a key that is none")
    return {
        "key": key, "history": number(fields[1], 0, 2**32 - 1), "operator": said(fields[2], operator),
        "country": said(fields[3], country), "asn": said(fields[4], lambda text: number(text, 1, 2**32 - 1)),
        "name": checked_name(fields[5].encode()),
    }  # fmt: skip


def created(text):
    """Milliseconds since 1970."""
    match = CREATED.fullmatch(text)
    if not match:
        raise Malformed("no date where one belongs")
    try:
        date = datetime(*map(int, match.groups()), tzinfo=timezone.utc)
    except ValueError as error:
        raise Malformed("a date that does not exist") from error
    if date.year < 1970:
        raise Malformed("a date before 1970")
    return int(date.timestamp()) * 1000


def genesis(data):
    """What the file says, with its network."""
    if len(data) > LONGEST:
        raise Malformed("more than 1 MiB")
    lines = data.split(b"\n")
    found = {"network": blake3(data, 16), "seeds": [], "members": []}
    if lines[-1]:
        raise Malformed("a last line without a line feed")
    keys = set()
    for at, line in enumerate(lines[:-1], 1):
        try:
            read_line(found, keys, at, line.decode())
        except UnicodeDecodeError as error:
            raise Malformed(f"line {at} is not UTF-8") from error
    if not found["seeds"]:
        raise Malformed("no seeds")
    if found["quorum"] > len(found["seeds"]):
        raise Malformed("a quorum of more than the seeds")
    return found


def read_line(found, keys, at, line):
    """One line, its number from 1."""
    word, _, rest = line.partition(" ")
    if at == 1:
        if line != "vigie genesis 1":
            raise Malformed("another first line")
    elif at == 2 and word == "name":
        found["name"] = checked_name(rest.encode())
    elif at == 3:
        found["created"] = created(line)
    elif at == 4 and word == "quorum":
        found["quorum"] = number(rest, 1, 64)
    elif at > 4 and (word == "member" and found["seeds"] or word == "seed" and not found["members"]):
        listed, most = (found["members"], 4096) if word == "member" else (found["seeds"], 64)
        one = founder(rest)
        if one["key"] in keys or len(listed) == most:
            raise Malformed("a key that stands twice, or too many lines")
        keys.add(one["key"])
        listed.append(one)
    else:
        raise Malformed("a line that does not belong here")
