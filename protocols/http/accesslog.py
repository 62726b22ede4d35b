"""The access log: a line for each request, in the format that Apache calls *combined*."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..logfile import LogFile
from .cache import FIFOCache
from .dates import CachedDate
from .proxies import TrustedProxies

if TYPE_CHECKING:
    from reactor import Loop

    from .fields import Fields
    from .request import Request

_CACHED_TAILS: Final = 512
_LONGEST_CACHED_TAIL: Final = 2048  # characters

# strftime's names depend on the locale.
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_UNSAFE: Final = re.compile(r'[^ -~]|["\\]')


class AccessLog(LogFile):
    """Appends to ``path``; "-" is standard output. Pass it to ``HTTPServer`` as ``access_log``.

    ``proxies``: those that are trusted to name the client. ``clock``: returns the time of day in
    seconds since the epoch. ``dropped``: how many lines were lost. Raises ``OSError`` if the file
    cannot be opened."""

    def __init__(
        self,
        reactor: Loop,
        path: str,
        *,
        proxies: TrustedProxies | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(reactor, path)
        self._client = (proxies or TrustedProxies()).client
        self._date = CachedDate(clock, _format_date)
        self._tails: FIFOCache[Fields, str] = FIFOCache(_CACHED_TAILS, _LONGEST_CACHED_TAIL)

    def write(self, request: Request, status: int, size: int) -> None:
        """Add a line. ``size``: bytes of the response's body."""
        now = self._reactor.now
        date = self._date
        if now >= date.expires:
            date.refresh(now)
        head = request.head
        if head.method:
            line = f"{head.method} {escape(head.target)} HTTP/1.{head.minor}"
        else:  # it was refused: the target is the received part of the request line
            line = escape(head.target) or "-"
        tail = self._tails.get(head.fields) or self._describe(head.fields)
        client = self._client(request) or "-"
        text = f'{client} - - {date.text} "{line}" {status} {size} {tail}\n'
        self.append(text)

    def _describe(self, fields: Fields) -> str:
        """The end of a line: two fields of the request."""
        referer = escape(fields.headers.get("referer") or "-")
        agent = escape(fields.headers.get("user-agent") or "-")
        tail = f'"{referer}" "{agent}"'
        if fields.is_kept:
            self._tails.keep(fields, tail, len(tail))
        return tail


def _format_date(seconds: float) -> str:
    local = time.localtime(seconds)
    month = _MONTHS[3 * local.tm_mon - 3 : 3 * local.tm_mon]
    return time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", local)


def escape(text: str) -> str:
    """``text`` with quotation marks, backslashes, control characters and everything beyond ASCII
    written as ``\\xHH``, as nginx does. So a client can neither end a field or a line nor control
    the terminal on which the log is read (CVE-2020-7694, in uvicorn)."""
    return _UNSAFE.sub(_hexadecimal, text) if _UNSAFE.search(text) else text


def _hexadecimal(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("latin-1", "replace"))
