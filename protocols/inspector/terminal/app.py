"""``--protocol inspect``: the client of an inspector, a ``top`` for the loop."""

from __future__ import annotations

import argparse
import os
import sys

from protocols.console.terminal import is_interactive
from reactor import Reactor
from reactor.command import WRONG_USAGE, Application, CommandError, client_option, duration

from .cells import Look
from .client import InspectorClient, inspector_address, valid_token
from .descriptors import MAX_FILTER, MAX_ROWS, SORTS, View
from .snapshots import Snapshots
from .top import Top

DEFAULT_PORT = 8990  # of an inspector
_REDRAW = 0.25  # seconds; people cannot read numbers that change more often


class InspectApplication(Application):
    """A terminal for an inspector. There is no server: that is ``--inspect`` with a protocol."""

    name = "inspect"
    default_port = DEFAULT_PORT
    address = staticmethod(inspector_address)

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        client_option(
            parser,
            "--token",
            metavar="T",
            type=valid_token,
            help="what the watched program announced, or got with --inspect-token",
        )
        client_option(
            parser,
            "--interval",
            metavar="S",
            type=duration,
            help="seconds between two pictures; in a pipe or file: repeat the snapshot",
        )
        client_option(
            parser,
            "--sort",
            metavar="COLUMN",
            choices=list(SORTS),
            default="fd",
            help=f"sort by {', '.join(SORTS)} (%(default)s)",
        )
        client_option(
            parser,
            "--filter",
            metavar="TEXT",
            type=_filter,
            default="",
            help="only these descriptors, such as 'kind:TLS queued>64k'",
        )

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        raise CommandError(
            "inspect shows an inspector: give its address with --connect HOST:PORT"
            " (a program gets one with --inspect PORT)",
            WRONG_USAGE,
        )

    def connect(self, reactor: Reactor, options: argparse.Namespace) -> int:
        client = InspectorClient(reactor, options.connect, options.token, options.tls)
        view = View(
            sort=options.sort,
            descending=SORTS[options.sort],
            filter=options.filter,
            count=MAX_ROWS,
        )
        look = Look(unicode=_has_unicode(), colour=not os.environ.get("NO_COLOR"))
        if is_interactive():
            interval = options.interval or _REDRAW
            return Top(reactor, client, view, interval=interval, look=look).run()
        return Snapshots(reactor, client, view, interval=options.interval, look=look).run()


def _filter(text: str) -> str:
    if len(text) > MAX_FILTER:
        raise argparse.ArgumentTypeError(f"a filter has at most {MAX_FILTER} characters")
    return text


def _has_unicode() -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return encoding.lower().replace("-", "") == "utf8"


app = InspectApplication()
