"""A server in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...tools.http import HTTPWorld


@pytest.fixture
def world() -> Iterator[HTTPWorld]:
    world = HTTPWorld()
    with world.reactor:
        yield world
