"""The tools of the lessons: clients for experiments, and what drawings are made from."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

from reactor import DatagramProtocol, IdleTimer, Protocol, Recorder
from reactor.testing import VirtualReactor

from ..tools.commands import ROOT, environment
from ..tools.sockets import unused_address
from ..tools.waiting import TIMEOUT

TOOLS = ROOT / "docs" / "lessons" / "tools"
MIB = 1024 * 1024
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def crowd(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("crowd")


@pytest.fixture
def deaf(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("deaf")


@pytest.fixture
def watch(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    return load_tool("watch")


@pytest.fixture
def listen() -> Iterator[Callable[..., int]]:
    """``listen(one, two)`` returns a port. Each function is called with the socket of a client, in
    the order in which they connect, and in one thread; more clients get no answer."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def listen(*functions: Callable[[socket.socket], object]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        listener.settimeout(TIMEOUT)
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=[listener, functions]))
        threads[-1].start()
        return int(listener.getsockname()[1])

    yield listen
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    for listener in listeners:
        listener.close()


def serve(
    listener: socket.socket, functions: tuple[Callable[[socket.socket], object], ...]
) -> None:
    clients = []
    for function in functions:
        client, _ = listener.accept()
        client.settimeout(TIMEOUT)
        clients.append(client)
        function(client)
    for client in clients:
        client.close()


def echo(client: socket.socket) -> None:
    client.sendall(client.recv(100))


def answer_wrongly(client: socket.socket) -> None:
    client.recv(100)
    client.sendall(b"what?\n")


def read(size: int, client: socket.socket) -> None:
    while size > 0:
        size -= len(client.recv(65536))


# -- crowd.py --------------------------------------------------------------------------------------


def test_a_crowd_counts_the_echoes(
    crowd: ModuleType, listen: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    crowd.PORT = listen(echo, answer_wrongly, socket.socket.close, echo)
    crowd.PATIENCE = TIMEOUT
    crowd.main(4)
    assert capsys.readouterr().out == "2 of 4 clients were answered\n"


def test_a_crowd_waits_for_all_together_and_not_for_each(
    crowd: ModuleType, listen: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    crowd.PORT = listen()  # connected by the kernel, and never answered
    crowd.PATIENCE = 0.05
    echoes = crowd.echoes

    def noted(client: socket.socket, deadline: float) -> bool:
        answered: bool = echoes(client, deadline)
        waits.append(client.gettimeout() or 0)
        return answered

    crowd.echoes = noted
    crowd.main(3)
    assert capsys.readouterr().out == "0 of 3 clients were answered\n"
    assert sum(waits) < 0.05 + 3 * 0.001


def test_a_crowd_counts_nobody_if_there_is_no_server(
    crowd: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd.PORT = unused_address()[1]
    crowd.main(2)
    assert capsys.readouterr().out == "0 of 2 clients were answered\n"


# -- deaf.py ---------------------------------------------------------------------------------------


def test_a_deaf_client_sends_all_that_the_server_reads(
    deaf: ModuleType, listen: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    deaf.PORT = listen(partial(read, 2 * MIB), echo)
    deaf.PATIENCE = TIMEOUT
    deaf.main(2)
    assert capsys.readouterr().out.splitlines() == [
        "2.0 of 2 MiB were sent, and nothing was read",
        "meanwhile, a second client was answered",
    ]


def test_a_deaf_client_gives_up_when_the_server_takes_no_more(
    deaf: ModuleType, listen: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    deaf.PORT = listen()
    deaf.PATIENCE = 0.05
    deaf.main(500)
    stopped, sent, second = capsys.readouterr().out.splitlines()
    assert stopped == "the server takes no more: timed out"
    assert (found := re.fullmatch(r"([\d.]+) of 500 MiB were sent, and nothing was read", sent))
    assert 0 < float(found[1]) < 500
    assert second == "meanwhile, a second client was not answered"


def test_a_deaf_client_says_when_the_server_has_ended(
    deaf: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        assert deaf.send_without_reading(ours, MIB) == 0
    assert capsys.readouterr().out.startswith("the server takes no more: [Errno")


# -- layers.py -------------------------------------------------------------------------------------

LAYERED = """
import socket

class Upper:
    def receive(self, data):
        return data.upper()

def lower(sock):
    helper(sock, Upper().receive(sock.recv(100)))

def helper(sock, data):
    sock.send(data)

ours, theirs = socket.socketpair()
theirs.sendall(b"one\\n")
lower(ours)
print(theirs.recv(100))
ours.close()
theirs.close()
"""


def test_layers_are_told_apart_by_the_names_of_their_functions(tmp_path: Path) -> None:
    picture = tmp_path / "picture.toml"
    picture.write_text('[layers]\nbelow = ["lower", "recv", "send"]\nabove = ["Upper.receive"]\n')
    program = tmp_path / "program.py"
    program.write_text(LAYERED)
    log = tmp_path / "log"
    command = [sys.executable, str(TOOLS / "layers.py"), str(picture), str(log), str(program)]
    result = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (result.stdout, result.stderr) == ("b'ONE\\n'\n", "")
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(call["layer"], call["name"], call["text"]) for call in calls] == [
        ("below", "recv", "one"),
        ("above", "receive", "one"),
        ("below", "send", "ONE"),
        ("below", "lower", ""),  # it has ended last
        ("below", "recv", "ONE"),
    ]
    began = [call["at"] for call in calls]
    assert [*began[3:4], *began[:3], *began[4:]] == sorted(began)
    assert all(call["took"] >= 0 for call in calls)


def test_layers_show_which_descriptors_select_has_returned(
    load_tool: Callable[[str], ModuleType],
) -> None:
    class Key:
        def __init__(self, fd: int) -> None:
            self.fd = fd

    layers = load_tool("layers")
    assert layers.ready([(Key(5), 1), (Key(7), 3)]) == [5, 7]


# -- record.py -------------------------------------------------------------------------------------

TRACE = """\
41 1000.000000 select(5, [3 4], [], [], NULL) = 1 (in [3]) <0.500000>
41 1000.500100 accept4(3, {sa_family=AF_INET, ...}, [16], SOCK_CLOEXEC) = 6 <0.000020>
41 1000.500200 recvfrom(6, 0x7f00, 1024, 0, NULL, NULL) = -1 EAGAIN (Try again) <0.000010>
41 1000.600000 select(7, [3 6], [6], [], {tv_sec=2, tv_nsec=500000000} <unfinished ...>
42 1000.700000 clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, {tv_sec=9, tv_nsec=5}) = 0 <1.000000>
41 1000.800000 <... select resumed>) = 2 (in [6], out [6]) <0.200000>
41 1000.800100 recvfrom(6, "hello\\n", 1024, 0, NULL, NULL) = 6 <0.000010>
41 1000.800200 epoll_ctl(4, EPOLL_CTL_MOD, 6, {events=EPOLLIN|EPOLLOUT, ...}) = 0 <0.000010>
"""


def test_a_trace_is_read(load_tool: Callable[[str], ModuleType]) -> None:
    calls = load_tool("record").parse(TRACE, began=1000.25)
    keys = ("thread", "name", "fd", "text", "result", "ready", "at")
    assert [tuple(call[key] for key in keys) for call in calls] == [
        (41, "select", 5, "", "1", [3], 0.0),  # the part after the beginning
        (41, "accept4", 3, "", "6", [], 0.2501),
        (41, "recvfrom", 6, "", "EAGAIN", [], 0.2502),
        (42, "clock_nanosleep", None, "", "0", [], 0.45),
        (41, "select", 7, "", "2", [6], 0.35),
        (41, "recvfrom", 6, "hello", "6", [], 0.5501),
        (41, "epoll_ctl", 4, "", "0", [], 0.5502),
    ]
    first, _, _, sleep, second, _, control = calls
    assert first["took"] == pytest.approx(0.25)
    assert (sleep["took"], sleep.get("timeout")) == (1.0, None)  # it sleeps until, not for, a time
    assert (second["timeout"], second["writable"]) == (2.5, [6])
    assert control["control"] == ["MOD", 6, "IN|OUT"]


# -- draw.py ---------------------------------------------------------------------------------------


def test_the_longest_label_does_not_touch_the_edge_of_its_box(
    load_tool: Callable[[str], ModuleType],
) -> None:
    call = {"name": "recvfrom", "fd": 5, "text": "x" * 99, "at": 0.0, "took": 0.0}
    lane = {"name": "server", "calls": [call]}
    svg = ElementTree.fromstring(
        load_tool("draw").draw({"title": "a wide call", "names": {}, "lanes": [lane]})
    )
    box = next(rect for rect in svg.iter(f"{SVG}rect") if rect.get("class") == "work")
    label = next(text for text in svg.iter(f"{SVG}text") if (text.text or "").startswith("recv("))
    assert label.text is not None
    assert label.text.endswith("…")
    right = float(box.attrib["x"]) + float(box.attrib["width"])
    # 0.602 em is the width of a character in DejaVu Sans Mono and Menlo, 0.618 em in SF Mono.
    assert float(label.attrib["x"]) + len(label.text) * 12 * 0.618 <= right - 8


# -- watch.py --------------------------------------------------------------------------------------


def record(path: Path, run: Callable[[VirtualReactor], None]) -> list[dict[str, Any]]:
    """The lines of a recording of what ``run`` does, in virtual time."""
    with VirtualReactor() as reactor:
        recorder = Recorder(path, payload=100)
        reactor.add_observer(recorder)
        run(reactor)
        recorder.close()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Member(DatagramProtocol):
    def __init__(self, reactor: VirtualReactor) -> None:
        self.timer = IdleTimer(reactor, 2.0, self.leave)

    def datagram_received(self, data: bytes, address: object) -> None:
        self.timer.touch()

    def leave(self) -> None:
        pass


def test_an_idle_timer_is_drawn_beside_the_datagrams(watch: ModuleType, tmp_path: Path) -> None:
    def run(reactor: VirtualReactor) -> None:
        socket = reactor.datagram_socket(lambda: Member(reactor))
        for text in (b"hello", b"HEARTBEAT"):
            socket.send(text)
            reactor.advance(0.75)
        reactor.advance(10)

    plan = {
        "turns": {
            "handlers": {"Member.datagram_received": "datagram"},
            "timer": "Member.leave",
            "head": "the timer",
        }
    }
    server, timer = watch.handler_calls(record(tmp_path / "log", run), plan)
    assert server[0] == "server"
    assert [(call["name"], call["text"]) for call in server[1]] == [
        ("datagram", "hello"),
        ("datagram", "HEARTBEAT"),
    ]
    began = server[1][0]["at"]
    assert server[1][1]["at"] - began == pytest.approx(0.75)
    assert timer[0] == "the timer"
    assert [(call["label"], round(call["at"] - began, 3)) for call in timer[1]] == [
        ("set for 2.0 s", 0),
        ("fires: heard meanwhile", 2),
        ("set for 0.8 s", 2),  # 0.75
        ("fires: silent, so leave()", 2.75),
    ]


class Prices(Protocol):
    def show(self, size: int) -> None:
        self.transport.write(bytes(size))


def test_a_curve_shows_the_bytes_that_wait(watch: ModuleType, tmp_path: Path) -> None:
    def run(reactor: VirtualReactor) -> None:
        protocol = Prices()
        peer = reactor.connect(lambda: protocol)
        reactor.settle()
        reactor.advance(0.5)
        peer.stall(room=100)
        for _ in range(3):
            reactor.call_soon(protocol.show, 100)
            reactor.settle()
            reactor.advance(0.25)
        peer.resume()
        reactor.settle()
        peer.close()
        reactor.settle()

    points = watch.unsent_bytes(record(tmp_path / "log", run))
    assert points == [(0.0, 0), (0.25, 100), (0.5, 200), (0.75, 0)]


def test_a_curve_ends_with_its_connection(watch: ModuleType, tmp_path: Path) -> None:
    def run(reactor: VirtualReactor) -> None:
        protocol = Prices()
        peer = reactor.connect(lambda: protocol)
        reactor.settle()
        peer.stall()
        reactor.call_soon(protocol.show, 100)
        reactor.settle()
        reactor.advance(1)
        protocol.transport.abort()
        reactor.settle()

    points = watch.unsent_bytes(record(tmp_path / "log", run))
    assert points == [(0.0, 0), (0.0, 100), (1.0, 0)]


def test_of_a_call_that_waited_already_only_the_rest_is_drawn(watch: ModuleType) -> None:
    assert watch.since({"name": "select", "at": 99.5, "took": 2.0}, 100.0) == {
        "name": "select",
        "at": 0.0,
        "took": 1.5,
    }
    assert watch.since({"name": "recv", "at": 101.25, "took": 0.5}, 100.0) == {
        "name": "recv",
        "at": 1.25,
        "took": 0.5,
    }


SERVER = """
import socket

def answer(client):
    client.send(client.recv(100))

with socket.create_server(("127.0.0.1", PORT)) as listener:
    client, _ = listener.accept()
    with client:
        answer(client)
"""
PICTURE = """
title = "One echo"
server = ["server.py"]
[layers]
server = ["answer", "recv", "send"]
[[client]]
name = "ada"
script = ["0 send hello", "0 expect", "0 expect", "0 close"]
"""


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_a_lesson_is_run_and_watched(watch: ModuleType, tmp_path: Path) -> None:
    watch.PORT = unused_address()[1]
    (tmp_path / "picture.toml").write_text(PICTURE)
    (tmp_path / "server.py").write_text(SERVER.replace("PORT", str(watch.PORT)))
    drawing = watch.watch(tmp_path)
    assert drawing["title"] == "One echo"
    server, ada = drawing["lanes"]
    assert (server["name"], ada["name"]) == ("server", "ada")
    said = [(call["name"], call["text"]) for call in server["calls"]]
    assert said == [("recv", "hello"), ("send", "hello"), ("answer", "")]
    said = [(call["name"], call["text"]) for call in ada["calls"]]
    # The second recv returns when the server has called everything.
    received = [("recv", "hello"), ("recv", "")]
    assert said == [("connect", ""), ("send", "hello"), *received, ("close", "")]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_a_hidden_client_has_no_column(watch: ModuleType, tmp_path: Path) -> None:
    watch.PORT = unused_address()[1]
    (tmp_path / "picture.toml").write_text('hidden = ["ada"]' + PICTURE)
    (tmp_path / "server.py").write_text(SERVER.replace("PORT", str(watch.PORT)))
    assert [lane["name"] for lane in watch.watch(tmp_path)["lanes"]] == ["server"]
