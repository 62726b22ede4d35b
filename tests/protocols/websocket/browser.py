"""The client side: the sans-I/O client of ``websockets`` at the other end of a connection in
memory, and a server side that records its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from protocols.http import HTTPServer
from protocols.websocket import WebSocket, accept
from reactor.testing import StreamPeer, VirtualReactor

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()


class Recorder(WebSocket):
    """Records its calls; ``echo`` sends every message back."""

    def __init__(self, *, echo: bool = False) -> None:
        self.echo = echo
        self.calls: list[Any] = []

    def opened(self) -> None:
        self.calls.append("opened")

    def message_received(self, message: str | bytes) -> None:
        self.calls.append(message)
        if self.echo:
            self.send(message)

    def pong_received(self, data: bytes) -> None:
        self.calls.append(("pong", data))

    def pause_writing(self) -> None:
        self.calls.append("pause_writing")

    def resume_writing(self) -> None:
        self.calls.append("resume_writing")

    def closed(self, code: int, reason: str) -> None:
        self.calls.append(("closed", code, reason))

    @property
    def messages(self) -> list[str | bytes]:
        return [call for call in self.calls[1:] if isinstance(call, bytes) or call not in _NAMES]


_NAMES = ("opened", "pause_writing", "resume_writing")


class Browser:
    """One client. ``websocket`` is the server's side of its connection."""

    def __init__(
        self,
        reactor: VirtualReactor,
        factory: Callable[[], WebSocket] = Recorder,
        *,
        deflate: ClientPerMessageDeflateFactory | bool = False,
        offers: list[str] | None = None,
        **options: Any,
    ) -> None:
        self.reactor = reactor
        self.websocket: Any = None

        def make() -> WebSocket:
            self.websocket = factory()
            return self.websocket

        if deflate is True:
            deflate = ClientPerMessageDeflateFactory()
        self.core = ClientProtocol(
            parse_uri("ws://example.com/"),
            extensions=[deflate] if deflate else None,
            subprotocols=offers,
            max_size=None,
        )
        server = HTTPServer(lambda request: accept(request, make, **options))
        self.peer: StreamPeer = reactor.connect(server)
        self.core.send_request(self.core.connect())
        self._flush()
        self.response, *early = self._events()
        assert isinstance(self.response, Response)
        self.early = early  # frames that arrived with the response

    def frames(self) -> list[Frame]:
        """The frames that arrived since the last call."""
        return self._events()

    def messages(self) -> list[str | bytes]:
        """The same, as messages, each in one frame. Control frames are left out."""
        return [
            frame.data.decode() if frame.opcode is Opcode.TEXT else bytes(frame.data)
            for frame in self._events()
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY)
        ]

    def send(self, *messages: str | bytes, chunk: int | None = None) -> None:
        for message in messages:
            if isinstance(message, str):
                self.core.send_text(message.encode())
            else:
                self.core.send_binary(message)
        self._flush(chunk)

    def send_fragments(self, opcode: Opcode, *pieces: bytes) -> None:
        send = self.core.send_text if opcode is Opcode.TEXT else self.core.send_binary
        for number, piece in enumerate(pieces, 1):
            (send if number == 1 else self.core.send_continuation)(piece, number == len(pieces))
        self._flush()

    def send_raw(self, data: bytes, chunk: int | None = None) -> None:
        self.peer.send(data, chunk)
        self.reactor.settle()

    def ping(self, data: bytes = b"") -> None:
        self.core.send_ping(data)
        self._flush()

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        self.core.send_close(code, reason)
        self._flush()

    def close_frame(self) -> tuple[int, str]:
        """The code and the reason that the server closed with."""
        self._events()
        received = self.core.close_rcvd
        assert received is not None, "the server has not closed"
        return int(received.code), received.reason

    def _flush(self, chunk: int | None = None) -> None:
        self.peer.send(b"".join(self.core.data_to_send()), chunk)
        self.reactor.settle()

    def _events(self) -> list[Any]:
        self.core.receive_data(self.peer.read())
        events = self.core.events_received()
        answers = b"".join(self.core.data_to_send())
        if answers:  # pongs, and the answer to a close
            self.peer.send(answers)
            self.reactor.settle()
        return events


def frame(
    opcode: int,
    payload: bytes,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
) -> bytes:
    """One frame as a client sends it, valid or not. ``rsv``: the three reserved bits."""
    first = fin << 7 | rsv << 4 | opcode
    masked = 0x80 if mask is not None else 0
    size = len(payload)
    if size < 126:
        header = bytes((first, masked | size))
    elif size < 65536:
        header = bytes((first, masked | 126)) + size.to_bytes(2)
    else:
        header = bytes((first, masked | 127)) + size.to_bytes(8)
    if mask is None:
        return header + payload
    return header + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
