"""No path leads to a file outside the root: paths and links in every combination."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.http import HTTPError
from protocols.http.files.handler import split_path
from protocols.rooted import OpenFile, Root


@pytest.fixture(scope="module")
def roots() -> Iterator[tuple[Root, int]]:
    """A root with links that lead out of it, and the inode of a file outside."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "root" / "a" / "b").mkdir(parents=True)
        (path / "root" / "up").symlink_to("..")
        (path / "root" / "a" / "up").symlink_to("../..")
        (path / "root" / "a" / "b" / "c").write_bytes(b"inside")
        (path / "c").write_bytes(b"secret")
        root = Root(path / "root")
        yield root, (path / "c").stat().st_ino
        root.close()


PARTS = st.sampled_from(["a", "b", "c", "up", "..", ".", "%2e%2e", "", "%2f", "\\", "%00", "root"])


@settings(max_examples=300)
@given(st.lists(PARTS, max_size=8))
def test_no_path_leads_outside(roots: tuple[Root, int], parts: list[str]) -> None:
    root, secret = roots
    try:
        file = OpenFile(root.open(split_path("/" + "/".join(parts))))
    except (HTTPError, OSError):
        return
    assert os.fstat(file.fd).st_ino != secret
    file.close()
