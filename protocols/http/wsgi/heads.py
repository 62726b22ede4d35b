"""Checking what an application passes to ``start_response``, once for each different head."""

from __future__ import annotations

import logging
import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

from ..response import Header, render_head

logger = logging.getLogger(__name__)

_STATUS: Final = re.compile(r"([2-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?").fullmatch
_DIGITS: Final = re.compile(r"[0-9]{1,18}").fullmatch
# RFC 9110 section 7.6.1, and what older specifications name. They concern one connection, which the
# server controls: PEP 3333 forbids them to applications ("Other HTTP Features").
_HOP_BY_HOP: Final = frozenset(
    (
        *("connection", "keep-alive", "te", "trailer", "trailers", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authentication-info", "proxy-authorization"),
        "proxy-connection",
    )
)


class Head(NamedTuple):
    """A response's status and fields. The value of ``Content-Length`` is in ``length``, not in
    ``fields``."""

    status: int
    fields: tuple[Header, ...]
    length: int | None


@lru_cache(512)
def check_head(status: str, fields: tuple[Header, ...]) -> Head:
    """Check the arguments of ``start_response``. The reason phrase is dropped: the server sends the
    registered one. Hop-by-hop fields are dropped, with one warning for each name.

    Raises ``ValueError`` or ``TypeError`` for what must not be sent (PEP 3333, "The
    start_response() Callable"), such as control characters or a length that is not a number."""
    match = _STATUS(status)
    if match is None:
        raise ValueError(f"not a status: {status!r}")
    length = None
    kept = []
    for field in fields:
        if type(field) is not tuple or len(field) != 2:
            raise TypeError(f"a header field is a tuple of name and value, not {field!r}")
        name, value = field
        lowered = name.lower()
        if lowered in _HOP_BY_HOP:
            warn_once(lowered)
        elif lowered != "content-length":
            kept.append(field)
        elif length is not None:
            raise ValueError("there is more than one Content-Length")
        elif not _DIGITS(value):
            raise ValueError(f"not a Content-Length: {value!r}")
        else:
            length = int(value)
    render_head(int(match[1]), kept)  # it raises here, where the application can see it
    return Head(int(match[1]), tuple(kept), length)


@cache
def warn_once(name: str) -> None:
    """Log that the field ``name`` is dropped; only the first time for each name."""
    logger.warning(
        "the application sets %s: dropped, only the server may set it (PEP 3333)", name.title()
    )
