"""What an application gives to ``start_response``: checked, once for each different head."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from wsgiref.util import is_hop_by_hop

from ..response import Header, render_head

BODILESS: Final = (204, 304)  # statuses: RFC 9110 section 6.4.1

_STATUS: Final = re.compile(r"([2-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?").fullmatch
_DIGITS: Final = re.compile(r"[0-9]{1,18}").fullmatch


class Head(NamedTuple):
    """A response's status and fields, without ``Content-Length``, whose value is ``length``."""

    status: int
    fields: tuple[Header, ...]
    length: int | None


@lru_cache(512)
def check_head(status: str, fields: tuple[Header, ...]) -> Head:
    """What ``start_response`` was called with. The reason phrase is not sent: the server has the
    registered ones.

    Raises ``ValueError`` or ``TypeError`` for what must not be sent (PEP 3333, "The
    start_response() Callable"): hop-by-hop fields, lengths that are none, control characters."""
    match = _STATUS(status)
    if match is None:
        raise ValueError(f"not a status: {status!r}")
    length = None
    kept = []
    for field in fields:
        if type(field) is not tuple or len(field) != 2:
            raise TypeError(f"a header field is a tuple of name and value, not {field!r}")
        name, value = field
        if is_hop_by_hop(name):
            raise ValueError(f"{name} is the server's to send, not the application's")
        if name.lower() != "content-length":
            kept.append(field)
        elif length is not None:
            raise ValueError("there is more than one Content-Length")
        elif not _DIGITS(value):
            raise ValueError(f"not a Content-Length: {value!r}")
        else:
            length = int(value)
    render_head(int(match[1]), kept)  # here rather than later, where it would be nobody's fault
    return Head(int(match[1]), tuple(kept), length)
