"""No path leads out of the root or to another host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.http.errors import HTTPError
from protocols.http.files.handler import split_path
from protocols.rooted import MAX_LINKS, Root

from ....tools.site import Site, parse, request


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", ()),
        ("/a", (b"a",)),
        ("/a/", (b"a",)),
        ("/a/b.c", (b"a", b"b.c")),
        ("/%61%20b", (b"a b",)),
        ("/%2561", (b"%61",)),  # once, and not again
        ("/a+b;c=d", (b"a+b;c=d",)),
        ("/%C3%A9", ("é".encode(),)),
        ("/%ff", (b"\xff",)),
        ("/a..b", (b"a..b",)),
        ("/.well-known/x", (b".well-known", b"x")),
    ],
)
def test_a_path_is_split_and_decoded_once(path: str, names: tuple[bytes, ...]) -> None:
    assert split_path(path) == names


@pytest.mark.parametrize("path", ["", "a", "*", "/%", "/%4", "/%4g", "/%%41", "/a%", "/% 41"])
def test_an_invalid_path_is_400(path: str) -> None:
    with pytest.raises(HTTPError) as info:
        split_path(path)
    assert info.value.status == 400


@pytest.mark.parametrize(
    "path",
    [
        *("//", "//evil", "//evil/..", "/a//b", "/a//", "///"),
        *("/..", "/../", "/.", "/./a", "/a/..", "/a/../b", "/...", "/%2e%2e", "/%2E%2e/a", "/.%2e"),
        *("/a%2fb", "/%2fetc", "/..%2f", "/a%5cb", "/..\\a", "/..%5ca", "/%00", "/a%00.txt"),
        *("/.git", "/.git/config", "/a/.hidden", "/%2egit", "/a/.well-known/x"),
    ],
)
def test_a_path_that_no_file_can_have_is_404(path: str) -> None:
    with pytest.raises(HTTPError) as info:
        split_path(path)
    assert info.value.status == 404


SECRETS = [
    *("/../outside/secret.txt", "/%2e%2e/outside/secret.txt", "/a/../../outside/secret.txt"),
    *("/..%2foutside/secret.txt", "/..%5coutside%5csecret.txt", "/..\\outside\\secret.txt"),
    *("/%252e%252e/outside/secret.txt", "//outside/secret.txt", "/a/..;/../outside/secret.txt"),
    *("http://a/../outside/secret.txt", "http://a//outside/secret.txt", "/%c0%ae%c0%ae/outside"),
    *(
        "/file-link.txt",
        "/folder-link/secret.txt",
        "/chain",
        "/absolute",
        "/a/up/outside/secret.txt",
    ),
    *("/file-link.txt/", "/folder-link", "/folder-link/", "/proc-link/self/environ"),
    *("/.secret", "/a/.secret", "/to-hidden", "/.git/config"),
]


@pytest.fixture
def trap(site: Site) -> Site:
    site.write("a/file.txt", b"inside")
    site.write(".secret", b"secret")
    site.write("a/.secret", b"secret")
    site.write(".git/config", b"secret")
    for name, target in {
        "file-link.txt": "../outside/secret.txt",
        "folder-link": "../outside",
        "chain": "file-link.txt",
        "absolute": str(site.outside / "secret.txt"),
        "proc-link": "/proc",
        "to-hidden": ".git/config",
        "a/up": "../..",
    }.items():
        (site.path / name).symlink_to(target)
    return site


@pytest.mark.parametrize("target", SECRETS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_outside_is_sent(trap: Site, target: str, method: str) -> None:
    answer = trap.ask(target, method)
    assert answer.status == 404
    assert b"secret" not in answer.body


def test_the_file_inside_is_sent(trap: Site) -> None:
    assert trap.ask("/a/file.txt").body == b"inside"


def test_a_folder_whose_name_begins_like_the_roots_is_outside(site: Site) -> None:
    """``/srv/www-private`` is not in ``/srv/www``."""
    beside = site.path.with_name("root-private")
    beside.mkdir()
    (beside / "x").write_bytes(b"secret")
    site.write("-private/x", b"not meant")
    (site.path / "link").symlink_to(beside / "x")
    assert site.ask("/link").status == 404


@pytest.mark.parametrize(
    "make",
    [
        lambda root: "a/file.txt",
        lambda root: "./a//file.txt",
        lambda root: "a/../a/file.txt",
        lambda root: str(root / "a" / "file.txt"),
        lambda root: "second",
    ],
)
def test_links_that_stay_inside_are_followed(site: Site, make: Callable[[Path], str]) -> None:
    site.write("a/file.txt", b"inside")
    (site.path / "second").symlink_to("a/file.txt")
    (site.path / "link").symlink_to(make(site.path.resolve()))
    assert site.ask("/link").body == b"inside"


def test_links_to_folders_are_followed(site: Site) -> None:
    site.write("a/b/file.txt", b"inside")
    (site.path / "link").symlink_to("a")
    (site.path / "a" / "back").symlink_to("..")
    assert site.ask("/link/b/file.txt").body == b"inside"
    assert site.ask("/link/back/a/b/file.txt").body == b"inside"
    assert site.ask("/link").fields["location"] == "/link/"


def test_a_link_up_from_the_root_does_not_lead_back_into_it(site: Site) -> None:
    """The root's parent is not the root, as it is in the file system's own root."""
    site.write("outside/secret.txt", b"not meant")
    (site.path / "link").symlink_to("../outside/secret.txt")
    assert site.ask("/link").status == 404


def test_endless_links_are_404(site: Site) -> None:
    (site.path / "self").symlink_to("self")
    (site.path / "one").symlink_to("two")
    (site.path / "two").symlink_to("one")
    (site.path / "deeper").symlink_to("deeper/deeper")
    (site.path / "here").symlink_to(".")
    site.write("x", b"x")
    for target in ("/self", "/one", "/deeper", "/here" * (MAX_LINKS + 1) + "/x"):
        assert site.ask(target).status == 404
    assert site.ask("/here" * MAX_LINKS + "/x").body == b"x"


def test_a_folder_replaced_by_a_link_during_the_walk_leads_nowhere(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two components the folder becomes a link that leads out."""
    site.write("a/secret.txt", b"inside")
    root = Root(site.path)
    real_open = os.open

    def open_(path: bytes, flags: int, *, dir_fd: int) -> int:
        if path == b"a":
            shutil.rmtree(site.path / "a", ignore_errors=True)
            if not (site.path / "a").is_symlink():
                (site.path / "a").symlink_to(site.outside)
        return real_open(path, flags, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_)
        with pytest.raises(FileNotFoundError):
            root.open((b"a", b"secret.txt"))
    root.close()


def test_only_regular_files_are_sent(site: Site) -> None:
    os.mkfifo(site.path / "fifo")  # opening it must not wait for a writer
    os.mkfifo(site.path / "x.gz")
    site.write("x", b"x")
    assert site.ask("/fifo").status == 404
    answer = site.ask("/x", Accept_Encoding="gzip")
    assert (answer.body, "vary" in answer.fields) == (b"x", False)


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Root(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        Root(tmp_path / "file")


def test_names_may_be_any_bytes(site: Site) -> None:
    for name in (b"caf\xc3\xa9", b"\xff\xfe", b"a b", b"a%41", b"a?b#c", b"a:b", b"n\nn"):
        site.write(name, name)
        assert site.ask("/" + quote_from_bytes(name)).body == name


def test_a_name_that_is_too_long_is_404(site: Site) -> None:
    assert site.ask("/" + "a" * 300).status == 404
    assert site.ask("/a" * 2500).status == 404


def test_a_path_below_a_file_is_404(site: Site) -> None:
    site.write("file", b"x")
    for target in ("/file/", "/file/x", "/file/index.html"):
        assert site.ask(target).status == 404


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/a%20b", "/a%20b/"),
        ("/%61%20b", "/%61%20b/"),
        ("/a%20b?sort=size&x=//y", "/a%20b/?sort=size&x=//y"),
        ("http://evil/a%20b", "/a%20b/"),
    ],
)
def test_a_folder_without_its_slash_is_redirected(site: Site, target: str, location: str) -> None:
    site.write("a b/x")
    answer = site.ask(target)
    assert (answer.status, answer.fields["location"]) == (301, location)


@pytest.mark.parametrize(
    "target", ["//a", "///a", "http://a//a", "/%2fa", "/\\a", "/%5ca", "//a/.."]
)
def test_there_is_no_redirect_to_another_host(site: Site, target: str) -> None:
    site.write("a/x")
    answer = site.ask(target)
    assert answer.status == 404
    assert "location" not in answer.fields


PIECES = [
    *("/", "//", ".", "..", "%2e", "%2f", "%5c", "\\", "%00", "%25", "a", "up", "link", "self"),
    *("folder-link", "secret.txt", "file.txt", "outside", "root", ";", "~", "%c0%af", "%ff"),
]


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300
)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_no_path_yields_a_file_outside(trap: Site, pieces: list[str]) -> None:
    data = trap.world.ask(trap.connect(), request("/" + "".join(pieces)))
    trap.close()
    answer = parse(data)
    assert answer.status in (200, 301, 400, 404)
    assert answer.body != b"secret"
    assert not answer.fields.get("location", "/").startswith(("//", "/\\"))
    if answer.status == 200 and not answer.body.startswith(b"<!DOCTYPE"):
        assert answer.body == b"inside"


@pytest.mark.parametrize("folder", ["", "d/"])
def test_an_index_that_is_a_folder_is_listed(site: Site, folder: str) -> None:
    site.write(f"{folder}index.html/x")
    for query in ("", "?x"):
        answer = site.ask(f"/{folder}{query}")
        assert answer.status == 200
        assert b'href="./index.html/"' in answer.body
    assert site.ask(f"/{folder}index.html").fields["location"] == f"/{folder}index.html/"


def test_absolute_links_may_use_either_name_of_the_root(site: Site, tmp_path: Path) -> None:
    site.write("file.txt", b"inside")
    (tmp_path / "www").symlink_to(site.path)
    (site.path / "link").symlink_to(tmp_path / "www" / "file.txt")
    (site.path / "top").symlink_to(tmp_path / "www")
    (site.path / "out").symlink_to(tmp_path / "www" / ".." / "outside" / "secret.txt")
    site.path = tmp_path / "www"
    assert site.ask("/link").body == b"inside"
    assert site.ask("/top/file.txt").body == b"inside"
    assert site.ask("/out").status == 404


def test_only_the_topmost_well_known_folder_is_visible(site: Site) -> None:
    site.write(".well-known/x", b"inside")
    site.write("a/.well-known/x", b"secret")
    (site.path / ".well-known" / "link").symlink_to("../a/.well-known/x")
    (site.path / "link").symlink_to(".well-known/x")
    assert site.ask("/.well-known/link").status == 404
    assert site.ask("/link").body == b"inside"
