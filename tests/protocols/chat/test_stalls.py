"""After a stall, the server expires no member whose heartbeats wait to be read."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from protocols.chat.hub import Hub
from protocols.chat.lines import LineServer
from reactor.testing import VirtualReactor

from ...tools.waiting import TIMEOUT

STALL = 17.0


@pytest.fixture(params=[False, True], ids=["working", "waiting"])
def stall(request: pytest.FixtureRequest, reactor: VirtualReactor) -> Callable[[], None]:
    """A callback that blocks, or a process that is stopped in its wait."""
    return lambda: reactor.stall(STALL, waiting=request.param)


def test_members_over_tcp_survive_a_stall(reactor: VirtualReactor, stall: Callable[[], None]):
    reactor.max_events = 10
    hub = Hub(reactor)
    server = LineServer(hub, reactor, 15.0)
    peers = [reactor.connect(server.connection) for _ in range(30)]
    for peer in peers:
        peer.send(b"HEARTBEAT\n")
    reactor.settle()
    reactor.advance(1)
    *living, silent = peers
    for peer in living:
        peer.send(b"HEARTBEAT\n")
    stall()
    reactor.settle()
    assert not any(peer.eof_received for peer in living)
    assert b"Nothing was heard of you for 15 s" in silent.received

    reactor.advance(15)
    assert all(peer.eof_received for peer in living)


def test_members_over_udp_survive_a_stall(
    reactor: VirtualReactor, network: Any, stall: Callable[[], None]
):
    members = network.members(150)
    reactor.advance(1)
    *living, silent = members
    for member in living:
        for _ in range(3):
            network.peers.send(b"HEARTBEAT", member.addr)
    stall()
    reactor.settle()
    for member in living:
        assert not any("Nothing was heard" in line for line in member.sees())
    assert "Nothing was heard of you for 15 s" in silent.sees()[-1]


@pytest.mark.skipif(not hasattr(os, "WUNTRACED"), reason="needs job control")
def test_a_stopped_server_reads_afterwards_what_was_sent_meanwhile(serve: Callable[..., Any]):
    server = serve(
        *("--protocol", "chat", "--host", "127.0.0.1", "--port", "0", "--no-udp"),
        *("--heartbeat-timeout", "3"),
    )
    pid = server.process.pid
    clients = [
        socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) for _ in range(10)
    ]
    try:
        for number, client in enumerate(clients):
            client.sendall(b"HEARTBEAT\nready %d\n" % number)
        for number, client in enumerate(clients):
            seen = b""
            while b": ready %d\r\n" % number not in seen:
                seen += client.recv(65536)
        time.sleep(0.2)  # by now it waits in its poller; if it does not, the test proves less
        os.kill(pid, signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)
        for client in clients:
            client.sendall(b"HEARTBEAT\n/quit\n")
        time.sleep(3.2)  # the server's deadlines pass
        os.kill(pid, signal.SIGCONT)
        for client in clients:
            said = b""
            while data := client.recv(65536):
                said += data
            assert b"*** Goodbye" in said
            assert b"Nothing was heard of you" not in said
    finally:
        os.kill(pid, signal.SIGCONT)
        for client in clients:
            client.close()
