"""The last two steps of a turn: sending what was written in it, and closing what was released.

One transport that fails must not affect the others. Only an interrupt propagates; the rest then
stays queued for the next turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import FATAL, careful_logger
from .interfaces import Closable, Flushable
from .stats import Stats

logger = careful_logger(__name__)

Report = Callable[[dict[str, Any]], object]  # Loop.call_exception_handler


def flush_all(written: list[Flushable], stats: Stats, report: Report) -> None:
    """Flush everything in ``written`` and remove it. What is appended meanwhile stays."""
    transports = iter(written.copy())
    written.clear()
    sent = 0  # counted here: counting in each transport would cost 3 % of an echo
    try:
        for transport in transports:
            try:
                sent += transport.flush()
            except FATAL:
                raise
            except BaseException as exc:
                flush_failed(transport, exc, report)
    finally:
        stats.bytes_sent += sent
        written.extend(transports)  # after an interrupt, the rest


def flush_failed(transport: Flushable, exc: BaseException, report: Report) -> None:
    """Report what ``flush()`` has raised, and abort."""
    report({"message": "flush failed:", "exception": exc, "transport": transport})
    try:
        transport.abort()
    except FATAL:
        raise
    except BaseException as error:
        report({"message": "abort failed:", "exception": error, "transport": transport})


def close_all(released: list[Closable], report: Report) -> None:
    """Close everything in ``released`` and remove it."""
    while released:
        closable = released.pop()
        try:
            closable.close()
        except OSError as exc:
            # ECONNRESET on some systems; the descriptor is closed anyway.
            logger.debug("close: %s", exc)
        except FATAL:
            raise
        except BaseException as exc:  # a pipe may be any object of the program
            report({"message": "close failed:", "exception": exc, "handle": closable})
