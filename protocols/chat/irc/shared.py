"""What the connections of a server share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from reactor import Reactor

from ...passwords import PasswordChecks, Passwords
from ..hub import Hub
from ..member import Member
from ..messages import Message
from ..origins import OriginCounter
from ..room import Room
from .capabilities import RENDERED
from .render import Renderer, make_renderer
from .user_modes import UserMode


@dataclass
class Passing:
    """What clients pass on to the others of a room in this turn, with who sent it; its size."""

    messages: dict[Message, Member] = field(default_factory=dict)
    size: int = 0


@dataclass
class Shared:
    """What all connections of a server share.

    ``name``: the server's. ``description``: for WHOIS and LINKS. ``admin``: for ADMIN, how to reach
    those who run it. ``credentials``: of operators. ``motd``: the lines of the message of the day.
    Times are in seconds: a client has ``registration_timeout`` to register; after a silence of
    ``ping_interval`` it gets a PING, and has ``ping_timeout`` to send anything.
    ``created``: when the server started, in seconds since the epoch.

    Counters: ``unregistered``, the clients that have not registered, of which one address may have
    as many as members; ``peak_members``, the highest number of members so far; ``modes``, how many
    clients have each mode; ``batches``, the IRCv3 batches so far, whose numbers are their ids.

    ``checks``: runs the checks of passwords.

    ``passing``: what is passed on in this turn, by room.
    """

    hub: Hub
    reactor: Reactor
    name: str = "chat.local"
    description: str = "A chat with several ways in"
    admin: str = ""
    credentials: Passwords = field(default_factory=Passwords)
    motd: tuple[str, ...] = ()
    registration_timeout: float = 30.0
    ping_interval: float = 90.0
    ping_timeout: float = 60.0
    created: float = 0.0
    unregistered: int = 0
    peak_members: int = 0
    modes: Counter[UserMode] = field(default_factory=Counter)
    checks: PasswordChecks = field(init=False)
    batches: int = 0
    passing: dict[Room, Passing] = field(default_factory=dict)
    _renderers: dict[frozenset[str], Renderer] = field(default_factory=dict)
    _unregistered_at: OriginCounter = field(default_factory=OriginCounter)

    def __post_init__(self) -> None:
        self.checks = PasswordChecks(self.reactor)

    def add_unregistered(self, origin: bytes | None) -> bool:
        """Count a new client. Return False if its address has too many unregistered ones: one
        address may have as many of them as members."""
        self.unregistered += 1
        if origin is None:
            return True
        self._unregistered_at[origin] += 1
        limit = self.hub.limits.members_per_origin
        return not limit or self._unregistered_at[origin] <= limit

    def remove_unregistered(self, origin: bytes | None) -> None:
        """Stop counting a client that has registered or left."""
        self.unregistered -= 1
        if origin is not None:
            self._unregistered_at.release(origin)

    def renderer(self, capabilities: frozenset[str]) -> Renderer:
        """Return the renderer for ``capabilities``. Clients with the same ones share it."""
        capabilities &= RENDERED
        renderer = self._renderers.get(capabilities)
        if renderer is None:
            renderer = make_renderer(self.hub, self.name, capabilities)
            self._renderers[capabilities] = renderer
        return renderer

    def next_batch(self) -> str:
        """Return the id of a new batch."""
        self.batches += 1
        return str(self.batches)
