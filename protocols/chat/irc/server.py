"""The server of IRC: the table of all its commands, and what its connections share."""

from __future__ import annotations

from typing import Any, Final

from reactor import Reactor

from ..hub import Hub
from . import channels, registration, speech
from .connection import Command, IRCConnection, Shared

COMMANDS: Final[dict[str, Command]] = {
    **registration.COMMANDS,
    **channels.COMMANDS,
    **speech.COMMANDS,
}


class IRCServer(Shared):
    """To serve: ``reactor.listen_tcp(server.connection, ...)``. ``options``: see ``Shared``."""

    def __init__(self, hub: Hub, reactor: Reactor, **options: Any) -> None:
        super().__init__(hub, reactor, COMMANDS, created=hub.clock(), **options)

    def connection(self) -> IRCConnection:
        """Return a protocol for a new connection."""
        return IRCConnection(self)
