"""A page, a picture, and a form: what a first web server has to show.

The browser asks for the page, finds the picture in it, and asks for that in a second request, over
the same connection. The form is sent with POST, and the page comes back with what was sent."""

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

_LONGEST_FORM: Final = 65536  # bytes
_MOST_FIELDS: Final = 20
_FORM: Final = "application/x-www-form-urlencoded"

# No scripts, nothing from elsewhere, no frame around it: should the escaping ever fail, that is the
# second line.
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
# Where it is looked at by itself, its own <style> must work.
_SVG: Final[tuple[Header, ...]] = (
    ("Content-Type", "image/svg+xml"),
    ("Cache-Control", "no-cache"),
    *_SAFE,
)


def demonstration(request: Request) -> Response | None:
    """The handler."""
    methods = {
        "/": "GET, HEAD, POST",
        "/picture.svg": "GET, HEAD",
        "/favicon.ico": "GET, HEAD",
    }.get(request.path)
    if methods is None:
        raise HTTPError(404, "There is a page at / and a picture in it, and nothing else.", _SAFE)
    if request.method == "OPTIONS":
        return Response(b"", 204, (("Allow", methods),))
    if request.method not in methods.split(", "):
        raise HTTPError(405, "", (("Allow", methods), *_SAFE))
    if request.path == "/picture.svg":
        return Response(_PICTURE, 200, _SVG)
    if request.path == "/favicon.ico":  # browsers ask for it unasked
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
        raise HTTPError(415, f"A form is sent as {_FORM}.", _SAFE)
    request.read(_answer, _LONGEST_FORM)


def _answer(body: bytes) -> Response:
    try:
        fields = parse_qsl(
            body.decode("utf-8", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise HTTPError(400, f"There are more than {_MOST_FIELDS} fields.", _SAFE) from None
    lines = [
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value) or '<em>nothing</em>'}</dd>"
        for name, value in fields
    ]
    if not lines:
        return _page('<section id="answer"><h2>You sent nothing</h2></section>')
    return _page(f'<section id="answer"><h2>You sent</h2><dl>{"".join(lines)}</dl></section>')
