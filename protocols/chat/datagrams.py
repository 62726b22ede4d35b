"""The way in over UDP: each datagram is one or more lines, and each address is a member.

UDP has no connections, so this module replaces three things that TCP does.

*Coming and going.* A datagram joins. Any datagram keeps the member alive; a client whose user has
nothing to say sends ``HEARTBEAT``. After ``heartbeat_timeout`` seconds of silence the member has
timed out. When its address sends something within five minutes, it gets its name and its room back.

*Proof.* The source address of a datagram can be forged. So an address that is neither this
machine's nor ``trusted`` has to send back a token first (see ``proof.py``). Until then it is not a
member: what it sends reaches no room, and is answered only with the token.

*Loops.* A forged address can also be that of another chat server, or of an echo server. Each would
answer the other's answers, forever. So a newcomer's datagram that begins like one of our answers is
ignored.

*What a client can rely on.* These lines are the contract with clients; ``NAME``, ``ROOM``,
``TOKEN`` and the seconds vary.

* ``*** You are NAME in ROOM``: your address is a member now. The line is sent each time the address
  joins (the first time, after a time-out, after ``/quit``, after a restart of the server) and when
  the member changes rooms. If the name is not the one you had, the server treats you as a newcomer.
  The room's members, topic and last lines follow.
* ``*** OLD is now NEW``: the answer to a ``/nick NEW`` that was accepted.
* ``*** After 15 s of silence you have left: send HEARTBEAT in between`` ends the welcome of a
  newcomer.
* ``*** Welcome back, NAME`` ends it for a member that timed out less than five minutes ago: it has
  its old name, and gets those of the last lines that it missed.
* ``*** Somebody else is called NAME now`` ends it if the name was taken meanwhile. You have the
  name of a guest, in the old room.
* ``*** Not sent. To join the chat, send: /hello TOKEN``: the address has to prove itself, with any
  datagram that contains the token. A token is valid for five to ten minutes.
* ``*** Nothing was heard of you for 15 s: send something to come back``: you have timed out.

``HEARTBEAT`` is never answered. It brings back a member that has timed out, but not one that has
left with ``/quit`` or was dismissed. An address that needs no proof joins with it. From any other
address it does nothing: a client that only listens joins with ``/hello``, which requests the token,
as any other line does. The answer to a member's ``/hello`` is ``*** You are NAME in ROOM``. A
``/hello`` with a token is never shown to a room, and neither is a line that contains a valid token.

After a restart the server knows no members. It answers the next line of an address that needs a
proof with a token. An address that needs none joins with its next datagram, and gets the welcome.

Over ``nc -u`` from another machine::

    hello
    *** Not sent. To join the chat, send: /hello k7f3q2ma
    /hello k7f3q2ma
    *** You are guest3 in lobby
    *** 3 in lobby: alice, bob, guest3
    *** After 15 s of silence you have left: send HEARTBEAT in between

*Limits.* Tokens are limited to ``max_challenges_per_address`` a second for one subscriber (an IPv4
address, or the /64 of an IPv6 one) and to ``max_challenges`` for all. The address of a member that
was dismissed is ignored for ``MUTED_FOR`` seconds: otherwise it would be back with its next
datagram. At most ``max_newcomers`` members may have joined without a proof and sent only one
datagram. When there is one more, the oldest of them times out early, and can come back like any
other. So junk from many ports of this machine neither fills the rooms nor keeps newcomers out.
``max_remembered`` addresses of former members are remembered; beyond that, the oldest is forgotten.

Behind a UDP proxy on this machine every client has a loopback address, which proves nothing. Then
``trusted`` must be empty (``--udp-trust none``).

Datagrams that the network loses are lost: chat over UDP is no more reliable than UDP.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections import OrderedDict
from typing import Any, Final

from reactor import DatagramProtocol, IdleTimer, Reactor
from reactor.command import (
    Repeatable,
    add_udp_arguments,
    listen_udp,
    refuse_unused,
    server_option,
    udp_urls,
)
from reactor.errors import FATAL
from reactor.sockets.addresses import LOOPBACK, Networks

from . import conversation
from .commands import HEARTBEAT
from .departures import REMEMBERED_FOR, Departed, Departures
from .hub import Hub
from .member import Member
from .messages import Batch, ChatError, Kind
from .origins import origin_of
from .proof import Proofs
from .render import LINE_END, render_packets
from .tokens import TOKEN_LENGTH

logger = logging.getLogger(__name__)

DEFAULT_PORT = 9555

NOTICE = b"*** "  # how everything begins that is sent to an address without proof
HELLO = "/hello"
CHALLENGE = f"*** Not sent. To join the chat, send: {HELLO} "  # and the token

STAY = f"of silence you have left: send {HEARTBEAT} in between"  # how the advice ends

MAX_LINE_LENGTH = 4096  # bytes; a newcomer's token must be within these
MUTED_FOR = 10.0  # seconds

_HEARTBEAT: Final = HEARTBEAT.encode()
_PROOF: Final = re.compile(rf"{HELLO}\s+[a-z2-7]{{{TOKEN_LENGTH}}}(?![a-z0-9])", re.IGNORECASE)

_NONE: Final = "none"  # --udp-trust none


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options for UDP."""
    add_udp_arguments(parser, DEFAULT_PORT)
    server_option(
        parser,
        "--udp-trust",
        metavar="NETWORK",
        action=Repeatable,
        type=_networks,
        help="addresses that need no proof over UDP, in addition to this machine's; 'none': "
        "not even those; repeatable, or separated by commas",
    )


def check(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` if the options contradict each other."""
    if options.no_udp:
        unused = ("--udp-port", "--udp-trust")
        refuse_unused(options, unused, "cannot be combined with --no-udp")


def serve(hub: Hub, reactor: Reactor, options: argparse.Namespace) -> list[str]:
    """Serve datagrams, unless there is ``--no-udp``. Return the URLs. Raises ``CommandError``."""
    if options.no_udp:
        return []

    def protocol() -> ChatDatagrams:
        return ChatDatagrams(
            hub,
            reactor,
            heartbeat_timeout=options.heartbeat_timeout,
            trusted=_trusted(options.udp_trust),
            max_remembered=options.max_members,
        )

    remedy = "--udp-port N takes another one, --no-udp none"
    return udp_urls(listen_udp(reactor, protocol, options.host, options.udp_port, remedy=remedy))


def _networks(text: str) -> list[str]:
    """Return the names in ``text``. This is the type of ``--udp-trust``."""
    names = [name.strip() for name in text.split(",")]
    try:
        Networks(name for name in names if name != _NONE)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{exc}") from None
    return names


def _trusted(choices: list[list[str]]) -> Networks:
    """Return the networks of all uses of ``--udp-trust`` together."""
    names = {name for choice in choices for name in choice}
    return Networks(names - {_NONE} if _NONE in names else names | set(LOOPBACK))


class ChatDatagrams(DatagramProtocol):
    """The members of one UDP socket. To serve: ``listen_udp(lambda: ChatDatagrams(...), ...)``.

    ``heartbeat_timeout``: seconds of silence after which a member has timed out. ``trusted``: the
    addresses that need no proof; None for those of this machine. ``max_challenges``,
    ``max_challenges_per_address``: tokens sent in a second, and at once. ``max_newcomers``: members
    at a time that needed no proof and have sent one datagram. ``max_remembered``: addresses of
    former members.

    Counters: ``ignored``, datagrams from muted addresses, those that look like another server's,
    and heartbeats of addresses that have to join first; ``unanswered``, datagrams that got no
    answer because of a limit.
    """

    __slots__ = (
        "_departures",
        "_max_newcomers",
        "_newcomers",
        "_peers",
        "_proofs",
        "heartbeat_timeout",
        "hub",
        "ignored",
        "reactor",
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
        self._proofs = Proofs(
            Networks(LOOPBACK) if trusted is None else trusted,
            max_challenges,
            max_challenges_per_address,
        )
        self._departures = Departures(max_remembered)
        self._peers: dict[Any, _Peer] = {}
        self._max_newcomers = max_newcomers
        self._newcomers: OrderedDict[Any, _Peer] = OrderedDict()  # the oldest is the first

    @property
    def unanswered(self) -> int:
        """How many datagrams got no answer because of a limit."""
        return self._proofs.unanswered

    # Called by the transport

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
        # A peer's system reports that its port is closed. If the peer has left, it will time out.
        logger.debug("a datagram could not be sent: %s", exc)

    def connection_lost(self, exc: Exception | None) -> None:
        for peer in tuple(self._peers.values()):
            peer.forget()
            peer.member.leave("connection lost")

    def shutdown_requested(self) -> None:
        self.hub.close("The server is stopping")
        self.transport.close()

    # Called by the peers

    def has_token(self, line: str, addr: Any) -> bool:
        """Return whether ``line`` holds a valid token for ``addr``."""
        return self._proofs.is_proven(addr, line, self.reactor.time())

    def forget(self, addr: Any, name: str, room: str, *, muted_for: float = 0.0) -> None:
        """Note that the member at ``addr`` has left, and can have ``name`` and ``room`` back.

        ``name`` is empty if it cannot. ``muted_for``: seconds for which the address is ignored.
        """
        self._peers.pop(addr, None)
        self._newcomers.pop(addr, None)
        now = self.reactor.time()
        departed = Departed(name, room, self.hub.clock(), now + muted_for, now + REMEMBERED_FOR)
        self._departures.add(addr, departed, now)

    # Newcomers

    def _admit(self, data: bytes, addr: Any) -> _Peer | None:
        """Let ``addr`` in if it is proven and the hub has room for it. Otherwise answer it."""
        now = self.reactor.time()
        heartbeat = data.strip() == _HEARTBEAT
        departed = self._departures.get(addr, now)
        if departed is not None:  # proven already, and no newcomer
            trusted = False
            ignored = now < departed.muted_until or (heartbeat and not departed.name)
        else:
            trusted = self._proofs.is_trusted(addr)
            ignored = data.startswith(NOTICE) or (heartbeat and not trusted)
        if ignored:
            self.ignored += 1
            return None
        if departed is None and not trusted:
            text = data[:MAX_LINE_LENGTH].decode("ascii", "replace")
            if not self._proofs.is_proven(addr, text, now):
                if self._proofs.may_answer(addr, now):
                    self._answer(addr, len(data), CHALLENGE + self._proofs.token(addr, now))
                return None
        peer = _Peer(self, addr)
        try:
            peer.join(departed)
        except ChatError as exc:
            if self._proofs.may_answer(addr, now):
                self._answer(addr, len(data), f"*** {exc}")
            return None
        self._departures.remove(addr)
        self._peers[addr] = peer
        if trusted:
            self._add_newcomer(addr, peer)
        return peer

    def _add_newcomer(self, addr: Any, peer: _Peer) -> None:
        self._newcomers[addr] = peer
        if len(self._newcomers) > self._max_newcomers:
            oldest = next(iter(self._newcomers.values()))
            oldest.expire("a moment, and many others have come")

    def _answer(self, addr: Any, received: int, line: str) -> None:
        """Send ``line`` to an address that is not a member, unless that would be amplification."""
        packet = (line + LINE_END).encode()
        if self._proofs.is_short_enough(packet, received):
            self.transport.sendto(packet, addr)


class _Peer:
    """One address that has joined. It is also its member's sink."""

    __slots__ = ("_addr", "_server", "_timer", "member")

    member: Member
    _timer: IdleTimer

    def __init__(self, server: ChatDatagrams, addr: Any) -> None:
        self._server = server
        self._addr = addr

    def join(self, departed: Departed | None) -> None:
        """Join the chat, under the old name if possible. Raises ChatError if the hub refuses."""
        server = self._server
        hub = server.hub
        origin = origin_of(self._addr)
        if departed is None or not departed.name:
            self.member = hub.join(self, origin=origin)
            last = f"After {server.heartbeat_timeout:g} s {STAY}"
        else:
            taken = hub.is_taken(departed.name)
            self.member = hub.join(
                self,
                name=None if taken else departed.name,
                room=departed.room,
                since=departed.at,
                origin=origin,
            )
            if taken:
                last = f"Somebody else is called {departed.name} now"
            else:
                last = f"Welcome back, {departed.name}"
        self._timer = IdleTimer(server.reactor, server.heartbeat_timeout, self._time_out)
        self._notify(last)

    def receive(self, data: bytes) -> None:
        """Execute the lines of a datagram."""
        self._timer.touch()
        for raw in data.removesuffix(b"\n").split(b"\n"):
            self._receive_line(raw)
            if self.member.gone:
                return

    def forget(self) -> None:
        """Forget the peer; it can come back and have its name."""
        self._timer.cancel()
        self._server.forget(self._addr, self.member.name, self.member.room.name)

    def expire(self, silence: str) -> None:
        """Make the peer time out. ``silence`` says after how long, in words."""
        self.forget()
        self.member.leave("timed out")
        self._notify(f"Nothing was heard of you for {silence}: send something to come back")

    # Called by the member

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        for packet in batch.rendered(render_packets):
            self._server.transport.sendto(packet, self._addr)

    def close(self, reason: str, /) -> None:
        """Send ``reason`` to the peer, and ignore it for a while."""
        self._timer.cancel()
        self._server.forget(self._addr, "", "", muted_for=MUTED_FOR)
        self._notify(reason)

    # Helpers

    def _receive_line(self, raw: bytes) -> None:
        member = self.member
        if len(raw) > MAX_LINE_LENGTH:
            hint = f"A line has at most {MAX_LINE_LENGTH} bytes: this one was not sent"
            conversation.submit(member, member.tell, Kind.ERROR, hint, size=MAX_LINE_LENGTH)
            return
        line = raw.decode("utf-8", "replace").rstrip()
        if line == HEARTBEAT:
            conversation.heartbeat(member)
        elif line.lower() == HELLO:
            if conversation.heartbeat(member):
                member.tell_place()
        elif self._server.has_token(line, self._addr):
            conversation.heartbeat(member)  # the proof, which may arrive twice
        elif _PROOF.search(line):
            hint = f"You have joined already: {HELLO} and a token are not said to the room"
            conversation.submit(member, member.tell, Kind.NOTICE, hint, size=len(line))
        else:
            conversation.receive(member, line)

    def _time_out(self) -> None:
        self.expire(f"{self._server.heartbeat_timeout:g} s")

    def _notify(self, text: str) -> None:
        self._server.transport.sendto(f"*** {text}{LINE_END}".encode(), self._addr)
