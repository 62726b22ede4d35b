"""The connection of a page: its first message is ``hello``, and then it belongs to a session."""

from __future__ import annotations

from typing import Final

from protocols.websocket import WebSocket
from reactor import Timer

from ..messages import ChatError
from ..origins import origin_of
from . import events
from .requests import Hello, WrongMessage, parse
from .session import GOING_AWAY, NORMAL, POLICY_VIOLATION, Session, Sessions, close_code

HELLO_TIMEOUT: Final = 10.0  # seconds from the handshake to ``hello``
_MAX_REASON: Final = 123  # bytes of a close frame's reason (RFC 6455 section 5.5)


class EventSocket(WebSocket):
    """One connection with the subprotocol for events."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._session: Session | None = None
        self._timer: Timer | None = None  # until hello

    def opened(self) -> None:
        self._timer = self.reactor.call_later(
            HELLO_TIMEOUT, self.finish, "Say hello first", POLICY_VIOLATION
        )

    def message_received(self, message: str | bytes) -> None:
        try:
            request = parse(message)
            if isinstance(request, Hello):
                self._begin(request)
            elif self._session is None:
                raise WrongMessage("Say hello first")
            else:
                self._session.handle(request, len(message))
        except WrongMessage as exc:
            if self._session is None:
                self.finish(str(exc), POLICY_VIOLATION)
            else:
                self._session.refuse(str(exc))

    def closed(self, code: int, reason: str) -> None:
        self._cancel_timer()
        if self._session is not None:
            self._session.disconnected(self, final=code == NORMAL)

    def shutdown_requested(self) -> None:
        hub = self._sessions.hub
        hub.close("The server is stopping")
        if self._session is None:
            self.finish(hub.closed_because, GOING_AWAY, retry=True)

    def finish(self, text: str, code: int, *, retry: bool = False) -> None:
        """Send the last event, and close."""
        self._cancel_timer()
        self.send(events.encode([events.closed(text, retry=retry)]))
        self.close(code, text.encode()[:_MAX_REASON].decode("utf-8", "ignore"))

    def _begin(self, hello: Hello) -> None:
        if self._session is not None:
            raise WrongMessage("You have said hello already")
        self._cancel_timer()
        origin = origin_of(self.get_extra_info("peername"))
        try:
            self._session = self._sessions.begin(self, hello, origin)
        except ChatError as exc:
            hub, why = self._sessions.hub, str(exc)
            self.finish(why, close_code(hub, why), retry=bool(hub.closed_because))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
