"""The tours in docs/tours/ are true: each names every file that its path enters, in order.

A page is a list of hops: terms of a file and a function, as in ``reactor/loop.py``
``Loop.run_once``, each with a sentence or two below. The page must name all calls from one file
into another, and may name calls within a file. A function that is called repeatedly has its place
where it is called first. Trivial calls may be left out: a paragraph that begins with "Left out:"
names them.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff

import pytest
from docutils import nodes

from protocols.chat.hub import Hub
from protocols.chat.lines import LineServer
from protocols.echo import EchoDatagrams
from protocols.http import HTTPServer, Response
from reactor import Reactor
from reactor.pollers import POLLERS

from ..tools.clock import Clock
from ..tools.commands import ROOT
from ..tools.garbage import no_collection
from ..tools.http import GET
from ..tools.tracing import Call, trace
from ..tools.waiting import TIMEOUT, until
from .blocks import parse

FOLDER = ROOT / "docs" / "tours"
pytestmark = pytest.mark.skipif("epoll" not in POLLERS, reason="the tours go through epoll")


# -- the paths -------------------------------------------------------------------------------------


def chat_line(reactor: Reactor, clock: Clock) -> list[Call]:
    """Alice says a line; Bob and she see it."""
    server = LineServer(Hub(reactor), reactor)
    address = reactor.listen_tcp(server.connection, "127.0.0.1", 0).addresses[0]
    with socket.create_connection(address) as alice, socket.create_connection(address) as bob:
        seen = {alice: b"", bob: b""}

        def see(client: socket.socket, text: bytes) -> bool:
            client.setblocking(False)
            try:
                seen[client] += client.recv(65536)
            except BlockingIOError:
                pass
            return text in seen[client]

        alice.sendall(b"/nick alice\r\n")
        until(reactor, lambda: see(bob, b"is now alice"))
        bob.sendall(b"/nick bob\r\n")
        until(reactor, lambda: see(alice, b"is now bob"))
        alice.sendall(b"hello\r\n")
        calls = trace(lambda: reactor.run_once(TIMEOUT))
        assert see(alice, b"alice: hello\r\n")
        assert see(bob, b"alice: hello\r\n")
    return calls


def http_request(reactor: Reactor, clock: Clock) -> list[Call]:
    """The first GET on a connection, with a host that this process has not yet seen."""
    data = GET.replace(b"Host: a", b"Host: %s.example" % secrets.token_hex(8).encode())
    server = HTTPServer(lambda request: Response.text("hello"))
    address = reactor.listen_tcp(server, "127.0.0.1", 0).addresses[0]
    with socket.create_connection(address) as client:
        until(reactor, lambda: reactor.stats.accepted)
        client.sendall(data)
        calls = trace(lambda: reactor.run_once(TIMEOUT))
        assert client.recv(65536).endswith(b"\r\n\r\nhello")
    return calls


def datagram(reactor: Reactor, clock: Clock) -> list[Call]:
    """A datagram to the echo server, and back."""
    (transport,) = reactor.listen_udp(EchoDatagrams, "127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        client.sendto(b"hello", transport.get_extra_info("sockname"))
        calls = trace(lambda: reactor.run_once(TIMEOUT))
        assert client.recv(100) == b"hello"
    return calls


def timer(reactor: Reactor, clock: Clock) -> list[Call]:
    """A timer is set, and runs."""
    ran: list[bool] = []

    def set_and_wait() -> None:
        reactor.call_later(60, ran.append, True)
        clock.now = reactor.stats.last_wake = clock.now + 60  # not by a callback: that is a stall
        reactor.run_once(TIMEOUT)

    calls = trace(set_and_wait)
    assert ran
    return calls


PATHS: dict[str, Callable[[Reactor, Clock], list[Call]]] = {
    "chat-line": chat_line,
    "http-request": http_request,
    "datagram": datagram,
    "timer": timer,
}
# The calls that come back into a file that waits for them, which makes a path hard to follow.
RETURNS: dict[str, set[str]] = {
    "chat-line": {"LineConnection.line_received", "Loop.call_soon"},
    "http-request": {"StreamTransport.write"},
    "datagram": {"DatagramTransport.sendto"},
    "timer": set(),
}


# -- the pages -------------------------------------------------------------------------------------


@dataclass
class Tour:
    """What a page says: ``hops``, pairs of file and function, and the functions ``left_out``."""

    hops: list[tuple[str, str]]
    left_out: set[str]


def read_tour(text: str, name: str) -> Tour:
    document = parse(text, name)
    hops = []
    for item in document.findall(nodes.definition_list_item):
        file, function = (literal.astext() for literal in item[0].findall(nodes.literal))
        assert item[1].astext().endswith("."), f"{name}: nothing is said of {function}"
        hops.append((file, function))
    left_out = {
        literal.astext()
        for paragraph in document.findall(nodes.paragraph)
        if paragraph.astext().startswith("Left out:")
        for literal in paragraph.findall(nodes.literal)
    }
    return Tour(hops, left_out)


def _lines(hops: list[tuple[str, str]]) -> list[str]:
    return [f"``{file}`` ``{name}``" for file, name in hops]


def check(tour: Tour, calls: list[Call]) -> None:
    """Compare what a page says with the calls that were made."""
    entering = {(call.file, call.name) for call in calls if call.enters_file}
    made = dict.fromkeys((call.file, call.name) for call in calls)  # each once, in order
    expected = [
        hop for hop in made if hop in tour.hops or (hop in entering and hop[1] not in tour.left_out)
    ]
    told, called = _lines(tour.hops), _lines(expected)
    if told != called:
        difference = unified_diff(told, called, "the page", "the calls", n=100, lineterm="")
        raise AssertionError("\n".join(difference))
    assert tour.left_out <= {name for _, name in entering}
    assert {file for file, _ in made} == {file for file, _ in tour.hops}


@pytest.mark.parametrize("name", PATHS)
def test_a_tour_names_the_calls_of_its_path(name: str) -> None:
    path = FOLDER / f"{name}.rst"
    tour = read_tour(path.read_text(encoding="utf-8"), path.name)
    # Time stands still, so that no turn is late: what the loop does then is not on these pages.
    clock = Clock()
    with no_collection(), Reactor(clock=clock, poller="epoll", debug=False) as reactor:
        calls = PATHS[name](reactor, clock)
    check(tour, calls)
    returns = {call.name for call in calls if call.reenters_file}
    assert returns - tour.left_out == RETURNS[name]


def test_each_page_has_its_path() -> None:
    assert {path.stem for path in FOLDER.glob("*.rst")} == PATHS.keys()


# -- the check itself ------------------------------------------------------------------------------

CALLS = [
    Call("reactor/a.py", "A.run"),
    Call("reactor/a.py", "A._step", ("reactor/a.py",)),
    Call("reactor/b.py", "B.read", ("reactor/a.py", "reactor/a.py")),
    Call("reactor/b.py", "B.is_open", ("reactor/a.py", "reactor/a.py")),
    Call("reactor/a.py", "A.later", ("reactor/b.py", "reactor/a.py")),
    Call("reactor/b.py", "B.read", ("reactor/a.py",)),
]
A, STEP, B, OPEN, LATER = dict.fromkeys((call.file, call.name) for call in CALLS)


def page(*hops: tuple[str, str], left_out: str = "") -> Tour:
    text = "".join(f"``{file}`` ``{name}``\n    It goes on.\n\n" for file, name in hops)
    return read_tour(text + (f"Left out: ``{left_out}``." if left_out else ""), "page")


@pytest.mark.parametrize(
    "tour",
    [
        page(A, B, OPEN, LATER),
        page(A, STEP, B, OPEN, LATER),
        page(A, B, LATER, left_out="B.is_open"),
    ],
    ids=["all that enter a file", "and one within a file", "but for one that is left out"],
)
def test_a_true_tour_passes(tour: Tour) -> None:
    check(tour, CALLS)


@pytest.mark.parametrize(
    "tour",
    [
        page(A, B, LATER),
        page(A, OPEN, B, LATER),
        page(A, B, OPEN, LATER, ("reactor/a.py", "A.other")),
        page(A, B, OPEN, LATER, left_out="B.is_shut"),
        page(B, OPEN, left_out="A.run"),
    ],
    ids=["a call missing", "another order", "no such call", "wrongly left out", "a file missing"],
)
def test_a_false_tour_fails(tour: Tour) -> None:
    with pytest.raises(AssertionError):
        check(tour, CALLS)


def test_a_hop_needs_a_sentence() -> None:
    with pytest.raises(AssertionError, match=r"nothing is said of A\.run"):
        read_tour("``reactor/a.py`` ``A.run``\n    and so on\n", "page")


def test_a_call_that_comes_back_is_seen() -> None:
    assert [call.name for call in CALLS if call.reenters_file] == ["A.later"]


def test_the_trace_has_each_call_with_its_callers() -> None:
    with Reactor() as reactor:
        calls = trace(lambda: reactor.call_later(1, print))
    assert [call.name for call in calls[:2]] == ["Loop.call_later", "Timer.__init__"]
    assert calls[1] == Call("reactor/timers.py", "Timer.__init__", ("reactor/loop.py",))
    assert calls[1].enters_file
