"""The responses that have a mail in them. Their functions take time: call them in threads."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from protocols.http import HTTPError, Response
from protocols.http.response import Header
from protocols.page import SECURITY, security_fields

from ..maildir import Maildir
from . import html
from .index import Entry
from .parsing import Content, Summary, read_content
from .parts import Part

NO_STORE: Final[tuple[Header, ...]] = (("Cache-Control", "no-store"), *SECURITY)
_HTML_FIELDS: Final[tuple[Header, ...]] = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-DNS-Prefetch-Control", "off"),
    *security_fields(html.POLICY),
)
# For what others have sent. If a browser opens it as a page all the same, the page can do nothing.
_CONTENT_FIELDS: Final[tuple[Header, ...]] = (
    ("Cache-Control", "no-store"),
    *security_fields(("default-src 'none'", "sandbox")),
)
_MAX_HEADERS: Final = 500
_END_OF_TIME: Final = 253_402_300_799.0  # 9999, in seconds since the epoch: of any real clock
# A browser saves these. The others might be opened by it as a page of this server, in spite of
# Content-Disposition, by a bug or an extension; so it is told that they are just bytes.
_SAFE: Final = frozenset(
    {"application/pdf", "application/zip", "audio/mpeg", "image/gif", "image/jpeg", "image/png",
     "image/webp", "message/rfc822", "text/calendar", "text/csv", "video/mp4"}
)  # fmt: skip

encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def as_json(document: Any, status: int = 200) -> Response:
    """``document`` in JSON."""
    content_type = ("Content-Type", "application/json; charset=utf-8")
    body = f"{encode(document)}\n".encode("utf-8", "replace")
    return Response(body, status, (content_type, *NO_STORE))


def in_list(entry: Entry, summary: Summary) -> dict[str, Any]:
    """A mail in the list."""
    return {
        "id": entry.mail.identity,
        "from": summary.sender,
        "to": summary.to,
        "subject": summary.subject,
        "date": summary.date,
        "received": min(entry.mail.received, _END_OF_TIME),
        "size": entry.mail.size,
        "read": entry.seen,
        "attachments": summary.has_attachments,
        "snippet": summary.snippet,
    }


def whole(maildir: Maildir, identity: str) -> Response:
    """A mail with its headers, texts, and the list of its attachments."""
    data = maildir.read(identity)
    content = read_content(data)
    facts = html.read_html(content.html or "")
    links = facts.links if content.html is not None else html.links_in_text(content.text or "")
    first = content.first_values()
    return as_json(
        {
            "id": identity,
            **{name: first.get(name, "") for name in ("from", "to", "cc", "subject", "date")},
            "size": len(data),
            "headers": content.headers[:_MAX_HEADERS],
            "text": content.text,
            "html": content.html,
            "links": [{"url": url, "text": text} for url, text in links],
            "blocked": facts.remote,
            "attachments": [
                {
                    "number": number,
                    "name": part.name,
                    "type": part.media_type,
                    "size": len(part.data),
                    "cid": part.cid,
                }
                for number, part in enumerate(content.parts, 1)
            ],
            "problem": content.problem,
        }
    )


def raw(maildir: Maildir, identity: str, *, download: bool) -> Response:
    """The mail as it was received."""
    kind = "message/rfc822" if download else "text/plain; charset=utf-8"
    name = f"{_plain(identity)[:80]}.eml"
    disposition = (("Content-Disposition", f'attachment; filename="{name}"'),) if download else ()
    fields = (("Content-Type", kind), *disposition, *_CONTENT_FIELDS)
    return Response(maildir.read(identity), 200, fields)


def frame(maildir: Maildir, identity: str) -> Response:
    """The HTML of the mail, for a sandboxed frame."""
    content = _content(maildir, identity)
    if content.html is None:
        raise HTTPError(404, "The mail has no HTML.")
    return Response(html.document(content.html, content.parts), 200, _HTML_FIELDS)


def attachment(maildir: Maildir, identity: str, number: str) -> Response:
    """An attachment. It is always downloaded, and never shown as a page of this server."""
    parts = _content(maildir, identity).parts
    if not (number.isascii() and number.isdecimal() and 1 <= int(number[:9]) <= len(parts)):
        raise HTTPError(404, "There is no such attachment.")
    part = parts[int(number) - 1]
    kind = part.media_type if part.media_type in _SAFE else "application/octet-stream"
    disposition = ("Content-Disposition", _disposition(part))
    return Response(part.data, 200, (("Content-Type", kind), disposition, *_CONTENT_FIELDS))


def _content(maildir: Maildir, identity: str) -> Content:
    return read_content(maildir.read(identity))


def _disposition(part: Part) -> str:
    """With the name in UTF-8 (RFC 6266 section 5) and, for old clients, in ASCII."""
    encoded = quote(part.name, safe="", errors="replace")
    return f"attachment; filename=\"{_plain(part.name)}\"; filename*=UTF-8''{encoded}"


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in " ._-") else "_" for c in name)
