"""Lists of mails in memory: windows, searching, waiting, and what other programs do."""

from __future__ import annotations

import json
import os
import queue
from itertools import pairwise
from typing import Any

import pytest

from protocols.mail.web import index
from protocols.mail.web.index import LISTING
from protocols.mail.web.lists import INDEXING, MAX_WAITING, PAUSE
from protocols.mail.web.parsing import Summary
from protocols.mail.web.query import Query
from protocols.mail.web.search import Budget

from ....tools.responses import read_responses
from .mails import fill, mail
from .world import CHANGE

# -- lists -----------------------------------------------------------------------------------------


def test_a_list_shows_the_newest_first(world):
    world = world(mail("one"), mail("two", "Some  text\nhere", sender="=?utf-8?q?J=C3=B6?= <j@x>"))
    answer = world.json("/api/messages")
    assert (answer["total"], answer["unread"], answer["more"]) == (2, 2, False)
    first, second = answer["messages"]
    assert second["subject"] == "one"
    assert first == {
        "id": world.ids[1],
        "from": "Jö <j@x>",
        "to": "bob@example.org",
        "subject": "two",
        "date": 1_700_000_000.0,
        "received": 1_700_000_001.0,
        "size": first["size"],
        "read": False,
        "attachments": False,
        "snippet": "Some text here",
    }


def test_an_empty_mailbox(world):
    assert world().json("/api/messages") == {
        "total": 0,
        "unread": 0,
        "older": 0,
        "more": False,
        "complete": True,
        "messages": [],
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?search=water", ["tea"]),
        ("?search=WATER+ada", ["tea"]),
        ("?search=water+beans", []),
        ("?search=eve@", ["coffee"]),
        ("?to=eve", ["coffee"]),
        ("?from=ADA&subject=coff", ["coffee"]),
        ("?subject=nothing", []),
        ("?limit=1", ["coffee"]),
    ],
)
def test_search(query, found, world):
    world = world(mail("tea"), mail("coffee", "beans", to="eve@example.org"))
    assert world.list(query) == found


def test_a_large_mailbox_comes_in_windows(world):
    world = world(*(mail(f"{number}") for number in range(250)))
    subjects, query = [], "?limit=100"
    while True:
        answer = world.json(f"/api/messages{query}")
        subjects += [mail["subject"] for mail in answer["messages"]]
        if not answer["more"]:
            break
        query = f"?limit=100&before={answer['messages'][-1]['id']}"
    assert subjects == [f"{number}" for number in reversed(range(250))]


def test_a_window_after_a_mail_that_is_gone(world):
    world = world(mail("one"), mail("two"), mail("three"))
    world.list()
    world.ask(f"/api/messages/{world.ids[1]}", "DELETE", CHANGE)
    assert world.list(f"?before={world.ids[1]}") == ["one"]


def test_the_index_has_the_newest_only(world):
    world = world(mail("one"), mail("two"), mail("three"), most=2)
    assert world.list() == ["three", "two"]
    world.deliver(mail("four"))
    assert world.list() == ["four", "three"]
    answer = world.json("/api/messages")
    assert (answer["total"], answer["older"], answer["complete"]) == (2, 2, False)
    assert world.json("/api/messages?limit=1")["complete"]


@pytest.mark.parametrize(
    "query",
    [
        "?limit=-1",
        "?limit=x",
        "?limit=501",
        "?limit=1e1",
        "?limit=1_0",
        "?limit=%D9%A1",
        f"?limit={'9' * 5000}",
        "?wait=nan",
        "?wait=inf",
        "?wait=-0",
        "?sort=up",
        f"?{'search=x&' * 30}",
        f"?search={'x+' * 30}",
    ],
)
def test_a_wrong_query(query, world):
    answer = world().ask(f"/api/messages{query}")
    assert answer.status == 400
    assert answer.body.count(b"\n") == 1


def test_what_another_program_does_is_seen_later(world, reactor):
    world = world(mail("one"), mail("two"))
    assert world.list() == ["two", "one"]
    (world.maildir.path / "new" / next(p.name for p in (world.maildir.path / "new").iterdir()
        if p.name == world.ids[0])).unlink()  # fmt: skip
    reactor.advance(3)
    world.list()
    assert world.list() == ["two"]


@pytest.mark.parametrize(
    "query", ["?search=%ff%fe", "?search=%00", "?search=(a%2B)%2B$", f"?search={'a*' * 3000}"]
)
def test_a_search_is_for_text(query, world):
    assert world(mail("one")).list(query) == []


def test_before_a_mail_whose_name_says_nothing_in_the_first_request(world):
    world = world(mail("one"), mail("two"))
    other = (world.maildir.path / "new" / world.ids[0]).rename(world.maildir.path / "new" / "other")
    os.utime(other, (0, 0))
    assert world.list("?before=other") == []


def test_a_mail_that_comes_while_the_maildir_is_listed(world, reactor, monkeypatch):
    world = world(mail("one"))
    compare = index._compare

    def deliver_meanwhile(*args: Any) -> Any:
        found = compare(*args)
        (identity,) = fill(world.maildir, mail("two"))
        mails = [mail for mail in world.maildir.mails() if mail.identity == identity]
        reactor.call_soon_threadsafe(world.store._notify, mails, ())
        return found

    monkeypatch.setattr(index, "_compare", deliver_meanwhile)
    peer = world.begin("/api/messages?subject=two&wait=10")
    reactor.advance(1)
    assert b'"subject":"two"' in peer.received
    assert world.json("/api/messages")["complete"]


@pytest.mark.parametrize("target", ["/api/messages?subject=two&wait=10", "/events"])
def test_who_watches_sees_what_another_program_delivers(target, world, reactor):
    world = world(mail("one"))
    peer = world.begin(target)
    before = len(peer.received)
    fill(world.maildir, mail("two"))
    reactor.advance(LISTING + 1)
    assert len(peer.received) > before


def test_the_maildir_is_left_alone_when_nobody_watches(world, reactor, monkeypatch):
    world = world(mail("one"))
    world.begin("/events").reset()
    world.list()
    reactor.advance(2 * LISTING)
    calls: list[Any] = []
    monkeypatch.setattr(reactor, "run_in_thread", calls.append)
    reactor.advance(10 * LISTING)
    assert calls == []


def test_a_maildir_that_cannot_be_listed(world, reactor, caplog):
    world = world(mail("one"))
    (world.maildir.path / "new").rename(world.maildir.path / "gone")
    answer = world.json("/api/messages")
    assert (answer["messages"], answer["complete"]) == ([], False)
    assert caplog.text.count("cannot list the mails") == 1
    (world.maildir.path / "gone").rename(world.maildir.path / "new")
    reactor.advance(LISTING)
    world.list()
    assert world.list() == ["one"]
    caplog.clear()


def test_a_mail_that_cannot_be_summarized_hides_no_others(world, monkeypatch, caplog):
    summarize = index.summarize

    def fail(data: bytes) -> Summary:
        if b"Subject: bad" in data:
            raise ValueError("bad")
        return summarize(data)

    monkeypatch.setattr(index, "summarize", fail)
    assert world(mail("one"), mail("bad"), mail("two")).list() == ["two", "(cannot be read)", "one"]
    assert "cannot read the mail" in caplog.text
    caplog.clear()


def test_a_recipient_in_bcc(world):
    world = world()
    world.deliver(mail("one", to="all@example.com"))  # the envelope has bob@example.org
    assert world.list("?to=bob@example.org") == ["one"]


# -- searching for long ----------------------------------------------------------------------------


@pytest.fixture
def looks(reactor, monkeypatch):
    """The mails that searches have looked at. A look takes a millisecond."""
    looks: list[str] = []
    matches = Query.matches

    def look(query: Query, summary: Summary) -> bool:
        looks.append(summary.subject)
        reactor.stall(0.001)
        return matches(query, summary)

    monkeypatch.setattr(Query, "matches", look)
    return looks


def test_others_are_served_during_a_long_search(world, reactor, looks):
    world = world(*(mail(f"{number}") for number in range(40)))
    served = [0]

    def serve() -> None:
        served.append(len(looks))
        if len(looks) < 80:
            reactor.call_later(0.0005, serve)

    serve()
    peers = [world.begin(f"/api/messages?subject={number}") for number in ("0", "1")]
    reactor.advance(1)
    assert all(peer.received for peer in peers)
    assert looks == [f"{number}" for number in reversed(range(40))] * 2
    assert max(after - before for before, after in pairwise(served)) <= 6  # 5 ms


def test_a_turn_has_so_many_looks(world, monkeypatch):
    taken: list[int] = []

    class Counting(Budget):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            taken.append(0)

        def take(self) -> bool:
            taken[-1] += (could := super().take())
            return could

    monkeypatch.setattr("protocols.mail.web.lists.Budget", Counting)
    monkeypatch.setattr("protocols.mail.web.search.SLICE", 10)
    world = world(*(mail(f"{number}") for number in range(35)))
    assert len(world.list()) == 35
    assert [count for count in taken if count] == [10, 10, 10, 5]


def test_who_waits_looks_at_new_mails_only(world, looks):
    world = world(*(mail(f"{number}") for number in range(5)))
    peer = world.begin("/api/messages?subject=tea&wait=10")
    assert looks == ["4", "3", "2", "1", "0"]
    for subject in ("five", "tea"):
        looks.clear()
        world.deliver(mail(subject))
        world.reactor.advance(2 * PAUSE)
        assert looks == [subject]
    assert peer.received


def test_what_is_deleted_during_a_search_is_not_in_the_answer(world, looks, reactor):
    world = world(*(mail(f"{number}") for number in range(20)))

    world.list()
    looks.clear()
    deleted: list[int] = []

    def delete_newest() -> None:
        if not looks:
            reactor.call_later(0.0005, delete_newest)
            return
        deleted.append(len(looks))
        # A thread deletes it, and may end after the search: so tell of it as the store does.
        world.store._notify((), [world.ids[-1]])

    delete_newest()
    found = world.list()
    assert len(deleted) == 1
    assert deleted[0] < 10
    assert found == [f"{number}" for number in reversed(range(19))]


def test_while_the_index_is_built_the_answer_says_so(world, reactor, monkeypatch):
    world = world(*(mail(f"{number}") for number in range(5)))
    run_in_thread, batches = reactor.run_in_thread, [2]

    def run(function: Any, *args: Any) -> Any:
        if function is index._summaries:
            if not batches[0]:
                raise queue.Full
            batches[0] -= 1
        return run_in_thread(function, *args)

    monkeypatch.setattr(reactor, "run_in_thread", run)
    monkeypatch.setattr(index, "BATCH", 1)
    first = world.json("/api/messages?limit=1")  # these were read, and are the newest
    assert (first["complete"], [mail["subject"] for mail in first["messages"]]) == (True, ["4"])
    peer = world.begin("/api/messages")
    reactor.advance(INDEXING - 1)
    assert not peer.received
    reactor.advance(1)
    (answer,) = read_responses(bytes(peer.received))
    document = json.loads(answer.body)
    assert (document["complete"], document["total"]) == (False, 5)
    assert [mail["subject"] for mail in document["messages"]] == ["4", "3"]
    batches[0] = 5
    reactor.advance(1)
    document = world.json("/api/messages")
    assert (document["complete"], len(document["messages"])) == (True, 5)


# -- waiting for a mail ----------------------------------------------------------------------------


def test_waiting_for_a_mail(world, reactor):
    world = world(mail("one"))
    peer = world.begin("/api/messages?subject=two&wait=10")
    world.deliver(mail("three"))
    reactor.advance(1)
    assert not peer.received
    world.deliver(mail("two"))
    reactor.advance(1)
    (answer,) = read_responses(bytes(peer.received))
    assert [mail["subject"] for mail in json.loads(answer.body)["messages"]] == ["two"]


def test_waiting_in_vain(world, reactor):
    peer = world().begin("/api/messages?wait=10")
    reactor.advance(9.8)
    assert not peer.received
    reactor.advance(0.2)
    (answer,) = read_responses(bytes(peer.received))
    assert json.loads(answer.body)["messages"] == []


def test_no_more_than_so_many_wait(world):
    world = world()
    peers = [world.begin("/api/messages?wait=60") for _ in range(MAX_WAITING)]
    assert world.ask("/api/messages?wait=10").status == 503
    peers[0].reset()
    world.reactor.settle()
    assert not world.begin("/api/messages?wait=10").received
    assert world.list() == []  # lists do not wait for those


def test_a_stopping_server_answers_those_that_wait(world, reactor):
    world = world()
    peers = [world.begin("/api/messages?wait=60"), world.begin("/events")]
    reactor.stop(grace=5)
    reactor.run()
    for peer in peers:
        assert read_responses(bytes(peer.received))[0].status == 200
