"""TLS: a socket that encrypts, and a StreamTransport that calls its protocol after the
handshake."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL, careful_logger
from ..pollers import READ, WRITE
from ..timers import Deadline
from .callbacks import AnyProtocol
from .stream import LOST, StreamTransport

if TYPE_CHECKING:
    from ..loop import Loop

logger = careful_logger(__name__)

HANDSHAKE_TIMEOUT: Final = 10.0  # seconds
STOPPING_HANDSHAKE_TIMEOUT: Final = 1.0  # seconds, while the reactor is stopping
_READS_PER_EVENT: Final = 4
_SEND_SIZE: Final = 65536
_IGNORE_UNEXPECTED_EOF: Final = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # OpenSSL 3
_UNEXPECTED_EOF: Final = "UNEXPECTED_EOF_WHILE_READING"  # OpenSSL 3's reason for it
# OpenSSL's reasons for refusing first bytes that are not a TLS record. It sends nothing to the
# client then.
_NOT_TLS_REASONS: Final = frozenset({"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER"})


class TLSSocket:
    """An ``ssl.SSLSocket`` that raises ``BlockingIOError`` when it would block, as a socket does.

    TLS may have to write in order to read, and to read in order to write. The transport handles
    this during the handshake. Afterwards it only happens in a renegotiation, which OpenSSL refuses
    by default and TLS 1.3 does not have."""

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
        except ssl.SSLError as exc:
            # After the peer's close_notify recv returns b"". Without it the data may have been cut
            # off by an attacker (RFC 8446 section 6.1): an error, not the end of data. Older Python
            # has no SSLEOFError with OpenSSL 3 (python/cpython#95494).
            if isinstance(exc, ssl.SSLEOFError) or exc.reason == _UNEXPECTED_EOF:
                raise ConnectionResetError("the peer closed without close_notify") from exc
            raise

    def send(self, data: bytes, flags: int = 0) -> int:
        if self._unsent is not None:
            # After a call that would block, OpenSSL must get the same bytes again, and at least as
            # many (SSL_write(3)). They are still at the front of the queue.
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
        """Send close_notify and half-close. We do not wait for the peer's close_notify: with TLS
        1.3 it may never come (aiohttp#11091). From now on ``recv`` returns encrypted data, which
        can only be discarded."""
        with suppress(OSError, ValueError):  # SSLWantReadError means: the peer has not answered yet
            self._sock.unwrap()
        self._sock.shutdown(how)

    @property
    def ssl_socket(self) -> ssl.SSLSocket:
        return self._sock


class TLSTransport(StreamTransport):
    """A TLS connection. ``connection_made`` is called when the handshake is done. If the handshake
    fails, the protocol is not called at all.

    TLS has no half-closed connections: ``write_eof`` is refused, and when the peer has finished
    sending, the connection closes.

    ``context``: a server's or a client's. ``server_hostname``: the name that a client expects in
    the server's certificate. ``handshake_timeout``: seconds. What is written before the handshake
    is done is sent after it."""

    __slots__ = (
        "_context",
        "_handshake_mask",
        "_handshake_timeout",
        "_handshake_timer",
        "_on_result",
        "_pending_protocol",
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
        self._protocol = None  # until the handshake is done, so that nothing can call it before
        self._pending_protocol: AnyProtocol | None = protocol
        self._context = context
        self._server_hostname = server_hostname
        self._handshake_mask = READ  # what the handshake waits for
        self._handshake_timeout = handshake_timeout
        self._handshake_timer: Deadline | None = None
        self._on_result: Callable[[Exception | None], object] | None = None

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        # This raises if the peer has left already. wrap_socket would raise as well, but only after
        # it has taken the descriptor out of the socket, and then the descriptor is never closed.
        self._sock.getpeername()
        _report_truncation(self._context)
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
            self._sock.close()  # the caller's socket no longer has the descriptor
            raise
        self._on_result = on_result
        self._handshake_timer = Deadline(
            self._reactor, self._handshake_timeout, self._handshake_timed_out
        )
        self._do_handshake()

    # -- the handshake -----------------------------------------------------------------------------

    def _do_handshake(self) -> None:
        self._reactor.answered = True
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._wait_for(READ)
        except ssl.SSLWantWriteError:
            self._wait_for(WRITE)
        except OSError as exc:
            self._handshake_failed(exc)
        else:
            self._end_handshake()
            self._wait_for(self._interest)
            self._protocol, self._pending_protocol = self._pending_protocol, None
            self._call_protocol("connection_made", self)
            self._report_result(None)
            if self._reactor.is_stopping():
                self.request_shutdown()  # before any data, so that the protocol knows
            self._send_early_writes()
            self._read_buffered()

    def _wait_for(self, mask: int) -> None:
        if mask != self._handshake_mask:
            self._handshake_mask = mask
            self._reactor.modify(self._fd, mask)

    def _watch(self, interest: int) -> None:
        if self._handshake_timer is None:
            super()._watch(interest)
        else:
            # The handshake needs the events that it waits for, even if reading was paused, or the
            # transport closed after a write(). What is wanted now counts when it is done.
            self._interest = interest

    def _handshake_failed(self, exc: OSError) -> None:
        logger.info("TLS handshake with %s failed: %s", self._peername, exc)
        self._reactor.stats.refused += 1
        self._end_handshake()
        answered = self._may_speak_plain_text(exc) and self._reply_in_plain_text()
        self._lose(exc, lingering=answered)
        self._report_result(exc)

    def _may_speak_plain_text(self, exc: OSError) -> bool:
        """Whether the client's first bytes are not TLS, or it has sent no complete ClientHello
        within the time-out. OpenSSL waits for the five bytes of a record's header (RFC 8446 section
        5.1), but a client may have sent fewer, or nothing because it waits for a greeting. In older
        Python, such as 3.11.2, ``shared_ciphers()`` is never None: then a time-out has no reply."""
        if getattr(exc, "reason", None) in _NOT_TLS_REASONS:
            return True
        return (
            isinstance(exc, TimeoutError)
            and not self._reactor.is_stopping()
            and self._sock.ssl_socket.shared_ciphers() is None  # as long as there is no ClientHello
        )

    def _reply_in_plain_text(self) -> bool:
        """Send the protocol's ``plaintext_reply`` to a client that does not speak TLS. Returns
        whether there was one."""
        reply = getattr(self._pending_protocol, "plaintext_reply", None)
        self._pending_protocol = None  # it may keep the transport: avoid a reference cycle
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
        with suppress(OSError):  # the client may have left; the buffer is empty, so there is room
            self._sock.send(data)
        return True

    def _handshake_timed_out(self) -> None:
        self._handshake_failed(
            TimeoutError(f"no TLS handshake within {self._handshake_timeout:g} s")
        )

    def _end_handshake(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None

    def _report_result(self, exc: Exception | None) -> None:
        on_result, self._on_result = self._on_result, None
        if on_result is not None:
            on_result(exc)

    def set_protocol(self, protocol: AnyProtocol) -> None:
        """As for a plain connection. Before the handshake is done, ``protocol`` takes the place of
        the one that is not connected yet, and its ``connection_made`` is called."""
        if self._handshake_timer is None:
            super().set_protocol(protocol)
        else:
            self._pending_protocol = protocol

    def request_shutdown(self) -> None:
        # A client whose connection was accepted is about to send a request, so its handshake may
        # finish. But a client that never begins the handshake, such as a browser with a spare
        # connection, must not delay the stop by the whole grace period.
        is_server = self._context.protocol == ssl.PROTOCOL_TLS_SERVER
        if self._handshake_timer is None or not is_server:
            super().request_shutdown()
        elif self._handshake_timer.when() > self._reactor.now + STOPPING_HANDSHAKE_TIMEOUT:
            self._handshake_timer.reschedule(STOPPING_HANDSHAKE_TIMEOUT)

    # -- reading -----------------------------------------------------------------------------------

    def _on_ready(self, mask: int) -> None:
        if self._handshake_timer is not None:
            self._do_handshake()
            return
        super()._on_ready(mask)
        self._read_buffered()

    def _read_buffered(self) -> None:
        """Deliver what the SSL object has decrypted already. The poller does not report it."""
        for _ in range(_READS_PER_EVENT):
            if not self._interest & READ or not self._sock.pending():
                return
            super()._on_ready(READ)
        self._reactor.call_soon(self._read_buffered)

    def resume_reading(self) -> None:
        super().resume_reading()
        if self._state != LOST:  # otherwise the reactor may be closed, and call_soon would raise
            self._reactor.call_soon(self._read_buffered)

    def _on_eof(self) -> None:
        super()._on_eof()
        self.close()

    # -- writing -----------------------------------------------------------------------------------

    def flush(self) -> int:
        # During the handshake nothing can be sent. Waiting for room would make the loop spin, as
        # there is room.
        return 0 if self._handshake_timer is not None else super().flush()

    def _over_high_water(self) -> None:
        too_much = self.get_write_buffer_size() > self._high_water + self.max_write_buffer
        if self._handshake_timer is None or too_much:  # no calls before it is over
            super()._over_high_water()

    def _send_early_writes(self) -> None:
        """Send what was written during the handshake."""
        if self._waiting is not None:
            self._written.append(self)
            if self.get_write_buffer_size() > self._high_water:
                self._over_high_water()

    # -- ending ------------------------------------------------------------------------------------

    def _lose(self, exc: Exception | None, lingering: bool = False) -> None:
        self._end_handshake()
        if lingering and self._eof_received and self._state != LOST:
            # The peer has sent its close_notify and waits for ours, which shows that it has
            # everything we sent. It sends nothing more, so there is no need to linger.
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
        super()._lose(exc, lingering)

    def write_eof(self) -> None:
        """Not possible over TLS. Raises ``NotImplementedError``, as asyncio does."""
        raise NotImplementedError("TLS has no half-closed connections")

    def can_write_eof(self) -> bool:
        return False

    # -- the rest ----------------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As for a plain connection, plus ``"ssl_object"``, ``"sslcontext"``, ``"peercert"``,
        ``"cipher"`` and ``"alpn"``."""
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


def _report_truncation(context: ssl.SSLContext) -> None:
    """Make the end of a connection without close_notify an error. Without that, a peer cannot be
    told from an attacker who cuts the connection (RFC 8446 section 6.1). Older Python, such as
    3.11.2, ignores it by default with OpenSSL 3 (python/cpython#95494)."""
    if context.options & _IGNORE_UNEXPECTED_EOF:
        context.options &= ~_IGNORE_UNEXPECTED_EOF


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
