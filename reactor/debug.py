"""Debug mode: a loop that watches how it is used. ``Reactor(debug=True)``, ``REACTOR_DEBUG=1`` or
``python -X dev`` turn it on, as for asyncio.

In debug mode a reactor and its transports are of subclasses that are made here. Without it nothing
here runs, and no code asks whether it should."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Final

from .interfaces import Endpoint
from .loop import Loop
from .timers import Handle, Timer, TimerQueue
from .transports.base import BaseTransport
from .where import calling_frame, definition, line

logger = logging.getLogger(__name__)

_CHECKED: Final = (
    "write",
    "writelines",
    "write_eof",
    "sendfile",
    "sendto",
    "close",
    "abort",
    "pause_reading",
    "resume_reading",
    "set_protocol",
    "set_write_buffer_limits",
)


VARIABLE: Final = "REACTOR_DEBUG"  # no protocol's --debug: that may show secrets to clients


def is_wanted() -> bool:
    """Whether ``REACTOR_DEBUG`` or Python's development mode asks for debug mode."""
    if sys.flags.ignore_environment:
        return sys.flags.dev_mode
    value = os.environ.get(VARIABLE, "").lower()
    return sys.flags.dev_mode or value not in ("", "0", "false", "no", "off")


def enable(loop: Loop) -> None:
    """Make ``loop``, whose construction has just begun, one in debug mode."""
    cls = type(loop)
    loop.__class__ = type(cls.__name__, (DebugLoop, cls), {"__module__": cls.__module__})
    assert isinstance(loop, DebugLoop)
    loop._origins = {}


def watch_timers(loop: Loop) -> None:
    """Check the thread of what is done with timers themselves, ``cancel()`` for one."""
    assert isinstance(loop, DebugLoop)

    def checked(method: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any) -> None:
            loop.check_thread()
            method(*args)

        return call

    methods = {name: checked(getattr(TimerQueue, name)) for name in ("add", "discard", "move")}
    # No slots of its own: else a TimerQueue could not become one of this class.
    loop.timers.__class__ = type("TimerQueue", (TimerQueue,), {"__slots__": (), **methods})


class DebugLoop(Loop):
    """What debug mode changes.

    * Except ``call_soon_threadsafe``, what is called from a thread other than the one that runs the
      loop raises ``RuntimeError``: scheduling, watching, opening, ``stop()``, and the methods of
      transports that write, close, pause and resume, and of timers.
    * Callbacks, timers and descriptors' handlers that take ``slow_callback_duration`` seconds or
      longer are logged, with the places where they are defined and where the program created them.
    * A transport that is still open when the loop is closed or collected causes a
      ``ResourceWarning`` with the place where it was opened."""

    _origin: str | None = None  # where the callback that runs just now was created
    _origins: dict[Any, str | None]  # by endpoint

    def get_debug(self) -> bool:
        return True

    # -- the right thread --------------------------------------------------------------------------

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` if another thread runs the loop."""
        if self._thread is not None and self._thread != threading.get_ident():
            raise RuntimeError(
                "called from the wrong thread: only call_soon_threadsafe() may be called from"
                " another one than the loop's"
            )

    def check_open(self) -> None:
        super().check_open()
        self.check_thread()

    def stop(self, grace: float | None = None) -> None:
        self.check_thread()
        super().stop(grace)

    def modify(self, fd: int, mask: int) -> None:
        self.check_thread()
        super().modify(fd, mask)

    def unregister(self, fd: int) -> None:
        self.check_thread()
        super().unregister(fd)

    # -- handles that know where they come from ----------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Handle:
        self.check_open()
        handle = _DebugHandle(callback, args, self._site())
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> Handle:
        handle = _DebugHandle(callback, args, self._site())
        self._ready.append(handle)
        self._wakeup.wake()
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        return self.call_at(self.time() + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        self.check_open()
        timer = _DebugTimer(self.timers, when, callback, args)
        timer.origin = self._site()
        return timer

    def register(self, fd: int, mask: int, handler: Callable[[int], object]) -> None:
        owner = getattr(handler, "__self__", None)
        # A connector comes here from a thread's call; where it was opened is known.
        origin = self._origins.get(owner) if isinstance(owner, Hashable) else None
        super().register(fd, mask, _DebugHandler(self, handler, origin or self._site()))

    def _site(self) -> str | None:
        """Where the program asks for what is being created; for the loop's own, what led to it."""
        frame = calling_frame(sys._getframe(1))
        return self._origin if frame is None else line(frame)

    # -- slow callbacks ----------------------------------------------------------------------------

    def _run_handle(self, handle: Handle) -> None:
        with self.watched(handle._callback, getattr(handle, "origin", None)):
            super()._run_handle(handle)

    @contextmanager
    def watched(self, callback: Any, origin: str | None) -> Iterator[None]:
        """Within the block ``callback`` runs, which ``origin`` has asked for."""
        outer, self._origin = self._origin, origin
        protocol = _protocol_of(callback)  # now, as a connection that is lost forgets it
        before = self.time()
        try:
            yield
        finally:
            self._origin = outer
            took = self.time() - before
            if took >= self.slow_callback_duration:
                what = describe(callback, protocol)
                asked = "" if origin is None else f", created at {origin},"
                logger.warning("%s%s took %.3f s", what, asked, took)

    # -- transports that are never closed ----------------------------------------------------------

    def attach(self, endpoint: Endpoint) -> None:
        super().attach(endpoint)
        self._origins[endpoint] = self._site()
        if isinstance(endpoint, BaseTransport):
            endpoint.__class__ = _debugging_transport(type(endpoint))  # type: ignore[arg-type]

    def detach(self, endpoint: Endpoint) -> None:
        super().detach(endpoint)
        self._origins.pop(endpoint, None)

    def close(self) -> None:
        unclosed = self._unclosed()
        super().close()
        self._warn(unclosed)  # last: a warning may be an error

    def __del__(self) -> None:
        unclosed = self._unclosed() if hasattr(self, "_signals") else {}
        super().__del__()
        self._warn(unclosed)

    def _unclosed(self) -> dict[BaseTransport, str]:
        """Transports that are open, and what to say of each."""
        return {
            endpoint: f"unclosed transport {endpoint!r}, opened at {origin or 'an unknown place'}"
            for endpoint, origin in self._origins.items()
            if isinstance(endpoint, BaseTransport) and not endpoint.is_closing()
        }

    def _warn(self, unclosed: dict[BaseTransport, str]) -> None:
        for transport, message in unclosed.items():
            warnings.warn(message, ResourceWarning, 3, transport)


class _DebugHandle(Handle):
    __slots__ = ("origin",)

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], origin: str | None
    ) -> None:
        super().__init__(callback, args)
        self.origin = origin

    def __repr__(self) -> str:
        return _with_origin(super().__repr__(), self.origin)


class _DebugTimer(Timer):
    __slots__ = ("origin",)
    origin: str | None

    def __repr__(self) -> str:
        return _with_origin(super().__repr__(), self.origin)


class _DebugHandler:
    """A descriptor's handler."""

    def __init__(
        self, loop: DebugLoop, handler: Callable[[int], object], origin: str | None
    ) -> None:
        self._loop = loop
        self._handler = handler
        self._origin = origin

    def __call__(self, mask: int) -> object:
        with self._loop.watched(self._handler, self._origin):
            return self._handler(mask)

    def __repr__(self) -> str:
        return _with_origin(repr(self._handler), self._origin)


@cache
def _debugging_transport(cls: type) -> type:
    """``cls``, with methods that check the thread."""

    def checked(name: str) -> Callable[..., Any]:
        method = getattr(cls, name)

        def call(transport: Any, *args: Any, **options: Any) -> Any:
            transport._reactor.check_thread()
            return method(transport, *args, **options)

        return call

    def flush(transport: Any) -> int:
        with transport._reactor.watched(transport.flush, None):  # it may call resume_writing
            return cls.flush(transport)  # type: ignore[attr-defined, no-any-return]

    methods: dict[str, Any] = {name: checked(name) for name in _CHECKED if hasattr(cls, name)}
    methods["flush"] = flush
    # No slots of its own: else an instance of cls could not become one of this class.
    return type(cls.__name__, (cls,), {"__slots__": (), "__module__": cls.__module__, **methods})


def describe(callback: Any, protocol: object = None) -> str:
    """What is called, and where it is defined; for a transport's method, its protocol's class."""
    while isinstance(callback, partial):
        callback = callback.func
    name = getattr(callback, "__qualname__", None) or repr(callback)
    function = getattr(callback, "__func__", callback)
    if protocol is not None:
        name = f"{name} of {type(protocol).__qualname__}"
        for method in ("data_received", "datagram_received", "line_received"):
            function = getattr(type(protocol), method, function)
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} at {definition(code)}"


def _protocol_of(callback: Any) -> object:
    transport = getattr(callback, "__self__", None)
    return transport.get_protocol() if isinstance(transport, BaseTransport) else None


def _with_origin(shown: str, origin: str | None) -> str:
    return shown if origin is None else f"{shown.removesuffix('>')} created at {origin}>"
