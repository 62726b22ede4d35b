"""A client for protocols of lines: what the user types goes to the server, what it says is shown.

``LineClient`` stands between a ``Console`` and a link to the server, over TCP or UDP. It ends when
the server has closed after the user's end of input, when the user interrupts it, or when the
connection is lost; with ``reconnect`` it then tries again, less and less often.
"""

from __future__ import annotations

import argparse
import random
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

from .console import Console, make_console
from .link import DatagramLink, StreamLink
from .outbox import Outbox

# Seconds of silence after our end of input, before we leave by ourselves; over UDP, where the
# server's end cannot be seen, fewer.
FINISH_TIMEOUT: Final = 10.0
UDP_FINISH_TIMEOUT: Final = 1.0
# Seconds after which a datagram without an answer counts as lost.
UDP_ANSWER_TIMEOUT: Final = 3.0
CLOSE_GRACE: Final = 2.0  # seconds for what is still to be printed, and for goodbyes
# Seconds that a connection must have been of use before the next loss is answered with haste. A
# server that is full, or crashes at once, accepts every connection.
STABLE_AFTER: Final = 10.0


class Backoff:
    """How long to wait before the next try: twice as long each time, with jitter.

    The jitter keeps a crowd of clients from coming back all at the same moment after a restart
    (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). ``first`` and
    ``longest`` are in seconds.
    """

    def __init__(self, first: float = 0.5, longest: float = 30.0) -> None:
        self._first = first
        self._longest = longest
        self._tries = 0

    def next_delay(self) -> float:
        """Seconds to wait now."""
        delay = min(self._longest, self._first * 2.0**self._tries)
        self._tries = min(self._tries + 1, 30)
        return delay * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It has worked: the next delay is the first one again."""
        self._tries = 0


class LineClient:
    """One user and one server. Subclass it to say things by itself; ``run()`` returns the exit
    status.

    Raises ``CommandError`` if asked for TLS over UDP, rather than send in the clear.
    """

    #: What to send when the user's input ends, over TCP before half-closing. None: nothing.
    farewell: str | None = None

    #: Whether the server says that it lets a client in; the subclass then calls ``confirm()``.
    #: Otherwise a TCP connection is as good, and over UDP any answer.
    greets = False

    #: Lines that may wait to be sent. A pipe is left unread then; what a user types is refused.
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
            raise CommandError("--udp and TLS do not go together", WRONG_USAGE)
        self.reactor = reactor
        self.console = make_console(reactor) if console is None else console
        self.udp = udp
        self.outbox: Outbox | None = None  # for subclasses that know the server's answers
        self.lines_lost = self.lines_left_out = 0  # beside those that the outbox counts
        self._address = address
        self._tls = tls
        self._reconnect = reconnect
        self._backoff = Backoff()
        self._link: StreamLink | DatagramLink | None = None
        self._was_connected = False
        self._confirmed = False  # the server is there, and lets us in
        self._confirmed_at = 0.0
        self._server_slow = False
        self._input_ended = False
        self._finishing: IdleTimer | None = None  # while only the server's last words are awaited
        self._ended = False
        self._error: str | None = None
        self.console.on_line = self.typed
        self.console.on_left_out = self.left_out
        self.console.on_eof = self.finish
        self.console.on_slow = lambda: self._pause_server(True)
        self.console.on_fast = lambda: self._pause_server(False)
        self.console.on_broken = self.end

    def run(self) -> int:
        """Connect and run the reactor until it is over. Returns 0.

        Raises ``CommandError`` if the connection could not be made or was lost, or if lines of the
        user were.
        """
        with self.console.opened():
            self._connect()
            self.reactor.run()
        errors = [error for error in (self._error, self._undelivered()) if error is not None]
        if errors:
            raise CommandError("; ".join(errors), CANNOT_START)
        return 0

    # -- what subclasses may change --------------------------------------------------------------

    def connected(self) -> None:
        """The connection stands."""

    def disconnected(self) -> None:
        """The connection is lost."""

    def lines_received(self, lines: list[str]) -> None:
        """The server said something: show it."""
        self.console.show(lines)

    def typed(self, line: str) -> None:
        """The user entered a line: send it."""
        self.send(line)

    def left_out(self) -> None:
        """A line of the user was too long, and the user has been told so."""
        self.lines_left_out += 1

    def wants_input(self) -> bool:
        """Whether the user's lines can be taken now."""
        return self._link is not None and not self._server_slow and not self.has_backlog()

    def has_backlog(self) -> bool:
        """Whether no more lines may wait to be sent."""
        return self.outbox is not None and len(self.outbox.waiting) >= self.max_waiting

    def all_answered(self) -> bool:
        """Whether the server has nothing more to say to what was sent; False if unknown.

        Where the server cannot be told that nothing more will be sent (UDP, TLS), this is what
        ends the client early.
        """
        return False

    # -- for them to call ------------------------------------------------------------------------

    def send(self, line: str) -> None:
        """Send one line to the server."""
        if self._link is not None:
            self._link.send(line)

    def finish(self) -> None:
        """The user has no more to say: tell the server, show what it still says, and leave."""
        self._input_ended = True
        self.progress()

    def progress(self) -> None:
        """Something was sent or answered: read from the user again, or leave if that was all."""
        self._read_or_not()
        if self._ended:
            return
        if self._input_ended and self._finishing is None:
            if self._link is None:
                # What came from a pipe can wait for the server; a user at a terminal leaves.
                if not self._reconnect or self.console.interactive or not self._unsent():
                    self.end()
            elif not self._unsent():
                self.leaving()
                self.goodbye()
                if self._link.finish():
                    return  # the server's own end is next
        if self._finishing is not None and self.all_answered():
            self.end()

    def goodbye(self) -> None:
        """The user leaves: ask the server to close."""
        if self.farewell is not None:
            self.send(self.farewell)

    def leaving(self) -> None:
        """The server has been asked to close: that it does is no error."""
        if self._finishing is None:
            timeout = UDP_FINISH_TIMEOUT if self.udp else FINISH_TIMEOUT
            self._finishing = IdleTimer(self.reactor, timeout, self.end)

    def lose(self, why: Exception) -> None:
        """Give the connection up: the server is not there any more, or does not let us in."""
        if self._link is not None:
            self._link.abandon(why)

    def confirm(self) -> None:
        """The server is there, and has let us in."""
        self._confirmed = True
        self._confirmed_at = self.reactor.now
        if self._was_connected:
            self.console.notice("*** connected again")
        self._was_connected = True
        self._read_or_not()

    def is_ending(self) -> bool:
        """Whether the client leaves, by itself or because the user interrupts it."""
        return self._ended or self.reactor.is_stopping()

    def end(self, error: str | None = None) -> None:
        """Leave, now. ``error``: what to print; the exit status is then 1."""
        if not self._ended:
            self._ended = True
            self._error = error
            self.reactor.stop(CLOSE_GRACE)

    # -- called by the link ----------------------------------------------------------------------

    def heard(self, lines: list[str]) -> None:
        """The server said something."""
        if not self._confirmed and not self.greets:
            self.confirm()
        if self._finishing is not None:
            self._finishing.touch()
        self.lines_received(lines)
        if self._finishing is not None:
            self.progress()

    def linked(self, link: StreamLink | DatagramLink) -> None:
        """The connection stands."""
        self._link = link
        self._confirmed = self._server_slow = False
        if not self.udp and not self.greets:
            self.confirm()
        self.connected()
        self._read_or_not()

    def unlinked(self, exc: BaseException | None) -> None:
        """The connection is lost."""
        was_confirmed = self._confirmed
        self._link = None
        self._confirmed = False
        self.disconnected()
        if self.is_ending():
            return
        if self._finishing is not None and exc is None:
            self.end()
        elif exc is not None and not was_confirmed:
            self._failed(exc)
        else:
            if was_confirmed and self.reactor.now - self._confirmed_at >= STABLE_AFTER:
                self._backoff.reset()
            why = "the server closed the connection" if exc is None else reason(exc)
            self._lost(f"the connection to {format_address(*self._address)} is lost: {why}")

    def interrupted(self) -> None:
        """The client ends; over UDP, where nobody would notice, it can still say so."""
        if self._finishing is None:
            self.goodbye()

    def server_is_slow(self, slow: bool) -> None:
        """The server does not take what was sent; with False, it does again."""
        self._server_slow = slow
        self._read_or_not()

    # -- the rest --------------------------------------------------------------------------------

    def _connect(self) -> None:
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

    def _failed(self, exc: BaseException) -> None:
        self._lost(f"cannot connect to {format_address(*self._address)}: {reason(exc)}")

    def _lost(self, message: str) -> None:
        if not self._reconnect or self._finishing is not None:
            self.end(message)
            return
        delay = self._backoff.next_delay()
        self.reactor.call_later(delay, self._connect)
        self.console.notice(f"*** {message}; trying again in {delay:.1f} s")
        self.progress()

    def _read_or_not(self) -> None:
        if self.wants_input():
            self.console.resume()
        else:
            self.console.pause()

    def _pause_server(self, paused: bool) -> None:
        if self._link is not None:
            self._link.pause(paused)

    def _unsent(self) -> bool:
        """Whether something has to be sent before our goodbye, which a datagram may overtake."""
        outbox = self.outbox
        return outbox is not None and bool(outbox.waiting or (self.udp and outbox.unanswered))

    def _undelivered(self) -> str | None:
        """Say how many of the user's lines did not arrive, or None if all did."""
        waiting, lost = self.lines_left_out, self.lines_lost
        if self.outbox is not None:
            waiting += len(self.outbox.waiting)
            if not self.console.interactive:  # a user at a terminal was told of each
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


def _lines(count: int) -> str:
    return "1 line was" if count == 1 else f"{count} lines were"


def add_client_arguments(parser: argparse._ActionsContainer) -> None:
    """The options that clients have in common."""
    client_option(parser, "--udp", action="store_true", help="use UDP", instead="--udp-port")
    client_option(
        parser,
        "--reconnect",
        action="store_true",
        help="connect again when the server is gone or full",
    )
