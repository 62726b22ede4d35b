"""Connecting: resolve a name, try its addresses one after another, and report the result once."""

from __future__ import annotations

import errno
import os
import queue
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL, as_exception, careful_logger
from ..pollers import WRITE
from ..threads import ThreadCall, ThreadPool
from ..timers import Deadline
from ..transports.base import BaseTransport, TransportFactory
from ..transports.stream import StreamTransport
from .binding import KeepAlive, numeric_address, prepare

if TYPE_CHECKING:
    from ..loop import Loop

logger = careful_logger(__name__)

CONNECT_TIMEOUT: Final = 30.0  # seconds for everything: resolving the name, and every address
# Seconds for one address, so that an address that does not answer leaves time for the next.
ATTEMPT_TIMEOUT: Final = 10.0

_ProtocolFactory = Callable[[], Any]  # for streams and for datagrams
FailureCallback = Callable[[Exception], object]
_Candidate = tuple[int, Any]  # family and socket address


class Connector:
    """One attempt to connect. Made by the ``Reactor.connect_…`` methods.

    It ends in exactly one of three ways: the protocol's ``connection_made``; ``on_failure(exc)``;
    or ``cancel()``, after which neither is called. ``on_failure`` is always called from the loop,
    never from inside the call that made the connector.

    ``target``: shown in messages. ``timeout``: seconds for everything; ``attempt_timeout``: seconds
    for one address. ``kind``: ``SOCK_STREAM`` or ``SOCK_DGRAM``. ``local_addr``: the address to
    bind to; None lets the system choose. ``keepalive``: set on TCP connections; None for none."""

    def __init__(
        self,
        reactor: Loop,
        protocol_factory: _ProtocolFactory,
        on_failure: FailureCallback | None,
        *,
        target: str,
        timeout: float = CONNECT_TIMEOUT,
        attempt_timeout: float = ATTEMPT_TIMEOUT,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        local_addr: Any = None,
        keepalive: KeepAlive | None = None,
        make_transport: TransportFactory = StreamTransport,
    ) -> None:
        self.target = target
        self._reactor = reactor
        self._factory = protocol_factory
        self._on_failure = on_failure
        self._attempt_timeout = attempt_timeout
        self._kind = kind
        self._local_addr = local_addr
        self._keepalive = keepalive
        self._make_transport = make_transport
        self._candidates: Iterator[_Candidate] = iter(())
        self._resolving: ThreadCall[Any] | None = None
        self._sock: socket.socket | None = None  # of the address that is being tried
        self._transport: BaseTransport | None = None  # during the TLS handshake
        self._last_error: Exception = OSError(errno.EADDRNOTAVAIL, f"{target} has no address")
        self._done = False
        self._deadline = Deadline(reactor, timeout, self._timed_out)
        self._attempt_deadline = Deadline(reactor, timeout, self._attempt_timed_out)
        reactor.attach(self)

    def resolve(self, resolver: ThreadPool, host: str, port: int) -> None:
        """Find the addresses of ``host`` in the threads of ``resolver``, and try each. A numeric
        address is tried at once, without waiting behind slow names."""
        if not 0 <= port <= 65535:  # getaddrinfo would use it modulo 65536
            self._finish(ValueError(f"port must be 0-65535, not {port}"))
            return
        if (numeric := numeric_address(host, port)) is not None:
            self.try_addresses([numeric])
            return
        try:
            self._resolving = resolving = resolver.submit(
                socket.getaddrinfo, host, port, socket.AF_UNSPEC, self._kind
            )
        except (queue.Full, RuntimeError) as exc:  # too many names, or no more threads
            self._finish(exc)
            return

        def resolved(call: ThreadCall[Any]) -> None:
            if self._done:
                return
            try:
                found = call.result()
            except Exception as exc:
                self._finish(exc)
            else:
                self.try_addresses([(family, address) for family, _, _, _, address in found])

        resolving.add_done_callback(resolved)

    def try_addresses(self, candidates: list[_Candidate]) -> None:
        """Try each of ``candidates`` in turn: pairs of an address family and a socket address."""
        self._candidates = iter(candidates)
        self._try_next()

    def cancel(self) -> None:
        """Give up. Neither the protocol nor ``on_failure`` is called."""
        self._on_failure = lambda exc: None
        self._finish(None)

    request_shutdown = abort = cancel

    # -- one address -------------------------------------------------------------------------------

    def next_socket(self) -> socket.socket | None:
        """A socket that is connecting to the next address, or connected. Addresses that the system
        refuses at once are skipped. None after the last one."""
        for family, address in self._candidates:
            try:
                self._sock = sock = socket.socket(family, self._kind)
                prepare(sock, self._keepalive)
                if self._local_addr is not None:
                    sock.bind(self._local_addr)
                code = sock.connect_ex(address)
                self._reactor.answered = True
                if code in (errno.EAGAIN, errno.EWOULDBLOCK):
                    # A Unix socket, which would never become writable.
                    raise OSError(code, "the listener's backlog is full")
                if code not in (0, errno.EINPROGRESS, errno.EINTR):
                    raise OSError(code, os.strerror(code))  # some systems refuse at once
            except Exception as exc:  # OSError; or TypeError, if it is not an address
                self._attempt_failed(exc)
            else:
                self._sock = None
                return sock
        return None

    def _try_next(self) -> None:
        while (sock := self.next_socket()) is not None:
            self._sock = sock
            try:
                self._reactor.register(sock.fileno(), WRITE, self._on_ready)
            except Exception as exc:  # a descriptor that select cannot watch
                self._attempt_failed(exc)
            else:
                self._attempt_deadline.reschedule(self._attempt_timeout)
                return
        self._finish(self._last_error)

    def _on_ready(self, mask: int) -> None:
        sock = self._sock
        assert sock is not None
        # Writable means only that the attempt has ended. SO_ERROR says how.
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._attempt_failed(OSError(code, os.strerror(code)))
        elif _connected_to_itself(sock):
            self._attempt_failed(OSError(errno.ECONNREFUSED, "the socket connected to itself"))
        else:
            self._connected(sock)
            return
        self._try_next()

    def _attempt_failed(self, exc: Exception) -> None:
        self._last_error = exc
        sock, self._sock = self._sock, None
        if sock is not None:
            self._reactor.unregister(sock.fileno())  # if it was registered
            self._reactor.release(sock)

    def _attempt_timed_out(self) -> None:
        if self._sock is not None:
            self._attempt_failed(
                TimeoutError(errno.ETIMEDOUT, f"no answer within {self._attempt_timeout:g} s")
            )
            self._try_next()

    def _connected(self, sock: socket.socket) -> None:
        self._reactor.unregister(sock.fileno())
        self._sock = None
        self._attempt_deadline.cancel()
        try:
            protocol = self._factory()
            if self._done:  # the factory has cancelled
                self._reactor.release(sock)
                return
            self._transport = transport = self._make_transport(
                self._reactor, sock, protocol, sock.getpeername(), None
            )
            transport.start(self._established)
        except FATAL:
            raise
        except BaseException as exc:
            # The factory failed, the peer has left, or select cannot watch the descriptor.
            self._transport = None
            self._reactor.release(sock)
            self._finish(as_exception(exc, "the protocol factory"))

    def _established(self, exc: Exception | None) -> None:
        self._transport = None
        if exc is None:
            self._on_failure = None
        self._finish(exc)

    # -- the end -----------------------------------------------------------------------------------

    def _timed_out(self) -> None:
        self._finish(TimeoutError(errno.ETIMEDOUT, f"could not connect to {self.target} in time"))

    def _finish(self, exc: Exception | None) -> None:
        if self._done:
            return
        self._done = True
        del self._factory, self._make_transport  # they may refer to us: avoid a reference cycle
        self._deadline.cancel()
        self._attempt_deadline.cancel()
        if self._resolving is not None:
            self._resolving.cancel()  # otherwise a stopping reactor would wait for it
        if self._sock is not None:
            self._attempt_failed(self._last_error)
        if self._transport is not None:
            self._transport.abort()
        if exc is not None:
            self._reactor.call_soon(self._report, exc)
        self._reactor.detach(self)

    def _report(self, exc: Exception) -> None:
        if self._on_failure is not None:
            self._on_failure(exc)
        else:
            logger.error("cannot connect to %s: %s", self.target, exc)


def _connected_to_itself(sock: socket.socket) -> bool:
    """Whether both ends are the same socket. The system may choose the port that we connect to as
    our own port, if nothing listens there (tokio#3405)."""
    try:
        return sock.family != socket.AF_UNIX and sock.getsockname() == sock.getpeername()
    except OSError:
        return False
