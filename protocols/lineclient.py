"""A client for protocols of lines: what the user types goes to the server, what it says is shown.

``LineClient`` stands between a ``Console`` and a ``Link`` to the server, over TCP or UDP. It ends
when the server has closed after the user's end of input, when the user interrupts it, or when the
connection is lost; with ``reconnect`` it then tries again, less and less often.
"""

from __future__ import annotations

import argparse
import random
from typing import Any, Final

from reactor import (
    Connector,
    DatagramProtocol,
    DatagramTransport,
    IdleTimer,
    LineProtocol,
    Reactor,
    StreamTransport,
    Timer,
)
from reactor.application import (
    CANNOT_START,
    WRONG_USAGE,
    CommandError,
    client_option,
    format_address,
    reason,
)

from .console import Console, make_console

FINISH_TIMEOUT: Final = (
    10.0  # seconds of silence after our end of input, before we leave by ourselves
)
UDP_FINISH_TIMEOUT: Final = 1.0  # the same over UDP, where the server's end cannot be seen
# Seconds in which the answers to a last line that came from a pipe may arrive before our goodbye.
UDP_GOODBYE_DELAY: Final = 0.5
CLOSE_GRACE: Final = 2.0  # seconds for what is still to be printed, and for goodbyes


class Backoff:
    """How long to wait before the next try: twice as long each time, with jitter.

    The jitter keeps a crowd of clients from coming back all at the same moment after a restart
    (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
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
        """It has worked: begin anew next time."""
        self._tries = 0


class LineClient:
    """One user and one server. Subclass it to say things by itself; ``run()`` returns the exit
    status.

    Raises ``CommandError`` if asked for TLS over UDP, rather than send in the clear.
    """

    #: What to send when the user's input ends, over TCP before half-closing. None: nothing.
    farewell: str | None = None

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
        self._address = address
        self._tls = tls
        self._reconnect = reconnect
        self._backoff = Backoff()
        self._link: StreamLink | DatagramLink | None = None
        self._connector: Connector | None = None
        self._retry: Timer | None = None
        self._was_connected = False
        self._confirmed = False  # somebody is there: over UDP, only an answer tells
        self._finishing: IdleTimer | None = None
        self._ended = False
        self._error: str | None = None
        self.console.on_line = self.typed
        self.console.on_eof = self.finish
        self.console.on_slow = self._output_slow
        self.console.on_fast = self._output_fast
        self.console.on_broken = self.end

    def run(self) -> int:
        """Connect and run the reactor until it is over. Returns 0, or 1 if the connection failed.

        Raises ``CommandError`` if the first connection cannot be made.
        """
        with self.console.opened():
            self._connect()
            self.reactor.run()
        if self._error is not None:
            raise CommandError(self._error, CANNOT_START)
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

    # -- for them to call ------------------------------------------------------------------------

    def send(self, line: str) -> None:
        """Send one line to the server."""
        if self._link is not None:
            self._link.send(line)

    def finish(self) -> None:
        """The user has no more to say: tell the server, show what it still says, and leave."""
        if self._link is None:
            self.end()
        elif self._finishing is None:
            timeout = UDP_FINISH_TIMEOUT if self.udp else FINISH_TIMEOUT
            self._finishing = IdleTimer(self.reactor, timeout, self.end)
            if self.udp:
                self.reactor.call_later(UDP_GOODBYE_DELAY, self.goodbye)
            else:
                self.goodbye()
            self._link.finish()

    def goodbye(self) -> None:
        """The user interrupts: over UDP nobody would notice that we are gone."""
        if self.farewell is not None:
            self.send(self.farewell)

    def leaving(self) -> None:
        """The user has asked the server to close: that it does is no error."""
        if self._finishing is None:
            self._finishing = IdleTimer(self.reactor, FINISH_TIMEOUT, self.end)

    def lose(self, why: str) -> None:
        """Give the connection up: the server does not seem to be there any more."""
        if self._link is not None:
            self._link.abandon(TimeoutError(why))

    def end(self, error: str | None = None) -> None:
        """Leave, now. ``error``: what to print; the exit status is then 1."""
        if not self._ended:
            self._ended = True
            self._error = error
            self.reactor.stop(CLOSE_GRACE)

    # -- the connection --------------------------------------------------------------------------

    def heard(self, lines: list[str]) -> None:
        """Called by the link."""
        if not self._confirmed:
            self._confirm()
        if self._finishing is not None:
            self._finishing.touch()
        self.lines_received(lines)

    def linked(self, link: StreamLink | DatagramLink) -> None:
        """Called by the link, when the connection stands."""
        self._link = link
        self._confirmed = False
        if not self.udp:
            self._confirm()
        self.connected()
        self.console.resume()

    def unlinked(self, exc: BaseException | None) -> None:
        """Called by the link, when the connection is lost."""
        self._link = None
        self.disconnected()
        if self._ended or self.reactor.is_stopping():
            return
        if self._finishing is not None and exc is None:
            self.end()
            return
        if exc is not None and not self._confirmed:
            self._failed(exc)
            return
        why = "the server closed the connection" if exc is None else reason(exc)
        self._lost(f"the connection to {format_address(*self._address)} is lost: {why}")

    def _connect(self) -> None:
        self._retry = None
        host, port = self._address
        if self.udp:
            self._connector = self.reactor.connect_udp(
                lambda: DatagramLink(self), host, port, on_failure=self._failed
            )
        else:
            self._connector = self.reactor.connect_tcp(
                lambda: StreamLink(self), host, port, on_failure=self._failed, tls=self._tls
            )

    def _confirm(self) -> None:
        self._confirmed = True
        self._backoff.reset()
        if self._was_connected:
            self.console.notice("*** connected again")
        self._was_connected = True

    def _failed(self, exc: BaseException) -> None:
        self._lost(f"cannot connect to {format_address(*self._address)}: {reason(exc)}")

    def _lost(self, message: str) -> None:
        if not self._reconnect:
            self.end(message)
            return
        self.console.pause()
        delay = self._backoff.next_delay()
        self.console.notice(f"*** {message}; trying again in {delay:.1f} s")
        self._retry = self.reactor.call_later(delay, self._connect)

    def _output_slow(self) -> None:
        if isinstance(self._link, StreamLink):
            self._link.transport.pause_reading()

    def _output_fast(self) -> None:
        if isinstance(self._link, StreamLink):
            self._link.transport.resume_reading()


class StreamLink(LineProtocol):
    """The connection to a server, over TCP."""

    max_line_length = 65536

    def __init__(self, client: LineClient) -> None:
        super().__init__()
        self._client = client
        self._lines: list[str] = []
        self._abandoned: Exception | None = None
        self._finished = False

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        self._client.linked(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._deliver_lines()

    def line_received(self, line: str) -> None:
        self._lines.append(line)

    def eof_received(self) -> bool | None:
        super().eof_received()
        self._deliver_lines()
        return False

    def pause_writing(self) -> None:
        self._client.console.pause()

    def resume_writing(self) -> None:
        self._client.console.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.unlinked(exc or self._abandoned)

    def send(self, line: str) -> None:
        """Send one line; none after ``finish``."""
        if not self._finished:
            self.transport.write(line.encode("utf-8", "replace") + b"\n")

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        if self.transport.can_write_eof():
            self._finished = True
            self.transport.write_eof()

    def abandon(self, exc: Exception) -> None:
        """Close at once; the client is told ``exc``."""
        self._abandoned = exc
        self.transport.abort()

    def _deliver_lines(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._client.heard(lines)


class DatagramLink(DatagramProtocol):
    """The same over UDP: each datagram holds one line or several."""

    def __init__(self, client: LineClient) -> None:
        self._client = client

    def connection_made(self, transport: DatagramTransport) -> None:
        super().connection_made(transport)
        self._client.linked(self)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        lines = data.decode("utf-8", "replace").splitlines()
        if lines:
            self._client.heard(lines)

    def error_received(self, exc: OSError) -> None:
        self.abandon(exc)  # "port unreachable", for one: nobody is there

    def abandon(self, exc: Exception) -> None:
        """Close; the client is told ``exc``."""
        self.transport.abort()
        self._client.unlinked(exc)

    def shutdown_requested(self) -> None:
        self._client.goodbye()
        self.transport.close()

    def send(self, line: str) -> None:
        """Send one line, as one datagram."""
        self.transport.sendto(line.encode("utf-8", "replace"))

    def finish(self) -> None:
        """There is no end of data over UDP."""


def add_client_arguments(parser: argparse._ActionsContainer) -> None:
    """The options that clients have in common."""
    client_option(parser, "--udp", action="store_true", help="use UDP", instead="--udp-port")
    client_option(
        parser,
        "--reconnect",
        action="store_true",
        help="connect again when the server is gone",
    )
