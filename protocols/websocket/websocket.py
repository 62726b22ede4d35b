"""WebSocket: the base class for what a server does with its connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protocols.http import Request
    from reactor import Reactor

    from .connection import WebSocketConnection
    from .frames import Message


class WebSocket:
    """One connection. Subclass it, and pass the class to ``accept``, or to the command line as
    ``--protocol module:Class``.

    These methods are called in this order and in no other:

        opened  [-> message_received]*  -> closed

    and, between the first and the last, ``pong_received`` and pairs of ``pause_writing`` and
    ``resume_writing``. If one of them raises, the connection closes with code 1011, and the
    traceback is logged.

    ``request`` is the HTTP request that opened the connection: ``path``, ``headers``, ``client``.
    ``subprotocol`` is the negotiated one, or None."""

    request: Request
    subprotocol: str | None
    _connection: WebSocketConnection

    #: The application that serves the class on the command line. By name, because it imports this
    #: module.
    application_class = "protocols.websocket.app:WebSocketApplication"

    #: The subprotocols that ``--protocol module:Class`` accepts, in order of preference.
    subprotocols: Sequence[str] = ()

    # -- to be overridden --------------------------------------------------------------------------

    def opened(self) -> None:
        """The connection is open: messages may be sent."""

    def message_received(self, message: str | bytes) -> None:
        """A message arrived: text as str, binary as bytes."""

    def pong_received(self, data: bytes) -> None:
        """A pong arrived, with our ping's data, or unsolicited."""

    def closed(self, code: int, reason: str) -> None:
        """The connection is closed. ``code`` and ``reason`` are those that the peer sent, or ours
        if it sent none; 1005 for a close without a code, 1006 if the connection was lost."""

    def pause_writing(self) -> None:
        """More bytes wait to be sent than the high-water mark: stop sending until
        ``resume_writing``."""

    def resume_writing(self) -> None:
        """The bytes that wait have fallen to the low-water mark: continue."""

    # -- to be called ------------------------------------------------------------------------------

    def send(self, message: str | bytes | bytearray | memoryview | Message) -> None:
        """Send a text (str) or a binary message (bytes-like); a ``Message`` is rendered once for
        all recipients.

        If more than ``Limits.write_buffer`` bytes would wait above the high-water mark, the
        connection is cut. Once the connection is closing, messages are dropped and counted
        (``Stats.writes_dropped``). Raises ``TypeError`` for anything else, ``UnicodeEncodeError``
        for lone surrogates, which ``json.loads`` can return."""
        self._connection.send(message)

    def ping(self, data: bytes = b"") -> None:
        """Send a ping with up to 125 bytes; the answer calls ``pong_received``. Has no effect once
        the connection is closing. Raises ``ValueError`` for more."""
        self._connection.ping(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Start the closing handshake. ``closed`` follows; no further message is delivered. Has no
        effect once the connection is closing.

        ``code``: 1000 to 1014 as RFC 6455 section 7.4.1 says, or 3000 to 4999. ``reason``: at most
        123 bytes of UTF-8. Raises ``ValueError`` for others."""
        self._connection.close(code, reason)

    def abort(self) -> None:
        """Cut the connection, without a closing handshake. ``closed`` follows."""
        self._connection.transport.abort()

    def pause_reading(self) -> None:
        """Deliver no message until ``resume_reading()``; the peer has to wait. Has no effect after
        ``close()``, whose answer is awaited."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Deliver messages again."""
        self._connection.resume_reading()

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent: neither side has begun to close."""
        return self._connection.is_open

    @property
    def reactor(self) -> Reactor:
        """The loop that serves it."""
        return self.request.reactor

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As for transports: ``"peername"``, ``"sockname"``, ``"socket"``, ``"ssl_object"``."""
        return self._connection.transport.get_extra_info(name, default)
