"""ed25519 by the rules of ZIP-215, and what the protocol asks of a public key.

In plain Python over its big integers: points in extended coordinates, formulas of RFC 8032. It only verifies. Nothing
here is secret, so nothing is done in constant time.
"""

from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def decompress(encoded):
    """The point that 32 bytes stand for, canonical or not; None if there is none."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    elif v * x * x % P != u:
        return None
    if x & 1 != sign:
        x = -x % P  # the negative of zero is zero: RFC 8032 refuses that encoding, ZIP-215 does not
    return x, y, 1, x * y % P


def compress(point):
    """The canonical encoding."""
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(p, q):
    """The sum, also of a point with itself."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * D * p[3] * q[3] % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(p):
    """The point twice."""
    a, b, c = p[0] * p[0] % P, p[1] * p[1] % P, 2 * p[2] * p[2] % P
    h = a + b
    e, g = h - (p[0] + p[1]) ** 2, a - b
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def negative(p):
    """The point that adds up to nothing with this one."""
    return -p[0] % P, p[1], p[2], -p[3] % P


def times_eight(p):
    """The point without its part of small order, times a number."""
    return double(double(double(p)))


def is_neutral(p):
    """Whether the point is the neutral element."""
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


def combination(pairs):
    """The sum of number times point over all pairs, the numbers below 2^256, four bits at a time."""
    tables = []
    for number, point in pairs:
        table = [NEUTRAL, point]
        while len(table) < 16:
            table.append(add(table[-1], point))
        tables.append((number, table))
    total = NEUTRAL
    for shift in range(252, -1, -4):
        total = double(double(double(double(total))))
        for number, table in tables:
            if digit := number >> shift & 15:
                total = add(total, table[digit])
    return total


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verifies(key, signature, message):
    """Whether the signature holds: ZIP-215, which a verifier of batches agrees with on every input."""
    a, r, s = decompress(key), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return is_neutral(times_eight(add(combination([(s, BASE), (k, negative(a))]), negative(r))))


def is_public_key(encoded):
    """Whether the protocol takes these bytes as a public key."""
    point = decompress(encoded)
    return point is not None and not is_neutral(times_eight(point)) and compress(point) == encoded
