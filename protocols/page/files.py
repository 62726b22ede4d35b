"""Serves the files of a page. They are read from a folder when the server starts."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from protocols.http import Request, Response
from protocols.http.files.conditions import Validators
from protocols.http.files.media_types import media_type
from protocols.http.files.negotiation import choose_coding
from protocols.http.response import Header

_ENDINGS: Final = (".css", ".html", ".ico", ".js", ".png", ".svg", ".webmanifest", ".woff2")
_INDEX: Final = "index.html"
_ALLOW: Final = (("Allow", "GET, HEAD"),)

# The page loads nothing from other servers, and has no inline scripts or styles.
_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)


def security_fields(policy: Iterable[str]) -> tuple[Header, ...]:
    """Fields that let no other site read a response. ``policy``: the directives of its
    ``Content-Security-Policy``."""
    return (
        ("Content-Security-Policy", "; ".join(policy)),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )


#: Fields for each response: a page loads nothing from elsewhere, and no other site can read it.
SECURITY: Final = security_fields(_POLICY)
#: The same for a page with frames, which show more from this server.
SECURITY_WITH_FRAMES: Final = security_fields((*_POLICY, "frame-src 'self'"))


class PageFiles:
    """Serves the files of ``folder``; ``/`` is its ``index.html``. Under ``/shared/`` are the files
    that all pages share. ``security``: fields for each response."""

    def __init__(self, folder: Traversable, security: tuple[Header, ...] = SECURITY) -> None:
        self._security = security
        self._files: dict[str, _File] = {}
        self._add(folder, "/")
        self._add(files(__package__) / "shared", "/shared/")
        if f"/{_INDEX}" in self._files:
            self._files["/"] = self._files[f"/{_INDEX}"]

    def _add(self, folder: Traversable, path: str) -> None:
        if not folder.is_dir():
            return
        for entry in folder.iterdir():
            if entry.is_dir():
                self._add(entry, f"{path}{entry.name}/")
            elif entry.name.endswith(_ENDINGS):
                self._files[path + entry.name] = _File(
                    entry.name, entry.read_bytes(), self._security
                )

    def answer(self, request: Request) -> Response:
        """Answer GET or HEAD."""
        file = self._files.get(request.path)
        # As text, because the style of the server's error page is not allowed here.
        if file is None:
            return Response.text("Not found\n", 404, self._security)
        if request.method not in ("GET", "HEAD"):
            return Response.text("Only GET and HEAD\n", 405, (*_ALLOW, *self._security))
        return file.answer(request)


class _File:
    """One file, plain and compressed."""

    __slots__ = ("_plain", "_zipped")

    def __init__(self, name: str, content: bytes, security: tuple[Header, ...]) -> None:
        kind = media_type(name)
        tag = hashlib.blake2s(content, digest_size=12).hexdigest()
        zipped = gzip.compress(content, mtime=0)
        self._plain = _Variant(content, f'"{tag}"', kind, security)
        self._zipped: _Variant | None = None
        if len(zipped) < len(content) * 0.9:
            self._zipped = _Variant(zipped, f'"{tag}-gzip"', kind, security, "gzip")

    def answer(self, request: Request) -> Response:
        """Answer GET or HEAD."""
        variant = self._plain
        if self._zipped is not None and choose_coding(
            request.headers.get("accept-encoding"), ["gzip"]
        ):
            variant = self._zipped
        failed = variant.validators.failed(request.method, request.headers)
        if failed is not None:
            return Response(b"", failed, variant.validation)
        return Response(variant.content, 200, variant.headers)


class _Variant:
    """A file in one coding. ``validation``: the fields that a response without content has."""

    __slots__ = ("content", "headers", "validation", "validators")

    def __init__(
        self, content: bytes, tag: str, kind: str, security: tuple[Header, ...], coding: str = ""
    ) -> None:
        self.content = content
        self.validators = Validators(tag, int(time.time()))
        # The browser asks each time, so that the page is the one that this server understands.
        self.validation: tuple[Header, ...] = (
            ("ETag", tag),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept-Encoding"),
            *security,
        )
        self.headers = (("Content-Type", kind), *self.validation)
        if coding:
            self.headers += (("Content-Encoding", coding),)
