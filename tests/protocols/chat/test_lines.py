"""The way in over TCP, on connections in memory."""

from __future__ import annotations

import errno
import re

import pytest

from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from protocols.chat.lines import ANNOUNCE_AFTER, LineServer
from protocols.chat.telnet import TelnetFilter
from reactor.testing import StreamPeer, VirtualReactor

CLIENT_HELLO = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(range(240))
HINT = "*** /help lists what you can do, /quit leaves"


class Visitor:
    """A user with a terminal."""

    def __init__(self, reactor: VirtualReactor, peer: StreamPeer) -> None:
        self.reactor = reactor
        self.peer = peer

    def types(self, *lines: str) -> None:
        for line in lines:
            self.peer.send(line.encode() + b"\n")
        self.reactor.settle()

    def sends(self, data: bytes, chunk: int | None = None) -> None:
        self.peer.send(data, chunk)
        self.reactor.settle()

    def sees(self) -> list[str]:
        self.reactor.settle()
        text = self.peer.read().decode()
        assert text == "" or text.endswith("\r\n")
        return [
            re.sub(r"^\[\d\d:\d\d:\d\d\]", "[time]", line) for line in text.split("\r\n") if line
        ]


class House:
    """A chat with its way in over TCP."""

    def __init__(
        self,
        reactor: VirtualReactor,
        *,
        limits: Limits | None = None,
        flood: FloodPolicy | None = None,
    ) -> None:
        self.reactor = reactor
        self.hub = Hub(reactor, limits=limits, flood=flood)
        self.server = LineServer(self.hub, reactor, heartbeat_timeout=15)

    def visitor(self) -> Visitor:
        visitor = Visitor(self.reactor, self.reactor.connect(self.server.connection))
        self.reactor.settle()
        return visitor

    def visitors(self, count: int) -> list[Visitor]:
        """Visitors who have been announced to each other."""
        people = [self.visitor() for _ in range(count)]
        self.reactor.advance(ANNOUNCE_AFTER)
        for person in people:
            person.sees()
        return people


@pytest.fixture
def house(reactor: VirtualReactor) -> House:
    return House(reactor)


def test_a_newcomer_is_welcomed(house: House) -> None:
    assert house.visitor().sees() == [
        "*** You are guest1 in lobby",
        "*** 1 in lobby: guest1",
        HINT,
    ]


def test_people_talk(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.types("/nick alice", "good morning")
    bob.types("good morning, alice")
    expected = [
        "*** guest1 is now alice",
        "[time] alice: good morning",
        "[time] guest2: good morning, alice",
    ]
    assert alice.sees() == bob.sees() == expected


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, None])
def test_how_the_stream_is_cut_makes_no_difference(house: House, chunk: int | None) -> None:
    alice, bob = house.visitors(2)
    alice.sends("grüße\r\nzwei\n\xff\n".encode() + b"\xff\xfb\x01drei\r\n", chunk)
    assert bob.sees() == [
        "[time] guest1: grüße",
        "[time] guest1: zwei",
        "[time] guest1: ÿ",
        "[time] guest1: drei",
    ]


def test_what_is_said_in_one_turn_is_one_send_for_each_member(house: House) -> None:
    people = house.visitors(5)
    before = [person.peer.sends for person in people]
    for person in people[:3]:
        person.peer.send(b"one\ntwo\nthree\n")
    house.reactor.run_once(0)
    assert [person.peer.sends - sends for person, sends in zip(people, before, strict=True)] == [
        1
    ] * 5
    assert len(people[4].sees()) == 9


def test_telnet_is_refused_its_options_and_its_commands_are_not_shown(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"\xff\xfb\x1f\xff\xfd\x03hel\xff\xf1lo\r\n")
    assert alice.peer.received.startswith(b"\xff\xfe\x1f\xff\xfc\x03")
    assert bob.sees() == ["[time] guest1: hello"]


def test_a_browser_that_is_made_to_post_to_the_chat_says_nothing(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"POST / HTTP/1.1\r\nHost: localhost:8555\r\n\r\n/nick mallory\r\nhello\r\n")
    assert bob.sees() == ["*** guest1 left the chat"]
    assert "*** This is a chat, not a web server" in alice.sees()


@pytest.mark.parametrize("delay", [0.0, 0.09])
@pytest.mark.parametrize(
    ("first", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "*** This is a chat, not a web server"),
        (CLIENT_HELLO, "*** This port speaks plain text, not TLS: connect without TLS"),
    ],
)
@pytest.mark.parametrize("chunk", [1, None])
def test_only_the_client_is_told_that_it_uses_the_wrong_port(
    house: House, first: bytes, answer: str, delay: float, chunk: int | None
) -> None:
    (alice,) = house.visitors(1)
    lost = house.visitor()
    house.reactor.advance(delay)
    alice.types("/who")
    lost.sends(first, chunk)
    assert lost.sees()[-1] == answer
    assert lost.peer.eof_received
    house.reactor.advance(10)
    assert alice.sees() == ["*** 1 in lobby: guest1"]
    assert len(house.hub.members) == 1


def test_a_silent_newcomer_is_announced_soon(house: House) -> None:
    (alice,) = house.visitors(1)
    bob = house.visitor()
    house.reactor.advance(ANNOUNCE_AFTER * 0.5)
    carol = house.visitor()
    house.reactor.advance(ANNOUNCE_AFTER * 0.51)
    assert alice.sees() == ["*** guest2 joined lobby"]
    house.reactor.advance(ANNOUNCE_AFTER * 0.5)
    assert alice.sees() == ["*** guest3 joined lobby"]
    assert bob.sees()[-1] == "*** guest3 joined lobby"
    # A newcomer's welcome agrees with the later reports.
    assert carol.sees() == [
        "*** You are guest3 in lobby",
        "*** 2 in lobby: guest1, guest3",
        HINT,
        "*** guest2 joined lobby",
    ]


def test_a_newcomer_that_speaks_is_announced_first(house: House) -> None:
    (alice,) = house.visitors(1)
    house.visitor().types("hello")
    assert alice.sees() == ["*** guest2 joined lobby", "[time] guest2: hello"]
    house.reactor.advance(1)
    assert alice.sees() == []


@pytest.mark.parametrize("line", ["/who", "HEARTBEAT", ""])
def test_a_newcomer_is_announced_with_its_first_line_of_any_kind(house: House, line: str) -> None:
    (alice,) = house.visitors(1)
    house.visitor().types(line)
    assert alice.sees() == ["*** guest2 joined lobby"]


def test_a_newcomer_that_leaves_early_is_never_announced(house: House) -> None:
    (alice,) = house.visitors(1)
    house.visitor().peer.close()
    house.reactor.advance(1)
    assert alice.sees() == []


def test_a_later_line_may_look_like_an_http_request(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.types("what is this?", "GET / HTTP/1.1")
    assert bob.sees()[-1] == "[time] guest1: GET / HTTP/1.1"


def test_ctrl_c_in_telnet_does_not_freeze_it(house: House) -> None:
    (alice,) = house.visitors(1)
    alice.sends(b"\xff\xf4\xff\xfd\x06")
    assert alice.peer.read() == b"\xff\xfc\x06"


def test_many_telnet_commands_at_once_are_a_flood(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"\xff\xf1" * 50 + b"hello\n")
    assert bob.sees() == ["[time] guest1: hello"]
    monkeypatch.setattr(TelnetFilter, "feed", None)  # they are counted before they are parsed
    alice.sends(b"\xff\xf1" * 30_000)
    assert bob.sees() == ["*** guest1 left the chat: flooding"]
    assert alice.sees()[-1] == "*** You kept sending too fast"


def test_a_steady_stream_of_telnet_commands_is_a_flood(house: House) -> None:
    alice, bob = house.visitors(2)
    for _ in range(100):
        alice.sends(b"\xff\xf1" * 10)
    assert bob.sees() == ["*** guest1 left the chat: flooding"]
    assert len(house.hub.members) == 1


def test_escape_sequences_do_not_reach_others(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"\x1b[31mred\x1b]0;title\x07 \xe2\x80\xaeevil\x00\n")
    assert bob.sees() == ["[time] guest1: red evil"]


def test_quitting_closes_after_what_was_said(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.types("bye", "QUIT")
    assert alice.sees() == ["[time] guest1: bye", "*** Goodbye"]
    assert alice.peer.eof_received
    assert bob.sees() == ["[time] guest1: bye", "*** guest1 left the chat"]


def test_lines_after_quit_are_not_said(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"/quit\nghost\nHEARTBEAT\n")
    assert bob.sees() == ["*** guest1 left the chat"]


def test_a_line_that_is_too_long_is_not_sent_and_reported(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"x" * 10_000 + b"\nshort\n" + b"y" * 4096 + b"\n", 1000)
    assert [line[:16] for line in bob.sees()] == ["[time] guest1: s", "[time] guest1: y"]
    assert "*** A line has at most 4096 bytes: this one was not sent" in alice.sees()


# The end of the stream


def test_a_last_line_without_an_end_counts(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.sends(b"echo hi")
    alice.peer.send_eof()
    assert bob.sees() == ["[time] guest1: echo hi", "*** guest1 left the chat"]
    assert alice.sees() == ["[time] guest1: echo hi", "*** Goodbye"]
    assert alice.peer.eof_received


def test_a_file_that_is_piped_in_is_said_to_its_end(reactor: VirtualReactor) -> None:
    house = House(reactor, flood=FloodPolicy(rate=5, burst=10))
    alice, bob = house.visitors(2)
    alice.sends(b"".join(b"line %d\n" % number for number in range(40)))
    alice.peer.send_eof()
    reactor.settle()
    assert len(bob.sees()) == 10
    assert not alice.peer.eof_received
    reactor.advance(10)
    assert bob.sees()[-2:] == ["[time] guest1: line 39", "*** guest1 left the chat"]
    assert alice.peer.eof_received
    assert house.hub.lines_dropped == 0


def test_a_peer_that_has_finished_needs_no_heartbeats(reactor: VirtualReactor) -> None:
    house = House(reactor, flood=FloodPolicy(rate=1, burst=10))
    alice, bob = house.visitors(2)
    alice.sends(b"HEARTBEAT\n" + b"".join(b"line %d\n" % number for number in range(40)))
    alice.peer.send_eof()
    reactor.advance(60)
    assert bob.sees()[-2:] == ["[time] guest1: line 39", "*** guest1 left the chat"]
    assert house.hub.lines_dropped == 0


def test_a_peer_may_finish_before_it_says_anything(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.peer.close()
    assert bob.sees() == ["*** guest1 left the chat"]
    assert alice.peer.eof_received


@pytest.mark.parametrize(
    ("error", "reason"),
    [(errno.ECONNRESET, "connection lost"), (errno.ETIMEDOUT, "timed out")],
)
def test_the_room_is_told_how_a_connection_was_lost(house: House, error: int, reason: str) -> None:
    alice, bob = house.visitors(2)
    alice.peer.reset(error)
    assert bob.sees() == [f"*** guest1 left the chat: {reason}"]
    assert len(house.hub.members) == 1


def test_an_exception_loses_one_connection(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = house.visitors(2)
    problems: list[object] = []
    house.reactor.set_exception_handler(lambda _, context: problems.append(context["exception"]))
    with monkeypatch.context() as patch:
        patch.setattr("protocols.chat.member.Member.say", lambda *_: 1 // 0)
        alice.types("hello")
    assert bob.sees() == ["*** guest1 left the chat: internal error"]
    assert alice.peer.eof_received
    assert [type(problem) for problem in problems] == [ZeroDivisionError]


# Heartbeats


def test_a_peer_that_has_sent_a_heartbeat_expires_when_it_is_silent(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.types("HEARTBEAT")
    house.reactor.advance(14.999)
    assert bob.sees() == []
    house.reactor.advance(0.001)
    assert bob.sees() == ["*** guest1 left the chat: timed out"]
    assert alice.sees() == ["*** Nothing was heard of you for 15 s"]
    assert alice.peer.eof_received


@pytest.mark.parametrize("sign", [b"HEARTBEAT\n", b"hello\n", b"\n", b"x", b"\xff\xf1"])
def test_any_data_is_a_sign_of_life(house: House, sign: bytes) -> None:
    alice, bob = house.visitors(2)
    alice.types("HEARTBEAT")
    for _ in range(10):
        house.reactor.advance(10)
        alice.sends(sign)
    house.reactor.advance(14.9)
    assert not alice.peer.eof_received
    house.reactor.advance(0.2)
    assert bob.sees()[-1] == "*** guest1 left the chat: timed out"


def test_a_heartbeat_is_not_shown_to_anybody(house: House) -> None:
    alice, bob = house.visitors(2)
    alice.types("HEARTBEAT", "heartbeat")
    assert alice.sees() == bob.sees() == ["[time] guest1: heartbeat"]


def test_a_peer_that_has_never_sent_a_heartbeat_may_be_silent(house: House) -> None:
    alice, _ = house.visitors(2)
    house.reactor.advance(24 * 3600)
    alice.types("still here")
    assert alice.sees() == ["[time] guest1: still here"]


def test_a_lost_connection_leaves_no_timer(house: House) -> None:
    alice, _ = house.visitors(2)
    alice.types("HEARTBEAT")
    assert len(house.reactor.timers) == 1
    alice.peer.reset()
    house.reactor.settle()
    assert len(house.reactor.timers) == 0


def test_thousands_expire_at_their_own_moment(house: House) -> None:
    witness = house.visitor()
    people = []
    for _ in range(100):
        person = house.visitor()
        person.types("HEARTBEAT")
        people.append(person)
        house.reactor.advance(0.01)
    house.reactor.advance(1)
    witness.sees()
    house.reactor.advance(15 - 2.0 + 0.495)
    assert len(house.hub.members) == 1 + 50
    assert "*** guest2 left the chat: timed out" in witness.sees()
    assert [person.peer.eof_received for person in people] == [True] * 50 + [False] * 50


# Slow readers


def test_a_slow_reader_is_disconnected_and_delays_no_one(
    reactor: VirtualReactor,
) -> None:
    house = House(reactor, flood=FloodPolicy(rate=0))
    alice, bob, carol = house.visitors(3)
    bob.peer.stall()
    heard = []
    for _ in range(300):
        alice.types("x" * 4000)
        alice.sees()
        heard += carol.sees()
    assert len(heard) == 301
    # 64 KiB to the high-water mark, and 1 MiB beyond
    position = heard.index("*** guest2 left the chat: too slow to read")
    line = len(f"[12:03:44] guest1: {'x' * 4000}\r\n")
    assert line * (position - 1) <= 65536 + 1048576 < line * position
    assert bob.peer.closed


# Limits and stopping


def test_a_full_chat_says_so_and_closes(reactor: VirtualReactor) -> None:
    house = House(reactor, limits=Limits(members=1))
    house.visitor()
    late = house.visitor()
    late.sends(b"hello?\n" + b"x" * 5000 + b"\n")
    assert late.sees() == ["*** The chat is full: try again later"]
    assert late.peer.eof_received


def test_a_peer_may_finish_before_it_is_refused(reactor: VirtualReactor) -> None:
    house = House(reactor, limits=Limits(members=0))
    peer = reactor.connect(house.server.connection)
    peer.send(b"too long" * 1000)
    peer.send_eof()
    reactor.settle()
    assert peer.eof_received


@pytest.mark.parametrize("data", [b"hello", b"hello\n", b"x" * 5000 + b"\n", b"x" * 5000])
def test_data_after_a_refusal_is_discarded(reactor: VirtualReactor, data: bytes) -> None:
    house = House(reactor, limits=Limits(members=0))
    protocol = house.server.connection()
    reactor.connect(lambda: protocol)
    protocol.data_received(data)
    protocol.line_received("directly")
    protocol.line_too_long()
    protocol.eof_received()
    reactor.settle()
    assert not house.hub.lobby.members


def test_a_flooder_is_disconnected(reactor: VirtualReactor) -> None:
    house = House(reactor, flood=FloodPolicy(rate=1, burst=3, queue=2, drops=4))
    alice, bob = house.visitors(2)
    alice.sends(b"spam\n" * 100)
    assert alice.sees()[-1] == "*** You kept sending too fast"
    assert alice.peer.eof_received
    assert bob.sees() == ["[time] guest1: spam"] * 3 + ["*** guest1 left the chat: flooding"]


def test_endless_heartbeats_are_a_flood_too(reactor: VirtualReactor) -> None:
    house = House(reactor, flood=FloodPolicy())
    alice, _ = house.visitors(2)
    alice.sends(b"HEARTBEAT\n" * 1000)
    assert alice.peer.eof_received


def test_stopping_notifies_everyone(house: House) -> None:
    alice, bob = house.visitors(2)
    house.reactor.stop(5)
    house.reactor.run()
    assert alice.sees() == bob.sees() == ["*** The server is stopping"]
    assert alice.peer.eof_received
    assert bob.peer.eof_received
