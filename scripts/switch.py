#!/usr/bin/env python3
"""A wire between network namespaces, for the tests of node/tests/it/spaces: an Ethernet switch in user space.

Many kernels come without netem, but TAP devices can be made in a user namespace. So this program holds one TAP for each
node and carries every frame to the port that its MAC address names: later, by the distance of the two ports and some
jitter, never overtaking; at a bounded rate out of each port; and with a share of the frames lost, by a seeded die.
Frames to all (ARP, and IPv4 multicast) are carried too, and never lost. What does not fit into a queue is dropped and counted.

  switch.py PORTS SEED LOSS FARTHEST_MS MBIT     makes the TAPs v0, v1, ..., says "ready", and ends with its input

One line of input at a time: "loss SHARE" changes the loss, "counts" asks for the counters, as JSON on one line.
Deliberately absent: learning (a port's address is 02:56:00:00:00:PORT), IPv6, and anything that leaves these ports.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
PREFIX = b"\x02\x56\x00\x00\x00"
BROADCAST = b"\xff" * 6
MULTICAST = b"\x01\x00\x5e"
IPV4, ARP = b"\x08\x00", b"\x08\x06"
# Frames on their way, all together: some 30 MB.
IN_FLIGHT = 20_000
# What may wait to leave a port, in seconds of its rate, as a home router's queue does.
QUEUE_SECONDS = 0.25
# Frames taken from one port before the others have their turn.
BURST = 64
# The longest frame: an MTU of 1500 and the Ethernet header.
FRAME = 1600
# Seconds that every way takes at least, and the share of its delay that jitter may add.
LEAST, JITTER = 0.001, 0.2


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


class Switch:
    def __init__(self, ports, seed, loss, farthest, rate):
        self.dice = random.Random(seed)
        self.loss = loss
        self.rate = rate
        self.taps = [tap(f"v{port}") for port in range(ports)]
        # Ports are places on a square whose diagonal is the farthest way.
        places = [complex(self.dice.random(), self.dice.random()) for _ in range(ports)]
        self.delays = [
            [LEAST + farthest * abs(here - there) / 2**0.5 for there in places] for here in places
        ]
        self.last = [[0.0] * ports for _ in range(ports)]
        self.free_at = [0.0] * ports
        self.flying = []
        self.number = 0
        self.counts = dict(frames=0, bytes=0, lost=0, dropped=0, foreign=0)

    def take(self, port):
        for _ in range(BURST):
            try:
                frame = os.read(self.taps[port], FRAME)
            except BlockingIOError:
                return
            except OSError:
                # The port is down: a namespace that is going.
                return
            self.send(port, frame)

    def send(self, port, frame):
        now = time.monotonic()
        to, kind = frame[:6], frame[12:14]
        if (to == BROADCAST and kind == ARP) or (to[:3] == MULTICAST and kind == IPV4):
            for other in range(len(self.taps)):
                if other != port:
                    self.fly(port, other, frame, now)
            return
        if kind not in (IPV4, ARP) or to[:5] != PREFIX or to[5] >= len(self.taps):
            self.counts["foreign"] += 1
            return
        begin = max(now, self.free_at[port])
        if begin - now > QUEUE_SECONDS:
            self.counts["dropped"] += 1
            return
        self.free_at[port] = begin + len(frame) / self.rate
        if kind == IPV4 and self.dice.random() < self.loss:
            self.counts["lost"] += 1
            return
        self.fly(port, to[5], frame, self.free_at[port])

    def fly(self, port, to, frame, at):
        if len(self.flying) >= IN_FLIGHT:
            self.counts["dropped"] += 1
            return
        due = at + self.delays[port][to] * (1 + JITTER * self.dice.random())
        # A way is a queue: who leaves later arrives later.
        due = self.last[port][to] = max(due, self.last[port][to])
        self.number += 1
        heapq.heappush(self.flying, (due, self.number, to, frame))

    def land(self):
        now = time.monotonic()
        while self.flying and self.flying[0][0] <= now:
            _, _, to, frame = heapq.heappop(self.flying)
            try:
                os.write(self.taps[to], frame)
            except OSError:
                self.counts["dropped"] += 1
                continue
            self.counts["frames"] += 1
            self.counts["bytes"] += len(frame)

    def obey(self, line):
        words = line.split()
        if words[:1] == ["loss"] and len(words) == 2:
            self.loss = float(words[1])
        elif words == ["counts"]:
            print(json.dumps(self.counts), flush=True)
        elif words:
            sys.exit(f"switch: what is {line!r}?")

    def run(self):
        poll = select.epoll()
        ports = {device: port for port, device in enumerate(self.taps)}
        for device in ports:
            poll.register(device, select.EPOLLIN)
        poll.register(0, select.EPOLLIN)
        print("ready", flush=True)
        words = b""
        while True:
            wait = max(0, self.flying[0][0] - time.monotonic()) if self.flying else None
            for device, _ in poll.poll(wait):
                if device != 0:
                    self.take(ports[device])
                    continue
                read = os.read(0, 4096)
                if not read:
                    return
                *lines, words = (words + read).split(b"\n")
                for line in lines:
                    self.obey(line.decode())
            self.land()


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    ports, seed = int(sys.argv[1]), int(sys.argv[2])
    loss, farthest, mbit = (float(word) for word in sys.argv[3:])
    if not 0 < ports <= 64:
        sys.exit("switch: 1 to 64 ports")
    Switch(ports, seed, loss, farthest / 1000, mbit * 125_000).run()


main()
