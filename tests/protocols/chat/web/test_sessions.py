"""Sessions: they outlive their connections, and no line is lost or executed twice."""

from __future__ import annotations

import pytest

from protocols.chat.flood import FloodPolicy
from protocols.chat.limits import Limits
from protocols.chat.messages import Kind
from protocols.chat.web import session as sessions
from protocols.chat.web.session import (
    LINGER,
    MAX_MISSED,
    MAX_MISSED_SIZE,
    MAX_PRIVATE,
    PRIVATE_AGE,
)


def resume(site, page, after=0, room="lobby", **options):
    """Another connection for the session of ``page``."""
    other = site.socket(**options)
    other._ref = page._ref
    other.says("hello", session=page.session, rooms=[{"name": room, "after": after}])
    return other


def texts(events):
    """What was said, also in histories."""
    said = []
    for event in events:
        if event["type"] == "history":
            said += texts(event["events"])
        elif event["type"] == "said":
            said.append(event["text"])
    return said


def test_a_reload_makes_no_noise(site):
    alice, bob = site.pages("alice", "bob")
    alice.browser.close(1001)
    site.reactor.advance(LINGER / 2)
    again = resume(site, alice)
    events = again.sees()
    assert events[0] == {"type": "welcome", "name": "alice", "resumed": True, "received": 0}
    assert [event["type"] for event in events] == ["welcome", "room", "history"]
    again.types("here I am")
    assert bob.sees() == [{"type": "said", "room": "lobby", "sender": "alice", "text": "here I am"}]
    site.reactor.advance(LINGER * 2)
    assert "alice" in site.hub.members


def test_a_session_ends_when_nobody_comes_back(site):
    alice, bob = site.pages("alice", "bob")
    alice.vanishes()
    site.reactor.advance(LINGER - 0.1)
    assert bob.sees() == []
    site.reactor.advance(0.2)
    assert bob.sees() == [{"type": "quit", "sender": "alice", "text": "connection lost"}]
    events = resume(site, alice).events()
    assert (events[0]["name"], events[0]["resumed"]) == ("guest1", False)
    assert events[0]["session"] != alice.session


@pytest.mark.parametrize("waiting", [False, True])
def test_a_session_survives_a_stall_of_the_server(site, waiting):
    (alice,) = site.pages("alice")
    alice.vanishes()
    site.reactor.advance(1)
    site.reactor.stall(LINGER * 3, waiting=waiting)
    site.reactor.advance(1)  # the page's handshake takes a moment
    again = resume(site, alice)
    assert again.events()[0]["resumed"]
    again.vanishes()
    site.reactor.stall(LINGER * 3, waiting=waiting)
    site.reactor.advance(LINGER / 2)
    site.reactor.advance(LINGER)
    assert "alice" not in site.hub.members


def test_a_page_that_says_goodbye_leaves_at_once(site):
    alice, bob = site.pages("alice", "bob")
    alice.browser.close(1000)
    assert bob.sees() == [{"type": "quit", "sender": "alice"}]


def test_what_was_missed_follows_in_order(site):
    alice, bob = site.pages("alice", "bob")
    bob.types("before")
    last = alice.events()[-1]["id"]
    alice.vanishes()
    bob.types("one", "/msg alice psst", "/topic new", "two")
    bob.events()
    again = resume(site, alice, after=last)
    events = again.sees()
    assert [event["type"] for event in events] == [
        *("welcome", "room", "history"),
        *("said", "private", "topic", "said"),
    ]
    assert events[2]["events"] == []
    assert texts(events) == ["one", "two"]


def test_lines_that_were_on_their_way_come_from_the_history(site):
    alice, bob = site.pages("alice", "bob")
    bob.types("seen")
    last = alice.events()[-1]["id"]
    alice.browser.peer.stall()
    bob.types("on its way")
    site.reactor.settle()
    alice.vanishes()
    bob.types("kept")
    again = resume(site, alice, after=last)
    assert texts(again.events()) == ["on its way", "kept"]


def test_what_is_pending_in_the_turn_of_the_hello_comes_once(site):
    (alice,) = site.pages("alice")
    bob = site.arrive("bob")
    alice.events()
    alice.vanishes()
    again = site.socket()
    bob.member.say("now")
    again.says("hello", session=alice.session, rooms=[{"name": "lobby"}])
    assert texts(again.events()) == ["now"]


def test_no_line_twice_and_none_lost_wherever_the_connection_breaks(site):
    """The page knows a different part of what was said each time."""
    alice, bob = site.pages("alice", "bob")
    page, seen, last = alice, [], 0
    for number in range(40):
        bob.types(f"line {number}")
        if number % 3 == 0:
            for event in page.events():
                if event["type"] == "said":
                    seen.append(event["text"])
                    last = event["id"]
        if number % 7 == 0:
            page.vanishes()
        if number % 7 == 2:
            page = resume(site, page, after=last)
            events = page.events()
            seen += texts(events)
            page.session = events[0]["session"]
            last = max(
                [last]
                + [event["id"] for event in events if event["type"] == "said"]
                + [line["id"] for event in events for line in event.get("events", ())]
            )
    seen += texts(page.events())
    assert seen == [f"line {number}" for number in range(40)]


def privates(events):
    return [event["text"] for event in events if event["type"] in ("private", "note")]


def test_private_lines_that_were_on_their_way_come_again(site):
    alice, bob = site.pages("alice", "bob")
    bob.types("/msg alice old")
    assert privates(alice.events()) == ["old"]
    for _ in range(7):
        site.reactor.advance(PRIVATE_AGE / 6)
        for page in (alice, bob):
            page.events()  # with answers to pings
    alice.browser.peer.stall()
    bob.types("/msg alice one")
    site.hub.find("bob").whisper("alice", "two", kind=Kind.NOTE)
    site.reactor.settle()
    alice.vanishes()
    bob.types("/msg alice three", "in the room")
    again = resume(site, alice)
    events = again.events()
    assert privates(events) == ["one", "two", "three"]
    numbers = [event["id"] for event in events if event["type"] in ("private", "note")]
    assert numbers == sorted(set(numbers))
    bob.types("/msg alice four")
    assert privates(again.events()) == ["four"]


def test_private_lines_that_are_repeated_have_a_bound(site):
    alice, bob = site.pages("alice", "bob")
    bob.types(*[f"/msg alice {number}" for number in range(MAX_PRIVATE + 5)])
    alice.events()
    assert privates(resume(site, alice).events()) == [
        str(number) for number in range(5, MAX_PRIVATE + 5)
    ]


def test_a_name_that_somebody_else_took_meanwhile(site):
    """What was kept says so without the room, so the page cannot follow it from the snapshot."""
    alice, bob, carol = site.pages("alice", "bob", "carol")
    alice.vanishes()
    bob.types("/nick robert")
    carol.types("/nick bob")
    site.reactor.settle()
    again = resume(site, alice)
    events = again.sees()
    kinds = [event["type"] for event in events]
    assert kinds == ["welcome", "room", "history", "renamed", "renamed", "room"]
    assert [member["name"] for member in events[-1]["members"]] == ["alice", "robert", "bob"]


def test_refs_that_were_taken_are_limited(make_site):
    site = make_site(flood=FloodPolicy(rate=1, burst=2, drops=30, ping_cost=1))
    (alice,) = site.pages("alice")
    for _ in range(60):
        alice.says("line", ref=1, room="lobby", text="hello")
    assert alice.kinds() == ["ack", "said"] + ["ack"] * 31 + ["closed"]


def test_lines_are_executed_once(site):
    alice, bob = site.pages("alice", "bob")
    alice.types("hello")
    alice.vanishes()  # before the page has read the ack
    again = resume(site, alice)
    welcome = again.events()[0]
    assert welcome["received"] == 1
    again.says("line", ref=1, room="lobby", text="hello")
    again.says("line", ref=2, room="lobby", text="world")
    assert texts(bob.events()) == ["hello", "world"]
    assert [event for event in again.sees() if event["type"] == "ack"] == [
        {"type": "ack", "ref": 1},
        {"type": "ack", "ref": 2},
    ]


def test_a_line_that_waits_for_flood_control_is_executed_without_a_connection(make_site):
    site = make_site(flood=FloodPolicy(rate=1, burst=1))
    alice, bob = site.pages("alice", "bob")
    alice.types("one", "two")
    alice.vanishes()
    site.reactor.advance(2)
    assert texts(bob.events()) == ["one", "two"]
    events = resume(site, alice).events()
    assert events[0]["received"] == 2
    assert {"type": "ack", "ref": 2} in events


def test_a_second_connection_takes_the_session(site):
    alice, bob = site.pages("alice", "bob")
    again = resume(site, alice)
    assert alice.sees() == [
        {"type": "closed", "text": "This session goes on elsewhere", "retry": False}
    ]
    assert alice.close_code() == 1000
    assert again.events()[0]["resumed"]
    again.types("hi")
    assert texts(bob.events()) == ["hi"]
    site.reactor.advance(LINGER * 2)
    assert "alice" in site.hub.members
    third = resume(site, again)
    assert third.events()[0]["resumed"]


@pytest.mark.parametrize(
    ("count", "size"), [(MAX_MISSED + 1, 1), (MAX_MISSED_SIZE // 4000 + 1, 4000)]
)
def test_what_is_kept_has_a_bound(site, count, size):
    alice, bob = site.pages("alice", "bob")
    alice.types("/join tea")
    alice.events()
    alice.vanishes()
    for _ in range(count):
        bob.types("x" * size)
        bob.events()
    site.hub.find("alice").part("tea")
    again = site.socket()
    again._ref = alice._ref
    rooms = [{"name": "lobby"}, {"name": "tea"}]
    again.says("hello", session=alice.session, rooms=rooms)
    events = again.sees()
    assert [event["type"] for event in events] == ["welcome", "notice", "room", "history", "parted"]
    assert events[0]["resumed"]
    assert events[3]["events"]
    assert not events[3]["complete"]
    again.types("still here")
    assert texts(bob.events()) == ["still here"]


def test_being_put_out_of_a_room_while_away(site):
    bob = site.page(name="bob", rooms=[{"name": "tea"}])
    alice = site.page(name="alice", rooms=[{"name": "lobby"}, {"name": "tea"}])
    alice.events()
    alice.vanishes()
    bob.types("/kick alice", room="tea")
    kinds = [(event["type"], event.get("room")) for event in resume(site, alice).events()]
    assert kinds[1:] == [
        ("room", "lobby"),
        ("history", "lobby"),
        ("kicked", "tea"),
        ("parted", "tea"),
    ]


def test_being_put_out_of_a_room_while_the_connection_breaks(site):
    bob = site.page(name="bob", rooms=[{"name": "tea"}])
    alice = site.page(name="alice", rooms=[{"name": "lobby"}, {"name": "tea"}])
    alice.events()
    alice.browser.peer.stall()
    bob.types("/kick alice", room="tea")
    bob.events()
    alice.vanishes()
    again = site.socket()
    again.says("hello", session=alice.session, rooms=[{"name": "lobby"}, {"name": "tea"}])
    kinds = [(event["type"], event.get("room")) for event in again.events()]
    assert kinds[1:] == [("room", "lobby"), ("history", "lobby"), ("parted", "tea")]


def test_sessions_without_a_connection_have_a_limit(site, monkeypatch):
    monkeypatch.setattr(sessions, "MAX_LINGERING", 2)
    pages = site.pages("a", "b", "c", "d")
    pages[1].vanishes()
    resumed = resume(site, pages[1])
    for page in (pages[0], resumed, pages[2]):
        page.vanishes()
    assert sorted(site.hub.members) == ["b", "c", "d"]


def test_a_member_that_is_dismissed_while_away_cannot_come_back(site):
    (alice,) = site.pages("alice")
    alice.vanishes()
    site.hub.find("alice").dismiss("", "Your place is needed")
    assert not resume(site, alice).events()[0]["resumed"]
    site.reactor.advance(LINGER * 2)


def test_a_page_that_does_not_answer_pings_is_found(site):
    _, bob = site.pages("alice", "bob")
    site.reactor.advance(20)
    bob.events()  # answers
    site.reactor.advance(20)
    bob.events()
    site.reactor.advance(LINGER + 0.1)
    assert bob.sees() == [{"type": "quit", "sender": "alice", "text": "connection lost"}]


def test_a_page_that_does_not_read_is_cut(site):
    alice, bob = site.pages("alice", "bob")
    alice.browser.peer.transport.max_write_buffer = 100_000
    alice.browser.peer.stall()
    for _ in range(60):
        bob.types("x" * 4000)
        bob.events()
    site.reactor.advance(LINGER + 1)
    assert bob.sees()[-1]["type"] == "quit"


def test_members_of_one_address_are_limited(make_site):
    site = make_site(limits=Limits(members_per_origin=1))
    assert site.page().events()[0]["type"] == "welcome"
    second = site.page(name="bob")
    (closed,) = second.sees()
    assert closed["text"].startswith("There are 1 members at your address")
    assert not closed["retry"]
    assert second.close_code() == 1000


def test_a_full_chat(make_site):
    site = make_site(limits=Limits(members=1))
    site.page()
    page = site.page(name="bob")
    assert page.sees() == [
        {"type": "closed", "text": "The chat is full: try again later", "retry": False}
    ]
    assert page.close_code() == 1000


def test_too_many_rooms_are_errors(make_site):
    site = make_site(limits=Limits(rooms_per_member=2))
    page = site.page(rooms=[{"name": name} for name in "abcd"])
    errors = [event for event in page.events() if event["type"] == "error"]
    assert [error["code"] for error in errors] == ["too-many-rooms"] * 2


def test_flooding(make_site):
    site = make_site(flood=FloodPolicy(rate=1, burst=2, queue=2, drops=3))
    alice, bob = site.pages("alice", "bob")
    alice.types(*(f"line {number}" for number in range(7)))
    events = alice.sees()
    dropped = [event["ref"] for event in events if event["type"] == "error"]
    assert dropped == [5, 6, 7]
    assert [event["ref"] for event in events if event["type"] == "ack"] == [1, 2]
    assert [event for event in events if event["type"] == "notice"]
    alice.types("one too many")
    assert alice.sees() == [{"type": "closed", "text": "You kept sending too fast", "retry": False}]
    assert alice.close_code() == 1008
    assert bob.sees()[-1] == {"type": "quit", "sender": "alice", "text": "flooding"}


def test_lines_that_wait_are_acknowledged_when_they_are_executed(make_site):
    site = make_site(flood=FloodPolicy(rate=1, burst=1))
    (alice,) = site.pages("alice")
    alice.types("one", "/join tea")
    assert alice.kinds() == ["ack", "said"]
    site.reactor.advance(1)
    assert alice.kinds() == ["entered", "room", "history", "ack"]


@pytest.mark.parametrize("kind", ["ping", "rooms", "dance"])
def test_requests_are_limited(make_site, kind):
    site = make_site(flood=FloodPolicy(rate=1, burst=2, queue=2, drops=30, ping_cost=1))
    (alice,) = site.pages("alice")
    for _ in range(60):
        alice.says(kind)
    events = alice.events()
    assert len(events) < 10
    assert events[-1]["type"] == "closed"


def test_pings_in_lines_are_cheap(make_site):
    site = make_site(flood=FloodPolicy(rate=1, burst=1))
    (alice,) = site.pages("alice")
    alice.types("/ping", room="lobby")
    assert alice.sees() == [
        {"type": "reply", "room": "lobby", "text": "pong"},
        {"type": "ack", "ref": 1},
    ]
    alice.types(*["/ping"] * 20)
    assert alice.events()[-1]["code"] == "too-fast"


def test_the_server_stops(site):
    alice = site.pages("alice")[0]
    silent = site.socket()
    program = site.program()
    program.sees()
    alice.events()
    site.reactor.stop(grace=1)
    site.reactor.run()
    closed = {"type": "closed", "text": "The server is stopping", "retry": True}
    assert alice.sees() == [closed]
    assert silent.sees() == [closed]
    assert program.sees() == ["*** The server is stopping"]
    assert [page.close_code() for page in (alice, silent)] == [1001, 1001]
    assert program.browser.close_frame()[0] == 1001


def test_a_sink_that_fails_loses_its_member_alone(site, monkeypatch, caplog):
    alice, bob = site.pages("alice", "bob")

    def fail(self, *events):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(sessions.Session, "_keep", fail)
        alice.vanishes()
        bob.types("hello")
        bob.events()
    assert list(site.hub.members) == ["bob"]
    assert "ZeroDivisionError" in caplog.text
