"""Lines over a WebSocket without a subprotocol, as over TCP: for ``websocat`` and other programs.

A message from the peer is a line, or several with line ends between them. A batch is one message to
the peer, with line ends between its lines.
"""

from __future__ import annotations

from protocols.websocket import Message as Frame
from protocols.websocket import WebSocket

from .. import conversation
from ..commands import HEARTBEAT, HINT
from ..hub import Hub
from ..member import Member
from ..messages import Batch, ChatError, Message
from ..origins import origin_of
from ..render import render_line
from .session import close_code


def render_text(messages: tuple[Message, ...]) -> Frame:
    """Return the lines of ``messages`` as one text message."""
    return Frame("\n".join([render_line(message) for message in messages]))


class LineSocket(WebSocket):
    """One connection."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._member: Member | None = None

    # Called by the connection

    def opened(self) -> None:
        try:
            self._member = self._hub.join(
                _Sink(self), origin=origin_of(self.get_extra_info("peername"))
            )
        except ChatError as exc:
            self.finish(str(exc))
        else:
            self.send(f"*** {HINT}")

    def message_received(self, message: str | bytes) -> None:
        member = self._member
        if member is None:
            return
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        for line in text.removesuffix("\n").split("\n"):
            if member.gone:
                return
            if line.rstrip("\r") == HEARTBEAT:
                conversation.heartbeat(member)
            else:
                conversation.receive(member, line)

    def closed(self, code: int, reason: str) -> None:
        if self._member is not None:
            self._member.leave("connection lost" if code == _ABNORMAL else "")

    def shutdown_requested(self) -> None:
        self._hub.close("The server is stopping")

    def finish(self, reason: str) -> None:
        """Send ``reason``, and close."""
        self.send(f"*** {reason}")
        self.close(close_code(self._hub, reason))


_ABNORMAL = 1006  # without a closing handshake


class _Sink:
    """The member's sink. ``WebSocket.close`` has other parameters, so this is a separate object."""

    __slots__ = ("_socket",)

    def __init__(self, socket: LineSocket) -> None:
        self._socket = socket

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        self._socket.send(batch.rendered(render_text))

    def close(self, reason: str, /) -> None:
        """Send ``reason``, and close the connection."""
        self._socket.finish(reason)
