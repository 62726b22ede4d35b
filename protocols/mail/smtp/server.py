"""MailServer: SMTP for programs that handle each message themselves."""

from __future__ import annotations

from collections.abc import Callable

from .dialogue import Outcome
from .message import Message
from .protocol import Pending, SMTPProtocol
from .settings import Settings, Shared

OnMessage = Callable[[Message], Outcome | Pending | None]


class MailServer:
    """An SMTP server: a factory of protocols for ``Reactor.listen_tcp`` and the like::

        def on_message(message):
            print(message.envelope.sender, len(message.content))

        reactor.listen_tcp(MailServer(on_message), "127.0.0.1", 2525)

    ``on_message(message)`` is called in the loop's thread; what it returns is described at
    ``SMTPProtocol.message_received``. ``protocol``: the class of connections. One with its own
    ``message_received`` needs no ``on_message``."""

    def __init__(
        self,
        on_message: OnMessage | None = None,
        settings: Settings | None = None,
        *,
        protocol: type[SMTPProtocol] = SMTPProtocol,
    ) -> None:
        self.shared = Shared(settings or protocol.settings or Settings())
        self._on_message = on_message
        self._protocol = protocol

    def __call__(self) -> SMTPProtocol:
        """Return the protocol for a new connection."""
        protocol = self._protocol(self.shared)
        if self._on_message is not None:
            protocol.message_received = self._on_message  # type: ignore[method-assign,assignment]
        return protocol
