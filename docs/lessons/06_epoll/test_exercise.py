"""The exercise of lesson 6. Run it with ``python -m pytest docs/lessons/06_epoll``."""

import select
import socket
import threading

import pytest


class Epoll:
    """An epoll object that notes what it is told to watch for."""

    def __init__(self, masks):
        self._epoll = select.epoll()
        self._masks = masks
        self.unregister = self._epoll.unregister
        self.poll = self._epoll.poll

    def register(self, fd, events=select.EPOLLIN):
        self._masks.append(events)
        self._epoll.register(fd, events)

    def modify(self, fd, events):
        raise AssertionError("the clients are registered once and for all")


@pytest.fixture
def masks():
    return []


@pytest.fixture
def connect(exercise, patience, masks, monkeypatch):
    """Connects clients to a server, which starts when all are connected."""
    names = {**vars(select), "epoll": lambda: Epoll(masks)}
    monkeypatch.setattr(exercise, "select", type("select", (), names))
    listener = socket.create_server(("127.0.0.1", 0))
    clients = []

    def connect(number):
        address = listener.getsockname()
        clients.extend(socket.create_connection(address, timeout=patience) for _ in range(number))
        threading.Thread(target=exercise.serve, args=[listener], daemon=True).start()
        return clients

    yield connect
    for client in clients:
        client.close()


def receive_all(client):
    with client.makefile("rb") as echo:
        return echo.read()


def test_clients_that_come_together_are_all_served(connect):
    for client in connect(5):
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"


def test_all_that_has_arrived_is_read(connect):
    [client] = connect(1)
    data = bytes(range(256)) * 20
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    assert receive_all(client) == data


def test_a_client_that_reads_late_gets_everything(connect):
    [client] = connect(1)
    data = bytes(range(256)) * 20_000  # 5 MB, more than the kernel keeps
    sender = threading.Thread(target=send, args=[client, data], daemon=True)
    sender.start()
    sender.join(client.gettimeout())
    assert not sender.is_alive(), "the server has stopped reading"
    assert receive_all(client) == data


def send(client, data):
    try:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the test is over


def test_the_server_is_edge_triggered(connect, masks):
    [client] = connect(1)
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"
    assert len(masks) == 2
    assert all(mask & select.EPOLLET for mask in masks)
