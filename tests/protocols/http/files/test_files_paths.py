"""Nothing outside the root can be read, however the path is written, whatever is linked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.http import HTTPError
from protocols.http.files.handler import FileHandler, split_path
from protocols.http.files.root import MAX_LINKS, OpenFile, Root

from ..conftest import HTTPWorld

SECRET = b"secret of the house"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A root with a secret beside it."""
    root = tmp_path / "root"
    (root / "folder" / "inner").mkdir(parents=True)
    (root / "file.txt").write_bytes(b"fine")
    (root / "folder" / "file.txt").write_bytes(b"fine")
    (root / "folder" / "inner" / "file.txt").write_bytes(b"fine")
    (root / ".hidden").write_bytes(SECRET)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "root-secret").write_bytes(SECRET)
    return root


def get(world: HTTPWorld, root: Path, target: str) -> bytes:
    peer = world.connect(FileHandler(root))
    request = f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    return world.ask(peer, request.encode("latin-1"))


@pytest.mark.parametrize(
    "target",
    [
        *("/../secret", "/folder/../../secret", "/folder/../file.txt", "/./file.txt", "/.."),
        *("/%2e%2e/secret", "/%2E%2E/secret", "/.%2e/secret", "/%2e./secret", "/folder/%2e%2e/"),
        *("/..%2fsecret", "/%2e%2e%2fsecret", "/folder%2ffile.txt", "/%2fetc%2fpasswd"),
        *("/%252e%252e/secret", "/..%252fsecret", "/%c0%ae%c0%ae/secret", "/%c0%af../secret"),
        *("/..\\secret", "/..%5csecret", "/folder\\file.txt", "/folder%5cfile.txt", "/..;/secret"),
        *("//etc/passwd", "//secret", "/folder//file.txt", "///file.txt", "//", "/folder//"),
        *("/file.txt%00", "/file.txt%00.html", "/%00", "/.hidden", "/%2ehidden", "/.git/config"),
        *("/folder/.", "/file.txt/", "/file.txt/x", "/none", "/" + "a" * 5000, "/%0a", "/ro%6ft"),
        *("http://a/../secret", "http://a//etc/passwd", "http://a/%2e%2e/secret"),
    ],
)
def test_not_found(world: HTTPWorld, site: Path, target: str) -> None:
    answer = get(world, site, target)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert SECRET not in answer
    assert world.failures == []


@pytest.mark.parametrize("target", ["/%", "/%2", "/%zz", "/%2g", "/%-1"])
def test_bad_escapes(world: HTTPWorld, site: Path, target: str) -> None:
    assert get(world, site, target).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "target",
    ["/file.txt", "/folder/file.txt", "/folder/inner/file.txt", "/%66ile.txt", "http://b/file.txt"],
)
def test_found(world: HTTPWorld, site: Path, target: str) -> None:
    assert get(world, site, target).endswith(b"\r\n\r\nfine")


def test_well_known(world: HTTPWorld, site: Path) -> None:
    (site / ".well-known").mkdir()
    (site / ".well-known" / "x").write_bytes(b"fine")
    (site / "folder" / ".well-known").write_bytes(SECRET)
    assert get(world, site, "/.well-known/x").endswith(b"fine")
    assert get(world, site, "/folder/.well-known").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("link", "target", "found"),
    [
        ("link", "file.txt", True),
        ("link", "folder/inner/../file.txt", True),
        ("folder/link", "../file.txt", True),
        ("link", "./folder//file.txt", True),
        ("link", "{root}/file.txt", True),
        ("folder/inner/link", "../../folder/file.txt", True),
        ("link", "../secret", False),
        ("link", "folder/../../secret", False),
        ("folder/link", "../../secret", False),
        ("link", "{root}/../secret", False),
        ("link", "{root}-secret", False),
        ("link", "/etc/passwd", False),
        ("link", ".hidden", False),
        ("link", ".git/config", False),
        ("link", "none", False),
        ("link", "link", False),
    ],
)
def test_links(world: HTTPWorld, site: Path, link: str, target: str, found: bool) -> None:
    (site / link).symlink_to(target.format(root=site))
    answer = get(world, site, f"/{link}")
    assert answer.startswith(b"HTTP/1.1 200 ") == found
    assert answer.startswith(b"HTTP/1.1 404 ") != found


def test_links_to_folders(world: HTTPWorld, site: Path) -> None:
    (site / "inside").symlink_to("folder")
    (site / "outside").symlink_to("..")
    assert get(world, site, "/inside/file.txt").endswith(b"fine")
    assert get(world, site, "/outside/secret").startswith(b"HTTP/1.1 404 ")
    assert get(world, site, "/outside/").startswith(b"HTTP/1.1 404 ")
    assert b"outside" not in get(world, site, "/")
    assert b"inside" in get(world, site, "/")


def test_so_many_links_and_no_more(site: Path) -> None:
    root = Root(site)
    for number in range(MAX_LINKS + 1):
        (site / f"link{number}").symlink_to(f"link{number - 1}" if number else "file.txt")
    OpenFile(root.open((b"link%d" % (MAX_LINKS - 1),))).close()
    with pytest.raises(OSError, match="symbolic links"):
        root.open((b"link%d" % MAX_LINKS,))
    root.close()


def test_a_folder_that_becomes_a_link(world: HTTPWorld, site: Path) -> None:
    handler = FileHandler(site)
    peer = world.connect(handler)
    request = b"GET /folder/file.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    assert world.ask(peer, request).endswith(b"fine")
    (site / "folder").rename(site / "elsewhere")
    (site.parent / "file.txt").write_bytes(SECRET)
    (site / "folder").symlink_to(site.parent)
    assert world.ask(peer, request).startswith(b"HTTP/1.1 404 ")


def test_a_pipe_is_no_file_and_nobody_waits_for_it(world: HTTPWorld, site: Path) -> None:
    os.mkfifo(site / "pipe")
    assert get(world, site, "/pipe").startswith(b"HTTP/1.1 404 ")
    assert b"pipe" not in get(world, site, "/")


def test_what_may_not_be_read(world: HTTPWorld, site: Path) -> None:
    (site / "file.txt").chmod(0)
    if os.geteuid():
        assert get(world, site, "/file.txt").startswith(b"HTTP/1.1 403 ")
    (site / "file.txt").chmod(0o644)


def test_a_root_that_is_none(site: Path) -> None:
    for path in (site / "file.txt", site / "none"):
        with pytest.raises(OSError, match="director"):
            FileHandler(path)


@pytest.fixture(scope="module")
def roots() -> Iterator[tuple[Root, int]]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "root" / "a" / "b").mkdir(parents=True)
        (path / "root" / "up").symlink_to("..")
        (path / "root" / "a" / "up").symlink_to("../..")
        (path / "root" / "a" / "b" / "c").write_bytes(b"inside")
        (path / "c").write_bytes(SECRET)
        root = Root(path / "root")
        yield root, (path / "c").stat().st_ino
        root.close()


PARTS = st.sampled_from(["a", "b", "c", "up", "..", ".", "%2e%2e", "", "%2f", "\\", "%00", "root"])


@settings(max_examples=300)
@given(st.lists(PARTS, max_size=8))
def test_no_path_leads_outside(roots: tuple[Root, int], parts: list[str]) -> None:
    root, secret = roots
    try:
        names = split_path("/" + "/".join(parts))
        file = OpenFile(root.open(names) if names else root.open_root())
    except (HTTPError, OSError):
        return
    assert os.fstat(file.fd).st_ino != secret
    file.close()
