"""A client for line protocols: sends what the user types, and shows what the server sends.

``LineClient`` connects a ``Console`` with a link to the server, over TCP or UDP. It ends when the
server closes the connection after the user's end of input, when the user interrupts it, or when the
connection is lost. With ``reconnect`` it connects again after a loss, with growing delays.
"""

from __future__ import annotations

import argparse
import errno
from typing import Any, Final

from reactor import IdleTimer, Reactor
from reactor.command import (
    CANNOT_START,
    WRONG_USAGE,
    CommandError,
    client_option,
    format_address,
    reason,
)

from .backoff import Backoff
from .base import Console
from .interactive import TerminalConsole
from .link import DatagramLink, StreamLink
from .outbox import Outbox
from .pipe import PipeConsole
from .terminal import is_interactive

# Seconds of silence, after our end of input, until the client ends. Shorter over UDP, where the
# server cannot close.
FINISH_TIMEOUT: Final = 10.0
UDP_FINISH_TIMEOUT: Final = 1.0
# Seconds until a datagram without an answer counts as lost.
UDP_ANSWER_TIMEOUT: Final = 3.0
CLOSE_GRACE: Final = 2.0  # seconds to print the remaining output, and for goodbyes
# Seconds that a connection must last before its loss resets the backoff. A server that is full, or
# crashes at once, accepts every connection.
STABLE_AFTER: Final = 10.0


class LineClient:
    """One user and one server. Subclass it for your own protocol.

    ``reactor``: the loop to run on. ``address``: the server's host and port. ``udp``: use UDP.
    ``tls``: an ``ssl.SSLContext``, or None for plain TCP. ``reconnect``: connect again after a
    loss. ``console``: the user; None: standard input and output.

    Read-only: ``confirmed``, whether the server has answered and has accepted us (a subclass clears
    it when the server has forgotten us); ``was_confirmed``, whether that was ever true;
    ``server_slow``, whether the server does not read what was sent; ``finishing``, whether the
    server was asked to close; ``ended``; ``error``, the reason for the end, None if the user wanted
    it.

    Raises ``CommandError`` for TLS over UDP, because it would send everything unencrypted.
    """

    #: What to send when the user's input ends; over TCP, before half-closing. None: nothing.
    farewell: str | None = None

    #: Whether the server says when it has accepted a client; the subclass then calls ``confirm()``.
    #: Otherwise a TCP connection confirms the server, and over UDP any answer.
    greets = False

    #: Lines that may wait to be sent. Beyond that, a pipe is not read, and a typed line is refused.
    max_waiting = 1000

    def __init__(
        self,
        reactor: Reactor,
        address: tuple[str, int],
        *,
        udp: bool = False,
        tls: Any = None,
        reconnect: bool = False,
        console: Console | None = None,
    ) -> None:
        if udp and tls is not None:
            raise CommandError("--udp and TLS cannot be combined", WRONG_USAGE)
        self.reactor = reactor
        self.console = _make_console(reactor) if console is None else console
        self.udp = udp
        self.outbox: Outbox | None = None  # for subclasses that know the server's answers
        self.lines_lost = self.lines_too_long = 0  # in addition to those that the outbox counts
        self.confirmed = False
        self.was_confirmed = False
        self.server_slow = False
        self.ended = False
        self.error: str | None = None
        self._address = address
        self._tls = tls
        self._reconnect = reconnect
        self._backoff = Backoff()
        self._link: StreamLink | DatagramLink | None = None
        self._confirmed_at = 0.0
        self._input_ended = False
        self._finish_timer: IdleTimer | None = None
        self.console.on_line = self.typed
        self.console.on_line_too_long = self.typed_too_long
        self.console.on_eof = self.finish
        self.console.on_output_paused = lambda: self._pause_server(True)
        self.console.on_output_resumed = lambda: self._pause_server(False)
        self.console.on_output_lost = self._output_lost

    @property
    def finishing(self) -> bool:
        return self._finish_timer is not None

    def run(self) -> int:
        """Connect, and run the reactor until the client has ended. Return 0.

        Raises ``CommandError`` if the connection could not be made or was lost, or if lines of the
        user were not delivered.
        """
        with self.console.opened():
            self.connect()
            self.reactor.run()
        errors = [error for error in (self.error, self.undelivered()) if error is not None]
        if errors:
            raise CommandError("; ".join(errors), CANNOT_START)
        return 0

    def connect(self) -> None:
        """Begin to connect. ``run()`` calls this; call it yourself if you run the reactor."""
        if self.is_ending():
            return
        host, port = self._address
        if self.udp:
            self.reactor.connect_udp(
                lambda: DatagramLink(self), host, port, on_failure=self._failed
            )
        else:
            self.reactor.connect_tcp(
                lambda: StreamLink(self), host, port, on_failure=self._failed, tls=self._tls
            )

    def undelivered(self) -> str | None:
        """Say how many of the user's lines did not arrive. Return None if all did."""
        waiting, lost = self.lines_too_long, self.lines_lost
        if self.outbox is not None:
            waiting += len(self.outbox.waiting)
            if not self.console.interactive:  # a user at a terminal has seen each one
                lost += self.outbox.lost + self.outbox.unanswered
        parts = []
        if waiting:
            parts.append(f"{_lines(waiting)} not sent")
        if lost:
            parts.append(f"{_lines(lost)} not confirmed by the server")
        if not parts:
            return None
        if not (self._input_ended or self.console.interactive):
            parts.append("the rest of the input was not read")
        return ", ".join(parts)

    # -- for subclasses to override --------------------------------------------------------------

    def connected(self) -> None:
        """The connection is established; over UDP, the socket is open."""

    def disconnected(self) -> None:
        """The connection is lost."""

    def lines_received(self, lines: list[str]) -> None:
        """The server sent ``lines``: show them."""
        self.console.show(lines)

    def typed(self, line: str) -> None:
        """The user entered ``line``: send it."""
        self.send(line)

    def typed_too_long(self) -> None:
        """A line of the user was too long. The console has notified the user."""
        self.lines_too_long += 1

    def wants_input(self) -> bool:
        """Return whether to read from the user now."""
        return self._link is not None and not self.server_slow and not self.has_backlog()

    def has_backlog(self) -> bool:
        """Return whether ``max_waiting`` lines wait to be sent."""
        return self.outbox is not None and len(self.outbox.waiting) >= self.max_waiting

    def all_answered(self) -> bool:
        """Return whether the server has answered everything that was sent; False if unknown.

        Over UDP and TLS the client cannot signal that it will send no more. There, a true result
        ends the client before its timeout.
        """
        return False

    # -- for subclasses to call ------------------------------------------------------------------

    def send(self, line: str) -> None:
        """Send one line to the server. Does nothing while there is no connection."""
        if self._link is not None:
            self._link.send(line)

    def finish(self) -> None:
        """The user's input has ended: signal that to the server, show what it still sends, and
        end."""
        self._input_ended = True
        self.progress()

    def progress(self) -> None:
        """Something was sent or answered: read from the user again, or end if that was all."""
        self.update_reading()
        if self.ended:
            return
        if self._input_ended and not self.finishing:
            if self._link is None:
                # Lines from a pipe can wait for the server; a user at a terminal leaves.
                if not self._reconnect or self.console.interactive or not self._has_unsent():
                    self.end()
            elif not self._has_unsent():
                self.expect_close()
                self.goodbye()
                if self._link.finish():
                    return  # wait for the server to close
        if self.finishing and self.all_answered():
            self.end()

    def update_reading(self) -> None:
        """Read from the user, or pause, as ``wants_input()`` says."""
        if self.wants_input():
            self.console.resume()
        else:
            self.console.pause()

    def goodbye(self) -> None:
        """The user leaves: ask the server to close."""
        if self.farewell is not None:
            self.send(self.farewell)

    def expect_close(self) -> None:
        """The server was asked to close. From now on, a close by the server is not an error."""
        if self._finish_timer is None:
            timeout = UDP_FINISH_TIMEOUT if self.udp else FINISH_TIMEOUT
            self._finish_timer = IdleTimer(self.reactor, timeout, self.end)

    def give_up(self, why: Exception) -> None:
        """Abandon the connection because of ``why``: the server has vanished, or does not accept
        us."""
        if self._link is not None:
            self._link.abandon(why)

    def confirm(self) -> None:
        """The server has answered and accepted us."""
        self.confirmed = True
        self._confirmed_at = self.reactor.now
        if self.was_confirmed:
            self.console.notice("*** connected again")
        self.was_confirmed = True
        self.update_reading()

    def is_ending(self) -> bool:
        """Return whether the client is ending, normally or because the user interrupted it."""
        return self.ended or self.reactor.is_stopping()

    def end(self, error: str | None = None) -> None:
        """End now. ``error``: what to print; the exit status is then 1."""
        if not self.ended:
            self.ended = True
            self.error = error
            self.reactor.stop(CLOSE_GRACE)

    # -- called by the link ----------------------------------------------------------------------

    def link_made(self, link: StreamLink | DatagramLink) -> None:
        self._link = link
        self.confirmed = self.server_slow = False
        if not self.udp and not self.greets:
            self.confirm()
        self.connected()
        self.update_reading()

    def link_received(self, lines: list[str]) -> None:
        if not self.confirmed and not self.greets:
            self.confirm()
        if self._finish_timer is not None:
            self._finish_timer.touch()
        self.lines_received(lines)
        if self.finishing:
            self.progress()

    def link_lost(self, exc: BaseException | None) -> None:
        was_confirmed = self.confirmed
        hint = self._tls_hint(exc)
        self._link = None
        self.confirmed = False
        self.disconnected()
        if self.is_ending():
            return
        if self.finishing and exc is None:
            self.end()
        elif exc is not None and not was_confirmed:
            self._failed(exc, hint)
        else:
            if was_confirmed and self.reactor.now - self._confirmed_at >= STABLE_AFTER:
                self._backoff.reset()
            why = "the server closed the connection" if exc is None else reason(exc)
            address = format_address(*self._address)
            self._retry_or_end(f"the connection to {address} is lost: {why}{hint}")

    def link_interrupted(self) -> None:
        if not self.finishing:
            self.goodbye()

    def link_paused(self, paused: bool) -> None:
        self.server_slow = paused
        self.update_reading()

    # -- the rest --------------------------------------------------------------------------------

    def _failed(self, exc: BaseException, hint: str = "") -> None:
        address = format_address(*self._address)
        self._retry_or_end(f"cannot connect to {address}: {reason(exc)}{hint}")

    def _tls_hint(self, exc: BaseException | None) -> str:
        """What to try if the connection was lost in the way in which a server with TLS leaves a
        client without: it says nothing, and closes or resets the connection."""
        silent = isinstance(self._link, StreamLink) and not self._link.heard
        # A half-close finds a connection that was reset "not connected".
        reset = isinstance(exc, ConnectionResetError) or (
            isinstance(exc, OSError) and exc.errno in (errno.EPIPE, errno.ENOTCONN)
        )
        if silent and (reset or (exc is None and self.greets)) and self._tls is None:
            return " (if it uses TLS, try --tls)"
        return ""

    def _retry_or_end(self, message: str) -> None:
        if not self._reconnect or self.finishing:
            self.end(message)
            return
        delay = self._backoff.next_delay()
        self.reactor.call_later(delay, self.connect)
        self.console.notice(f"*** {message}; trying again in {delay:.1f} s")
        self.progress()

    def _pause_server(self, paused: bool) -> None:
        if self._link is not None:
            self._link.pause(paused)

    def _output_lost(self, exc: Exception | None = None) -> None:
        # EPIPE is no error: the reader of our output has gone, as `head` does.
        if exc is not None and not isinstance(exc, BrokenPipeError) and self.error is None:
            self.error = f"cannot write to standard output: {reason(exc)}"
        self.end(self.error)

    def _has_unsent(self) -> bool:
        """Return whether lines must be sent, or over UDP answered, before the goodbye.

        A goodbye in a datagram could overtake them.
        """
        outbox = self.outbox
        return outbox is not None and bool(outbox.waiting or (self.udp and outbox.unanswered))


def _make_console(reactor: Reactor) -> Console:
    return TerminalConsole(reactor) if is_interactive() else PipeConsole(reactor)


def _lines(count: int) -> str:
    return "1 line was" if count == 1 else f"{count} lines were"


def add_client_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options that all line clients have: ``--udp`` and ``--reconnect``."""
    client_option(parser, "--udp", action="store_true", help="use UDP", instead="--udp-port")
    client_option(
        parser,
        "--reconnect",
        action="store_true",
        help="connect again when the server is gone or full",
    )
