"""Fixtures for the tests of FTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reactor.testing import VirtualReactor

from ...tools.ftp import FTPClient, FTPHouse


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two files and a folder."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"one\ntwo\n")
    (root / "sub" / "b.bin").write_bytes(bytes(range(256)))
    return root


@pytest.fixture
def house(reactor: VirtualReactor, root: Path) -> Iterator[FTPHouse]:
    """A server on which everyone may write."""
    return FTPHouse(reactor, root, writable=True)


@pytest.fixture
def user(house: FTPHouse) -> FTPClient:
    """A client that has logged in."""
    return house.user()
