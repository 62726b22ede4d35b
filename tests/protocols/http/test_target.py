"""Request targets and authorities."""

from __future__ import annotations

import pytest

from protocols.http.errors import HTTPError
from protocols.http.target import check_authority, split_target


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/", (None, "/", "")),
        ("GET", "/a?b", (None, "/a", "b")),
        ("GET", "/a?", (None, "/a", "")),
        ("GET", "/?a?b", (None, "/", "a?b")),
        ("GET", "//evil/a", (None, "//evil/a", "")),
        ("GET", "/%2e%2e/%00", (None, "/%2e%2e/%00", "")),
        ("GET", "/http://b/", (None, "/http://b/", "")),
        ("GET", "http://b", ("b", "/", "")),
        ("GET", "http://b?c", ("b", "/", "c")),
        ("GET", "http://b:80/c?d?e", ("b:80", "/c", "d?e")),
        ("GET", "hTTps://B//c", ("B", "//c", "")),
        ("GET", "http://[::1]:1/", ("[::1]:1", "/", "")),
        ("OPTIONS", "*", (None, "*", "")),
        ("OPTIONS", "http://b", ("b", "*", "")),
        ("OPTIONS", "http://b/", ("b", "/", "")),
        ("OPTIONS", "http://b?c", ("b", "/", "c")),
        ("CONNECT", "b:443", ("b:443", "", "")),
        ("CONNECT", "[::1]:443", ("[::1]:443", "", "")),
    ],
)
def test_a_target_is_split(method, target, expected):
    assert split_target(method, target) == expected


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *(("GET", target) for target in ("*", "a", "?a", "b:80", "http:/a", "http:", "http://")),
        *(("GET", target) for target in ("http:///a", "http://?a", "http://u@b/", "http://b:x/")),
        *(
            ("GET", target)
            for target in ("ftp://b/", "javascript:a", "http://b\\c/", "http://b,c/")
        ),
        *(("GET", target) for target in ("/a#b", "#", "http://b/#c", "http://b#c", "\\a")),
        *(("CONNECT", target) for target in ("/", "b", "b:", "[::1]", "http://b:1", "u@b:1", "*")),
        ("CONNECT", "b:65536"),
        ("OPTIONS", "**"),
    ],
)
def test_an_invalid_target_is_refused(method, target):
    with pytest.raises(HTTPError) as caught:
        split_target(method, target)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "authority",
    ["a", "A.b-c_d~e", "a.", "a:", "a:0", "a:65535", "a:00080", "1.2.3.4:5", "[::]", "[::1]:80"],
)
def test_a_valid_authority_is_accepted(authority):
    assert check_authority(authority) == authority


@pytest.mark.parametrize(
    "authority",
    [
        *("", ":", ":80", "a:65536", "a:99999", "a:000080", "a:x", "a:-1", "a:+1", "a: 1", "a:1 "),
        *(" a", "a ", "a b", "a\tb", "a\n", "a\0", "a/b", "a?b", "a#b", "a\\b", "a@b", "@a", "a,b"),
        *("a;b", "a%41", "<a>", '"', "'", "\xe4", "a\u0661", "a:\u0661", "[", "[]", "[a]", "[:::]"),
        *(
            "[::1",
            "::1",
            "[::1]a",
            "[::1]:x",
            "[1.2.3.4]",
            "[::1%1]",
            "[v1.a]",
            "[[::1]]",
            "a[::1]",
        ),
    ],
)
def test_an_invalid_authority_is_refused(authority):
    for _ in range(2):  # what was refused once is not remembered as valid
        with pytest.raises(HTTPError) as caught:
            check_authority(authority)
        assert caught.value.status == 400
