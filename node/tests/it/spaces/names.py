"""A name server for one test: A of seed.example and TXT of _dnsaddr.mesh.example, until its input ends.

Deliberately absent: everything else, which does not exist.
"""

import socket
import struct
import sys
import threading

A, TXT = 1, 16


def answers(address, port):
    """What there is, by name and type."""
    place = f"dnsaddr=/ip4/{address}/tcp/{port}".encode()
    return {
        (b"seed.example", A): socket.inet_aton(address),
        (b"_dnsaddr.mesh.example", TXT): bytes([len(place)]) + place,
    }


def question(packet):
    """Name, type, and where it ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]])
        at += 1 + packet[at]
    (kind,) = struct.unpack(">H", packet[at + 1 : at + 3])
    return b".".join(labels).lower(), kind, at + 5


def reply(packet, known):
    """One record, or that there is none of this name and type."""
    name, kind, end = question(packet)
    data = known.get((name, kind))
    exists = any(name == other for other, _ in known)
    flags = 0x8580 if exists else 0x8583
    head = packet[:2] + struct.pack(">HHHHH", flags, 1, data is not None, 0, 0) + packet[12:end]
    if data is None:
        return head
    return head + struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(data)) + data


def serve(known):
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.bind(("127.0.0.1", 53))
    print("ready", flush=True)
    while True:
        packet, who = asked.recvfrom(512)
        try:
            asked.sendto(reply(packet, known), who)
        except (IndexError, struct.error):
            pass


threading.Thread(target=serve, args=[answers(*sys.argv[1:3])], daemon=True).start()
sys.stdin.read()
