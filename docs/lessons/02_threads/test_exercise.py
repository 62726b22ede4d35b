"""The exercise of lesson 2. Run it with ``python -m pytest docs/lessons/02_threads``."""

import socket
import threading

import pytest


@pytest.fixture
def connect(exercise, patience):
    """Connects a client to a server that runs in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=exercise.serve, args=[listener], daemon=True).start()
    clients = []

    def connect():
        clients.append(socket.create_connection(listener.getsockname(), timeout=patience))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def is_served(client):
    try:
        client.sendall(b"hello\n")
        return client.recv(100) == b"hello\n"
    except ConnectionError:
        return False


def test_as_many_clients_as_there_are_places_are_served_at_the_same_time(connect, exercise):
    assert all(is_served(connect()) for _ in range(exercise.MAX_CLIENTS))


def test_one_more_is_told_so_and_disconnected(connect, exercise):
    for _ in range(exercise.MAX_CLIENTS):
        assert is_served(connect())
    late = connect()
    assert late.recv(100) == b"full\n"
    assert late.recv(100) == b""


def test_a_place_becomes_free_when_a_client_leaves(connect, exercise):
    clients = [connect() for _ in range(exercise.MAX_CLIENTS)]
    assert all(is_served(client) for client in clients)
    clients[0].shutdown(socket.SHUT_WR)
    assert clients[0].recv(100) == b""  # the server has noticed
    # Its thread may end a moment later.
    assert any(is_served(connect()) for _ in range(100))
