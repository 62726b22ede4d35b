"""Protocols: what a connection means. Subclass one of these, and pass the class to the reactor as a
factory.

The methods have asyncio's names and meanings (``asyncio.Protocol``, ``asyncio.DatagramProtocol``),
so a callback-style protocol written for asyncio runs here unchanged. It does not have to inherit
from the classes below.

A stream protocol's methods are called in this order and in no other:

    start -> connection_made
             [-> data_received]*
             [-> eof_received]?
          -> connection_lost -> end

That is: once when it is connected, any number of times when data arrives, at most once when the
peer has finished sending, exactly once when the connection is lost, and never after that. Between
the first and the last call there may be pairs of ``pause_writing`` and ``resume_writing``. If
``connection_made`` is never called, neither is ``connection_lost``.

A protocol that raises loses its own connection: the traceback is logged
(``Reactor.call_exception_handler``), and ``connection_lost`` is called with the exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .transports.datagram import Address, DatagramTransport
    from .transports.stream import StreamTransport


class Protocol:
    """Base class for protocols over a stream (TCP, Unix socket, pipe, TLS)."""

    __slots__ = ("transport",)
    transport: StreamTransport

    def connection_made(self, transport: StreamTransport) -> None:
        """The connection is open; ``transport`` writes to it and closes it. This implementation
        keeps it as ``self.transport``."""
        self.transport = transport

    def plaintext_reply(self, transport: StreamTransport) -> bytes:
        """Called on a listener with TLS if a client's first bytes are not TLS, or if it has not
        begun the handshake within the handshake's time-out. Returns the bytes to send to it in
        plain text before the connection is closed; none by default.

        No other method is called, neither before nor after. This method is optional."""
        return b""

    def data_received(self, data: bytes) -> None:
        """Data arrived, at least one byte. TCP is a stream: where one piece ends and the next
        begins has no meaning."""

    def eof_received(self) -> bool | None:
        """The peer has finished sending.

        Return a true value to keep the connection open for writing; this protocol must then close
        it. Otherwise (as here) the transport sends what is still queued and closes. TLS has no
        half-closed connections: there the value is ignored."""
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed. ``exc`` is None after a normal close or our ``abort()``,
        otherwise the error."""

    def pause_writing(self) -> None:
        """More bytes wait to be sent than the high-water mark: stop writing until
        ``resume_writing``."""

    def resume_writing(self) -> None:
        """The bytes that wait to be sent have fallen to the low-water mark: continue writing."""

    def shutdown_requested(self) -> None:
        """The reactor is stopping: finish the work in progress and close the transport.

        What is still open when the grace period ends is aborted. This implementation closes at
        once, after sending what is queued. Protocols without this method are closed the same
        way."""
        self.transport.close()


class DatagramProtocol:
    """Base class for protocols over datagrams (UDP, Unix datagrams). One instance serves all peers
    of a socket.

    start -> connection_made [-> datagram_received | error_received]* -> connection_lost -> end
    """

    __slots__ = ("transport",)
    transport: DatagramTransport

    def connection_made(self, transport: DatagramTransport) -> None:
        """The socket is bound or connected; ``transport`` sends and closes. This implementation
        keeps it as ``self.transport``."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A datagram arrived from ``addr``. It may be empty."""

    def error_received(self, exc: OSError) -> None:
        """A datagram could not be sent or received; ``exc`` is the reason (ICMP's "port
        unreachable", for example). The socket can still be used."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""

    def pause_writing(self) -> None:
        """Datagrams are being queued because the system accepts no more at the moment. Beyond the
        queue's limit they are dropped."""

    def resume_writing(self) -> None:
        """The queue has fallen to its low-water mark."""

    def shutdown_requested(self) -> None:
        """The reactor is stopping: send what peers should still receive, and close the transport.
        This implementation only closes it."""
        self.transport.close()


class LineProtocol(Protocol):
    """Text in lines. Override ``line_received``, and answer with ``send_line``.

    A line ends with LF or CR LF. What the peer sent after the last line ending, before it finished
    sending, is a line as well. A peer cannot fill our memory with a line that never ends: one of
    more than ``max_line_length`` bytes is reported once, by ``line_too_long``, and discarded as it
    arrives. No line is delivered once the transport is closing."""

    __slots__ = ("_discarding", "_partial")
    _partial: bytes
    _discarding: bool

    max_line_length = 4096  # bytes, without the ending
    encoding = "utf-8"

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Set the attributes here, so that a subclass's ``__init__`` does not have to call
        ``super().__init__()``."""
        self = super().__new__(cls)
        self._partial = b""
        self._discarding = False
        return self

    def line_received(self, line: str) -> None:
        """A line arrived. ``line`` does not include the line ending."""

    def line_too_long(self) -> None:
        """A line is longer than ``max_line_length`` bytes and is being discarded."""

    def decode_line(self, line: bytes) -> str:
        """Returns the text of a line. Bytes that are not valid in ``encoding`` become U+FFFD."""
        return line.decode(self.encoding, "replace")

    def send_line(self, line: str) -> None:
        """Queue ``line`` and CR LF, the line ending that telnet requires (RFC 854) and ``nc``
        displays correctly."""
        self.transport.write(line.encode(self.encoding, "replace") + b"\r\n")

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            _, end, data = data.partition(b"\n")
            if not end:
                return
            self._discarding = False
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()  # before any line is delivered: that may call data_received
        # One byte more is allowed: it may be a CR whose LF has not arrived yet.
        too_long = len(self._partial) > self.max_line_length + 1
        if too_long:
            self._partial = b""
            self._discarding = True
        transport = self.transport
        for line in lines:
            if transport.is_closing():
                return
            self._deliver(line)
        if too_long and not transport.is_closing():
            self.line_too_long()

    def eof_received(self) -> bool | None:
        last, self._partial = self._partial, b""
        if last and not self.transport.is_closing():
            self._deliver(last)
        return None

    def _deliver(self, line: bytes) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if len(line) > self.max_line_length:
            self.line_too_long()
        else:
            self.line_received(self.decode_line(line))
