"""Fixtures: clients connected to a real hub, and clients whose server is played by the test."""

import pytest

from protocols.chat.client import ChatClient
from protocols.console.link import DatagramLink

from ....tools.users import User
from .world import World


@pytest.fixture
def make_world():
    worlds = []

    def make(udp=False, **options):
        worlds.append(World(udp, **options))
        worlds[-1].start()
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture(params=["tcp", "udp", "udp from elsewhere"])
def world(request, make_world):
    if request.param == "tcp":
        return make_world()
    return make_world(
        udp=True, address="192.0.2.7" if "elsewhere" in request.param else "127.0.0.1"
    )


@pytest.fixture(params=["127.0.0.1", "192.0.2.7"])
def udp(request, make_world):
    return make_world(udp=True, address=request.param)


@pytest.fixture
def make_client(reactor):
    """Make a client for which the test plays the network and the server."""

    def make(**options):
        return ChatClient(reactor, ("server", 1), console=User(reactor), **options)

    return make


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def udp_client(make_client):
    return make_client(udp=True)


@pytest.fixture
def network_of(reactor):
    """Connect a client over UDP, and return the network around it."""
    return lambda client: reactor.datagram_socket(lambda: DatagramLink(client))
