"""A session: one member that speaks JSON, over one connection after the other.

A page's connection breaks when the page is reloaded or the network changes. So a session outlives
its connection by ``LINGER`` seconds: the member stays, and the session keeps the frames that it
misses. If the page comes back in time with the session's secret, it is the same member, and the
other members see neither a departure nor an arrival.

Frames that were in transit when the connection broke may be lost. So the page sends, for each room,
the id of the last line that it has. It gets a snapshot of the room, the lines after that id from
the room's history, and then the kept frames. No history has private lines, so the last ones are
sent again.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

from reactor import Reactor, Timer

from .. import conversation
from ..hub import Hub
from ..lists import visible_rooms
from ..member import Member
from ..messages import Batch, ChatError, ErrorCode, Kind, Message
from ..room import Room
from . import events
from .events import BatchFrame, Event
from .requests import Hello, Line, Ping, Place, Request, Rooms

LINGER: Final = 10.0  # seconds that a session outlives its connection
STALL: Final = 1.0  # seconds; if the timer runs later than this, the server was stalled
MAX_LINGERING: Final = 10_000  # sessions without a connection; beyond that, the oldest ends
MAX_MISSED: Final = 1000  # frames that are kept for a session without a connection
MAX_MISSED_SIZE: Final = 262_144  # characters in them
MAX_PRIVATE: Final = 20  # private lines that are kept in case they were lost
# Seconds that they are kept. WebSocket's pings detect a lost connection sooner.
PRIVATE_AGE: Final = 60.0

_LIST_COST: Final = 4096  # characters: a list of the rooms is as much work as a long line

# Close codes (RFC 6455 section 7.4.1).
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008


def close_code(hub: Hub, reason: str) -> int:
    """Return the code with which to close a connection that ``hub`` ends for ``reason``."""
    if reason == conversation.TOO_FAST:
        return POLICY_VIOLATION
    return GOING_AWAY if hub.closed_because else NORMAL


class Connection(Protocol):
    """What a session needs from its connection."""

    def send(self, frame: str | BatchFrame, /) -> None: ...
    def finish(self, text: str, code: int, *, retry: bool) -> None: ...


class Sessions:
    """All sessions of a server. ``linger``: seconds that one outlives its connection."""

    def __init__(self, hub: Hub, reactor: Reactor, linger: float = LINGER) -> None:
        self.hub = hub
        self.reactor = reactor
        self.linger = linger
        # Changes when the server restarts. No history has lines from before.
        self.server_id = hub.deliveries.next_id()
        self._sessions: dict[str, Session] = {}
        self._lingering: dict[Session, None] = {}  # the oldest first

    def begin(self, connection: Connection, hello: Hello, origin: bytes | None) -> Session:
        """Return the session that ``hello`` asks for, or a new one. Raises ChatError if the hub
        refuses the member."""
        session = self._sessions.get(hello.session)
        if session is None:
            session = Session(self, connection)
            session.start(hello, origin)
        else:
            self._lingering.pop(session, None)
            session.resume(connection, hello)
        return session

    def add(self, session: Session) -> str:
        """Remember ``session``, and return its secret."""
        secret = secrets.token_urlsafe(16)
        self._sessions[secret] = session
        return secret

    def remove(self, secret: str, session: Session) -> None:
        """Forget ``session``, whose member is gone."""
        self._sessions.pop(secret, None)
        self._lingering.pop(session, None)

    def add_lingering(self, session: Session) -> None:
        """Note that ``session`` has lost its connection. If there are too many, end the oldest."""
        self._lingering[session] = None
        if len(self._lingering) > MAX_LINGERING:
            next(iter(self._lingering)).end("connection lost")


class Session:
    """One session. It is also its member's sink."""

    __slots__ = (
        "_connection",
        "_missed",
        "_missed_size",
        "_overflowed",
        "_private",
        "_received",
        "_rooms",
        "_secret",
        "_sessions",
        "_timer",
        "member",
    )

    def __init__(self, sessions: Sessions, connection: Connection) -> None:
        self.member: Member
        self._sessions = sessions
        self._connection: Connection | None = connection
        self._secret = ""
        self._received = 0  # the highest ``ref``
        self._rooms: tuple[Room, ...] = ()  # those that the page knows
        self._missed: list[Batch | str] | None = None
        self._missed_size = 0
        self._overflowed = False
        self._private: deque[tuple[float, Message]] | None = None  # the last lines, and when
        self._timer: Timer | None = None

    # Beginning

    def start(self, hello: Hello, origin: bytes | None) -> None:
        """Join. Raises ChatError if the hub refuses the member."""
        hub = self._sessions.hub
        refused: ChatError | None = None
        try:
            self.member = hub.join(
                self, name=hello.name or None, origin=origin, needs_room=False, announce=False
            )
        except ChatError as exc:
            if exc.code not in (ErrorCode.BAD_NAME, ErrorCode.NAME_IN_USE):
                raise
            refused = exc
            self.member = hub.join(self, origin=origin, needs_room=False, announce=False)
        self._secret = self._sessions.add(self)
        self._welcome(resumed=False)
        if refused is not None:
            self._send(events.error(refused))
        places = hello.rooms
        if places is None:
            places = (Place(hub.lobby.name),)
        for place in places:
            self._enter(place)
        if places and not self.member.rooms:
            self._enter(Place(hub.lobby.name))

    def _enter(self, place: Place) -> None:
        try:
            self.member.join(place.name, place.key, welcome=False)
        except ChatError as exc:
            self._send(events.error(exc))
        else:
            self._update_rooms({place.name.lower(): place.after})

    def resume(self, connection: Connection, hello: Hello) -> None:
        """Continue over ``connection``, and send what the page has missed."""
        self.member.catch_up()
        self._cancel_timer()
        earlier, self._connection = self._connection, connection
        if earlier is not None:
            # The page has come back before the server detected the loss of its connection. Or
            # its tab was duplicated: only one tab can have the session.
            earlier.finish("This session goes on elsewhere", NORMAL, retry=False)
        self._rooms = self.member.rooms
        missed, self._missed = self._missed or [], None
        self._missed_size = 0
        self._welcome(resumed=True)
        if self._overflowed:
            self._overflowed = False
            self._send(events.notice("You were away for long: private lines may be missing"))
        self._send_missed(connection, missed, hello)

    def _send_missed(self, connection: Connection, missed: list[Batch | str], hello: Hello) -> None:
        """Send snapshots and histories of all rooms, and ``missed``, the frames that were kept."""
        messages = [m for part in missed if isinstance(part, Batch) for m in part.messages]
        kept = frozenset([message.id for message in messages])
        after = {place.name.lower(): place.after for place in hello.rooms or ()}
        for room in self._rooms:
            self._send_room(room, after.get(room.name.lower(), 0), kept)
        self._repeat_private_lines(kept)
        for part in missed:
            connection.send(part if isinstance(part, str) else part.rendered(BatchFrame))
        # A page applies kept frames, which are older, to snapshots. It gets the members right,
        # with one exception: somebody may have been renamed, and the old name have a new owner.
        if any(message.kind is Kind.RENAMED for message in messages):
            for room in self._rooms:
                self._send(events.snapshot(room, self.member))
        # The event that the member is no longer in a room may have been lost, too.
        rooms = {room.name.lower() for room in self._rooms}
        for place in hello.rooms or ():
            if place.name.lower() not in rooms:
                self._send(events.parted(place.name))

    def _welcome(self, *, resumed: bool) -> None:
        self._send(
            events.welcome(
                self.member,
                session=self._secret,
                resumed=resumed,
                received=self._received,
                server=self._sessions.server_id,
            )
        )

    # Requests of the page

    def handle(self, request: Request, size: int) -> None:
        """Execute ``request``, which has ``size`` characters."""
        cost = 1 + size // 1024
        match request:
            case Line():
                self._handle_line(request, cost)
            case Rooms():
                conversation.submit(self.member, self._send_rooms, size=_LIST_COST)
            case Ping():
                if conversation.heartbeat(self.member, cost):
                    self._send(events.pong())
            case _:
                if conversation.heartbeat(self.member, cost):
                    self._send(events.error(ChatError("This server knows no such message")))

    def _handle_line(self, line: Line, cost: int) -> None:
        if line.ref <= self._received:
            conversation.heartbeat(self.member, cost)
            if not self.member.gone:  # also if it came too fast: the page waits for the answer
                self._send(events.ack(line.ref))
            return
        self._received = line.ref
        room = line.room or None
        if room is not None:
            for place in self.member.rooms:  # the name as the room has it, for the replies
                if place.name.lower() == room.lower():
                    room = place.name

        def done(exc: ChatError | None) -> None:
            self._update_rooms({})
            self._send(events.ack(line.ref) if exc is None else events.error(exc, line.ref))

        conversation.receive(self.member, line.text, room, done)

    def _send_rooms(self) -> None:
        self._send(events.rooms(visible_rooms(self.member)))

    # Events for the page

    def deliver(self, batch: Batch, /) -> None:
        """Send ``batch``, or keep it while there is no connection."""
        frame = batch.rendered(BatchFrame)
        if self._connection is not None:
            self._connection.send(frame)
        else:
            self._keep(batch, frame.size)
        for message in frame.personal:
            if message.kind is not Kind.KICKED:
                self._remember_private_line(message)
            elif message.target == self.member.name:
                self._rooms = tuple([room for room in self._rooms if room.name != message.room])
                self._send(events.parted(message.room))

    def _remember_private_line(self, message: Message) -> None:
        if self._private is None:
            self._private = deque(maxlen=MAX_PRIVATE)
        self._private.append((self._sessions.reactor.time(), message))

    def _repeat_private_lines(self, without: frozenset[int]) -> None:
        """Send the last private lines again, but none whose id is in ``without``."""
        since = self._sessions.reactor.time() - PRIVATE_AGE
        private = self._private or ()
        again = [line for when, line in private if when >= since and line.id not in without]
        if again:
            self._send(*events.lines(again))

    def _send(self, *happened: Event) -> None:
        text = events.encode(happened)
        if self._connection is not None:
            self._connection.send(text)
        else:
            self._keep(text, len(text))

    def _keep(self, part: Batch | str, size: int) -> None:
        """Keep a frame for later; if there are too many, forget all of them."""
        if self._overflowed:
            return
        if self._missed is None:
            self._missed = []
        self._missed.append(part)
        self._missed_size += size
        if len(self._missed) > MAX_MISSED or self._missed_size > MAX_MISSED_SIZE:
            self._overflowed = True
            self._missed = None

    def _update_rooms(self, after: Mapping[str, int]) -> None:
        """Send which rooms the member has left, and the state of those that it has entered.
        ``after``: by room, the id of the last line that the page has."""
        member = self.member
        if member.rooms == self._rooms:
            return
        before, self._rooms = self._rooms, member.rooms
        for room in before:
            if room not in self._rooms:
                self._send(events.parted(room.name))
        for room in self._rooms:
            if room not in before:
                self._send_room(room, after.get(room.name.lower(), 0))

    def _send_room(self, room: Room, after: int, without: frozenset[int] = frozenset()) -> None:
        """Send a snapshot of ``room``, and the lines after the one with the id ``after``, but
        none whose id is in ``without``. Nothing is pending for the member there: it has just
        entered, or caught up."""
        member = self.member
        lines = member.history(room.name, after)
        known = not after or after >= self._sessions.server_id
        self._send(
            events.snapshot(room, member),
            events.history(
                room, lines, complete=known and after >= room.forgotten, without=without
            ),
        )

    # Ending

    def disconnected(self, connection: Connection, *, final: bool) -> None:
        """Note that ``connection`` is lost. ``final``: the page does not come back."""
        if connection is not self._connection:
            return
        self._connection = None
        if self.member.gone:
            return
        if final:
            self.end("")
            return
        sessions = self._sessions
        until = sessions.reactor.time() + sessions.linger
        self._timer = sessions.reactor.call_later(sessions.linger, self._expired, until)
        sessions.add_lingering(self)

    def _expired(self, until: float) -> None:
        """End the session. But if the server was stalled, the page had no chance: wait again."""
        sessions = self._sessions
        if sessions.reactor.time() - until > STALL:
            self._timer = sessions.reactor.call_later(sessions.linger, self.end, "connection lost")
        else:
            self.end("connection lost")

    def end(self, reason: str) -> None:
        """End the session: the member leaves, with ``reason``."""
        self._forget()
        self.member.leave(reason)

    def refuse(self, why: str) -> None:
        """End the session, because the page violates the protocol."""
        connection, self._connection = self._connection, None
        self._forget()
        self.member.leave("sent wrong messages")
        if connection is not None:
            connection.finish(why, POLICY_VIOLATION, retry=False)

    def close(self, reason: str, /) -> None:
        """Send ``reason``, and close the connection: the hub has dismissed the member."""
        connection, self._connection = self._connection, None
        self._forget()
        if connection is not None:
            hub = self._sessions.hub
            connection.finish(reason, close_code(hub, reason), retry=bool(hub.closed_because))

    def _forget(self) -> None:
        self._cancel_timer()
        self._missed = None
        self._sessions.remove(self._secret, self)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
