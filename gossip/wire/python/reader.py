"""A reader over bytes that takes exactly the encodings of docs/protocol.md, and the three classes of refusal.

Every reader of this directory returns plain values (ints, bytes, str, dicts) and raises one of the classes below.
"""


class Refused(Exception):
    """What every refusal has: a class, and a reason for people."""

    kind = "malformed"


class Malformed(Refused):
    """The bytes break the page; whoever forwarded them should have seen it."""


class Tlp(Refused):
    """A label stricter than GREEN."""

    kind = "tlp"


class Unknown(Refused):
    """The bytes belong to a later version."""

    kind = "unknown"


LATEST_TIME = 253402300799999
UNSEEN = (
    (0x00, 0x1F), (0x7F, 0xA0), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F), (0x2028, 0x202F),
    (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0xE0000, 0xE0FFF),
)  # fmt: skip


class Reader:
    """What is left of some bytes."""

    def __init__(self, data):
        self.data = bytes(data)
        self.at = 0

    def left(self):
        """How many bytes are left."""
        return len(self.data) - self.at

    def take(self, length):
        """So many bytes."""
        if length > self.left():
            raise Malformed(f"ends at byte {len(self.data)}, {length} more expected from {self.at}")
        self.at += length
        return self.data[self.at - length : self.at]

    def u8(self):
        """One byte."""
        return self.take(1)[0]

    def rest(self):
        """All that is left."""
        return self.take(self.left())

    def varint(self, bits=64):
        """An unsigned LEB128 number below 2^bits, in its shortest form."""
        number = shift = 0
        while True:
            byte = self.u8()
            number |= (byte & 127) << shift
            if number >> bits:
                raise Malformed(f"a number of more than {bits} bits")
            if byte < 128:
                if byte == 0 and shift:
                    raise Malformed("a number that is not in its shortest form")
                return number
            shift += 7
            if shift >= 70:
                raise Malformed("a number of more than ten bytes")

    def zigzag(self):
        """A signed number."""
        z = self.varint()
        return z >> 1 ^ -(z & 1)

    def time(self):
        """Milliseconds since 1970."""
        return checked_time(self.varint())

    def prefixed(self, longest=None):
        """Bytes after their number."""
        length = self.varint()
        if longest is not None and length > longest:
            raise Malformed(f"{length} bytes where {longest} are the most")
        return self.take(length)

    def name(self):
        """The name of an organisation or a network."""
        return checked_name(self.prefixed(64))

    def flag(self):
        """0 or 1."""
        value = self.u8()
        if value > 1:
            raise Malformed(f"{value} where 0 or 1 may stand")
        return bool(value)

    def list(self, most, item):
        """A count and so many items."""
        count = self.varint()
        if count > most:
            raise Malformed(f"{count} items where {most} are the most")
        return [item() for _ in range(count)]

    def end(self):
        """Nothing may be left."""
        if self.left():
            raise Malformed(f"{self.left()} bytes after the end")


def checked_time(number):
    """The number if it is a time."""
    if not 0 <= number <= LATEST_TIME:
        raise Malformed("a time after the year 9999 or before 1970")
    return number


def checked_name(data):
    """The text if it is a name."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a name that is not UTF-8") from error
    if not 1 <= len(data) <= 64 or text[0] == " " or text[-1] == " ":
        raise Malformed("an empty name, a long one, or one that begins or ends with a space")
    if any(low <= ord(letter) <= high for letter in text for low, high in UNSEEN):
        raise Malformed("a name with a character that cannot be seen")
    return text
