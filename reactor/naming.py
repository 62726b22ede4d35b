"""Short names of callbacks and handlers: ``Class.method`` of the protocol where there is one."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from .errors import FATAL, shown
from .pollers import WRITE
from .timers import Deadline, IdleTimer, Timer
from .transports.base import BaseTransport

LONGEST_NAME: Final = 80  # characters of a name
LONGEST_LINE: Final = 200  # characters of an error
_MAX_NAMES: Final = 1000  # names to remember
# An object that has every attribute, such as a proxy for another computer's, has __wrapped__ too,
# and so has what that returns.
_MOST_WRAPPERS: Final = 20

# What a protocol may override to get data, the most specific method first.
_RECEIVERS: Final = ("line_received", "datagram_received", "data_received")


def unwrap(callback: Any) -> Any:
    """The function or bound method in ``functools.partial`` and other wrappers."""
    left = _MOST_WRAPPERS
    try:
        while left:
            inner = callback.func if isinstance(callback, partial) else None
            inner = getattr(callback, "__wrapped__", None) if inner is None else inner
            if inner is None:
                break
            callback = inner
            left -= 1
    except FATAL:
        raise
    except BaseException:
        pass  # of a program's __getattr__
    return callback


def owner_of(callback: Any) -> Any:
    """The object whose method ``callback`` is, or None."""
    try:
        # Nearly always. This is called for everything that an observed loop runs.
        if type(callback) is MethodType and getattr(callback, "__wrapped__", None) is None:
            return callback.__self__
        return getattr(unwrap(callback), "__self__", None)
    except FATAL:
        raise
    except BaseException:  # of a program's __getattr__
        return None


def attribute(thing: Any, name: str) -> Any:
    """An attribute; None if there is none, or if a program's ``__getattr__`` raises."""
    try:
        return getattr(thing, name, None)
    except FATAL:
        raise
    except BaseException:
        return None


def receiver_name(protocol: type) -> str:
    """The method that gets what arrives for a protocol of this class."""
    for method in _RECEIVERS:
        if hasattr(protocol, method):
            return shorten(f"{protocol.__qualname__}.{method}")
    return shorten(protocol.__qualname__)


def callback_name(callback: Any) -> str:
    """The name of a callback or a handler. For a transport's method, that of the protocol's method
    which it calls."""
    function = unwrap(callback)
    method = attribute(function, "__name__")
    if not isinstance(method, str):
        return shorten(type(function).__qualname__)
    owner = attribute(function, "__self__")
    if owner is None or isinstance(owner, type | ModuleType):
        qualified = attribute(function, "__qualname__")
        return shorten(qualified if isinstance(qualified, str) else method)
    if isinstance(owner, BaseTransport) and (protocol := owner.get_protocol()) is not None:
        if method == "_on_ready":
            return receiver_name(type(protocol))
        if attribute(protocol, method.lstrip("_")) is not None:
            return shorten(f"{type(protocol).__qualname__}.{method.lstrip('_')}")
    return shorten(f"{type(owner).__qualname__}.{method}")


class Names:
    """The names of handlers and callbacks that were seen before; to make a name takes long.

    ``receivers``: what ``receiver_name`` has returned, by class."""

    def __init__(self) -> None:
        self.receivers: dict[type, str] = {}
        self._callbacks: dict[tuple[object, type], str] = {}

    def handler(self, handler: Any, mask: int) -> str:
        """The name of a descriptor's handler, for an event with ``mask``."""
        transport = owner_of(handler)
        protocol = transport.get_protocol() if isinstance(transport, BaseTransport) else None
        if protocol is None:
            return callback_name(handler)
        if mask == WRITE:
            return f"{type(transport).__qualname__}.flush"
        name = self.receivers.get(type(protocol))
        if name is None:
            name = _remember(self.receivers, type(protocol), receiver_name(type(protocol)))
        return name

    def callback(self, callback: Any) -> str:
        """``callback_name(callback)``."""
        if type(callback) is not MethodType:
            return callback_name(callback)
        function, owner = callback.__func__, callback.__self__
        if type(function) is not FunctionType:  # it may have no hash
            return callback_name(callback)
        # The name of a transport's method depends on its protocol.
        key = function, type(owner._protocol if isinstance(owner, BaseTransport) else owner)
        name = self._callbacks.get(key)
        return _remember(self._callbacks, key, callback_name(callback)) if name is None else name


def _remember(names: dict[Any, str], key: object, name: str) -> str:
    if len(names) >= _MAX_NAMES:
        names.clear()
    names[key] = name
    return name


def timer_kind(timer: Timer) -> str:
    """ "idle timer", "deadline" or "timer"."""
    if isinstance(timer, IdleTimer):
        return "idle timer"
    return "deadline" if isinstance(timer, Deadline) else "timer"


def error_line(context: dict[str, Any]) -> str:
    """One line for an error as ``Loop.call_exception_handler`` gets it, without the exception's
    message, which may contain data."""
    exc = context.get("exception")
    message = shown(context.get("message", "")).rstrip(": ")
    line = message if exc is None else f"{message}: {type(exc).__qualname__}"
    source = context.get("protocol")
    source = context.get("transport") if source is None else source
    if source is not None:
        line = f"{line} ({shorten(type(source).__qualname__)})"
    return cut(line, LONGEST_LINE)


def shorten(name: str) -> str:
    """``name`` without the functions around a local class or function, and cut."""
    return cut(name.rpartition("<locals>.")[2], LONGEST_NAME)


def cut(text: str, longest: int) -> str:
    """``text``, with an ellipsis if it has more than ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
