"""Errors of callbacks and protocols. The loop calls these, so no code of the program can catch what
they raise.

This module is public: code that the loop calls and that calls a program's functions in turn must
follow the same rule (``FATAL``)."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType, TracebackType
from typing import Any, Final

ExceptionHandler = Callable[[Any, dict[str, Any]], object]

#: The exceptions that end ``run()``, because the program wants to end. Every other exception ends
#: only the connection or callback that raised it, and is reported. ``except Exception`` would miss
#: some of those: GeneratorExit and asyncio.CancelledError are not subclasses of ``Exception``.
FATAL: Final = (KeyboardInterrupt, SystemExit)

_LONGEST: Final = 1000  # characters of an object in a message


def as_exception(exc: BaseException, what: str) -> Exception:
    """Return ``exc`` itself if it is an ``Exception``, otherwise a ``RuntimeError`` with ``exc`` as
    its cause and the message "``what`` raised ...".

    ``connection_lost`` and similar methods promise an ``Exception``."""
    if isinstance(exc, Exception):
        return exc
    error = RuntimeError(f"{what} raised {type(exc).__name__}")
    error.__cause__ = exc
    return error


# -- reporting, whatever the program's objects and its logging do ---------------------------------


def careful_logger(name: str) -> logging.Logger:
    """``logging.getLogger(name)``, for code that the loop calls: a handler or a filter that raises
    must not end the loop. Then the record and what was raised are written to standard error, unless
    ``logging.raiseExceptions`` is false."""
    logger = logging.getLogger(name)
    # An attribute of the instance: a logger that is switched off by its level costs nothing more.
    setattr(logger, "handle", partial(_handle, logger.handle))  # noqa: B010 - it is a method
    return logger


def _handle(handle: Callable[[logging.LogRecord], object], record: logging.LogRecord) -> None:
    try:
        handle(record)
    except FATAL:
        raise
    except BaseException as exc:
        if logging.raiseExceptions and sys.stderr is not None:
            _write_to_stderr(record, exc)


def _write_to_stderr(record: logging.LogRecord, exc: BaseException) -> None:
    try:
        text = logging.Formatter("%(levelname)s:%(name)s:%(message)s").format(record)
        raised = "".join(traceback.format_exception(*exc_info(exc), chain=False))
        print(f"{text}\nlogging failed:\n{raised}", end="", file=sys.stderr)
    except FATAL:
        raise
    except BaseException:
        pass  # there is no place left to report to


def shown(thing: object, show: Callable[[object], str] = str) -> str:
    """``show(thing)``, cut if it is long. If it raises, the name of the class or method instead."""
    try:
        text = show(thing)
    except FATAL:
        raise
    except BaseException as exc:
        return f"<{_name_of(thing)}, and {show.__name__}() raised {type(exc).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _name_of(thing: Any) -> str:
    while type(thing) is partial:
        thing = thing.func
    if type(thing) is MethodType and isinstance(thing.__func__, FunctionType):
        return f"{type(thing.__self__).__qualname__}.{thing.__func__.__name__}"
    return type(thing).__qualname__


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_TRACEBACK: Final[Any] = BaseException.__dict__["__traceback__"]


def exc_info(exc: BaseException) -> _ExcInfo:
    """``exc``, as ``logging`` and ``traceback`` take it. If no traceback can be made of it, because
    its class has attributes that raise, another exception with the same traceback."""
    try:
        traceback.TracebackException.from_exception(exc, lookup_lines=False)
        return type(exc), exc, exc.__traceback__
    except FATAL:
        raise
    except BaseException as error:
        text = f"{type(exc).__qualname__}, which raises {type(error).__qualname__} when it is shown"
        return RuntimeError, RuntimeError(text), _TRACEBACK.__get__(exc)


logger = careful_logger(__name__)


class ExceptionReporter:
    """The part of a loop that reports such errors."""

    def __init__(self) -> None:
        self._exception_handler: ExceptionHandler | None = None

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Call ``handler(reactor, context)`` for errors that no caller can catch; None logs them,
        which is the default.

        ``context`` is a dict with ``message`` and ``exception``, and with ``protocol``,
        ``transport`` or ``handle`` where there is one."""
        self._exception_handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error of a callback or a protocol. By default it is logged with its
        traceback."""
        if self._exception_handler is not None:
            try:
                self._exception_handler(self, context)
                return
            except FATAL:
                raise
            except BaseException as error:
                logger.error("the exception handler failed", exc_info=exc_info(error))
        # Not "or": a protocol may be false, as an empty collection is.
        sources = (context.get(name) for name in ("protocol", "handle", "transport"))
        source = next((source for source in sources if source is not None), "")
        message = f"{shown(context.get('message', ''))} {shown(source)}".rstrip(": ")
        exc = context.get("exception")
        logger.error("%s", message, exc_info=None if exc is None else exc_info(exc))
