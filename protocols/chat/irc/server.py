"""The server of IRC: the table of all its commands, and what its connections share."""

from __future__ import annotations

from typing import Any, Final

from reactor import Reactor

from ..hub import Hub
from . import (
    channels,
    chathistory,
    information,
    listing,
    modes,
    operators,
    registration,
    speech,
    tagmsg,
    who,
    whois,
)
from .connection import Command, IRCConnection
from .shared import Shared

COMMANDS: Final[dict[str, Command]] = {
    **registration.COMMANDS,
    **channels.COMMANDS,
    **speech.COMMANDS,
    **chathistory.COMMANDS,
    **information.COMMANDS,
    **listing.COMMANDS,
    **modes.COMMANDS,
    **operators.COMMANDS,
    **tagmsg.COMMANDS,
    **who.COMMANDS,
    **whois.COMMANDS,
}


class IRCServer(Shared):
    """To serve: ``reactor.listen_tcp(server.connection, ...)``. ``options``: see ``Shared``."""

    def __init__(self, hub: Hub, reactor: Reactor, **options: Any) -> None:
        super().__init__(hub, reactor, created=hub.clock(), **options)
        hub.reserved.add(self.name.lower())  # else a member's notices could pass for the server's

    def connection(self) -> IRCConnection:
        """Return a protocol for a new connection."""
        return IRCConnection(self, COMMANDS)
