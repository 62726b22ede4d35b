"""The exercise of lesson 5. Run it with ``python -m pytest docs/lessons/05_partial_writes``.

In most tests ``select`` and the sockets are imitations. So the tests know what the server waits
for, and nothing takes time."""

import socket
import threading

import pytest


class Over(Exception):
    """Ends ``serve``."""


class Listener:
    def __init__(self, clients):
        self.clients = list(clients)

    def accept(self):
        return self.clients.pop(0), "address"


class Client:
    """A client that sends without end. It reads only what ``takes`` says."""

    def __init__(self):
        self.takes = 0
        self.unread = 0  # bytes that the server has read and not sent

    def setblocking(self, flag):
        assert flag is False

    def recv(self, size):
        self.unread += size
        return bytes(size)

    def send(self, data):
        sent = min(len(data), self.takes)
        if sent == 0:
            raise BlockingIOError
        self.takes -= sent
        self.unread -= sent
        return sent

    def close(self):
        raise AssertionError("this client has not left")


@pytest.fixture
def run(exercise, monkeypatch):
    """Runs the server with imitations. Before each wait, ``step(readers, writers)`` looks at what
    the server waits for; it raises ``Over`` when it has seen enough."""

    def run(listener, step, waits=100):
        count = iter(range(waits))

        def imitation(readers, writers, _, timeout=None):
            step(set(readers), set(writers))
            if next(count, None) is None:
                pytest.fail("the server reads more and more, or nothing at all")
            ready = [s for s in readers if s is not listener or listener.clients]
            return ready, [s for s in writers if s.takes], []

        monkeypatch.setattr(exercise.select, "select", imitation)
        with pytest.raises(Over):
            exercise.serve(listener)

    return run


def test_it_does_not_read_from_a_client_that_does_not_read(run, exercise):
    client = Client()

    def step(readers, writers):
        if client.unread and client not in readers:
            raise Over

    run(Listener([client]), step)
    assert exercise.LIMIT < client.unread <= exercise.LIMIT + 65536


def test_it_still_waits_for_room_and_for_others(run):
    client = Client()
    listener = Listener([client])

    def step(readers, writers):
        if client.unread and client not in readers:
            assert client in writers
            assert listener in readers
            raise Over

    run(listener, step)


def test_it_reads_again_when_the_client_does(run, exercise):
    client = Client()
    was_full = False

    def step(readers, writers):
        nonlocal was_full
        if was_full and client.unread <= exercise.LIMIT:
            assert client in readers
            raise Over
        if client.unread and client not in readers:
            was_full = True
            client.takes = client.unread - exercise.LIMIT

    run(Listener([client]), step)


def test_everything_comes_back(exercise, patience):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=exercise.serve, args=[listener], daemon=True).start()
    data = bytes(range(256)) * 20_000  # 5 MB, more than the kernel keeps
    with socket.create_connection(listener.getsockname(), timeout=patience) as client:

        def send():
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        threading.Thread(target=send, daemon=True).start()
        with client.makefile("rb") as echo:
            assert echo.read() == data
