"""HTTPError refuses a request; a plain page tells the client why."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Final

from .response import Header, Response

# Like the listings of folders: readable on a phone, and dark if the user prefers that.
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "overflow-wrap:anywhere}"
    "pre{overflow-x:auto}"
)


#: The response to plain HTTP on a port for HTTPS.
USE_HTTPS: Final = Response.text(
    "This port is for HTTPS, and the request came without encryption.\n"
    "Use an address that begins with https://\n",
    400,
)


class HTTPError(Exception):
    """Answer the request with ``status`` and a plain page that says ``detail``.

    Handlers may raise it, and the parser does. After an error of the parser the connection is
    closed, because it is not known where the next request begins. ``headers``: further fields of
    the response."""

    def __init__(self, status: int, detail: str = "", headers: tuple[Header, ...] = ()) -> None:
        super().__init__(detail or phrase(status))
        self.status = status
        self.detail = detail
        self.headers = headers


def body_too_large(limit: int, option: str = "") -> HTTPError:
    """The error for a body of more than ``limit`` bytes. ``option``: the option of the command
    line that sets the limit."""
    set_by = f" ({option})" if option else ""
    return HTTPError(413, f"The request's body is larger than {limit} bytes{set_by}.")


def phrase(status: int) -> str:
    """The reason phrase of RFC 9110, or "" for a status that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def error_page(
    status: int, detail: str = "", headers: tuple[Header, ...] = (), traceback: str = ""
) -> Response:
    """A small page for people. ``traceback``: only with ``--debug``, for the developer."""
    title = html.escape(f"{status} {phrase(status)}".strip())
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head>",
        f"<body><h1>{title}</h1>",
    ]
    if detail:
        lines.append(f"<p>{html.escape(detail)}</p>")
    if traceback:
        lines.append(f"<pre>{html.escape(traceback)}</pre>")
    lines.append("</body></html>\n")
    return Response(
        "\n".join(lines).encode("utf-8", "replace"),
        status,
        (
            ("Content-Type", "text/html; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
            *headers,
        ),
    )
