"""``--protocol chat``: the server, TCP and UDP into the same rooms, and the terminal client."""

from __future__ import annotations

import argparse
from dataclasses import replace

from protocols.lineclient import add_client_arguments
from reactor import KeepAlive, Reactor
from reactor.application import (
    WRONG_USAGE,
    Application,
    CommandError,
    add_udp_arguments,
    count,
    seconds,
    serve_both,
)

from .client import ChatClient
from .datagrams import ChatDatagrams
from .flood import FloodPolicy
from .hub import Hub, Limits
from .lines import LineServer

DEFAULT_PORT = 8555
DEFAULT_UDP_PORT = 9555


class ChatApplication(Application):
    """A chat of rooms."""

    name = "chat"
    description = "a chat of rooms, over TCP and UDP"
    default_port = DEFAULT_PORT

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        limits, flood = Limits(), FloodPolicy()
        add_udp_arguments(parser, DEFAULT_UDP_PORT)
        add_client_arguments(parser)
        parser.add_argument(
            "--heartbeat-timeout",
            metavar="S",
            type=seconds,
            default=15.0,
            help="seconds of silence after which who sends heartbeats has gone (%(default)g)",
        )
        parser.add_argument(
            "--heartbeat-interval",
            metavar="S",
            type=seconds,
            default=5.0,
            help="with --connect: seconds between heartbeats, 0 for none (%(default)g)",
        )
        parser.add_argument(
            "--max-members",
            metavar="N",
            type=count,
            default=limits.members,
            help="members at a time (%(default)d)",
        )
        parser.add_argument(
            "--max-rooms", metavar="N", type=count, default=limits.rooms, help="rooms (%(default)d)"
        )
        parser.add_argument(
            "--history",
            metavar="N",
            type=count,
            default=limits.history,
            help="lines that a room remembers (%(default)d)",
        )
        parser.add_argument(
            "--flood-rate",
            metavar="R",
            type=seconds,
            default=flood.rate,
            help="lines a second that a member may send for long, 0 for no limit (%(default)g)",
        )
        parser.add_argument(
            "--flood-burst",
            metavar="N",
            type=count,
            default=int(flood.burst),
            help="lines that it may send at once (%(default)d)",
        )
        parser.add_argument(
            "--flood-queue",
            metavar="N",
            type=count,
            default=flood.queue,
            help="lines over that which wait, before more are dropped (%(default)d)",
        )
        parser.add_argument(
            "--flood-drops",
            metavar="N",
            type=count,
            default=flood.drops,
            help="lines dropped before the member is disconnected (%(default)d)",
        )

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        if not options.heartbeat_timeout:
            raise CommandError("--heartbeat-timeout must be more than 0", WRONG_USAGE)
        hub = Hub(
            reactor,
            limits=replace(
                Limits(),
                members=options.max_members,
                rooms=options.max_rooms,
                history=options.history,
            ),
            flood=replace(
                FloodPolicy(),
                rate=options.flood_rate,
                burst=max(options.flood_burst, 1),
                queue=options.flood_queue,
                drops=options.flood_drops,
            ),
        )
        lines = LineServer(hub, reactor, options.heartbeat_timeout)
        return serve_both(
            reactor,
            options,
            lines.connection,
            lambda: ChatDatagrams(
                hub,
                reactor,
                heartbeat_timeout=options.heartbeat_timeout,
                max_members=options.max_members,
            ),
            keepalive=KeepAlive(),
        )

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
