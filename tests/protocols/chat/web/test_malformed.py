"""What is not a message of the protocol."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.chat.flood import FloodPolicy
from protocols.chat.web.connection import HELLO_TIMEOUT
from protocols.chat.web.requests import MAX_ROOMS, MAX_SIGNS, WrongMessage, parse

HELLO = '{"type":"hello"}'

WRONG = [
    b"{}",
    "",
    "{",
    "[]",
    "1",
    "null",
    '"hello"',
    "NaN",
    '{"type":"line","ref":NaN,"text":"x"}',
    '{"type":"line","ref":Infinity,"text":"x"}',
    '{"type":"line","ref":-1,"text":"x"}',
    '{"type":"line","ref":0,"text":"x"}',
    '{"type":"line","text":"x"}',
    '{"type":"line","ref":1.5,"text":"x"}',
    '{"type":"line","ref":true,"text":"x"}',
    '{"type":"line","ref":"1","text":"x"}',
    '{"type":"line","ref":9007199254740992,"text":"x"}',
    '{"type":"line","ref":' + "9" * 5000 + ',"text":"x"}',
    '{"type":"line","ref":1,"text":1}',
    '{"type":"line","ref":1,"text":["x"]}',
    '{"type":"line","ref":1,"room":{},"text":"x"}',
    '{"type":1}',
    "[" * 30_000,
    '{"a":' * 10_000,
    '{"type":"ping","x":[' + "[]," * 20_000 + "0]}",
    '{"type":"ping",' + ",".join(f'"{key}":0' for key in range(MAX_SIGNS + 1)) + "}",
    HELLO,  # a second time
]


@pytest.mark.parametrize("message", WRONG, ids=lambda message: repr(message[:30]))
def test_a_wrong_message_ends_the_connection_and_the_member(site, message):
    alice, bob = site.pages("alice", "bob")
    alice.sends(message)
    (closed,) = alice.sees()
    assert closed["type"] == "closed"
    assert not closed["retry"]
    assert alice.close_code() == 1008
    assert bob.sees() == [{"type": "quit", "sender": "alice", "text": "sent wrong messages"}]


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"line","ref":1,"text":"x"}',
        '{"type":"ping"}',
        "hello",
        '{"type":"hello","name":1}',
        '{"type":"hello","session":[]}',
        '{"type":"hello","rooms":{}}',
        '{"type":"hello","rooms":["lobby"]}',
        '{"type":"hello","rooms":[{"name":1}]}',
        '{"type":"hello","rooms":[{"name":"a","after":"1"}]}',
        '{"type":"hello","rooms":[{"name":"a","key":1}]}',
        json.dumps({"type": "hello", "rooms": [{"name": "a"}] * (MAX_ROOMS + 1)}),
    ],
    ids=lambda message: message[:50],
)
def test_the_first_message_is_a_valid_hello(site, message):
    page = site.socket()
    page.sends(message)
    (closed,) = page.events()
    assert closed["type"] == "closed"
    assert page.close_code() == 1008
    assert site.hub.members == {}


def test_hello_must_come_soon(site):
    page = site.socket()
    site.reactor.advance(HELLO_TIMEOUT - 0.1)
    assert page.events() == []
    site.reactor.advance(0.2)
    assert page.sees() == [{"type": "closed", "text": "Say hello first", "retry": False}]
    assert page.close_code() == 1008
    alice = site.page()
    for _ in range(5):
        site.reactor.advance(10)
        alice.events()
    assert list(site.hub.members) == ["guest1"]


def test_a_message_that_is_too_large(site):
    alice, bob = site.pages("alice", "bob")
    alice.says("line", ref=1, room="lobby", text="x" * 70_000)
    assert alice.close_code() == 1009
    site.reactor.advance(11)
    assert bob.sees()[-1]["type"] == "quit"


def test_the_longest_line_fits_even_if_each_character_is_escaped(site):
    alice, bob = site.pages("alice", "bob")
    alice.types("\U0001f600" * 4096)
    assert bob.sees()[0]["text"] == "\U0001f600" * 4096


@pytest.mark.parametrize("sign", ["[", "{", ",", '"', "\\"])
def test_the_longest_line_may_be_all_signs(site, sign):
    alice, bob = site.pages("alice", "bob")
    alice.types(sign * 4096)
    assert bob.sees()[0]["text"] == sign * 4096


def test_numbers_in_fields_that_nobody_knows(site):
    (alice,) = site.pages("alice")
    for number in ("1.5", "1e999", "-" + "9" * 5000):
        alice.sends(f'{{"type":"ping","x":{number}}}')
    assert alice.kinds() == ["pong"] * 3


@pytest.mark.parametrize("kind", ["ping", "dance"])
def test_large_messages_cost_more(make_site, kind):
    site = make_site(flood=FloodPolicy(rate=1, burst=10, ping_cost=0.1))
    (alice,) = site.pages("alice")
    for _ in range(5):
        alice.says(kind, x="x" * 50_000)
    assert len(alice.events()) == 2


def test_a_line_that_is_too_long(site):
    (alice,) = site.pages("alice")
    alice.types("x" * 4097)
    (error,) = alice.events()
    assert (error["code"], error["ref"]) == ("too-long", 1)


@pytest.mark.parametrize(
    "room", ["\ud800", "\u202e", "x" * 10_000, "\x1b[31m", " ", "<b>", "no\nlines"]
)
def test_strange_rooms(site, room):
    (alice,) = site.pages("alice")
    alice.says("line", ref=1, room=room, text="/who")
    assert alice.kinds() in (["error"], ["reply", "ack"])  # with no name left: the only room
    page = site.page(rooms=[{"name": room}])
    assert "lobby" in [event.get("room") for event in page.events()]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ).map(json.dumps),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["hello", "line", "rooms", "ping", "x"])},
            optional={
                name: st.none() | st.integers() | st.text() | st.lists(st.text() | st.integers())
                for name in ("ref", "text", "room", "rooms", "session", "name")
            },
        ).map(json.dumps),
    )
)
def test_parse_raises_nothing_else(message):
    with suppress(WrongMessage):
        parse(message)
