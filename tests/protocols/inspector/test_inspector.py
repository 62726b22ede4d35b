"""The inspector's thread: it works while the loop is blocked or paused, and ends with it."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from urllib.parse import urlsplit

import pytest

from protocols.inspector import Inspector, inspect
from reactor import Reactor, StreamTransport, watched

from ...tools.commands import run_script
from ...tools.waiting import TIMEOUT, wait_until


class Running:
    """A reactor that runs in a thread of its own, and its inspector."""

    def __init__(self, **options) -> None:
        self.reactor = Reactor()
        self.inspector = inspect(self.reactor, port=0, **options)
        self.thread = threading.Thread(target=self.reactor.run)
        self.thread.start()

    def ask(self, method, path, body=None, **fields):
        address = urlsplit(self.inspector.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def state(self):
        status, body = self.ask("GET", "/loop.json")
        assert status == 200
        return json.loads(body)["state"]

    def control(self, **action):
        field = {"X-Inspector-Token": self.inspector.token}
        return self.ask("POST", "/control", json.dumps(action), **field)

    def mode(self):
        return self.state()["control"]["mode"]

    def pause(self):
        assert self.control(action="pause") == (204, b"")
        wait_until(lambda: self.mode() == "paused" and not self.state()["control"]["stepping"])

    def stop(self):
        if self.reactor.is_closed():
            return
        self.reactor.call_soon_threadsafe(self.reactor.stop)
        self.thread.join(TIMEOUT)
        assert not self.thread.is_alive()
        self.reactor.close()


@pytest.fixture
def running():
    running = Running(title="test")
    yield running
    running.stop()
    running.inspector.close()
    assert not running.inspector._thread.is_alive()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has it")
def test_a_viewer_whose_machine_vanishes_is_not_a_viewer_for_long(running):
    address = urlsplit(running.inspector.url)
    with socket.create_connection((address.hostname, address.port), TIMEOUT) as viewer:
        viewer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        viewer.recv(1)
        limits = [
            owner.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            for _, owner in watched(running.inspector._reactor)
            if isinstance(owner, StreamTransport)
        ]
    assert limits == [20_000]


def test_it_answers_while_the_loop_is_blocked(running):
    blocked, end = threading.Event(), threading.Event()

    def block():
        blocked.set()
        assert end.wait(TIMEOUT)

    running.reactor.call_soon_threadsafe(block)
    assert blocked.wait(TIMEOUT)
    try:
        wait_until(lambda: running.state()["turn"]["running"].endswith("block"))
    finally:
        end.set()


def test_a_pause_and_its_end(running):
    running.pause()
    assert running.control(action="pause") == (409, b"the loop is paused already\n")
    assert running.control(action="resume")[0] == 204
    wait_until(lambda: running.mode() == "running")


def test_closing_it_ends_a_pause(running):
    happened = threading.Event()
    running.pause()
    running.reactor.call_soon_threadsafe(happened.set)
    running.inspector.close()
    assert happened.wait(TIMEOUT)


def test_closing_it_ends_a_stream(running):
    address = urlsplit(running.inspector.url)
    with socket.create_connection((address.hostname, address.port), TIMEOUT) as viewer:
        viewer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = viewer.recv(65536)
        assert received.startswith(b"HTTP/1.1 200 ")
        running.inspector.close()
        while data := viewer.recv(65536):
            received += data
    assert received.endswith(b"0\r\n\r\n")


def test_it_ends_when_the_reactor_is_closed(running):
    running.stop()
    running.inspector._thread.join(TIMEOUT)
    assert not running.inspector._thread.is_alive()


def test_its_failure_does_not_end_the_loop(running, caplog):
    def fail():
        raise SystemExit("a bug")

    running.pause()
    with caplog.at_level(logging.ERROR):
        running.inspector._reactor.call_soon_threadsafe(fail)
        running.inspector._thread.join(TIMEOUT)
    assert "the inspector failed" in caplog.text
    happened = threading.Event()
    running.reactor.call_soon_threadsafe(happened.set)  # it has resumed
    assert happened.wait(TIMEOUT)


def test_a_recording_can_be_downloaded(running):
    assert running.ask("GET", "/recording")[0] == 404
    assert running.control(action="record")[0] == 204

    def turns():
        running.reactor.call_soon_threadsafe(int)  # for another turn
        return (running.state()["control"]["recording"] or {"turns": 0})["turns"]

    wait_until(lambda: turns() > 3)
    assert running.control(action="stop_recording")[0] == 204
    wait_until(lambda: running.state()["control"]["recording"] is None)

    def lines():
        status, content = running.ask("GET", "/recording")
        assert status == 200
        return content.splitlines()

    wait_until(lambda: len(lines()) > 3)
    assert json.loads(lines()[0])["recording"] == 1
    assert all("turn" in json.loads(line) or "snapshot" in json.loads(line) for line in lines())


def test_a_reactor_is_inspected_once():
    with Reactor() as reactor:
        with inspect(reactor, port=0) as inspector:
            assert isinstance(inspector, Inspector)
            with pytest.raises(RuntimeError, match=f"inspected already, at {inspector.url}"):
                inspect(reactor, port=0)
        with inspect(reactor, port=0) as again:
            assert again.token != inspector.token


def test_an_address_in_use_leaves_the_reactor_as_it_was():
    with Reactor() as reactor, socket.create_server(("127.0.0.1", 0)) as taken:
        plain = type(reactor)
        with pytest.raises(OSError, match="in use"):
            inspect(reactor, port=taken.getsockname()[1])
        assert type(reactor) is plain
        with inspect(reactor, port=0):
            assert type(reactor) is not plain
        assert type(reactor) is plain


def test_a_closed_reactor_cannot_be_inspected():
    reactor = Reactor()
    reactor.close()
    with pytest.raises(RuntimeError, match="closed"):
        inspect(reactor, port=0)


@pytest.mark.parametrize("token", ["short", "with space in it", "umläute-umläute", ""])
def test_a_token_that_cannot_be_used(token):
    with Reactor() as reactor, pytest.raises(ValueError, match="a token has 8 to 128"):
        inspect(reactor, port=0, token=token)


def test_on_all_addresses_the_url_has_the_token():
    with Reactor() as reactor, inspect(reactor, "0.0.0.0", 0, "token-of-mine") as inspector:
        assert inspector.url.startswith("http://0.0.0.0:")
        assert inspector.url.endswith("/?token=token-of-mine")


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("127.0.0.1:99", 200), ("rebound.example", 403)]
)
def test_the_host_must_be_this_machine(running, host, status):
    assert running.ask("GET", "/loop.json", Host=host)[0] == status
    assert running.ask("GET", "/", Host=host)[0] in ((403,) if status == 403 else (200, 404))


FORK = """
import os, socket, sys, threading
from urllib.parse import urlsplit
from protocols.inspector import inspect
from reactor import Reactor

reactor = Reactor()
inspector = inspect(reactor, port=0)
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.close(writing)
    inspector.close()
    os.read(reading, 1)  # until the parent has ended its inspector
    os._exit(0 if threading.active_count() == 1 else 1)
os.close(reading)
address = urlsplit(inspector.url)
with socket.create_connection((address.hostname, address.port)) as alive:
    alive.sendall(b"HEAD /loop.json HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    print(alive.recv(100)[:12])
inspector.close()
try:
    socket.create_connection((address.hostname, address.port)).close()
    print("the child holds the port")
except ConnectionRefusedError:
    print("closed")
os.close(writing)
print(os.waitpid(child, 0)[1])
reactor.close()
"""


def test_a_forked_child_has_no_inspector():
    output, errors, status = run_script(FORK)
    assert (output, status) == ("b'HTTP/1.1 200'\nclosed\n0\n", 0), errors


def test_a_forked_child_does_not_delete_the_recording():
    script = """
import os, sys
from protocols.inspector.control import Control
from reactor import Reactor

reactor = Reactor()
control = Control(reactor)
control.perform({"action": "record"})
child = os.fork()
if not child:
    sys.exit()
os.waitpid(child, 0)
[path] = control.recording_files()
control.close()
print(path.parent.exists())
reactor.close()
"""
    output, errors, status = run_script(script)
    assert (output, status) == ("False\n", 0), errors


def test_a_program_that_forgets_to_close_it_ends():
    script = """
from protocols.inspector import inspect
from reactor import Reactor

reactor = Reactor()
inspect(reactor, port=0)
reactor.call_later(0.05, reactor.stop)
reactor.run()
"""
    assert run_script(script) == ("", "", 0)
