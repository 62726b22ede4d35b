"""TLS over the same transport: a socket that encrypts, and the few things that StreamTransport must
do differently for it."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL
from ..pollers import READ, WRITE
from ..timers import Deadline
from .callbacks import AnyProtocol
from .stream import LOST, StreamTransport

if TYPE_CHECKING:
    from ..loop import Loop

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT: Final = 10.0  # seconds
LAST_HANDSHAKE: Final = 1.0  # seconds, once the reactor is stopping
_READS_PER_EVENT: Final = 4
_SEND_SIZE: Final = 65536
# What OpenSSL says of first bytes that are no TLS record. It has answered nothing then.
_NOT_TLS: Final = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER"})


class TLSSocket:
    """An ``ssl.SSLSocket`` whose "not now" is ``BlockingIOError``, as any socket's is.

    TLS may want to write in order to read, and the other way round. That happens in the handshake,
    which the transport minds; afterwards only by renegotiation, which OpenSSL refuses by default
    and TLS 1.3 does not have."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._unsent: Any = None
        self.fileno = sock.fileno
        self.getsockname = sock.getsockname
        self.getsockopt = sock.getsockopt
        self.setsockopt = sock.setsockopt
        self.do_handshake = sock.do_handshake
        self.pending = sock.pending
        self.close = sock.close
        self.detach = sock.detach

    def recv(self, size: int) -> bytes:
        try:
            return self._sock.recv(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLEOFError:
            # After the peer's close_notify there is b"". Without it nobody knows whether that was
            # all of the data (RFC 8446 section 6.1): not an ordinary end.
            raise ConnectionResetError("the peer closed without close_notify") from None

    def send(self, data: bytes, flags: int = 0) -> int:
        if self._unsent is not None:
            # After "not now" OpenSSL wants to be given the same bytes again, and no fewer
            # (SSL_write(3)). They are the front of the queue still.
            data = self._unsent
        try:
            sent = self._sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._unsent = data
            raise BlockingIOError from None
        self._unsent = None
        return sent

    def sendmsg(
        self, pieces: Sequence[bytes], ancillary: Sequence[Any] = (), flags: int = 0
    ) -> int:
        joined = bytearray()
        for piece in pieces:
            joined += piece
            if len(joined) >= _SEND_SIZE:
                break
        return self.send(bytes(joined))

    def shutdown(self, how: int) -> None:
        """Send close_notify and half-close. The peer's answer is not waited for: with TLS 1.3 it
        may never come (aiohttp#11091). What is received from here on is raw, and only good for
        being discarded."""
        with suppress(OSError, ValueError):  # "want read", for one: the answer not waited for
            self._sock.unwrap()
        self._sock.shutdown(how)

    @property
    def ssl_socket(self) -> ssl.SSLSocket:
        return self._sock


class TLSTransport(StreamTransport):
    """A TLS connection. ``connection_made`` comes when the handshake is done; if it fails, nothing
    comes.

    There are no half-closed connections here: ``write_eof`` is refused, and the peer's end closes
    both directions."""

    __slots__ = (
        "_context",
        "_handshake_timeout",
        "_handshake_timer",
        "_next_protocol",
        "_on_result",
        "_server_hostname",
    )

    def __init__(
        self,
        reactor: Loop,
        sock: socket.socket,
        protocol: AnyProtocol,
        peername: Any = None,
        on_lost: Callable[[], object] | None = None,
        *,
        context: ssl.SSLContext,
        server_hostname: str | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> None:
        super().__init__(reactor, sock, protocol, peername, on_lost)
        self._protocol = None  # until the handshake is done, there is nobody to be told anything
        self._next_protocol: AnyProtocol | None = protocol
        self._context = context
        self._server_hostname = server_hostname
        self._handshake_timeout = handshake_timeout
        self._handshake_timer: Deadline | None = None
        self._on_result: Callable[[Exception | None], object] | None = None

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        # Raises if the peer is gone already. wrap_socket finds that out too, but only when it has
        # taken the descriptor out of the socket, which then nobody closes.
        self._sock.getpeername()
        self._sock = TLSSocket(
            self._context.wrap_socket(
                self._sock,
                server_side=self._context.protocol == ssl.PROTOCOL_TLS_SERVER,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
                server_hostname=self._server_hostname,
            )
        )
        try:
            self._register()
        except (OSError, ValueError):
            self._sock.close()  # our caller's socket has nothing left to close
            raise
        self._on_result = on_result
        self._handshake_timer = Deadline(
            self._reactor, self._handshake_timeout, self._handshake_timed_out
        )
        self._shake_hands()

    def _shake_hands(self) -> None:
        self._reactor.answered = True
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(READ)
        except ssl.SSLWantWriteError:
            self._watch(WRITE)
        except OSError as exc:
            self._handshake_failed(exc)
        else:
            self._end_handshake()
            self._watch(READ)
            self._protocol, self._next_protocol = self._next_protocol, None
            self._tell("connection_made", self)
            self._report_result(None)
            if self._reactor.is_stopping():
                self.request_shutdown()  # before what has come, so that the protocol can mind it
            self._read_buffered()

    def _handshake_failed(self, exc: OSError) -> None:
        logger.info("TLS handshake with %s failed: %s", self._peername, exc)
        self._reactor.stats.refused += 1
        self._end_handshake()
        answered = getattr(exc, "reason", None) in _NOT_TLS and self._reply_in_plain_text()
        self._lose(exc, lingering=answered)
        self._report_result(exc)

    def _reply_in_plain_text(self) -> bool:
        """Send what the protocol has to say to a client that does not speak TLS. Returns whether
        there was anything."""
        reply = getattr(self._next_protocol, "plaintext_reply", None)
        self._next_protocol = None  # it may keep the transport: no cycle
        if reply is None or self._context.protocol != ssl.PROTOCOL_TLS_SERVER:
            return False
        try:
            data = reply(self)
        except FATAL:
            raise
        except BaseException as exc:
            self._report(exc, "plaintext_reply")
            return False
        if not data:
            return False
        self._sock = socket.socket(fileno=self._sock.detach())
        self._sock.setblocking(False)
        with suppress(OSError):  # there is room for it, or the client has left
            self._sock.send(data)
        return True

    def _handshake_timed_out(self) -> None:
        self._handshake_failed(
            TimeoutError(f"no TLS handshake within {self._handshake_timeout:g} s")
        )

    def request_shutdown(self) -> None:
        # A client whose connection was accepted has a request on its way: its handshake may end
        # first. One that never begins it, such as a browser's spare connection, must not hold up
        # the stop for all of its grace.
        is_server = self._context.protocol == ssl.PROTOCOL_TLS_SERVER
        if self._handshake_timer is None or not is_server:
            super().request_shutdown()
        elif self._handshake_timer.when() > self._reactor.now + LAST_HANDSHAKE:
            self._handshake_timer.reschedule(LAST_HANDSHAKE)

    def _end_handshake(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None

    def _report_result(self, exc: Exception | None) -> None:
        on_result, self._on_result = self._on_result, None
        if on_result is not None:
            on_result(exc)

    def _lose(self, exc: Exception | None, lingering: bool = False) -> None:
        self._end_handshake()
        if lingering and self._eof_received and self._state != LOST:
            # The peer sent its close_notify first and waits for ours: without it, it could not tell
            # that it got all of what we sent. Nothing more comes, so there is no need to linger.
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
        super()._lose(exc, lingering)

    def _on_ready(self, mask: int) -> None:
        if self._handshake_timer is not None:
            self._shake_hands()
            return
        super()._on_ready(mask)
        self._read_buffered()

    def _read_buffered(self) -> None:
        """Deliver what the SSL object has decrypted already: the poller cannot see it."""
        for _ in range(_READS_PER_EVENT):
            if not self._interest & READ or not self._sock.pending():
                return
            super()._on_ready(READ)
        self._reactor.call_soon(self._read_buffered)

    def resume_reading(self) -> None:
        super().resume_reading()
        if self._state != LOST:  # which the reactor may have closed with
            self._reactor.call_soon(self._read_buffered)

    def _on_eof(self) -> None:
        super()._on_eof()
        self.close()

    def write_eof(self) -> None:
        """Not possible over TLS. Raises ``NotImplementedError``, as asyncio does."""
        raise NotImplementedError("TLS has no half-closed connections")

    def can_write_eof(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As for a plain connection, and ``"ssl_object"``, ``"sslcontext"``, ``"peercert"``,
        ``"cipher"``, ``"alpn"``."""
        if name == "sslcontext":
            return self._context
        if isinstance(self._sock, TLSSocket):
            ssl_socket = self._sock.ssl_socket
            if name in ("socket", "ssl_object"):
                return ssl_socket
            if name == "peercert":
                return ssl_socket.getpeercert()
            if name == "cipher":
                return ssl_socket.cipher()
            if name == "alpn":
                return ssl_socket.selected_alpn_protocol()
        return super().get_extra_info(name, default)


def tls_transport(
    context: ssl.SSLContext,
    server_hostname: str | None = None,
    handshake_timeout: float = HANDSHAKE_TIMEOUT,
) -> Callable[..., TLSTransport]:
    """A function with the arguments of ``StreamTransport`` that makes a TLS transport, for
    listeners and connectors."""
    return partial(
        TLSTransport,
        context=context,
        server_hostname=server_hostname,
        handshake_timeout=handshake_timeout,
    )
