"""Lines over a WebSocket without a subprotocol."""

from __future__ import annotations

from protocols.chat.flood import FloodPolicy
from protocols.chat.limits import Limits


def test_a_newcomer_is_welcomed_and_announced(site):
    (alice,) = site.pages("alice")
    program = site.program()
    assert program.sees() == [
        "*** You are guest1 in lobby\n*** 2 in lobby: alice, guest1",
        "*** /help lists what you can do, /quit leaves",
    ]
    assert alice.sees() == [{"type": "joined", "room": "lobby", "sender": "guest1"}]


def test_people_talk(site):
    (alice,) = site.pages("alice")
    program = site.program()
    program.sees()
    alice.events()
    program.types("/nick zoe", "hello")
    assert alice.sees()[-1]["text"] == "hello"
    assert program.sees() == ["*** guest1 is now zoe\n[time] zoe: hello"]
    alice.types("hi")
    assert program.sees() == ["[time] alice: hi"]


def test_a_batch_is_one_message(site):
    program = site.program()
    person = site.arrive("bob")
    program.sees()
    person.types("one", "two")
    assert program.sees() == ["[time] bob: one\n[time] bob: two"]


def test_a_message_may_have_several_lines(site):
    program = site.program()
    program.sees()
    program.types("one\r\ntwo\n", b"three\n\nfour")
    assert [line for message in program.sees() for line in message.split("\n")] == [
        *("[time] guest1: one", "[time] guest1: two"),
        *("[time] guest1: three", "[time] guest1: four"),
    ]


def test_it_is_in_one_room_at_a_time(site):
    program = site.program()
    program.sees()
    program.types("/join tea", "/part")
    assert program.sees() == [
        "*** You are guest1 in tea\n*** 1 in tea: guest1",
        "*** You are guest1 in lobby\n*** 1 in lobby: guest1",
    ]


def test_heartbeats_are_not_said(site):
    (alice,) = site.pages("alice")
    program = site.program()
    alice.events()
    program.types("HEARTBEAT", "HEARTBEAT\r\n")
    assert alice.sees() == []


def test_quit(site):
    program = site.program()
    program.sees()
    program.types("QUIT")
    assert program.sees() == ["*** Goodbye"]
    assert program.browser.close_frame()[0] == 1000


def test_leaving(site):
    (alice,) = site.pages("alice")
    one, other = site.program(), site.program()
    alice.events()
    one.browser.close()
    other.browser.peer.reset()
    assert alice.sees() == [
        {"type": "quit", "sender": "guest1"},
        {"type": "quit", "sender": "guest2", "text": "connection lost"},
    ]


def test_a_full_chat(make_site):
    site = make_site(limits=Limits(members=1))
    site.program()
    program = site.program()
    assert program.sees() == ["*** The chat is full: try again later"]
    assert program.browser.close_frame()[0] == 1000


def test_flooding_with_one_message(make_site):
    site = make_site(flood=FloodPolicy(rate=1, burst=2, queue=2, drops=3))
    program = site.program()
    program.sees()
    program.types("x\n" * 30_000)
    assert program.sees()[-1] == "*** You kept sending too fast"
    assert program.browser.close_frame()[0] == 1008
    assert site.hub.members == {}


def test_a_long_line(site):
    program = site.program()
    program.sees()
    program.types("x" * 5000)
    assert program.sees() == ["*** A line has at most 4096 characters"]
