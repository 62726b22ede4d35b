"""Each event and request of the wire format."""

from __future__ import annotations

import json

import pytest

from protocols.chat.limits import Limits
from protocols.chat.messages import Kind
from protocols.chat.web.events import MAX_AWAY_SHOWN, MAX_AWAY_SIZE, MAX_MEMBERS_SHOWN

from ....tools.chat import WALL_TIME, RecordingSink

WELCOME = {"type": "welcome", "name": "guest1", "resumed": False, "received": 0}


def test_hello_is_answered_by_welcome_and_the_lobby(site):
    page = site.page()
    assert page.sees() == [
        WELCOME,
        {"type": "entered", "room": "lobby", "sender": "guest1"},
        {
            "type": "room",
            "room": "lobby",
            "modes": "+n",
            "count": 1,
            "members": [{"name": "guest1"}],
        },
        {"type": "history", "room": "lobby", "events": [], "complete": True},
    ]


def test_welcome_says_what_the_page_needs(site):
    welcome = site.page(name="alice").events()[0]
    assert welcome["name"] == "alice"
    assert len(welcome["session"]) >= 20
    assert welcome["limits"] == {"text": 4096, "name": 32, "topic": 200, "away": 200}
    usages = {command["name"]: command["usage"] for command in welcome["commands"]}
    assert usages["part"] == "/part [ROOM]"
    assert usages["nick"] == "/nick NAME"
    assert all(command["summary"] for command in welcome["commands"])
    other = site.page().events()[0]
    assert other["server"] == welcome["server"]
    assert other["session"] != welcome["session"]


def test_the_first_rooms_are_those_that_hello_asks_for(site):
    page = site.page(name="alice", rooms=[{"name": "tea"}, {"name": "Cake", "after": 0}])
    events = page.sees()
    assert [(event["type"], event.get("room")) for event in events[1:]] == [
        ("entered", "tea"),
        ("room", "tea"),
        ("history", "tea"),
        ("entered", "Cake"),
        ("room", "Cake"),
        ("history", "Cake"),
    ]
    assert events[2]["members"] == [{"name": "alice", "role": "operator"}]


def test_a_page_may_be_in_no_room(site):
    page = site.page(rooms=[])
    assert page.kinds() == ["welcome"]
    page.types("hello", room=None)
    assert page.sees() == [{"type": "error", "ref": 1, "text": "You are in no room"}]


def test_a_room_that_cannot_be_entered_is_an_error_and_the_lobby_the_last_resort(site):
    owner = site.page(name="owner", rooms=[{"name": "tea"}])
    owner.types("/mode +k secret", room="tea")
    page = site.page(rooms=[{"name": "tea", "key": "wrong"}])
    kinds = page.events()
    assert (kinds[1]["type"], kinds[1]["code"]) == ("error", "wrong-key")
    assert (kinds[2]["type"], kinds[2]["room"]) == ("entered", "lobby")
    page = site.page(rooms=[{"name": "tea", "key": "secret"}])
    assert [event.get("room") for event in page.sees()[1:]] == ["tea"] * 3


@pytest.mark.parametrize("name", ["alice", "ALICE", "two words", "é", "a" * 40, "a" * 100_000])
def test_a_name_that_is_taken_or_bad_makes_a_guest(make_site, name):
    site = make_site()
    site.page(name="alice")
    page = site.page(name=name[:60_000])
    events = page.events()
    assert events[0]["name"] == "guest1"
    assert events[1]["type"] == "error"
    assert events[1]["code"] in ("name-in-use", "bad-name")
    assert events[2]["type"] == "entered"


def test_lines_are_said_and_acknowledged(site):
    alice, bob = site.pages("alice", "bob")
    alice.types("good morning")
    said = {"type": "said", "room": "lobby", "sender": "alice", "text": "good morning"}
    assert bob.sees() == [said]
    assert alice.sees() == [{"type": "ack", "ref": 1}, said]


def test_messages_have_ids_and_times(site):
    alice, bob = site.pages("alice", "bob")
    alice.types("one", "two")
    one, two = bob.events()
    assert 0 < one["id"] < two["id"]
    assert one["time"] == WALL_TIME


def test_lines_of_one_turn_are_one_frame(site):
    (bob,) = site.pages("bob")
    alice = site.arrive("alice")
    bob.events()
    for text in ("one", "two", "three"):
        alice.member.say(text)
    site.reactor.settle()
    (frame,) = bob.browser.messages()
    assert [event["text"] for event in json.loads(frame)] == ["one", "two", "three"]


def test_a_frame_is_rendered_once_for_all(site, monkeypatch):
    pages = site.pages("alice", "bob", "carol")
    rendered = []
    watcher = site.arrive("watcher")
    watcher.messages()
    monkeypatch.setattr(
        "protocols.chat.web.events._event",
        lambda message: rendered.append(message) or {"type": message.kind.value},
    )
    pages[0].types("hello")
    watcher.messages()
    assert [message.kind for message in rendered] == [Kind.SAID]
    assert [page.kinds().count("said") for page in pages] == [1, 1, 1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/me waves", {"type": "action", "room": "lobby", "sender": "alice", "text": "waves"}),
        ("//shrug", {"type": "said", "room": "lobby", "sender": "alice", "text": "/shrug"}),
        ("/nick al", {"type": "renamed", "sender": "alice", "text": "al"}),
        ("/topic tea", {"type": "topic", "room": "lobby", "sender": "alice", "text": "tea"}),
        ("/away out", {"type": "away", "sender": "alice", "text": "out"}),
        ("/msg bob hi", {"type": "private", "sender": "alice", "text": "hi", "target": "bob"}),
        ("/quit bye", {"type": "quit", "sender": "alice", "text": "bye"}),
    ],
)
def test_what_the_others_see_of_a_command(site, line, expected):
    alice, bob = site.pages("alice", "bob")
    alice.types(line)
    assert bob.sees() == [expected]


def test_coming_and_going(site):
    (bob,) = site.pages("bob")
    alice = site.page(name="alice")
    assert bob.sees() == [{"type": "joined", "room": "lobby", "sender": "alice"}]
    alice.types("/part")
    assert bob.sees() == [{"type": "left", "room": "lobby", "sender": "alice"}]


def test_a_note_of_a_program(site):
    (bob,) = site.pages("bob")
    alice = site.arrive("alice")
    bob.events()
    alice.member.say("beep", kind=Kind.NOTE)
    alice.member.whisper("bob", "boop", kind=Kind.NOTE)
    assert bob.sees() == [
        {"type": "note", "room": "lobby", "sender": "alice", "text": "beep"},
        {"type": "note", "sender": "alice", "text": "boop", "target": "bob"},
    ]


def test_a_crowd_has_names(site):
    (bob,) = site.pages("bob")
    for number in range(20):
        site.arrive(f"m{number}")
    site.reactor.advance(1)
    crowd = bob.events()[-1]
    assert (crowd["type"], crowd["target"], len(crowd["names"])) == ("crowd", "joined", 10)


def test_joining_and_leaving_rooms(site):
    (alice,) = site.pages("alice")
    alice.types("/join tea")
    assert alice.sees() == [
        {"type": "entered", "room": "tea", "sender": "alice"},
        {
            "type": "room",
            "room": "tea",
            "modes": "+n",
            "count": 1,
            "members": [{"name": "alice", "role": "operator"}],
        },
        {"type": "history", "room": "tea", "events": [], "complete": True},
        {"type": "ack", "ref": 1},
    ]
    alice.types("/part", room="tea")
    assert alice.sees() == [{"type": "parted", "room": "tea"}, {"type": "ack", "ref": 2}]
    alice.types("/part lobby", room="tea")
    assert alice.sees() == [{"type": "parted", "room": "lobby"}, {"type": "ack", "ref": 3}]


def test_each_line_is_about_the_room_where_it_was_typed(site):
    alice = site.page(name="alice", rooms=[{"name": "tea"}, {"name": "cake"}])
    alice.events()
    alice.types("/topic green", "/topic", "/who", "/mode", "hi", room="TEA")
    events = alice.sees()
    assert {event["room"] for event in events if "room" in event} == {"tea"}
    replies = [event["text"] for event in events if event["type"] == "reply"]
    assert replies == [
        "Topic of tea: green",
        "1 in tea: alice",
        "Modes of tea: +n; operators: alice",
    ]
    alice.types("/topic sweet", room="cake")
    assert {"type": "topic", "room": "cake", "sender": "alice", "text": "sweet"} in alice.sees()
    alice.types("/topic", room="tea")
    assert alice.sees()[0]["text"] == "Topic of tea: green"


@pytest.mark.parametrize("line", ["hi", "/me waves", "/topic x", "/who", "/mode", "/part", "/ban"])
def test_a_line_in_a_room_where_the_member_is_not(site, line):
    site.arrive("bob", room="tea")
    (alice,) = site.pages("alice")
    alice.types(line, room="tea")
    (error,) = alice.events()
    assert (error["type"], error["ref"]) == ("error", 1)
    assert error["code"] in ("not-in-room", "cannot-speak")
    alice.types(line, room="nowhere")
    assert alice.events()[0]["code"] == "no-such-room"


def test_operators_act_in_the_room_where_they_typed(site):
    alice = site.page(name="alice", rooms=[{"name": "tea"}, {"name": "cake"}])
    bob = site.page(name="bob", rooms=[{"name": "cake"}, {"name": "tea"}])
    bob.events()
    alice.types("/mode +v bob", room="tea")
    assert bob.sees() == [
        {"type": "mode", "room": "tea", "sender": "alice", "text": "+v", "target": "bob"}
    ]
    alice.types("/ban mallory", "/ban", "/unban mallory", room="tea")
    assert site.hub.rooms["cake"].rules.bans == {}
    alice.types("/kick bob go away", room="tea")
    events = bob.sees()
    assert events[-2:] == [
        {
            "type": "kicked",
            "room": "tea",
            "sender": "alice",
            "target": "bob",
            "text": "go away",
        },
        {"type": "parted", "room": "tea"},
    ]
    assert [room.name for room in site.hub.members["bob"].rooms] == ["cake"]


def test_a_member_that_was_kicked_can_come_back(site):
    alice = site.page(name="alice", rooms=[{"name": "tea"}])
    bob = site.page(name="bob", rooms=[{"name": "tea"}])
    alice.types("/kick bob", room="tea")
    bob.events()
    bob.types("/join tea", room=None)
    assert bob.kinds() == ["entered", "room", "history", "ack"]


def test_the_snapshot_of_a_room(site):
    alice = site.page(name="alice", rooms=[{"name": "tea"}])
    bob = site.page(name="bob", rooms=[{"name": "tea"}])
    bob.types("/away gone fishing")
    alice.types("/topic leaves", "/mode +v bob", "/mode +t", room="tea")
    carol = site.page(name="carol", rooms=[{"name": "tea"}])
    assert carol.sees()[2] == {
        "type": "room",
        "room": "tea",
        "topic": "leaves",
        "topic_setter": "alice",
        "modes": "+nt",
        "count": 3,
        "members": [
            {"name": "alice", "role": "operator"},
            {"name": "bob", "role": "voice", "away": "gone fishing"},
            {"name": "carol"},
        ],
    }


def test_the_snapshot_says_that_an_operator_also_has_a_voice(site):
    """It keeps the voice when it is no operator any more."""
    alice = site.page(name="alice", rooms=[{"name": "tea"}])
    alice.types("/mode +v alice", room="tea")
    carol = site.page(name="carol", rooms=[{"name": "tea"}])
    assert carol.sees()[2]["members"][0] == {"name": "alice", "role": "operator", "voice": True}


def test_the_snapshot_hides_those_who_are_not_announced(site):
    """They may be gone before they are, and then nobody hears of them."""
    (alice,) = site.pages("alice")
    member = site.hub.join(RecordingSink(), name="silent", announce=False)
    page = site.page(name="bob")
    room = page.events()[2]
    assert [shown["name"] for shown in room["members"]] == ["alice", "bob"]
    assert room["count"] == 2
    alice.events()
    member.leave()
    assert page.sees() == alice.sees() == []


def test_the_snapshot_has_a_bound(site):
    for number in range(MAX_MEMBERS_SHOWN + 5):
        site.arrive(f"m{number}").member.own_settings().away = "x" * 200
    site.reactor.advance(1)
    room = site.page().events()[2]
    assert room["count"] == MAX_MEMBERS_SHOWN + 6
    assert len(room["members"]) == MAX_MEMBERS_SHOWN
    aways = [member["away"] for member in room["members"]]
    assert len(aways[0]) == MAX_AWAY_SHOWN
    assert len("".join(aways)) <= MAX_AWAY_SIZE + MAX_MEMBERS_SHOWN


def test_replaying_the_events_gives_the_members_of_the_room(site):
    """A snapshot follows what is pending, and hides who is not announced yet."""
    (alice,) = site.pages("alice")
    known: set[str] = set()

    def replay():
        for event in alice.events():
            match event["type"]:
                case "room":
                    known.clear()
                    known.update(member["name"] for member in event["members"])
                case "joined":
                    known.add(event["sender"])
                case "left" | "quit":
                    known.discard(event["sender"])
                case "crowd" if event["target"] == "joined":
                    known.update(event["names"])
                case "crowd":
                    known.difference_update(event["names"])

    people = [site.arrive(f"m{number}") for number in range(30)]
    alice.types("/part", "/join lobby")  # while a crowd waits to be reported
    replay()
    for person in people[:25]:
        person.member.leave()
    alice.types("/part", "/join lobby")
    site.arrive("m3")
    site.reactor.advance(2)
    replay()
    assert known == {member.name for member in site.hub.lobby.members}


def test_the_history_of_a_room(site):
    bob = site.arrive("bob")
    for text in ("one", "two", "three"):
        bob.member.say(text)
    site.reactor.settle()
    history = site.page().events()[3]
    assert [line["text"] for line in history["events"]] == ["one", "two", "three"]
    assert history["complete"]
    page = site.page(rooms=[{"name": "lobby", "after": history["events"][1]["id"]}])
    history = page.events()[3]
    assert [line["text"] for line in history["events"]] == ["three"]
    assert history["complete"]


def test_a_history_says_when_lines_are_missing(make_site):
    site = make_site(limits=Limits(history=3))
    bob = site.arrive("bob")
    bob.member.say("first")
    first = site.hub.lobby.history().messages[0].id
    for number in range(3):
        bob.member.say(f"line {number}")
    site.reactor.settle()

    def complete(after):
        page = site.page(rooms=[{"name": "lobby", "after": after}])
        return page.events()[3]["complete"]

    assert complete(first)  # the line that is forgotten is the one that is known
    assert not complete(first - 1)
    assert not complete(0)
    assert not complete(1)  # of an earlier process


def test_the_list_of_rooms(site):
    (alice,) = site.pages("alice")
    site.arrive("bob", room="tea").member.set_topic("green")
    hidden = site.page(name="carol", rooms=[{"name": "cave"}])
    hidden.types("/mode +s", room="cave")
    alice.events()
    alice.says("rooms")
    assert alice.sees() == [
        {
            "type": "rooms",
            "rooms": [
                {"name": "lobby", "count": 1},
                {"name": "tea", "count": 1, "topic": "green"},
            ],
        }
    ]


def test_ping_and_unknown_types(site):
    (alice,) = site.pages("alice")
    alice.says("ping")
    alice.says("dance", with_="me")
    alice.sends("{}")
    assert alice.sees() == [
        {"type": "pong"},
        {"type": "error", "text": "This server knows no such message"},
        {"type": "error", "text": "This server knows no such message"},
    ]


def test_unknown_fields_are_ignored(site):
    (alice,) = site.pages("alice")
    alice.says("line", ref=1, room="lobby", text="hi", colour="red")
    assert alice.kinds() == ["ack", "said"]


def test_quit_is_answered_by_closed(site):
    (alice,) = site.pages("alice")
    alice.types("/quit")
    assert alice.sees() == [{"type": "closed", "text": "Goodbye", "retry": False}]
    assert alice.close_code() == 1000
    assert site.hub.members == {}


def test_lines_are_cleaned(site):
    alice, bob = site.pages("alice", "bob")
    alice.sends('{"type":"line","ref":1,"room":"lobby","text":"a\\ud800\\u202eb\\u001b[31mc\\n"}')
    assert bob.sees()[0]["text"] == "abc"


def test_a_page_with_compression_gets_the_same(site):
    page = site.socket(deflate=True)
    page.says("hello", name="alice")
    events = page.events()
    assert [event["type"] for event in events] == ["welcome", "entered", "room", "history"]
