"""The exercise of lesson 1. Run it with ``python -m pytest docs/lessons/01_blocking``."""

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


def test_a_client_gets_back_what_it_sends(connect):
    client = connect()
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"


def test_a_silent_client_loses_its_place(connect):
    silent, second = connect(), connect()
    second.sendall(b"hello")
    assert second.recv(100) == b"hello"
    assert silent.recv(100) == b""


def test_a_client_that_says_something_in_time_stays(connect, exercise):
    client = connect()
    for _ in range(3):
        client.sendall(b"still here")
        assert client.recv(100) == b"still here"
        threading.Event().wait(exercise.SECONDS / 2)
    client.sendall(b"bye")
    assert client.recv(100) == b"bye"
