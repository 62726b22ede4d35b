"""The exercise of lesson 4. Run it with ``python -m pytest docs/lessons/04_select``."""

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
    client.sendall(b"hello")
    return client.recv(100) == b"hello"


def test_a_silent_client_is_disconnected(connect):
    assert connect().recv(100) == b""


def test_also_when_others_keep_the_server_busy(connect, exercise):
    silent, talker = connect(), connect()
    silent.settimeout(exercise.SECONDS / 10)
    for _ in range(50):
        assert is_served(talker)
        try:
            assert silent.recv(100) == b""
            break
        except TimeoutError:
            pass
    else:
        pytest.fail("the silent client is still connected")


def test_a_client_that_says_something_in_time_stays(connect, exercise):
    client = connect()
    for _ in range(4):
        assert is_served(client)
        threading.Event().wait(exercise.SECONDS / 3)
    assert is_served(client)
