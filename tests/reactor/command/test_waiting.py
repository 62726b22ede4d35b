"""What a terminal shows while a stop waits for connections."""

import os
import signal
import socket

import pytest

from reactor import Protocol
from reactor.command.waiting import DELAY, StopNotice

from ...tools.commands import Command
from ...tools.waiting import TIMEOUT

STAYING = """
from reactor import Protocol

class Staying(Protocol):
    def connection_made(self, transport):
        transport.write(b"hello")

    def shutdown_requested(self):
        pass
"""


class Staying(Protocol):
    def shutdown_requested(self) -> None:
        """Stay connected."""


@pytest.mark.parametrize(("clients", "what"), [(1, " for 1 connection"), (2, " for 2 connections")])
def test_a_stop_that_waits_says_so_once(reactor, capsys, clients, what):
    StopNotice(reactor)
    for _ in range(clients):
        reactor.connect(Staying)
    reactor.call_soon(reactor.stop, reactor.grace)

    reactor.run()

    assert capsys.readouterr().err == (
        f"reactor: waiting up to {reactor.grace:g} s{what}; Ctrl+C again stops at once\n"
    )


def test_a_stop_that_is_over_at_once_says_nothing(reactor, capsys):
    StopNotice(reactor)
    reactor.connect(Protocol)
    begin = reactor.time()
    reactor.call_soon(reactor.stop, reactor.grace)

    reactor.run()

    assert reactor.time() < begin + DELAY
    assert capsys.readouterr().err == ""


def test_at_a_terminal_the_first_signal_says_it_and_the_second_ends(tmp_path):
    (tmp_path / "staying.py").write_text(STAYING)
    ours, theirs = os.openpty()
    server = Command(
        "--protocol", "staying:Staying", "--port", "0", "--grace", "60",
        cwd=tmp_path, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    try:
        server.wait_until_serving()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            assert client.recv(100) == b"hello"
            server.process.send_signal(signal.SIGINT)
            with open(ours, encoding="utf-8", closefd=False) as terminal:
                assert terminal.readline().rstrip() == (
                    "reactor: waiting up to 60 s for 1 connection; Ctrl+C again stops at once"
                )
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(TIMEOUT) == 130
    finally:
        server.process.kill()
        server.process.communicate()
        os.close(ours)
