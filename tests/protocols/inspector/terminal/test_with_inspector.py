"""The terminal with a real inspector: the documents and the actions are as both sides expect."""

import json
import socket
from urllib.request import urlopen

import pytest

from ....tools.waiting import wait_until
from ...console.test_client_sessions import TerminalUser
from .test_sessions import is_drawn, run


@pytest.fixture
def echo(serve):
    return serve("--protocol", "echo", "--port", "0", "--no-udp", "--inspect", "0")


def control(echo):
    with urlopen(f"http://127.0.0.1:{echo.ports['http']}/loop.json") as response:
        return json.load(response)["state"]["control"]


def test_a_snapshot(echo):
    address = ("127.0.0.1", echo.ports["tcp"])
    with socket.create_connection(address) as one, socket.create_connection(address) as other:
        for sock in (one, other):
            sock.sendall(b"hello")
            assert sock.recv(100) == b"hello"
        output, errors, status = run(
            *("--connect", f"127.0.0.1:{echo.ports['http']}"),
            *("--sort", "received", "--filter", "kind:stream received>4"),
        )

    assert (errors, status) == ("", 0)
    lines = output.splitlines()
    assert lines[0].startswith(" echo  pid ")
    rows = lines[-2:]
    assert [row.split()[1:3] for row in rows] == [["stream", "Echo"]] * 2
    assert "Echo.data_received" in output


def test_pausing_stepping_and_leaving(echo):
    user = TerminalUser(*("--protocol", "inspect", "--connect", f"127.0.0.1:{echo.ports['http']}"))
    try:
        user.see(is_drawn)
        user.type(b" ")
        user.see(lambda rows: "PAUSED" in rows[0] and any("> 1 timeout" in row for row in rows))
        with socket.create_connection(("127.0.0.1", echo.ports["tcp"])) as client:
            client.sendall(b"hello")
            for step in ("> 2 wait", "> 3 clock", "> 4 dispatch"):
                user.type(b"n")
                user.see(lambda rows, step=step: any(step in row for row in rows))
            assert any("Listener" in row for row in user.rows() if "> 4 dispatch" in row)
            assert control(echo)["mode"] == "paused"
            user.type(b"q")
            assert user.wait() == 0
            assert client.recv(100) == b"hello"  # it had only waited
        wait_until(lambda: control(echo)["mode"] == "running")
    finally:
        user.close()
