"""UDP: a flood of small datagrams into the chat: how many are lost, and do other members survive?

One sender sends at a fixed rate, far more than flood control allows. Meanwhile honest members send
heartbeats, and at the end each asks for a sign of life. Lost datagrams are those that the kernel
dropped because the server's receive buffer was full (the last column of /proc/net/udp)."""

import argparse
import contextlib
import os
import re
import select
import socket
import time
from pathlib import Path

from .common import (
    BenchmarkError,
    Reading,
    Server,
    goal,
    print_table,
    progress,
    quotient,
    reactor_command,
)

_BEAT = 1.0  # seconds between two heartbeats of an honest member
_TIMEOUT = 5.0  # seconds of silence after which the server expires it
_TICK = 0.002  # seconds between two batches of the sender
_SIGN_OF_LIFE = 5.0  # seconds to answer /ping

SMOKE = {"rates": "1000", "members": 3, "seconds": 0.2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rates", default="3000,15000,25000", help="datagrams a second")
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run")
    parser.add_argument("--payload", default="x", help="text of each datagram")


def run(options: argparse.Namespace) -> bool:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # the server uses the other core
    rows, met = [], True
    for rate in map(int, options.rates.split(",")):
        progress(f"{rate} datagrams a second")
        sent, lost, cpu, alive = _measure(rate, options)
        rows.append(
            [
                f"{rate:,}/s",
                f"{sent / options.seconds:,.0f}",
                f"{lost:,}",
                f"{quotient(lost, sent):.1%}",
                f"{cpu / options.seconds:.0%}",
                f"{alive} of {options.members}",
            ]
        )
        if rate <= 15_000:
            met &= lost == 0
        met &= alive == options.members
    progress("")
    print_table(
        f"{options.seconds:g} s of datagrams {options.payload!r}, {options.members} honest members",
        ["wanted", "sent/s", "lost", "", "CPU", "survived"],
        rows,
        chart="CPU",
    )
    goal("nothing lost up to 15,000 a second, and all honest members survive", met)
    print()
    return met


def _measure(rate: int, options: argparse.Namespace) -> tuple[int, int, float, int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command = reactor_command(
        *("--protocol", "chat", "--port", "0", "--no-web", "--no-irc", "--udp-port", str(port)),
        *("--heartbeat-timeout", f"{_TIMEOUT:g}"),
    )
    with Server(command) as server, contextlib.ExitStack() as sockets:
        members = [sockets.enter_context(_socket(port)) for _ in range(options.members)]
        for member in members:
            _join(member)
        sender = sockets.enter_context(_socket(port))
        dropped, before = _dropped(port), Reading.of(server.pid)
        sent = _flood(sender, members, rate, options.seconds, options.payload.encode())
        after = Reading.of(server.pid)
        for member in members:
            member.send(b"/ping")
        until = time.monotonic() + _SIGN_OF_LIFE
        alive = sum(_answers(member, until) for member in members)
        lost = _dropped(port) - dropped
    return sent, lost, after.cpu - before.cpu, alive


def _socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    sock.settimeout(_SIGN_OF_LIFE)  # only reached if something is broken
    return sock


def _join(member: socket.socket) -> None:
    member.send(b"HEARTBEAT")
    if match := re.search(rb"/hello \w+", member.recv(65536)):  # prove our address
        member.send(match[0])


def _flood(
    sender: socket.socket,
    members: list[socket.socket],
    rate: int,
    seconds: float,
    payload: bytes,
) -> int:
    """Send datagrams, and the members' heartbeats in between. Return how many were sent."""
    sent, beats = 0, 0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        for _ in range(int(passed * rate) - sent):
            with contextlib.suppress(OSError):
                sender.send(payload)
        sent = int(passed * rate)
        while beats < passed * len(members) / _BEAT:
            members[beats % len(members)].send(b"HEARTBEAT")
            beats += 1
        while select.select([sender], [], [], 0)[0]:
            sender.recv(65536)  # otherwise the answers would fill its buffer
        time.sleep(_TICK)
    return sent


def _answers(member: socket.socket, until: float) -> bool:
    """Return whether it is still a member. The server tells a member that it has timed out."""
    heard = b""
    while b"*** pong" not in heard:
        if not select.select([member], [], [], max(until - time.monotonic(), 0))[0]:
            return False
        heard += member.recv(65536) + b"\n"
    return b"Nothing was heard of you" not in heard


def _dropped(port: int) -> int:
    """Return how many datagrams for ``port`` the kernel has dropped."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and int(fields[2][:8], 16) == 0:
            return int(fields[12])
    raise BenchmarkError(f"no server listens on port {port} over UDP")
