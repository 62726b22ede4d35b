"""Data connections: the client connects to a port of ours (passive), or we connect to one of its
(active).

A port is for one transfer, and for the address of the control connection only. So nobody else can
take a transfer over, and the server cannot be made to connect to other machines (RFC 2577)."""

from __future__ import annotations

import errno
import logging
import random
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Final

from reactor import READ, Connector, Protocol, Reactor

from .addresses import normalized
from .connections import EarlyHandshake, Failed, TLSAfterConnecting, serve_accepted

_BACKLOG: Final = 5
_DYNAMIC_PORTS: Final = range(49152, 65536)  # RFC 6335 section 6
_GUESSES: Final = 10
_ACCEPTS_PER_TURN: Final = 16
_UNWATCHED: Final = 0.1  # seconds; see PassivePort

logger = logging.getLogger(__name__)


class NoPortFree(Exception):
    """No passive port is left."""


class DataPort:
    """Where a data connection comes from."""

    def open(
        self, protocol: Protocol, context: ssl.SSLContext | None, timeout: float, failed: Failed
    ) -> None:
        """Make the connection, with TLS if there is a ``context``. Then ``protocol`` gets
        ``connection_made``; or ``failed(exc)`` is called, at the latest after ``timeout``
        seconds."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up. A connection that was made stays open. Neither ``protocol`` nor ``failed`` is
        called any more."""
        raise NotImplementedError

    def send_now(self, data: bytes) -> bytes | None:
        """Send ``data`` without TLS and close the connection, if the client has connected already
        and the system takes everything at once. Returns None then, otherwise what ``open`` has to
        send."""
        return data


class PassivePort(DataPort):
    """A listening socket that accepts one connection, from ``peer`` only. ``release``: is called
    when it no longer uses a port. Without a connection that is after ``timeout`` seconds.
    ``context``: for TLS, which the client may begin as soon as it has connected; None: it begins
    after ``open``, if at all.

    Nearly all clients connect and send their command within milliseconds, and the system accepts
    connections by itself. So without TLS, the loop does not watch the socket for the first moment:
    ``open`` or ``send_now`` looks whether the client is there. That saves a turn of the loop and
    two changes of the poller for each small file."""

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        peer: str,
        timeout: float,
        release: Callable[[], object],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.address: tuple[str, int] = sock.getsockname()[:2]
        self._reactor = reactor
        self._listening: socket.socket | None = sock
        self._peer = peer
        self._timeout = timeout
        self._release = release
        self._context = context
        self._accepted: socket.socket | None = None
        self._early: EarlyHandshake | None = None
        self._opening: Callable[[socket.socket], None] | None = None
        self._failed: Failed | None = None
        self._watched = False
        unwatched = _UNWATCHED if context is None else 0.0
        self._timer = reactor.call_later(min(unwatched, timeout), self._not_used_at_once)

    def open(
        self, protocol: Protocol, context: ssl.SSLContext | None, timeout: float, failed: Failed
    ) -> None:
        early, self._early = self._early, None
        if early is not None:
            early.give(protocol, failed)
            return
        serve = partial(serve_accepted, self._reactor, protocol, context, failed)
        try:
            if self._accepted is None:
                self._accept()
            if self._accepted is None and self._listening is not None:
                self._watch()
        except (OSError, ValueError) as exc:
            self._reactor.call_soon(failed, exc)
            return
        accepted, self._accepted = self._accepted, None
        if accepted is not None:
            serve(accepted)
            return
        error = TimeoutError(errno.ETIMEDOUT, f"The client has not connected in {timeout:g} s")
        if self._listening is None:  # the port was closed, as nobody used it
            self._reactor.call_soon(failed, error)
            return
        self._opening = serve
        self._failed = failed
        self._timer.cancel()
        self._timer = self._reactor.call_later(timeout, self._fail, error, failed)

    def send_now(self, data: bytes) -> bytes | None:
        # Without a transport: making and ending one costs more than the rest of a small file.
        try:
            if self._accepted is None:
                self._accept()
            if self._accepted is None:
                return data
            sent = self._accepted.send(data)
        except OSError:  # also if the system takes nothing now: open() tries again, and reports it
            return data
        self._reactor.stats.bytes_sent += sent
        if sent < len(data):
            return data[sent:]
        self._accepted.close()
        self._accepted = None
        return None

    def close(self) -> None:
        self._stop_listening()
        self._opening = self._failed = None
        accepted, self._accepted = self._accepted, None
        if accepted is not None:
            accepted.close()
        early, self._early = self._early, None
        if early is not None:
            early.close()

    def _fail(self, error: Exception, failed: Failed) -> None:
        self.close()
        failed(error)

    def _accept(self) -> None:
        """Accept the client's connection, if it is there, and nobody else's. Raises OSError."""
        for _ in range(_ACCEPTS_PER_TURN):
            if self._listening is None:
                return
            try:
                sock, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return  # none is left, or it has gone already
            if normalized(address[0]) != self._peer:
                sock.close()  # a stranger
                continue
            sock.setblocking(False)
            self._stop_listening()
            self._accepted = sock

    # -- waiting for the client --------------------------------------------------------------------

    def _not_used_at_once(self) -> None:
        self._timer = self._reactor.call_later(
            max(self._timeout - _UNWATCHED, 0), self._stop_listening
        )
        try:
            self._watch()
        except (OSError, ValueError) as exc:
            logger.warning("cannot watch a passive port: %s", exc)
            self._stop_listening()

    def _watch(self) -> None:
        if not self._watched:
            assert self._listening is not None
            self._reactor.register(self._listening.fileno(), READ, self._on_ready)
            self._watched = True

    def _on_ready(self, mask: int) -> None:
        try:
            self._accept()
        except OSError as exc:  # no descriptor is left: it would be reported again and again
            failed = self._failed
            self.close()
            if failed is not None:
                failed(exc)
            return
        accepted = self._accepted
        if accepted is None:
            return
        if self._opening is not None:
            self._accepted = None
            self._opening(accepted)
        elif self._context is not None:
            self._accepted = None
            with suppress(OSError, ValueError):  # it has left: open() reports that
                self._early = EarlyHandshake(self._reactor, accepted, self._context, self._timeout)

    def _stop_listening(self) -> None:
        self._timer.cancel()
        listening, self._listening = self._listening, None
        if listening is not None:
            if self._watched:
                self._reactor.unregister(listening.fileno())
                self._reactor.release(listening)
            else:
                listening.close()
            self._release()


class ActivePort(DataPort):
    """A port of the client, at the address of its control connection. ``local``: our address, which
    the client's firewall knows."""

    def __init__(self, reactor: Reactor, peer: str, port: int, local: str) -> None:
        self._reactor = reactor
        self._where = peer, port
        self._local = local
        self._connector: Connector | None = None

    def open(
        self, protocol: Protocol, context: ssl.SSLContext | None, timeout: float, failed: Failed
    ) -> None:
        made = protocol if context is None else TLSAfterConnecting(protocol, context, failed)
        self._connector = self._reactor.connect_tcp(
            lambda: made,
            *self._where,
            on_failure=failed,
            timeout=timeout,
            local_addr=(self._local, 0),
        )

    def close(self) -> None:
        connector, self._connector = self._connector, None
        if connector is not None:
            connector.cancel()


class DataPorts:
    """Opens ports for all sessions of a server.

    ``ports``: the numbers for passive ports; empty: any that is free. ``most``: passive ports that
    may be open at a time. ``public_address``: what PASV tells clients, behind NAT; None: the
    address to which the client has connected. ``timeout``: seconds until a passive port to which
    nobody connects is closed."""

    def __init__(
        self,
        reactor: Reactor,
        ports: Sequence[int] = (),
        most: int = 500,
        public_address: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._timeout = timeout
        self.public_address = public_address
        self._reactor = reactor
        self._ports = ports
        self._most = most
        self._open = 0

    def passive(self, local: str, peer: str, context: ssl.SSLContext | None = None) -> PassivePort:
        """Listen at ``local`` for a connection from ``peer``. ``context``: for TLS, if data
        connections are protected now. Raises NoPortFree, and OSError."""
        if self._open >= self._most:
            raise NoPortFree
        sock = self._bind(local)
        self._open += 1
        try:
            return PassivePort(
                self._reactor, sock, normalized(peer), self._timeout, self._released, context
            )
        except (OSError, ValueError):
            self._open -= 1
            sock.close()
            raise

    def active(self, local: str, peer: str, port: int) -> ActivePort:
        """Connect to ``port`` of ``peer``, when it is opened."""
        return ActivePort(self._reactor, peer, port, local)

    def _released(self) -> None:
        self._open -= 1

    def _bind(self, local: str) -> socket.socket:
        # At random, so that it is hard to guess where the next transfer will be (RFC 2577 section
        # 8), and a port that a firewall still remembers is seldom used again at once.
        numbers: Iterable[int] = random.sample(self._ports, len(self._ports))
        if not self._ports:
            # Transfers leave their ports in TIME_WAIT. Among thousands of these the system searches
            # for milliseconds, without SO_REUSEADDR and with it. Given a number, it does not.
            guesses = (random.choice(_DYNAMIC_PORTS) for _ in range(_GUESSES))
            numbers = chain(guesses, [0])
        family = socket.AF_INET6 if ":" in local else socket.AF_INET
        for number in numbers:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                if number:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((local, number))
                sock.listen(_BACKLOG)
            except OSError as exc:
                sock.close()
                if exc.errno != errno.EADDRINUSE:
                    raise
            else:
                return sock
        raise NoPortFree
