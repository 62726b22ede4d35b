"""``--inspect``: the options of the command line that show its loop in a browser."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from protocols.tokens import check_token
from reactor import Reactor
from reactor.command import (
    CANNOT_START,
    WRONG_USAGE,
    CommandError,
    Extension,
    duration,
    format_address,
    host_name,
    port_is_refused,
    port_number,
    reason,
    refuse_unused,
    server_option,
)

if TYPE_CHECKING:
    from .inspector import Inspector

_LOOPBACK: Final = "127.0.0.1"
_WATCHDOG: Final = 0.1  # seconds


class InspectExtension(Extension):
    """Inspects the reactor of any protocol."""

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        server_option(
            parser,
            "--inspect",
            metavar="[HOST:]PORT",
            type=_address,
            help="show the loop at work in a browser, at this port, 0 for any (host"
            f" {_LOOPBACK}); on other hosts viewers need a token",
        )
        server_option(
            parser,
            "--inspect-token",
            metavar="T",
            type=_token,
            help="the token of --inspect (random); the environment is safer, as other users can"
            " read command lines",
        )
        server_option(
            parser,
            "--inspect-watchdog",
            metavar="S",
            type=duration,
            default=_WATCHDOG,
            help="with --inspect: seconds from which a turn of the loop counts as blocked"
            " (%(default)g)",
        )

    def check(self, options: argparse.Namespace) -> None:
        if options.inspect is None:
            refuse_unused(options, ("--inspect-token", "--inspect-watchdog"), "requires --inspect")
        elif getattr(options, "workers", None) is not None:
            raise CommandError("--inspect cannot be combined with --workers", WRONG_USAGE)
        elif options.connect is None:
            _import()  # now, so that the time that it takes does not delay the loop's first turn

    @contextmanager
    def attached(self, reactor: Reactor, options: argparse.Namespace) -> Iterator[list[str]]:
        if options.inspect is None:
            yield []
            return
        host, port = options.inspect
        try:
            inspector = _import()(
                reactor,
                host,
                port,
                options.inspect_token,
                title=options.protocol,
                watchdog=options.inspect_watchdog,
            )
        except OSError as exc:
            url = f"http://{format_address(host, port)}"
            hint = " (--inspect PORT takes another one)" if port_is_refused(exc) else ""
            raise CommandError(f"cannot inspect at {url}: {reason(exc)}{hint}") from exc
        with inspector:
            yield [f"inspect: {inspector.url}"]


def _import() -> Callable[..., Inspector]:
    try:
        from .inspector import inspect
    except ModuleNotFoundError as exc:
        if exc.name != "httptools":
            raise
        raise CommandError(
            "--inspect needs httptools, which is not installed", CANNOT_START
        ) from exc
    return inspect


def _address(text: str) -> tuple[str, int]:
    """``[HOST:]PORT``; an IPv6 address must have brackets."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return _LOOPBACK, port_number(port)
    if not host or (":" in host and not re.fullmatch(r"\[[^]]+\]", host)):
        raise argparse.ArgumentTypeError(f"expected PORT or HOST:PORT, not {text!r}")
    return host_name(host), port_number(port)


def _token(text: str) -> str:
    try:
        return check_token(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


extension = InspectExtension()
