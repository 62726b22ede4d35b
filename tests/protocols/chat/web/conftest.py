"""The chat's web server in virtual time, with a small page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reactor.testing import VirtualReactor

from .pages import Site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Chat</title>" + " " * 1000)
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("not for visitors")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "chat.js").write_text("'use strict';\n" * 100)
    return tmp_path


@pytest.fixture
def site(reactor: VirtualReactor, folder: Path) -> Site:
    """A chat without flood control."""
    return Site(reactor, folder)


@pytest.fixture
def make_site(reactor: VirtualReactor, folder: Path) -> Callable[..., Site]:
    """``make_site(limits=Limits(members=2))`` is a chat with these limits."""
    return partial(Site, reactor, folder)
