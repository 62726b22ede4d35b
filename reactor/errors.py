"""Errors that no caller can catch: those of callbacks and protocols, which the loop calls."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

logger = logging.getLogger(__name__)

ExceptionHandler = Callable[[Any, dict[str, Any]], object]

# The rule for all code that the loop calls: these two end ``run()``, as the program wants to end.
# Anything else costs the connection or the callback that raised it, and is reported. ``except
# Exception`` is not enough for that: GeneratorExit and asyncio.CancelledError are no Exceptions.
FATAL: Final = (KeyboardInterrupt, SystemExit)


def as_exception(exc: BaseException, what: str) -> Exception:
    """``exc`` as an ``Exception``, which ``connection_lost`` and the like are promised; ``what``
    raised it."""
    if isinstance(exc, Exception):
        return exc
    error = RuntimeError(f"{what} raised {type(exc).__name__}")
    error.__cause__ = exc
    return error


class ExceptionReporter:
    """The part of a loop to which such errors are reported."""

    def __init__(self) -> None:
        self._exception_handler: ExceptionHandler | None = None

    def set_exception_handler(self, handler: ExceptionHandler | None) -> None:
        """Have ``handler(reactor, context)`` called for errors that no caller can catch; None
        restores the log.

        ``context`` is a dict: ``message``, ``exception``, and ``protocol``, ``transport`` or
        ``handle`` where there is one."""
        self._exception_handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error of a callback or a protocol; by default it is logged with its
        traceback."""
        if self._exception_handler is not None:
            try:
                self._exception_handler(self, context)
                return
            except FATAL:
                raise
            except BaseException:
                logger.exception("the exception handler failed")
        who = context.get("protocol") or context.get("handle") or context.get("transport") or ""
        said = f"{context['message']} {who}".rstrip(": ")
        logger.error("%s", said, exc_info=context.get("exception"))
