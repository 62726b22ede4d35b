"""Media types by name."""

import pytest

from protocols.http.files.media_types import media_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.pdf", "application/pdf"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a.css.gz", "application/gzip"),
        ("a.tar.xz", "application/x-xz"),
        ("a.svgz", "application/gzip"),
        ("a.unknown", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
        ("data:text/html;base64,x", "application/octet-stream"),
        ("http://a/b.png", "image/png"),
    ],
)
def test_a_name_has_a_media_type(name: str, expected: str) -> None:
    assert media_type(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("README", "Makefile", "LICENSE", "LICENSE-MIT", "COPYING", "Dockerfile.dev", "README.de"),
        *("a.log", "a.yaml", "a.yml", "a.toml", "a.map", "app.js.map", "a.md", "a.rst", "a.ini"),
        *("a.cfg", "a.conf", "a.py", "a.sh", "a.c", "a.h", "a.rs", "a.go", "a.sql", "a.diff"),
        *("A.LOG", "requirements.lock", "a.tex", "a.text", "a.jsonl", "gcc.1.log"),
    ],
)
def test_what_people_read_is_text(name: str) -> None:
    """A browser shows it, where for another type it may offer to save it."""
    assert media_type(name) == "text/plain; charset=utf-8"


@pytest.mark.parametrize("name", ["readme.zip", "license.png", "a.log.gz", "build.exe", "xreadme"])
def test_a_name_for_text_is_not_all(name: str) -> None:
    assert not media_type(name).startswith("text/")
