"""Errors of callbacks and protocols. The loop calls these, so no code of the program can catch what
they raise.

This module is public: code that the loop calls and that calls a program's functions in turn must
follow the same rule (``FATAL``)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

logger = logging.getLogger(__name__)

ExceptionHandler = Callable[[Any, dict[str, Any]], object]

#: The exceptions that end ``run()``, because the program wants to end. Every other exception ends
#: only the connection or callback that raised it, and is reported. ``except Exception`` would miss
#: some of those: GeneratorExit and asyncio.CancelledError are not subclasses of ``Exception``.
FATAL: Final = (KeyboardInterrupt, SystemExit)


def as_exception(exc: BaseException, what: str) -> Exception:
    """Return ``exc`` itself if it is an ``Exception``, otherwise a ``RuntimeError`` with ``exc`` as
    its cause and the message "``what`` raised ...".

    ``connection_lost`` and similar methods promise an ``Exception``."""
    if isinstance(exc, Exception):
        return exc
    error = RuntimeError(f"{what} raised {type(exc).__name__}")
    error.__cause__ = exc
    return error


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
            except BaseException:
                logger.exception("the exception handler failed")
        source = context.get("protocol") or context.get("handle") or context.get("transport") or ""
        message = f"{context['message']} {source}".rstrip(": ")
        logger.error("%s", message, exc_info=context.get("exception"))
