"""Media types by the ending of a name: the same on every machine."""

from __future__ import annotations

import mimetypes
from typing import Final

# Without the system's files, which differ; with what the standard library lacks.
_TYPES: Final = mimetypes.MimeTypes(filenames=())
for _ending, _type in {
    ".avif": "image/avif",
    ".js": "text/javascript",  # RFC 9239
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".rst": "text/x-rst",
    ".ttf": "font/ttf",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    _TYPES.add_type(_type, _ending)

_DEFAULT: Final = "application/octet-stream"
# Compressed archives are files of their own kind: not a tar that the client should unpack unasked.
_ARCHIVES: Final = {
    "bzip2": "application/x-bzip2",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}
_WITH_CHARSET: Final = frozenset(
    {"application/json", "application/manifest+json", "application/xml", "image/svg+xml"}
)


def media_type(name: str) -> str:
    """The value of ``Content-Type`` for a file called ``name``. Text is said to be UTF-8."""
    guessed, encoding = _TYPES.guess_type("./" + name.lower())
    if encoding is not None:
        return _ARCHIVES.get(encoding, _DEFAULT)
    if guessed is None:
        return _DEFAULT
    if guessed.startswith("text/") or guessed in _WITH_CHARSET:
        return f"{guessed}; charset=utf-8"
    return guessed
