"""Debug mode: a loop that watches how it is used. ``Reactor(debug=True)``, ``REACTOR_DEBUG=1`` or
``python -X dev`` turn it on, as for asyncio.

In debug mode, a reactor and its transports become instances of subclasses that are made here.
Otherwise nothing here runs, and no other code checks for debug mode."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType
from typing import Any, Final

from .errors import careful_logger, shown
from .interfaces import Handler, Stoppable
from .loop import Loop
from .naming import attribute, unwrap
from .observed_loop import subclass
from .timers import Handle, Timer, TimerQueue
from .transports.base import BaseTransport
from .where import calling_frame, definition, line

logger = careful_logger(__name__)

#: The environment variable. A protocol's --debug does not turn it on: that may show secrets to
#: clients.
VARIABLE: Final = "REACTOR_DEBUG"

# Methods of transports that check the thread.
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


def is_wanted() -> bool:
    """Whether ``REACTOR_DEBUG`` or Python's development mode asks for debug mode."""
    if sys.flags.ignore_environment:
        return sys.flags.dev_mode
    value = os.environ.get(VARIABLE, "").lower()
    return sys.flags.dev_mode or value not in ("", "0", "false", "no", "off")


def enable(loop: Loop) -> None:
    """Put ``loop`` into debug mode. Call this before ``Loop.__init__``."""
    cls: Any = type(loop)
    loop.__class__ = subclass(DebugLoop, cls)
    assert isinstance(loop, DebugLoop)
    loop._origins = {}


def watch_timers(loop: Loop) -> None:
    """Check the thread in methods of timers too, such as ``cancel()``. Call this after
    ``Loop.__init__``."""
    assert isinstance(loop, DebugLoop)

    def checked(method: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any) -> None:
            loop.check_thread()
            method(*args)

        return call

    methods = {name: checked(getattr(TimerQueue, name)) for name in ("add", "discard", "move")}
    # No additional slots: otherwise __class__ could not be assigned.
    loop.timers.__class__ = type("TimerQueue", (TimerQueue,), {"__slots__": (), **methods})


class DebugLoop(Loop):
    """What debug mode changes.

    * While one thread runs the loop, calls from other threads raise ``RuntimeError``, except
      ``call_soon_threadsafe``. This covers scheduling, watching, opening, ``stop()``, timers, and
      the methods of transports that write, close, pause and resume.
    * Callbacks, timers and descriptors' handlers that take ``slow_callback_duration`` seconds or
      longer are logged, with the places where they are defined and where the program created them.
    * A transport that is still open when the loop is closed or collected causes a
      ``ResourceWarning`` with the place where it was opened."""

    _origin: str | None = None  # where the program created the callback that is running
    # Where it opened each resource that is open, by id(): an owner of a handler may have no hash.
    _origins: dict[int, tuple[Any, str | None]]

    def get_debug(self) -> bool:
        return True

    # -- the right thread --------------------------------------------------------------------------

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` if another thread runs the loop."""
        if self._guard.thread is not None and self._guard.thread != threading.get_ident():
            raise RuntimeError(
                "called from the wrong thread: only call_soon_threadsafe() may be called from a"
                " thread other than the loop's"
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

    # -- handles that know where they were created -------------------------------------------------

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
        timer = _DebugTimer(self.timers, when + 0.0, callback, args)
        timer.origin = self._site()
        return timer

    def register(self, fd: int, mask: int, handler: Handler) -> None:
        owner = attribute(handler, "__self__")
        # For a connector, the result of a thread leads here; where it was opened is known.
        _, origin = self._origins.get(id(owner), (None, None))
        super().register(fd, mask, _DebugHandler(self, handler, origin or self._site()))

    def _site(self) -> str | None:
        """Where the program creates what is being created. If the loop creates it: where the
        program created the callback that led to it."""
        frame = calling_frame(sys._getframe(1))
        return self._origin if frame is None else line(frame)

    # -- slow callbacks ----------------------------------------------------------------------------

    def _run_handle(self, handle: Handle) -> None:
        with self.watched(handle._callback, getattr(handle, "origin", None)):
            super()._run_handle(handle)

    @contextmanager
    def watched(self, callback: Any, origin: str | None) -> Iterator[None]:
        """Measure the block, in which ``callback`` runs; it was created at ``origin``."""
        outer, self._origin = self._origin, origin
        protocol = _protocol_of(callback)  # before the block, because a lost transport has none
        before = self.time()
        try:
            yield
        finally:
            self._origin = outer
            took = self.time() - before
            if took >= self.slow_callback_duration:
                what = describe(callback, protocol)
                created = "" if origin is None else f", created at {origin},"
                logger.warning("%s%s took %.3f s", what, created, took)

    # -- transports that are never closed ----------------------------------------------------------

    def attach(self, resource: Stoppable) -> None:
        super().attach(resource)
        self._origins[id(resource)] = resource, self._site()
        if isinstance(resource, BaseTransport):
            resource.__class__ = _debugging_transport(type(resource))  # type: ignore[arg-type]

    def detach(self, resource: Stoppable) -> None:
        super().detach(resource)
        self._origins.pop(id(resource), None)

    def close(self) -> None:
        unclosed = self._unclosed()
        super().close()
        self._warn(unclosed)  # last, because a warning may be an error

    def __del__(self) -> None:
        unclosed = self._unclosed() if hasattr(self, "_signals") else {}
        super().__del__()
        self._warn(unclosed)

    def _unclosed(self) -> dict[BaseTransport, str]:
        """Transports that are open, with a warning for each."""
        return {
            resource: f"unclosed transport {shown(resource, repr)}, opened at"
            f" {origin or 'an unknown place'}"
            for resource, origin in self._origins.values()
            if isinstance(resource, BaseTransport) and not resource.is_closing()
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
    """A descriptor's handler, measured."""

    def __init__(self, loop: DebugLoop, handler: Handler, origin: str | None) -> None:
        self._loop = loop
        self.__wrapped__ = handler  # so that its name can be found
        self._origin = origin

    def __call__(self, mask: int) -> object:
        with self._loop.watched(self.__wrapped__, self._origin):
            return self.__wrapped__(mask)

    def __repr__(self) -> str:
        return _with_origin(shown(self.__wrapped__, repr), self._origin)


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
        with transport._reactor.watched(transport.flush, None):  # may call resume_writing()
            return cls.flush(transport)  # type: ignore[attr-defined, no-any-return]

    methods: dict[str, Any] = {name: checked(name) for name in _CHECKED if hasattr(cls, name)}
    methods["flush"] = flush
    # No additional slots: otherwise __class__ could not be assigned.
    return type(cls.__name__, (cls,), {"__slots__": (), "__module__": cls.__module__, **methods})


def describe(callback: Any, protocol: object = None) -> str:
    """The callback's name and where it is defined. For a transport's method, the class of its
    protocol and where its method is defined."""
    callback = unwrap(callback)
    qualified = attribute(callback, "__qualname__")
    name = qualified if isinstance(qualified, str) else shown(callback, repr)
    function = attribute(callback, "__func__")
    function = callback if function is None else function
    if protocol is not None:
        name = f"{name} of {type(protocol).__qualname__}"
        for method in ("data_received", "datagram_received", "line_received"):
            function = getattr(type(protocol), method, function)
    code = attribute(function, "__code__")
    return f"{name} at {definition(code)}" if isinstance(code, CodeType) else name


def _protocol_of(callback: Any) -> object:
    """The protocol of the transport whose method ``callback`` is, or None."""
    transport = attribute(callback, "__self__")
    return transport.get_protocol() if isinstance(transport, BaseTransport) else None


def _with_origin(shown: str, origin: str | None) -> str:
    return shown if origin is None else f"{shown.removesuffix('>')} created at {origin}>"
