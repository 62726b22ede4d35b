"""The reason that rooms see when a member's connection is lost. For ways in over streams."""

from __future__ import annotations

from reactor import WriteBufferOverflow


def parting_reason(exc: Exception | None) -> str:
    """Return the reason that the room sees when the connection was lost with ``exc``."""
    match exc:
        case None:
            return ""
        case WriteBufferOverflow():
            return "too slow to read"
        case TimeoutError():  # ETIMEDOUT: also when keepalive gave up
            return "timed out"
        case OSError():
            return "connection lost"
        case _:
            return "internal error"
