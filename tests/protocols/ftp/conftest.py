"""Fixtures for the tests of FTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reactor.testing import VirtualReactor

from ...tools.ftp import FTPClient, FTPHouse, fill


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two files and a folder."""
    return fill(tmp_path / "root")


@pytest.fixture
def house(reactor: VirtualReactor, root: Path) -> Iterator[FTPHouse]:
    """A server on which everyone may write."""
    return FTPHouse(reactor, root, writable=True)


@pytest.fixture
def user(house: FTPHouse) -> FTPClient:
    """A client that has logged in."""
    return house.user()
