"""The interfaces between the hub and what surrounds it, and between the layers of the hub.

``Scheduler`` and ``Sink`` are all that the hub uses from outside. A reactor is a scheduler; so is
asyncio's loop, or a fake one in a test. A sink is one member's end of a way in: a TCP connection,
the address of a datagram peer, a browser's WebSocket, a nick on IRC, or a link to another machine.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Protocol

from .messages import Batch, Message


class Cancellable(Protocol):
    """What ``Scheduler.call_later`` returns."""

    def cancel(self) -> object: ...


class Scheduler(Protocol):
    """The part of a reactor that the hub uses.

    ``call_soon`` runs a callback after the events that are being dispatched now; ``call_later``
    runs one after ``delay`` seconds; ``time`` is a monotonic clock in seconds.
    """

    def call_soon(self, callback: Any, /, *args: Any) -> object: ...
    def call_later(self, delay: float, callback: Any, /, *args: Any) -> Cancellable: ...
    def time(self) -> float: ...


class Sink(Protocol):
    """One member's end of a way in.

    ``deliver`` is called for every batch. It must return at once, so it queues the rendered batch,
    within a limit. It must not call the hub or the member. If it raises, the hub dismisses the
    member.

    ``close`` is called at most once, after the last ``deliver``: the hub has dismissed the member,
    who is no longer in the chat, and ``reason`` says why. A way in that loses its peer calls
    ``Member.leave`` instead.
    """

    def deliver(self, batch: Batch, /) -> object: ...
    def close(self, reason: str, /) -> object: ...


class Listener(Protocol):
    """What a room needs from a member.

    ``deliver`` passes a batch to ``sink`` and never raises; ``fail`` reports what ``sink`` raised.
    ``echo``: whether the member gets its own lines. ``ignores_some``: whether it ignores
    others. ``wanted`` filters messages by these two. ``mask``: what bans are compared with,
    ``name!user@host``. ``rooms``: those that the member is in.
    """

    name: str
    sink: Sink
    echo: bool

    @property
    def ignores_some(self) -> bool: ...
    @property
    def mask(self) -> str: ...
    @property
    def rooms(self) -> Sized: ...
    def wanted(self, messages: Sequence[Message], /) -> Sequence[Message]: ...
    def deliver(self, batch: Batch, /) -> None: ...
    def fail(self, exc: BaseException, /) -> None: ...
