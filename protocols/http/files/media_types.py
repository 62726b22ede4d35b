"""The media type of a file, by its name: the same on every machine."""

from __future__ import annotations

import mimetypes
import re
from typing import Final

# Without the system's mime.types, which differs between machines. These types are missing in some
# versions of the standard library, or differ.
_TYPES: Final = mimetypes.MimeTypes(filenames=())
for _ending, _type in {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".js": "text/javascript",  # RFC 9239
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".ttf": "font/ttf",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    _TYPES.add_type(_type, _ending)
# Files for people to read. Some have other types (application/yaml, text/markdown, text/x-python),
# but with those browsers offer to save the file.
_TEXT: Final = frozenset(
    (
        # notes, records
        *("adoc", "asc", "bib", "log", "md", "markdown", "nfo", "org", "po", "rst", "tex", "text"),
        *("diff", "err", "md5", "patch", "sha1", "sha256", "sha512", "srt", "sum", "todo"),
        # data, settings
        *("cfg", "cnf", "conf", "desktop", "env", "ini", "jsonl", "lock", "map", "ndjson"),
        *("properties", "proto", "service", "toml", "yaml", "yml"),
        # programs
        *("awk", "bash", "bat", "c", "cc", "clj", "cmake", "cmd", "cpp", "cs", "csh", "dart", "el"),
        *("erl", "ex", "exs", "fish", "go", "gradle", "graphql", "h", "hh", "hpp", "hs", "java"),
        *("jl", "jsx", "kt", "less", "lisp", "lua", "m", "mk", "ml", "nim", "php", "pl", "pm"),
        *("ps1", "py", "pyi", "pyx", "r", "rb", "rs", "s", "sass", "scala", "scm", "scss", "sh"),
        *("sql", "svelte", "swift", "tcl", "tf", "tsx", "v", "vhd", "vim", "vue", "zig", "zsh"),
    )
)
for _ending in _TEXT:
    _TYPES.add_type("text/plain", f".{_ending}")
# The same by the name up to the first dot or hyphen: README, LICENSE-MIT, Dockerfile.dev.
_TEXT_NAMES: Final = frozenset(
    (
        *("authors", "changelog", "changes", "codeowners", "contributing", "contributors"),
        *("copying", "copyright", "credits", "history", "install", "licence", "license"),
        *("maintainers", "manifest", "news", "notice", "readme", "thanks", "todo", "version"),
        *("brewfile", "build", "caddyfile", "containerfile", "dockerfile", "gemfile"),
        *("gnumakefile", "jenkinsfile", "justfile", "kconfig", "makefile", "pipfile"),
        *("pkgbuild", "procfile", "rakefile", "vagrantfile", "workspace"),
    )
)
_DEFAULT: Final = "application/octet-stream"
_PLAIN: Final = "text/plain; charset=utf-8"
# A compressed archive is served as what it is, not as a tar file with a Content-Encoding, which the
# client would decompress.
_ARCHIVES: Final = {
    "bzip2": "application/x-bzip2",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}
_WITH_CHARSET: Final = frozenset(
    {"application/json", "application/manifest+json", "application/xml", "image/svg+xml"}
)


def media_type(name: str) -> str:
    """The value of ``Content-Type`` for a file called ``name``. Text is declared as UTF-8."""
    name = name.lower()
    guessed, encoding = _TYPES.guess_type("./" + name)
    if encoding is not None:
        return _ARCHIVES.get(encoding, _DEFAULT)
    if guessed is None:
        stem = re.split("[.-]", name, maxsplit=1)[0]
        return _PLAIN if stem in _TEXT_NAMES else _DEFAULT
    if guessed.startswith("text/") or guessed in _WITH_CHARSET:
        return f"{guessed}; charset=utf-8"
    return guessed
