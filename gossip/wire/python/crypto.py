"""Hashes, names and signatures of docs/protocol.md: each with its domain."""

from functools import lru_cache

import ed25519
from blake3 import blake3
from reader import Malformed

ZERO = bytes(32)


def transcript(domain, message):
    """What is hashed or signed: domain, zero byte, message."""
    return domain.encode() + b"\0" + message


def hashed(domain, message):
    """H(domain, message) of the page."""
    return blake3(transcript(domain, message))


@lru_cache(4096)
def is_key(encoded):
    """Whether these bytes are taken as a public key."""
    return ed25519.is_public_key(encoded)


def key(reader):
    """A public key."""
    encoded = reader.take(32)
    if not is_key(encoded):
        raise Malformed("a public key that is none, is of small order, or is not canonical")
    return encoded


def signed(public, signature, domain, message):
    """Whether the signature holds."""
    return ed25519.verifies(public, signature, transcript(domain, message))


@lru_cache(4096)
def publisher(node):
    """The name of a node key."""
    return hashed("vigie/publisher/v1", node)[:16]


@lru_cache(4096)
def organisation(public):
    """The name of an organisation."""
    return hashed("vigie/organisation/v1", public)[:16]


def operator(name):
    """The label of an operator."""
    return hashed("vigie/operator/v1", name.strip().lower().encode())[:8]


def tree(leaves):
    """The root over the leaves, zero over none."""
    if not leaves:
        return ZERO
    while len(leaves) > 1:
        pairs = [hashed("vigie/node/v1", b"".join(leaves[i : i + 2])) for i in range(0, len(leaves) - 1, 2)]
        leaves = pairs + leaves[len(pairs) * 2 :]
    return leaves[0]
