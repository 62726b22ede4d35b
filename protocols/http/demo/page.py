"""The handler of the demonstration page: a page, a picture in it, and a form.

The browser requests the page, finds the picture in it, and requests that over the same connection.
It sends the form with POST, and the answer is the page with the data that was sent."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import parse_qsl

from ..errors import HTTPError
from ..request import Request
from ..response import Header, Response

_FOLDER: Final = Path(__file__).parent
_PAGE: Final = Template((_FOLDER / "page.html").read_text(encoding="utf-8"))
_PICTURE: Final = (_FOLDER / "picture.svg").read_bytes()

_MAX_FORM: Final = 65536  # bytes
_MAX_FIELDS: Final = 20
_FORM: Final = "application/x-www-form-urlencoded"

# No scripts, nothing from other hosts, no frame around the page: the second line of defence, should
# the escaping ever fail.
_SAFE: Final[tuple[Header, ...]] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_HTML: Final[tuple[Header, ...]] = (("Cache-Control", "no-store"), *_SAFE)
_SVG: Final[tuple[Header, ...]] = (
    ("Content-Type", "image/svg+xml"),
    ("Cache-Control", "no-cache"),
    *_SAFE,
)


def demonstration(request: Request) -> Response | None:
    """Answer ``request``. Raises ``HTTPError``."""
    methods = {
        "/": "GET, HEAD, POST",
        "/picture.svg": "GET, HEAD",
        "/favicon.ico": "GET, HEAD",
    }.get(request.path)
    if methods is None:
        raise HTTPError(404, "There is only a page at /, with a picture in it.", _SAFE)
    if request.method == "OPTIONS":
        return Response(b"", 204, (("Allow", methods),))
    if request.method not in methods.split(", "):
        raise HTTPError(405, "", (("Allow", methods), *_SAFE))
    if request.path == "/picture.svg":
        return Response(_PICTURE, 200, _SVG)
    if request.path == "/favicon.ico":  # browsers request it by themselves
        return Response(b"", 204, (("Cache-Control", "max-age=86400"),))
    if request.method == "POST":
        _read_form(request)
        return None
    return _page("")


def _page(answer: str) -> Response:
    return Response.html(_PAGE.substitute(answer=answer), 200, _HTML)


def _read_form(request: Request) -> None:
    kind = request.headers.get("content-type", "") or ""
    if kind.partition(";")[0].strip().lower() != _FORM:
        raise HTTPError(415, f"A form must be sent as {_FORM}.", _SAFE)
    request.read(_answer, _MAX_FORM)


def _answer(body: bytes) -> Response:
    try:
        fields = parse_qsl(
            body.decode("utf-8", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise HTTPError(400, f"There are more than {_MAX_FIELDS} fields.", _SAFE) from None
    lines = [
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value) or '<em>nothing</em>'}</dd>"
        for name, value in fields
    ]
    if not lines:
        return _page('<section id="answer"><h2>You sent nothing</h2></section>')
    return _page(f'<section id="answer"><h2>You sent</h2><dl>{"".join(lines)}</dl></section>')
