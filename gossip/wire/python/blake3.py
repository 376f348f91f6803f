"""BLAKE3 in plain Python: hash and key derivation with output of any length.

Written from the BLAKE3 paper so that the checker beside it needs nothing but Debian's python3. Slow on purpose (no
tables, no vector code); it is not for use where speed or side channels matter. No keyed mode: the protocol has none.
"""

import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
CHUNK_START, CHUNK_END, PARENT, ROOT, CONTEXT, MATERIAL = 1, 2, 4, 8, 32, 64
MASK = 0xFFFFFFFF


def schedule():
    """For each of the seven rounds, which words of the block its eight quarter rounds take."""
    words, rounds = list(range(16)), []
    for _ in range(7):
        rounds.append(tuple((*QUARTERS[i], words[2 * i], words[2 * i + 1]) for i in range(8)))
        words = [words[i] for i in ORDER]
    return tuple(rounds)


ROUNDS = schedule()


def compress(chaining, block, counter, length, flags):
    """The compression function: 16 words, of which the first 8 are the chaining value."""
    m = struct.unpack("<16I", block)
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for steps in ROUNDS:
        for a, b, c, d, x, y in steps:
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + m[x]) & MASK
            vd ^= va
            vd = (vd >> 16 | vd << 16) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = (vb >> 12 | vb << 20) & MASK
            va = (va + vb + m[y]) & MASK
            vd ^= va
            vd = (vd >> 8 | vd << 24) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & MASK, vc, vd
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ chaining[i] for i in range(8)]


def chunk(key, data, index, flags):
    """The last compression of a chunk, not done yet, since it may be the root: its arguments."""
    chaining, start = key, CHUNK_START
    while len(data) > 64:
        chaining = compress(chaining, data[:64], index, 64, flags | start)[:8]
        data, start = data[64:], 0
    return chaining, data.ljust(64, b"\0"), index, len(data), flags | start | CHUNK_END


def node(key, data, first, flags):
    """The same for the tree over `data`, whose first chunk has number `first`."""
    if len(data) <= 1024:
        return chunk(key, data, first, flags)
    left = 1024
    while left * 2 < len(data):
        left *= 2
    halves = node(key, data[:left], first, flags), node(key, data[left:], first + left // 1024, flags)
    words = [word for half in halves for word in compress(*half)[:8]]
    return key, struct.pack("<16I", *words), 0, 64, flags | PARENT


def output(last, length):
    """`length` bytes of the root's stream."""
    chaining, block, _, size, flags = last
    stream = bytearray()
    while len(stream) < length:
        stream += struct.pack("<16I", *compress(chaining, block, len(stream) // 64, size, flags | ROOT))
    return bytes(stream[:length])


def blake3(data, length=32):
    """The hash of `data`."""
    return output(node(IV, data, 0, 0), length)


def derive_key(context, material, length=32):
    """The key derivation mode: `context` is a text, `material` bytes."""
    key = struct.unpack("<8I", output(node(IV, context.encode(), 0, CONTEXT), 32))
    return output(node(key, material, 0, MATERIAL), length)
