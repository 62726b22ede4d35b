"""A chat without sockets, and the reactors it runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from reactor.testing import VirtualReactor

from ...tools.chat import Chat, Network


@pytest.fixture
def chat() -> Iterator[Chat]:
    """A chat without flood control."""
    chat = Chat()
    yield chat
    chat.close()


@pytest.fixture
def make_chat() -> Iterator[Callable[..., Chat]]:
    """``make_chat(Limits(members=2))`` is a chat with these limits."""
    chats: list[Chat] = []

    def make(*args: Any, **options: Any) -> Chat:
        chats.append(Chat(*args, **options))
        return chats[-1]

    yield make
    for chat in chats:
        chat.close()


@pytest.fixture
def network(reactor: VirtualReactor) -> Network:
    """A chat over UDP without flood control."""
    return Network(reactor)


@pytest.fixture
def make_network(reactor: VirtualReactor) -> Callable[..., Network]:
    """``make_network(limits=Limits(members=2))`` is a chat over UDP with these limits."""
    return partial(Network, reactor)
