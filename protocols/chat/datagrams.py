"""The way in over UDP: each datagram is one line, or several, and an address is a member.

There are no connections here, so three things that TCP does are done in this module.

*Coming and going.* A datagram joins. Any datagram keeps the member alive; a client whose user has
nothing to say sends ``HEARTBEAT``. After ``heartbeat_timeout`` seconds of silence the member has
timed out. When its address is heard again within five minutes, it gets its name and its room back.

*Proof that somebody is there.* The source of a datagram can be forged. If every first datagram were
answered with all that is said in the lobby from then on, a few bytes could turn this server against
anybody ("amplification"). So an address has to prove that it hears us. Those of this machine need
no proof, as they cannot be forged from outside; ``trusted`` names more. Every other address sends
back a token that only its owner can have read. Until then it is no member: what it sends is
not said, and is answered with nothing but that token, in one line, which is never more than three
times the bytes that it sent, IP and UDP headers included. This is the limit that QUIC has chosen
(RFC 9000, section 8.1). Nothing is stored for an address before its proof.

*Loops.* A forged address can also be that of another chat server, or of an echo server, and each
would take the other's answers for questions, for ever. So a newcomer's datagram that begins like an
answer of ours is neither heard nor answered.

*What a client can rely on.* These lines are the contract with clients; ``NAME``, ``ROOM``,
``TOKEN`` and the seconds vary.

* ``*** You are NAME in ROOM``: your address is a member now. The line comes each time that the
  address joins (the first time, after a time-out, after ``/quit``, after a restart of the server)
  and when the member goes to another room. A name other than before means that the server takes
  you for a newcomer. Who is in the room, its topic and its last lines follow.
* ``*** OLD is now NEW``: what follows a ``/nick NEW`` that was accepted.
* ``*** After 15 s of silence you have left: send HEARTBEAT in between`` ends this for a newcomer.
* ``*** Welcome back, NAME`` ends it for a member that has timed out not more than five minutes ago:
  it has its old name, and of the last lines it is shown those that it has missed.
* ``*** Somebody else is called NAME now`` ends it if the name was taken meanwhile. You have the
  name of a guest, in the old room.
* ``*** Not sent. To join the chat, send: /hello TOKEN``: the address has to prove itself. Any
  datagram with the token in it will do. A token is good for five to ten minutes.
* ``*** Nothing was heard of you for 15 s: send something to come back``: you have timed out.

``HEARTBEAT`` is never answered. It brings back a member that has timed out, but not one that has
left with ``/quit`` or was dismissed; an address that needs no proof joins with it. From any other
address it does nothing: a client that only listens joins with ``/hello``, which asks for the token,
as any other line does. To a member ``/hello`` alone answers ``*** You are NAME in ROOM``. No
``/hello`` with a token is ever said to a room, nor is a line that holds a valid token.

After a restart the server knows no members. It answers the next line of an address that needs a
proof with a token; one that needs none joins with its next datagram, and is told so.

Over ``nc -u`` from another machine::

    hello
    *** Not sent. To join the chat, send: /hello k7f3q2ma
    /hello k7f3q2ma
    *** You are guest3 in lobby
    *** 3 in lobby: alice, bob, guest3
    *** After 15 s of silence you have left: send HEARTBEAT in between

*Bounds.* Tokens are limited to ``max_challenges_per_address`` a second for one subscriber (an IPv4
address, or the /64 of an IPv6 one) and to ``max_challenges`` for all. A member that was dismissed
is not heard for ``MUTED_FOR`` seconds, as for a new connection it is enough to go on sending.
Of the members who needed no proof and have sent one datagram, no more than ``max_newcomers`` stay:
the oldest of them times out early when another comes, and can come back like any other. So junk
from fresh ports of this machine neither fills the rooms nor keeps newcomers out.
``max_remembered`` addresses that have left are remembered; beyond that, the oldest is forgotten.

Behind a UDP proxy on this machine every client has a loopback address, and none is proven by it:
then ``trusted`` must be empty (``--udp-trust none``).

What the network loses is lost: chat over UDP promises no more than UDP does.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from typing import Any, Final, NamedTuple

from reactor import DatagramProtocol, IdleTimer, Reactor
from reactor.errors import FATAL
from reactor.sockets.addresses import LOOPBACK, Networks, subscriber

from .commands import HEARTBEAT
from .flood import TokenBucket
from .hub import Hub
from .member import Member
from .messages import Batch, ChatError, Kind
from .origins import origin
from .render import LINE_END, render_packets
from .tokens import TOKEN_LENGTH, Tokens

logger = logging.getLogger(__name__)

NOTICE = b"*** "  # what all begins with that an address without proof is sent
HELLO = "/hello"
CHALLENGE = f"*** Not sent. To join the chat, send: {HELLO} "  # and the token

STAY = f"of silence you have left: send {HEARTBEAT} in between"  # how the advice ends

MAX_LINE_LENGTH = 4096  # bytes; a newcomer's token is looked for in as many
MUTED_FOR = 10.0  # seconds
REMEMBERED_FOR: Final = 300.0  # seconds that an address stays proven after its member has left

# How many times what it sent an address without proof may be sent, each datagram with its headers:
# 20 bytes for IPv4 (for IPv6 more, on both sides), 8 for UDP.
AMPLIFICATION = 3
HEADERS = 28

# Addresses share these by their hash: a table that cannot grow, and in which a flood of forged
# sources evicts nothing.
_BUCKETS: Final = 1024

_BEAT: Final = HEARTBEAT.encode()
_PROOF: Final = re.compile(rf"{HELLO}\s+[a-z2-7]{{{TOKEN_LENGTH}}}(?![a-z0-9])", re.IGNORECASE)


class ChatDatagrams(DatagramProtocol):
    """The members who come over one UDP socket: ``listen_udp(lambda: ChatDatagrams(...), ...)``.

    ``heartbeat_timeout``: seconds of silence after which a member has timed out. ``trusted``: the
    addresses that need no proof; None for those of this machine. ``max_challenges``,
    ``max_challenges_per_address``: tokens sent in a second, and at once. ``max_newcomers``: members
    at a time who needed no proof and have sent one datagram. ``max_remembered``: addresses of those
    who have left.

    Counted are ``ignored``, datagrams of those who were dismissed or seem to be servers, and
    heartbeats of those who have not joined; and ``unanswered``, those that would have been answered
    but for a limit.
    """

    __slots__ = (
        "_buckets",
        "_challenges",
        "_departed",
        "_max_newcomers",
        "_max_per_address",
        "_max_remembered",
        "_newcomers",
        "_peers",
        "_tokens",
        "_trusted",
        "heartbeat_timeout",
        "hub",
        "ignored",
        "reactor",
        "unanswered",
    )

    def __init__(
        self,
        hub: Hub,
        reactor: Reactor,
        *,
        heartbeat_timeout: float = 15.0,
        trusted: Networks | None = None,
        max_challenges: float = 5_000.0,
        max_challenges_per_address: float = 500.0,
        max_newcomers: int = 256,
        max_remembered: int = 20_000,
    ) -> None:
        self.hub = hub
        self.reactor = reactor
        self.heartbeat_timeout = heartbeat_timeout
        self.ignored = 0
        self.unanswered = 0
        self._trusted = Networks(LOOPBACK) if trusted is None else trusted
        self._challenges = TokenBucket(max_challenges, max_challenges)
        self._max_per_address = max_challenges_per_address
        self._max_newcomers = max_newcomers
        self._max_remembered = max_remembered
        self._buckets: list[TokenBucket | None] = [None] * _BUCKETS
        self._tokens = Tokens()
        self._peers: dict[Any, _Peer] = {}
        self._newcomers: OrderedDict[Any, _Peer] = OrderedDict()  # the oldest have to go first
        self._departed: OrderedDict[Any, _Departed] = OrderedDict()  # the first are forgotten first

    # What the transport tells

    def datagram_received(self, data: bytes, addr: Any) -> None:
        peer = self._peers.get(addr)
        if peer is None:
            peer = self._admit(data, addr)
            if peer is None:
                return
        elif self._newcomers:
            self._newcomers.pop(addr, None)
        try:
            peer.receive(data)
        except FATAL:
            raise
        except BaseException as exc:
            peer.member.fail(exc)

    def error_received(self, exc: OSError) -> None:
        # Somebody's system says that nobody is there (any more). Silence will tell.
        logger.debug("a datagram could not be sent: %s", exc)

    def connection_lost(self, exc: Exception | None) -> None:
        for peer in tuple(self._peers.values()):
            peer.forget()
            peer.member.leave("connection lost")

    def shutdown_requested(self) -> None:
        self.hub.close("The server is stopping")
        self.transport.close()

    # For the peers

    def is_token(self, text: str, addr: Any) -> bool:
        """Return whether ``text`` holds a token that was sent to ``addr`` not too long ago."""
        return self._tokens.found_in(text, addr, self.reactor.time())

    def forget(self, addr: Any, name: str, room: str, *, muted_for: float = 0.0) -> None:
        """``addr`` has left. With a ``name``, it can have that back, and its ``room``."""
        self._peers.pop(addr, None)
        self._newcomers.pop(addr, None)
        now = self.reactor.time()
        departed = self._departed
        departed[addr] = _Departed(
            name, room, self.hub.clock(), now + muted_for, now + REMEMBERED_FOR
        )
        while departed and (
            len(departed) > self._max_remembered or next(iter(departed.values())).until <= now
        ):
            departed.popitem(last=False)

    # Within

    def _admit(self, data: bytes, addr: Any) -> _Peer | None:
        """Let a newcomer in, if it is proven and there is room; else answer it."""
        now = self.reactor.time()
        departed = self._departed.get(addr)
        if departed is not None and departed.until <= now:
            departed = None
        beat = data.strip() == _BEAT
        trusted = departed is not None or self._is_trusted(addr)
        if departed is None:
            ignored = data.startswith(NOTICE) or (beat and not trusted)
        else:
            ignored = now < departed.muted_until or (beat and not departed.name)
        if ignored:
            self.ignored += 1
            return None
        newcomer = trusted and departed is None
        if not trusted:
            text = data[:MAX_LINE_LENGTH].decode("ascii", "replace")
            if not self._tokens.found_in(text, addr, now):
                if self._may_answer(addr):
                    self._answer(addr, len(data), CHALLENGE + self._tokens.make(addr, now))
                return None
        peer = _Peer(self, addr)
        try:
            peer.join(departed)
        except ChatError as exc:
            if self._may_answer(addr):
                self._answer(addr, len(data), f"*** {exc}")
            return None
        self._departed.pop(addr, None)
        self._peers[addr] = peer
        if newcomer:
            self._newcomers[addr] = peer
            if len(self._newcomers) > self._max_newcomers:
                oldest = next(iter(self._newcomers.values()))
                oldest.expire("a moment, and many others have come")
        return peer

    def _is_trusted(self, addr: Any) -> bool:
        # A Unix socket's path is no network's, and is of this machine.
        return not isinstance(addr, tuple) or addr[0] in self._trusted

    def _may_answer(self, addr: Any) -> bool:
        """Return whether ``addr``, which is no member, and all the others have not had too many
        answers; count it if so."""
        now = self.reactor.time()
        index = hash(subscriber(addr[0]) if isinstance(addr, tuple) else addr) % _BUCKETS
        bucket = self._buckets[index]
        if bucket is None:
            rate = self._max_per_address
            bucket = self._buckets[index] = TokenBucket(rate, rate)
        if bucket.pay(now, 1) and self._challenges.pay(now, 1):
            return True
        self.unanswered += 1
        return False

    def _answer(self, addr: Any, received: int, line: str) -> None:
        """Send one line to an address that is no member, if it is not too much."""
        packet = (line + LINE_END).encode()
        if HEADERS + len(packet) <= AMPLIFICATION * (HEADERS + received):
            self.transport.sendto(packet, addr)
        else:
            self.unanswered += 1


class _Departed(NamedTuple):
    """What is remembered of an address whose member has left.

    ``name`` is empty if it left by itself or was dismissed. ``at`` is in seconds since the epoch;
    it is not heard before ``muted_until`` and forgotten at ``until``, of the reactor's clock.
    """

    name: str
    room: str
    at: float
    muted_until: float
    until: float


class _Peer:
    """One address, which is its member's sink as well."""

    __slots__ = ("_addr", "_server", "_timer", "member")

    member: Member
    _timer: IdleTimer

    def __init__(self, server: ChatDatagrams, addr: Any) -> None:
        self._server = server
        self._addr = addr

    def join(self, departed: _Departed | None) -> None:
        """Join the chat, under the old name if there is one. Raises ChatError if that cannot be."""
        server = self._server
        hub = server.hub
        name = departed.name if departed is not None else ""
        came_from = origin(self._addr)
        if departed is None or not name:
            self.member = hub.join(self, origin=came_from)
            last = f"After {server.heartbeat_timeout:g} s {STAY}"
        elif hub.is_taken(name):
            self.member = hub.join(self, room=departed.room, since=departed.at, origin=came_from)
            last = f"Somebody else is called {name} now"
        else:
            self.member = hub.join(
                self, name=name, room=departed.room, since=departed.at, origin=came_from
            )
            last = f"Welcome back, {name}"
        self._timer = IdleTimer(server.reactor, server.heartbeat_timeout, self._time_out)
        self._send(last)

    def receive(self, data: bytes) -> None:
        """Do what is asked for in a datagram."""
        self._timer.touch()
        for raw in data.removesuffix(b"\n").split(b"\n"):
            self._receive_line(raw)
            if self.member.gone:
                return

    def forget(self) -> None:
        """Have the server treat the address as one that can come back."""
        self._timer.cancel()
        self._server.forget(self._addr, self.member.name, self.member.room.name)

    def expire(self, silence: str) -> None:
        """The peer has been silent for too long: for ``silence``."""
        self.forget()
        self.member.leave("timed out")
        self._send(f"Nothing was heard of you for {silence}: send something to come back")

    # What the hub tells

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        for packet in batch.rendered(render_packets):
            self._server.transport.sendto(packet, self._addr)

    def close(self, reason: str, /) -> None:
        """Tell the peer why, and do not hear it for a while."""
        self._timer.cancel()
        self._server.forget(self._addr, "", "", muted_for=MUTED_FOR)
        self._send(reason)

    # Within

    def _receive_line(self, raw: bytes) -> None:
        member = self.member
        if len(raw) > MAX_LINE_LENGTH:
            hint = f"A line has at most {MAX_LINE_LENGTH} bytes: this one was not sent"
            member.submit(member.tell, Kind.ERROR, hint, size=MAX_LINE_LENGTH)
            return
        line = raw.decode("utf-8", "replace").rstrip()
        if line == HEARTBEAT:
            member.heartbeat()
        elif line.lower() == HELLO:
            if member.heartbeat():
                member.tell_place()
        elif self._server.is_token(line, self._addr):
            member.heartbeat()  # the proof; or a client's second one, as it was asked twice
        elif _PROOF.search(line):
            hint = f"You have joined already: {HELLO} and a token are not said to the room"
            member.submit(member.tell, Kind.NOTICE, hint, size=len(line))
        else:
            member.receive(line)

    def _time_out(self) -> None:
        self.expire(f"{self._server.heartbeat_timeout:g} s")

    def _send(self, notice: str) -> None:
        self._server.transport.sendto(f"*** {notice}{LINE_END}".encode(), self._addr)
