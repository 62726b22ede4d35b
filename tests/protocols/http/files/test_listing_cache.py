"""Pages of folders are cached until the folder changes, for a short time, and up to a limit."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from protocols.http.files import listing

from ....tools.site import OLD, Site
from .test_listing import names, rows


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with an item for each time that a folder was read."""
    calls: list[int] = []
    scandir = os.scandir

    def counting(fd: int) -> object:
        calls.append(fd)
        return scandir(fd)

    monkeypatch.setattr(os, "scandir", counting)
    return calls


def age(path: Path, modified: float = OLD) -> None:
    os.utime(path, (modified, modified))


@pytest.fixture
def old(site: Site) -> Site:
    """A folder that has not changed for a long time."""
    site.write("a.txt", b"1")
    site.write("b.txt", b"22")
    age(site.path)
    return site


def test_a_folder_that_does_not_change_is_read_once(old: Site, read: list[int]) -> None:
    page = old.ask("/").body
    for query in ("", "?", "?sort=name", "?sort=none&order=asc", "?order=up"):
        assert old.ask("/" + query).body == page
    assert old.ask("/", "HEAD").fields["content-length"] == str(len(page))
    assert len(read) == 1


def test_each_order_has_its_own_page(old: Site, read: list[int]) -> None:
    for _ in range(2):
        assert names(old, "/?sort=size") == ["a.txt", "b.txt"]
        assert names(old, "/?sort=size&order=desc") == ["b.txt", "a.txt"]
    assert len(read) == 2


def test_a_new_or_removed_name_is_seen_at_once(old: Site) -> None:
    assert names(old) == ["a.txt", "b.txt"]
    old.write("c.txt")
    assert names(old) == ["a.txt", "b.txt", "c.txt"]
    age(old.path)
    names(old)
    (old.path / "a.txt").unlink()
    assert names(old) == ["b.txt", "c.txt"]


def test_a_size_may_be_outdated_for_five_seconds(old: Site, read: list[int]) -> None:
    assert rows(old)[0][2] == "1"
    with (old.path / "a.txt").open("ab") as file:
        file.write(b"234")
    old.world.reactor.advance(listing.MAX_AGE - 0.1)
    assert rows(old)[0][2] == "1"
    old.world.reactor.advance(0.2)
    assert rows(old)[0][2] == "4"
    assert len(read) == 2


def test_a_recently_modified_folder_is_read_each_time(site: Site, read: list[int]) -> None:
    """It could change again and have the same mtime."""
    site.write("a.txt")
    for ago in (-10, 0, 1.5):
        age(site.path, time.time() - ago)
        names(site)
        names(site)
    assert len(read) == 6


def test_folders_with_similar_names_are_not_confused(site: Site) -> None:
    for name in (b"\xfe", b"\xff"):  # the same to a reader
        site.write(name + b"/" + name.hex().encode())
        age(site.path / os.fsdecode(name))
    for _ in range(2):
        assert names(site, "/%FE/") == ["fe"]
        assert names(site, "/%FF/") == ["ff"]
    (site.path / "link").symlink_to(os.fsdecode(b"\xfe"))
    assert b"Index of /link/" in site.ask("/link/").body
    # Another folder under the same name.
    age(site.path / os.fsdecode(b"\xfe"))
    (site.path / os.fsdecode(b"\xfe")).rename(site.path / "moved")
    (site.path / os.fsdecode(b"\xff")).rename(site.path / os.fsdecode(b"\xfe"))
    assert names(site, "/%FE/") == ["ff"]


def test_the_cache_of_pages_is_bounded(
    site: Site, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = "abcdef"
    for name in folders:
        site.write(f"{name}/x")
        age(site.path / name)
    size = len(site.ask("/a/").body)
    monkeypatch.setattr(listing, "MAX_CACHED", 3 * size)
    for name in folders[1:]:
        site.ask(f"/{name}/")
    read.clear()
    for name in "fed":
        site.ask(f"/{name}/")
    assert not read
    site.ask("/a/")  # takes the place of the oldest
    site.ask("/e/")
    assert len(read) == 1
    site.ask("/d/")
    assert len(read) == 2
    monkeypatch.setattr(listing, "MAX_CACHED", size - 1)
    site.ask("/b/")
    site.ask("/b/")
    assert len(read) == 4
