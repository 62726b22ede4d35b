"""A folder, and a server in memory that serves it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from ....tools.descriptors import open_descriptors
from ....tools.http import HTTPWorld
from ....tools.site import Site


@pytest.fixture(scope="module", autouse=True)
def _no_garbage() -> None:
    """What earlier tests have left is closed now, and not while descriptors are counted."""
    gc.collect()


@pytest.fixture
def site(world: HTTPWorld, tmp_path: Path) -> Iterator[Site]:
    site = Site(world, tmp_path)
    before = open_descriptors()
    yield site
    assert site.world.failures == []
    site.close()
    assert open_descriptors() == before
