"""What stream and datagram transports have in common: a socket, a protocol, and how both end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import FATAL
from .linger import linger

if TYPE_CHECKING:
    from ..loop import Loop

logger = logging.getLogger(__name__)


class BaseTransport:
    """``asyncio.BaseTransport``'s counterpart. The methods at the end are the subclass's."""

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
        """The loop that it belongs to."""
        return self._reactor

    def get_protocol(self) -> Any:
        """The protocol; None after ``connection_lost``."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``"socket"``, ``"peername"`` (the peer's address), ``"sockname"`` (our own); anything
        else gives ``default``."""
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
        """The reactor is stopping: leave it to the protocol's ``shutdown_requested``, or else
        close."""
        if self.is_closing():
            return
        if hasattr(self._protocol, "shutdown_requested"):
            self._tell("shutdown_requested")
        else:
            self.close()

    def _connection_lost(self, exc: Exception | None, lingering: bool = False) -> None:
        """Tell the protocol that it is over, and let go of everything."""
        logger.debug("%r: lost: %s", self, "in good order" if exc is None else exc)
        try:
            if self._protocol is not None:  # as there is none before a TLS handshake
                self._protocol.connection_lost(exc)
        except FATAL:
            raise
        except BaseException as error:
            self._report(error, "connection_lost")
        finally:
            # The protocol holds the transport: a cycle would keep both until a collection
            # (twisted#9374).
            self._protocol = None
            if lingering:
                linger(self._reactor, self._sock)
            else:
                self._reactor.release(self._sock)
            self._reactor.detach(self)
            on_lost, self._on_lost = self._on_lost, None
            if on_lost is not None:
                on_lost()

    def _tell(self, method: str, *args: object) -> object:
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

    # -- the subclass's ----------------------------------------------------------------------------

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""
        raise NotImplementedError

    def close(self) -> None:
        """Close in good order."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close without sending what is queued."""
        raise NotImplementedError

    def _protocol_failed(self, exc: BaseException, method: str) -> None:
        raise NotImplementedError
