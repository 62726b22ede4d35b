"""The API in memory: lists, waiting, mails, attachments, changes, and who may do what."""

from __future__ import annotations

import json
import queue
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from protocols.mail import Address, Envelope, Maildir, MailStore, Message
from protocols.mail.web import index
from protocols.mail.web.html import POLICY
from protocols.mail.web.lists import INDEXING, MAX_WAITING, PAUSE
from protocols.mail.web.parsing import Summary
from protocols.mail.web.query import Query
from protocols.mail.web.search import Budget
from protocols.mail.web.server import MailWeb
from protocols.mail.web.streams import MAX_STREAMS
from protocols.page.access import Access
from reactor.testing import StreamPeer, VirtualReactor

from ....tools.responses import Answer, read_responses
from .mails import PIXEL, fill, hostile, mail, with_html

TOKEN = "secret-token"
CHANGE = "X-Requested-With: test"


class World:
    """A server in memory. ``ids``: of the mails in ``mails``."""

    def __init__(self, reactor: VirtualReactor, folder: Path, *mails: Any, **options: Any) -> None:
        self.reactor = reactor
        self.maildir = Maildir(folder)
        self.ids = fill(self.maildir, *mails)
        self.store = MailStore(reactor, self.maildir, "mx.example.org")
        access = Access(TOKEN, needs_token=options.pop("needs_token", False), what="the mail")
        self.server = MailWeb(reactor, self.store, access, **options)

    def begin(self, target: str, method: str = "GET", *fields: str) -> StreamPeer:
        """Send a request."""
        peer = self.reactor.connect(self.server)
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost:1", *fields, "", ""]
        peer.send("\r\n".join(lines).encode())
        self.reactor.advance(2 * PAUSE)
        return peer

    def ask(self, target: str, method: str = "GET", *fields: str) -> Answer:
        peer = self.begin(target, method, *fields)
        (answer,) = read_responses(bytes(peer.received), [method])
        return answer

    def json(self, target: str, method: str = "GET", *fields: str) -> Any:
        answer = self.ask(target, method, *fields)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def list(self, query: str = "") -> list[str]:
        """The subjects."""
        return [mail["subject"] for mail in self.json(f"/api/messages{query}")["messages"]]

    def deliver(self, message: Any) -> None:
        envelope = Envelope(Address("ada", "example.com"), [Address("bob", "example.org")])
        self.store.deliver(Message(envelope, bytes(message)))
        self.reactor.settle()


@pytest.fixture
def world(reactor, tmp_path):
    def make(*mails: Any, **options: Any) -> World:
        return World(reactor, tmp_path / "mail", *mails, **options)

    return make


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


@pytest.mark.parametrize("query", ["?limit=-1", "?limit=x", "?limit=501", "?wait=nan", "?sort=up"])
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


def test_a_stopping_server_answers_those_that_wait(world, reactor):
    world = world()
    peers = [world.begin("/api/messages?wait=60"), world.begin("/events")]
    reactor.stop(grace=5)
    reactor.run()
    for peer in peers:
        assert read_responses(bytes(peer.received))[0].status == 200


# -- a mail ----------------------------------------------------------------------------------------


def test_a_mail_with_everything(world):
    world = world(with_html('<a href="https://example.com/?a=1&amp;b=2">x</a><img src="//e/x">'))
    answer = world.json(f"/api/messages/{world.ids[0]}")
    assert answer["text"] == "The text.\n"
    assert answer["html"].startswith("<a href=")
    assert ["Subject", "with HTML"] in answer["headers"]
    assert answer["links"] == [{"url": "https://example.com/?a=1&b=2", "text": "x"}]
    assert answer["blocked"] == 1
    assert [(a["name"], a["type"], a["size"]) for a in answer["attachments"]] == [
        ("part.png", "image/png", len(PIXEL)),
        ("tea.html", "text/html", 27),
        ("Tëe 1.csv", "text/csv", 5),
    ]


def test_attachments_are_downloads(world):
    world = world(with_html("x"))
    page = world.ask(f"/api/messages/{world.ids[0]}/parts/2")
    assert page.body == b"<script>alert(1)</script>\r\n"
    assert page.fields["content-type"] == "application/octet-stream"
    assert page.fields["content-disposition"].startswith("attachment; ")
    assert page.fields["x-content-type-options"] == "nosniff"
    table = world.ask(f"/api/messages/{world.ids[0]}/parts/3")
    assert table.fields["content-disposition"] == (
        "attachment; filename=\"T_e 1.csv\"; filename*=UTF-8''T%C3%ABe%201.csv"
    )
    for number in ("0", "4", "x", "1/2", ""):
        assert world.ask(f"/api/messages/{world.ids[0]}/parts/{number}").status == 404


def test_the_frame_has_a_policy_of_its_own(world):
    world = world(with_html(hostile("https://elsewhere.example")))
    answer = world.ask(f"/api/messages/{world.ids[0]}/html")
    assert answer.fields["content-security-policy"] == "; ".join(POLICY)
    assert {"sandbox", "default-src 'none'"} <= set(POLICY)
    assert b'src="data:image/png;base64,' in answer.body
    for tag in (b"<link", b"<meta", b"<base", b"<iframe", b"<object"):
        assert tag not in answer.body


def test_the_source(world):
    world = world(mail("tea"))
    answer = world.ask(f"/api/messages/{world.ids[0]}/raw")
    assert answer.body == world.maildir.read(world.ids[0])
    assert answer.fields["content-type"].startswith("text/plain")
    answer = world.ask(f"/api/messages/{world.ids[0]}/raw?download")
    assert answer.fields["content-type"] == "message/rfc822"
    assert answer.fields["content-disposition"].startswith("attachment; ")


@pytest.mark.parametrize("path", ["nothing", "..%2f..%2fetc%2fpasswd", "x/raw", "x/y", "", "%00"])
def test_there_is_no_such_mail(path, world):
    assert world().ask(f"/api/messages/{path}").status == 404


# -- changes ---------------------------------------------------------------------------------------


def test_deleting(world):
    world = world(mail("one"), mail("two"), mail("three"), mail("four"))
    assert world.ask(f"/api/messages/{world.ids[0]}", "DELETE", CHANGE).status == 204
    assert world.ask(f"/api/messages/{world.ids[0]}", "DELETE", CHANGE).status == 404
    assert world.json("/api/messages?subject=two", "DELETE", CHANGE) == {"deleted": 1}
    assert world.list() == ["four", "three"]
    assert world.json("/api/messages", "DELETE", CHANGE) == {"deleted": 2}
    assert world.list() == []


def test_marking_as_read(world):
    world = world(mail("one"))
    assert world.json("/api/messages")["unread"] == 1
    assert world.ask(f"/api/messages/{world.ids[0]}/read", "POST", CHANGE).status == 204
    answer = world.json("/api/messages")
    assert (answer["unread"], answer["messages"][0]["read"]) == (0, True)
    assert world.maildir.mails()[0].seen


def test_events(world, reactor):
    world = world(mail("one"))
    world.list()
    peer = world.begin("/events")
    world.deliver(mail("two"))
    world.ask(f"/api/messages/{world.ids[0]}", "DELETE", CHANGE)
    reactor.advance(1)
    events = [json.loads(text) for text in re.findall(rb"data: (.*)\n", bytes(peer.received))]
    assert events[0] == {"total": 1, "unread": 1, "deleted": []}
    assert events[-1] == {"total": 1, "unread": 1, "deleted": [world.ids[0]]}


def test_no_more_than_so_many_streams(world):
    world = world()
    peers = [world.begin("/events") for _ in range(MAX_STREAMS)]
    assert world.ask("/events").status == 503
    peers[0].reset()
    world.reactor.settle()
    assert world.begin("/events").received.startswith(b"HTTP/1.1 200 ")


# -- who may do what -------------------------------------------------------------------------------


DATA = ["/api/messages", "/api/messages/x", "/api/messages/x/raw", "/events"]


@pytest.mark.parametrize("target", DATA)
@pytest.mark.parametrize(
    "field",
    ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"],
)
def test_pages_of_other_sites_are_refused(target, field, world):
    assert world().ask(target, "GET", field).status == 403


@pytest.mark.parametrize("target", DATA)
def test_elsewhere_than_on_loopback_all_need_the_token(target, world):
    world = world(needs_token=True)
    assert world.ask(target).status == 403
    assert world.ask(f"{target}?token=wrong").status == 403
    assert world.begin(f"{target}?token={TOKEN}").received[9:12] in (b"200", b"404")
    field = f"Authorization: Bearer {TOKEN}"
    assert world.begin(target, "GET", field).received[9:12] in (b"200", b"404")


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_change_needs_the_field(method, world):
    world = world(mail("one"))
    target = f"/api/messages/{world.ids[0]}" + ("/read" if method == "POST" else "")
    assert world.ask(target, method).status == 403
    assert world.ask(target, method, CHANGE, "Origin: https://evil.example").status == 403
    assert len(world.maildir.mails()) == 1


def test_wrong_methods(world):
    answer = world().ask("/api/messages", "PUT")
    assert (answer.status, answer.fields["allow"]) == (405, "GET, DELETE, HEAD")
    assert world().ask("/api/messages/x/read").status == 405


def test_the_page_may_have_frames_of_this_server_only(world):
    policy = world().ask("/").fields["content-security-policy"]
    assert "frame-src 'self'" in policy
    assert "default-src 'none'" in policy
