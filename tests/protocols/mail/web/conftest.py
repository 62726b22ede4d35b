"""The server of the page, in memory."""

from __future__ import annotations

from typing import Any

import pytest

from .world import World


@pytest.fixture
def world(reactor, tmp_path):
    def make(*mails: Any, **options: Any) -> World:
        return World(reactor, tmp_path / "mail", *mails, **options)

    return make
