"""``--protocol chat``: a server with the same rooms for all ways in, and the terminal client."""

from __future__ import annotations

import argparse
from dataclasses import replace

from protocols.console.lineclient import add_client_arguments
from reactor import Reactor
from reactor.command import (
    Application,
    client_option,
    count,
    number,
    positive,
    seconds,
    server_option,
)

from . import datagrams, lines
from .client import ChatClient
from .flood import FloodPolicy
from .hub import Hub
from .irc import options as irc
from .limits import Limits
from .web import options as web

DEFAULT_PORT = 8555

# The ways in. Each has ``add_arguments``, for its options; ``check``, which refuses those that
# contradict each other; and ``serve``, which returns its URLs.
_WAYS_IN = (lines, datagrams, web, irc)

# Seconds for which the loop may collect events. Thousands of idle members send their heartbeats at
# different times, and without this the loop would wake for each of them. The price: a line that
# arrives right after a heartbeat waits for this long.
COLLECT_INTERVAL = 0.02

_LIMITS, _FLOOD = Limits(), FloodPolicy()
_OPTIONS = (
    (
        "--heartbeat-timeout",
        "S",
        seconds,
        15.0,
        "seconds of silence after which a member over UDP, or one that has sent HEARTBEAT,"
        " times out",
    ),
    ("--max-members", "N", positive, _LIMITS.members, "members at a time"),
    (
        "--max-members-per-address",
        "N",
        count,
        _LIMITS.members_per_origin,
        "members at a time at one address other than this machine's, over all ways in together;"
        " 0: no limit",
    ),
    ("--max-rooms", "N", positive, _LIMITS.rooms, "rooms at a time"),
    ("--history", "N", count, _LIMITS.history, "lines that a room remembers"),
    ("--flood-rate", "R", number, _FLOOD.rate, "lines a second in the long run; 0: no limit"),
    ("--flood-burst", "N", positive, int(_FLOOD.burst), "lines at once"),
    ("--flood-queue", "N", count, _FLOOD.queue, "lines beyond these that wait; more are dropped"),
    ("--flood-drops", "N", count, _FLOOD.drops, "lines dropped before the member is disconnected"),
)


class ChatApplication(Application):
    """A chat of rooms."""

    name = "chat"
    default_port = DEFAULT_PORT
    connections_option = "--max-members"

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_client_arguments(parser)
        for name, metavar, kind, default, meaning in _OPTIONS:
            text = f"{meaning} ({default:g})"
            server_option(parser, name, metavar=metavar, type=kind, default=default, help=text)
        for way_in in _WAYS_IN:
            way_in.add_arguments(parser)
        client_option(
            parser,
            "--heartbeat-interval",
            metavar="S",
            type=seconds,
            default=5.0,
            help="seconds between heartbeats; 0: none (%(default)g)",
        )

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        for way_in in _WAYS_IN:
            way_in.check(options)
        hub = Hub(
            reactor,
            limits=replace(
                _LIMITS,
                members=options.max_members,
                members_per_origin=options.max_members_per_address,
                rooms=options.max_rooms,
                history=options.history,
            ),
            flood=replace(
                _FLOOD,
                rate=options.flood_rate,
                burst=options.flood_burst,
                queue=options.flood_queue,
                drops=options.flood_drops,
            ),
        )
        reactor.io_collect_interval = COLLECT_INTERVAL
        return [url for way_in in _WAYS_IN for url in way_in.serve(hub, reactor, options)]

    def connect(self, reactor: Reactor, options: argparse.Namespace) -> int:
        return ChatClient(
            reactor,
            options.connect,
            heartbeat_interval=options.heartbeat_interval,
            udp=options.udp,
            tls=options.tls,
            reconnect=options.reconnect,
        ).run()


app = ChatApplication()
