"""Expiry: how late thousands of chat members time out after their last heartbeat.

All members use UDP and are in one room, so each expiry is announced to all that are left. Their
datagrams are passed to the protocol directly. The timers, the clock and the loop are real."""

import argparse
import os
import statistics
import time

from protocols.chat import datagrams
from protocols.chat.app import COLLECT_INTERVAL
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from reactor import Reactor
from reactor.sockets.addresses import Networks

from .common import goal, print_table, progress

_BATCH = 50  # members that send in one turn
_PAUSE = 0.01  # seconds between two batches
_NETWORK = "192.0.2.0/24"  # for documentation (RFC 5737)

SMOKE = {"members": 20, "timeout": 0.2}


class _Nowhere:
    """A transport that discards its datagrams."""

    def sendto(self, data: bytes, addr: object = None) -> None:
        pass

    def close(self) -> None:
        pass


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--timeout", type=float, default=5.0, help="heartbeat timeout in seconds")


def run(options: argparse.Namespace) -> bool:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    progress(f"{options.members} members fall silent")
    lateness = sorted(1e3 * late for late in _measure(options.members, options.timeout))
    progress("")
    print_table(
        f"{options.members} members expire {options.timeout:g} s after their last heartbeat",
        ["", "earliest ms", "median ms", "99 % ms", "latest ms"],
        [
            [
                "late by",
                f"{lateness[0]:.2f}",
                f"{statistics.median(lateness):.2f}",
                f"{lateness[int(0.99 * len(lateness))]:.2f}",
                f"{lateness[-1]:.2f}",
            ]
        ],
        chart="latest ms",
    )
    met = goal(f"within 50 ms of the deadline: {lateness[-1]:.1f} ms", lateness[-1] < 50)
    print()
    return met


def _measure(members: int, timeout: float) -> list[float]:
    lateness: list[float] = []
    heard: dict[object, float] = {}

    class Observed(datagrams.ChatDatagrams):
        def forget(self, addr: object, *args: object, **options: object) -> None:
            super().forget(addr, *args, **options)  # type: ignore[arg-type]
            lateness.append(time.monotonic() - heard[addr] - timeout)
            if len(lateness) == members:
                reactor.stop()

    def send_heartbeats(first: int) -> None:
        for number in range(first, min(first + _BATCH, members)):
            address = ("192.0.2.1", number)
            heard[address] = time.monotonic()
            chat.datagram_received(b"HEARTBEAT", address)
        if first + _BATCH < members:
            reactor.call_later(_PAUSE, send_heartbeats, first + _BATCH)

    with Reactor() as reactor:
        reactor.io_collect_interval = COLLECT_INTERVAL
        chat = Observed(
            Hub(reactor, limits=Limits(members=members, members_per_origin=0)),
            reactor,
            heartbeat_timeout=timeout,
            trusted=Networks([_NETWORK]),
            max_newcomers=members,
        )
        chat.transport = _Nowhere()  # type: ignore[assignment]
        reactor.call_soon(send_heartbeats, 0)
        reactor.run()
    return lateness
