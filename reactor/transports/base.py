"""What stream and datagram transports have in common: a socket, a protocol, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import FATAL, careful_logger
from .linger import linger

if TYPE_CHECKING:
    from ..loop import Loop

logger = careful_logger(__name__)

# Makes a transport. Called with the loop, a non-blocking socket, its protocol, the peer's address
# (None if it has none), and what to call when the connection is lost (None for nothing).
TransportFactory = Callable[..., "BaseTransport"]


class BaseTransport:
    """``asyncio.BaseTransport``'s counterpart. Subclasses implement the methods at the end."""

    __slots__ = (
        "__weakref__",
        "_fd",
        "_interest",
        "_on_lost",
        "_peername",
        "_protocol",
        "_reactor",
        "_sock",
    )

    def __init__(
        self,
        reactor: Loop,
        sock: Any,
        protocol: Any,
        peername: Any = None,
        on_lost: Callable[[], object] | None = None,
    ) -> None:
        self._reactor = reactor
        self._sock = sock
        self._fd: int = sock.fileno()
        self._protocol = protocol
        self._peername = peername
        self._on_lost = on_lost
        self._interest = 0

    @property
    def reactor(self) -> Loop:
        """The loop that this transport belongs to."""
        return self._reactor

    def get_protocol(self) -> Any:
        """The protocol; None after ``connection_lost``, and before a TLS handshake is done."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Returns ``"socket"``, ``"peername"`` (the peer's address) or ``"sockname"`` (our own);
        ``default`` for any other name, or if there is none."""
        if name == "socket":
            return self._sock
        if name == "peername":
            return default if self._peername is None else self._peername
        if name == "sockname":
            try:
                return self._sock.getsockname()
            except (OSError, AttributeError):
                return default
        return default

    def request_shutdown(self) -> None:
        """The reactor is stopping: call the protocol's ``shutdown_requested``, which should close
        this transport; close it here if the protocol has no such method."""
        if self.is_closing():
            return
        if hasattr(self._protocol, "shutdown_requested"):
            self._call_protocol("shutdown_requested")
        else:
            self.close()

    def _connection_lost(self, exc: Exception | None, lingering: bool = False) -> None:
        """Call ``connection_lost``, and release the socket; with ``lingering``, only when the peer
        has finished too."""
        logger.debug("%r: lost: %s", self, "in good order" if exc is None else exc)
        try:
            if self._protocol is not None:  # it is None before a TLS handshake
                self._protocol.connection_lost(exc)
        except FATAL:
            raise
        except BaseException as error:
            self._report(error, "connection_lost")
        finally:
            # The protocol refers to the transport: a reference cycle would keep both in memory
            # until the next garbage collection (twisted#9374).
            self._protocol = None
            if lingering:
                linger(self._reactor, self._sock)
            else:
                self._reactor.release(self._sock)
            self._reactor.detach(self)
            on_lost, self._on_lost = self._on_lost, None
            if on_lost is not None:
                on_lost()

    def _call_protocol(self, method: str, *args: object) -> object:
        """Call a method of the protocol. Returns its result; None if it raises."""
        try:
            return getattr(self._protocol, method)(*args)
        except FATAL:
            raise
        except BaseException as exc:
            self._protocol_failed(exc, method)
            return None

    def _report(self, exc: BaseException, method: str) -> None:
        self._reactor.call_exception_handler(
            {
                "message": f"{method} failed:",
                "exception": exc,
                "protocol": self._protocol,
                "transport": self,
            }
        )

    # -- for subclasses to implement ---------------------------------------------------------------

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        """Watch the socket and tell the protocol that it is connected. ``on_result(None)`` is
        called once that is done, or ``on_result(exc)`` if it fails later, in a handshake. Raises
        ``OSError`` or ``ValueError`` if it fails at once."""
        raise NotImplementedError

    def is_closing(self) -> bool:
        """Whether this transport is closing or closed."""
        raise NotImplementedError

    def close(self) -> None:
        """Send what is queued, and close."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close without sending what is queued."""
        raise NotImplementedError

    def _protocol_failed(self, exc: BaseException, method: str) -> None:
        """The protocol's ``method`` raised ``exc``."""
        raise NotImplementedError
