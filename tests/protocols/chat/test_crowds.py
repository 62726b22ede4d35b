"""Many members that come and go: what the others are told, who may stay, and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from protocols.chat import conversation
from protocols.chat.datagrams import ChatDatagrams
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from protocols.chat.lines import LineServer
from protocols.chat.member import Member
from protocols.chat.messages import ChatError
from protocols.chat.silent import SEARCH_INTERVAL, SilentMembers
from protocols.chat.traffic import BURST
from reactor.testing import VirtualReactor

if TYPE_CHECKING:
    from ...tools.chat import Chat, Person

TEN_MINUTES = 600


def crowd(chat: Chat, count: int) -> list[Person]:
    return [chat.arrive() for _ in range(count)]


# Crowds


def test_a_few_are_reported_one_by_one_and_at_once(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    crowd(chat, BURST)
    assert alice.sees() == [f"*** guest{n} joined lobby" for n in range(1, BURST + 1)]


def test_a_crowd_is_reported_in_one_line(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    crowd(chat, BURST + 120)
    assert len(alice.sees()) == BURST
    chat.scheduler.advance(1)
    names = ", ".join([f"guest{n}" for n in range(BURST + 1, BURST + 21)])
    assert alice.sees() == [f"*** 120 members joined lobby: {names}, and 100 more"]
    chat.scheduler.advance(10)
    assert alice.sees() == []
    chat.arrive("bob")
    assert alice.sees() == ["*** bob joined lobby"]


def test_a_crowd_of_one_is_reported_by_name_and_not_to_itself(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    people = crowd(chat, BURST + 1)
    chat.forget(alice, *people)
    chat.scheduler.advance(1)
    assert alice.sees() == [f"*** guest{BURST + 1} joined lobby"]
    assert people[-1].sees() == []
    assert people[0].sees() == [f"*** guest{BURST + 1} joined lobby"]


def test_members_who_leave_are_grouped_by_their_parting_words(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    people = crowd(chat, BURST + 8)
    chat.scheduler.advance(BURST + 1)
    alice.sees()
    for person in people[:-4]:
        person.member.leave("connection lost")
    people[-4].types("/join cats")
    people[-3].types("/join cats")
    people[-2].types("/quit see you")
    people[-1].types("/quit")
    assert len(alice.sees()) == BURST
    chat.scheduler.advance(1)
    last = len(people)
    assert alice.sees() == [
        "*** 4 members left the chat (connection lost): "
        + ", ".join([f"guest{n}" for n in range(BURST + 1, BURST + 5)]),
        f"*** 2 members left lobby: guest{last - 3}, guest{last - 2}",
        f"*** guest{last - 1} left the chat: see you",
        f"*** guest{last} left the chat",
    ]


def test_after_eight_different_parting_words_the_words_are_left_out(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    people = crowd(chat, BURST + 100)
    chat.scheduler.advance(BURST + 1)
    alice.sees()
    for number, person in enumerate(people):
        person.types(f"/quit {number}")
    chat.scheduler.advance(1)
    lines = alice.sees()
    assert len(lines) < BURST + 12
    assert lines[-1].startswith("*** 92 members left the chat: ")


def test_the_cost_of_thousands_coming_and_going_is_not_quadratic(make_chat: type[Chat]) -> None:
    chat = make_chat()
    delivered = 0
    people = []

    def count(batch: Any) -> None:
        nonlocal delivered
        delivered += 1

    for _ in range(2000):
        person = chat.arrive()
        person.sink.deliver = count  # type: ignore[method-assign]
        people.append(person)
        chat.scheduler.settle()
        chat.scheduler.advance(0.001)
    for person in people:
        person.member.leave()
        chat.scheduler.settle()
        chat.scheduler.advance(0.001)
    # Each gets the welcome, a few single reports and a few crowds, and not 2,000 reports.
    assert delivered < 2000 * (2 * BURST + 12)


def test_nothing_is_reported_when_the_chat_has_closed(chat: Chat) -> None:
    crowd(chat, BURST + 5)
    chat.hub.close("The server is stopping")
    assert chat.scheduler.pending_timers() == 0


# One address


def test_one_address_has_a_limited_number_of_members(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(members_per_origin=2))
    first = chat.hub.join(chat.arrive().sink, origin=b"a")
    chat.hub.join(chat.arrive().sink, origin=b"a")
    for _ in range(3):
        with pytest.raises(ChatError, match="There are 2 members at your address already"):
            chat.hub.join(chat.arrive().sink, origin=b"a")
    chat.hub.join(chat.arrive().sink, origin=b"b")
    first.leave()
    chat.hub.join(chat.arrive().sink, origin=b"a")
    unlimited = make_chat(Limits(members_per_origin=0))
    for _ in range(5):
        unlimited.hub.join(unlimited.arrive().sink, origin=b"a")


def test_the_hub_forgets_an_address_with_its_last_member(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(former_members=0))
    origin = bytes([192, 0, 2, 1])
    before = sys.getrefcount(origin)
    first, second = (chat.hub.join(chat.arrive().sink, origin=origin) for _ in range(2))
    first.leave()
    second.leave()
    del first, second
    assert sys.getrefcount(origin) == before


def test_members_of_one_address_count_over_tcp_and_udp(reactor: VirtualReactor) -> None:
    hub = Hub(reactor, limits=Limits(members_per_origin=3))
    lines = LineServer(hub, reactor)
    datagrams = reactor.datagram_socket(lambda: ChatDatagrams(hub, reactor))

    def over_udp(host: str, port: int) -> bytes:
        datagrams.send(b"/hello", (host, port))
        reactor.settle()
        if b"/hello" in (answer := b"".join(datagrams.take((host, port)))):
            datagrams.send(
                answer.removeprefix(b"*** Not sent. To join the chat, send: "), (host, port)
            )
            reactor.settle()
            answer = b"".join(datagrams.take((host, port)))
        return answer.splitlines()[0]

    def over_tcp(host: str) -> bytes:
        peer = reactor.connect(lines.connection, (host, 50000))
        reactor.settle()
        return peer.read().splitlines()[0]

    full = b"*** There are 3 members at your address already: try again later"
    assert over_tcp("192.0.2.1") == b"*** You are guest1 in lobby"
    assert over_udp("192.0.2.1", 1) == b"*** You are guest2 in lobby"
    assert over_tcp("::ffff:192.0.2.1") == b"*** You are guest3 in lobby"
    assert over_tcp("192.0.2.1") == over_udp("192.0.2.1", 2) == full
    assert over_tcp("192.0.2.2") == b"*** You are guest4 in lobby"
    for number in range(3):
        assert b"You are" in over_tcp(f"2001:db8::{number}")
    assert over_tcp("2001:db8::ffff:9") == full
    for _ in range(10):
        assert b"You are" in over_tcp("127.0.0.1")


# Silent members


def test_a_full_chat_dismisses_the_member_silent_for_longest(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(members=3))
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    chat.scheduler.advance(1)
    alice.types("hello")
    chat.scheduler.advance(TEN_MINUTES)
    carol.types("still here")
    chat.forget(alice, bob, carol)
    for person in (alice, bob):
        conversation.heartbeat(person.member)  # a sign of life does not count as speaking
        person.types("/ping")
    chat.arrive("dave")
    assert bob.sink.closed == [
        "The chat is full, and you have said nothing for 10 minutes: your place is needed"
    ]
    assert "*** bob left the chat: silent for 10 minutes" in carol.sees()
    chat.arrive("erin")
    assert alice.sink.closed
    with pytest.raises(ChatError, match="The chat is full"):
        chat.arrive("frank")
    assert set(chat.hub.members) == {"carol", "dave", "erin"}


def test_a_member_found_silent_may_stay_if_it_speaks_in_time(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(members=3))
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    chat.scheduler.advance(TEN_MINUTES)
    chat.arrive("dave")
    assert alice.sink.closed
    bob.types("I am here")
    chat.arrive("erin")
    assert carol.sink.closed
    assert set(chat.hub.members) == {"bob", "dave", "erin"}


def test_a_newcomer_whose_name_is_taken_displaces_no_member(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(members=1))
    chat.gather("alice")
    chat.scheduler.advance(TEN_MINUTES)
    with pytest.raises(ChatError, match="Somebody else is called alice"):
        chat.arrive("alice")
    assert set(chat.hub.members) == {"alice"}


def test_a_full_chat_dismisses_no_member_before_ten_minutes(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(members=1))
    chat.gather("alice")
    chat.scheduler.advance(TEN_MINUTES - 1)
    with pytest.raises(ChatError, match="The chat is full"):
        chat.arrive("bob")
    chat.scheduler.advance(1)
    chat.arrive("bob")
    assert set(chat.hub.members) == {"bob"}


class CountedMembers:
    """All members of a chat. It counts how often they are searched."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.searches = 0

    def __iter__(self) -> Iterator[Member]:
        self.searches += 1
        return iter(self.chat.hub.members.values())


def test_one_search_serves_many_newcomers(chat: Chat) -> None:
    silent = SilentMembers(TEN_MINUTES)
    members = CountedMembers(chat)
    crowd(chat, 500)
    now = chat.scheduler.now
    for second in range(500):  # no member is silent yet, and the first search says until when
        assert silent.pop(members, now + second) is None
    assert members.searches == 1
    now += TEN_MINUTES
    for _ in range(500):
        member = silent.pop(members, now)
        assert member is not None
        member.spoke = now
    assert members.searches == 2
    for tenth in range(100):
        assert silent.pop(members, now + tenth * SEARCH_INTERVAL / 10) is None
    assert members.searches <= 3
