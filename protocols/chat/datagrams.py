"""The way in over UDP: each datagram is one line, or several, and an address is a member.

There are no connections here, so three things that TCP does are done in this module.

*Coming and going.* The first datagram from an address joins. Any datagram keeps the member alive;
who has nothing to say sends ``HEARTBEAT``. After ``heartbeat_timeout`` seconds of silence the
member has timed out.

*Proof that somebody is there.* The source of a datagram can be forged. If every first datagram were
answered with all that is said in the lobby from then on, a few bytes could turn this server against
anybody ("amplification"). So an address has to prove that it hears us, by sending back a token that
only its owner can have read. Until then it is sent nothing but that token, one short line for each
of its datagrams and never more than three times the bytes that it sent, IP and UDP headers
included, which is the limit that QUIC has chosen (RFC 9000, section 8.1). The token is a keyed hash
of the address and the time, so nothing is stored for it (as in RFC 6347, section 4.2.1). Over
``nc -u``::

    hello
    *** To see the others' lines, send: /hello k7f3q2ma
    /hello k7f3q2ma
    *** You are guest3 in lobby
    *** 3 in lobby: alice, bob, guest3
    [12:03:44] guest3: hello

So the first line has been said already, and with the proof comes all that was missed. The terminal
client sends the proof by itself.

*Loops.* A forged address can also be that of another chat server, or of an echo server, and each
would take the other's answers for questions, for ever. So what begins like an answer of ours is
neither heard nor answered, until there is proof.

*Bounds.* Forged addresses could also fill the rooms. Only ``max_unproven`` members at a time are
without proof; while there are so many, newcomers get the token first, and join with it. All tokens
together are limited to ``max_challenges`` a second. Whoever is dismissed is not heard for
``MUTED_FOR`` seconds, as for a new connection it is enough to go on sending.

What the network loses is lost: chat over UDP promises no more than UDP does.
"""

from __future__ import annotations

import base64
import hmac
import logging
import os
from hashlib import blake2s
from typing import Any

from protocols.text import clean
from reactor import DatagramProtocol, IdleTimer, Reactor

from .commands import HEARTBEAT
from .flood import TokenBucket
from .hub import Hub
from .member import Member
from .messages import Batch, ChatError, Kind
from .render import LINE_END, render_packets

logger = logging.getLogger(__name__)

NOTICE = b"*** "  # what all begins with that an address without proof is sent
HELLO = "/hello"
CHALLENGE = f"*** To see the others' lines, send: {HELLO} "  # and the token

STAY = f"of silence you have left: send {HEARTBEAT} in between"  # how the advice ends

MAX_LINE_LENGTH = 4096  # bytes
MUTED_FOR = 10.0  # seconds

# How many times what it sent an address without proof may be sent, each datagram with its headers:
# 20 bytes for IPv4 (for IPv6 more, on both sides), 8 for UDP.
AMPLIFICATION = 3
HEADERS = 28

TOKEN_LENGTH = 8  # letters and digits: 5 bytes in base 32
TOKEN_PERIOD = 300.0  # seconds; a token is good for one to two of them


class ChatDatagrams(DatagramProtocol):
    """The members who come over one UDP socket: ``listen_udp(lambda: ChatDatagrams(...), ...)``.

    ``heartbeat_timeout``: seconds of silence after which a member has timed out. ``max_members``,
    ``max_unproven``: members at a time, and those of them without proof. ``max_challenges``: tokens
    sent in a second, and at once.

    Counted are ``ignored``, datagrams of those who were dismissed or seem to be servers;
    ``unanswered``, those that would have been answered but for a limit; ``unheard``, batches that
    were not sent to a member for want of proof; and ``unproven`` members.
    """

    __slots__ = (
        "_challenges",
        "_max_members",
        "_max_unproven",
        "_peers",
        "_tokens",
        "heartbeat_timeout",
        "hub",
        "ignored",
        "reactor",
        "unanswered",
        "unheard",
        "unproven",
    )

    def __init__(
        self,
        hub: Hub,
        reactor: Reactor,
        *,
        heartbeat_timeout: float = 15.0,
        max_members: int = 10_000,
        max_unproven: int = 64,
        max_challenges: float = 200.0,
    ) -> None:
        self.hub = hub
        self.reactor = reactor
        self.heartbeat_timeout = heartbeat_timeout
        self.ignored = 0
        self.unanswered = 0
        self.unheard = 0
        self.unproven = 0
        self._max_members = max_members
        self._max_unproven = max_unproven
        self._challenges = TokenBucket(max_challenges, max_challenges)
        self._tokens = Tokens()
        self._peers: dict[Any, _Peer] = {}

    # What the transport tells

    def datagram_received(self, data: bytes, addr: Any) -> None:
        peer = self._peers.get(addr)
        if data.startswith(NOTICE) and not (peer and peer.proven):
            self.ignored += 1
            return
        if peer is None:
            peer = self._admit(data, addr)
            if peer is None:
                return
        try:
            peer.receive(data)
        except Exception as exc:
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

    def prove(self, addr: Any, token: str) -> bool:
        """Return whether ``token`` was sent to ``addr``, not too long ago."""
        return self._tokens.verify(addr, token, self.reactor.time())

    def challenge(self, addr: Any, received: int) -> None:
        """Ask ``addr`` for proof, in answer to a datagram of ``received`` bytes."""
        now = self.reactor.time()
        if self._challenges.pay(now, 1):
            self._answer(addr, received, CHALLENGE + self._tokens.make(addr, now))
        else:
            self.unanswered += 1

    def forget(self, addr: Any, *, proven: bool) -> None:
        """From now on ``addr`` is a newcomer."""
        del self._peers[addr]
        self.unproven -= not proven

    # Within

    def _admit(self, data: bytes, addr: Any) -> _Peer | None:
        """Let a newcomer in, if there is room; else answer it."""
        proven = self.prove(addr, _token(data.decode("ascii", "replace")))
        if len(self._peers) >= self._max_members:
            self._answer(addr, len(data), "*** The chat is full: try again later")
            return None
        if not proven and self.unproven >= self._max_unproven:
            self.challenge(addr, len(data))
            return None
        peer = _Peer(self, addr, proven)
        try:
            peer.join()
        except ChatError as exc:
            self._answer(addr, len(data), f"*** {exc}")
            return None
        self._peers[addr] = peer
        self.unproven += not proven
        return peer

    def _answer(self, addr: Any, received: int, line: str) -> None:
        """Send one line to an address without proof, if it is not too much."""
        packet = (line + LINE_END).encode()
        if HEADERS + len(packet) <= AMPLIFICATION * (HEADERS + received):
            self.transport.sendto(packet, addr)
        else:
            self.unanswered += 1


class _Peer:
    """One address, which is its member's sink as well."""

    __slots__ = ("_addr", "_muted", "_server", "_timer", "member", "proven")

    member: Member
    _timer: IdleTimer

    def __init__(self, server: ChatDatagrams, addr: Any, proven: bool) -> None:
        self._server = server
        self._addr = addr
        self.proven = proven
        self._muted = False

    def join(self) -> None:
        """Join the chat. Raises ChatError if that cannot be."""
        server = self._server
        self.member = server.hub.join(self)
        self._timer = IdleTimer(server.reactor, server.heartbeat_timeout, self._expired)
        if self.proven:
            self._say_how_to_stay()

    def receive(self, data: bytes) -> None:
        """Do what is asked for in a datagram."""
        if self._muted:
            self._server.ignored += 1
            return
        self._timer.touch()
        for raw in data.removesuffix(b"\n").split(b"\n"):
            self._receive_line(raw)
            if self.member.gone:
                return
        if not self.proven:
            self._server.challenge(self._addr, len(data))

    def forget(self) -> None:
        """Have the server treat the address as a newcomer's."""
        self._timer.cancel()
        self._server.forget(self._addr, proven=self.proven)

    # What the hub tells

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer, if it is known to be there."""
        if self.proven:
            for packet in batch.rendered(render_packets):
                self._server.transport.sendto(packet, self._addr)
        else:
            self._server.unheard += 1

    def close(self, reason: str, /) -> None:
        """Tell the peer why, and do not hear it for a while."""
        self._muted = True
        self._timer.cancel()
        self._timer = IdleTimer(self._server.reactor, MUTED_FOR, self.forget)
        self._send(reason)

    # Within

    def _receive_line(self, raw: bytes) -> None:
        if len(raw) > MAX_LINE_LENGTH:
            hint = f"A line has at most {MAX_LINE_LENGTH} bytes: this one was not sent"
            self.member.submit(self.member.tell, Kind.ERROR, hint, size=MAX_LINE_LENGTH)
            return
        line = clean(raw.removesuffix(b"\r"))
        if line == HEARTBEAT:
            self.member.heartbeat()
        elif line.split(" ", 1)[0] == HELLO:
            if self.member.heartbeat():
                self._hear_proof(_token(line))
        else:
            self.member.receive(line)

    def _hear_proof(self, token: str) -> None:
        server = self._server
        if not self.proven and server.prove(self._addr, token):
            self.proven = True
            server.unproven -= 1
            server.hub.welcome(self.member)
            self._say_how_to_stay()

    def _expired(self) -> None:
        self.forget()
        self.member.leave("timed out")
        timeout = self._server.heartbeat_timeout
        self._send(f"Nothing was heard of you for {timeout:g} s: send something to come back")

    def _say_how_to_stay(self) -> None:
        timeout = self._server.heartbeat_timeout
        self._send(f"After {timeout:g} s {STAY}")

    def _send(self, notice: str) -> None:
        if self.proven:
            self._server.transport.sendto(f"*** {notice}{LINE_END}".encode(), self._addr)


class Tokens:
    """Makes tokens for addresses, and knows them again without having stored them."""

    __slots__ = ("_secret",)

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def make(self, addr: Any, now: float) -> str:
        """Return the token of ``addr`` at ``now``, in seconds."""
        return self._token(addr, int(now // TOKEN_PERIOD))

    def verify(self, addr: Any, token: str, now: float) -> bool:
        """Return whether ``token`` was made for ``addr`` in this period or in the one before."""
        if len(token) != TOKEN_LENGTH:
            return False
        period = int(now // TOKEN_PERIOD)
        return any(
            hmac.compare_digest(self._token(addr, made).encode(), token.encode())
            for made in (period, period - 1)
        )

    def _token(self, addr: Any, period: int) -> str:
        digest = blake2s(f"{period} {addr!r}".encode(), key=self._secret, digest_size=5).digest()
        return base64.b32encode(digest).decode().lower()


def _token(line: str) -> str:
    """Return the token in a line that may be a proof."""
    word, _, token = line.strip().partition(" ")
    return token.strip().lower() if word == HELLO else ""
