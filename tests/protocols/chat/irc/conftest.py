"""A chat with its way in for IRC, in memory and in virtual time."""

from __future__ import annotations

import pytest

from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse


@pytest.fixture
def house(reactor: VirtualReactor) -> IRCHouse:
    """A chat without flood control."""
    return IRCHouse(reactor)
