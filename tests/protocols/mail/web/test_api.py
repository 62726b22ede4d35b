"""The API in memory: lists, waiting, mails, attachments, changes, and who may do what."""

from __future__ import annotations

import json
import os
import queue
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from protocols.mail import Address, Envelope, Maildir, MailStore, Message
from protocols.mail.web import index, jobs
from protocols.mail.web.html import POLICY
from protocols.mail.web.index import LISTING
from protocols.mail.web.lists import INDEXING, MAX_WAITING, PAUSE
from protocols.mail.web.parsing import Summary
from protocols.mail.web.query import Query
from protocols.mail.web.search import Budget
from protocols.mail.web.server import MailWeb
from protocols.mail.web.streams import MAX_PER_ADDRESS, MAX_STREAMS
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
    assert page.fields["content-security-policy"] == "default-src 'none'; sandbox"
    for number in ("0", "4", "x", "1/2", "", "%c2%b2", "-1", "1" * 300):
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
    assert "content-disposition" not in answer.fields
    assert answer.fields["content-security-policy"] == "default-src 'none'; sandbox"
    answer = world.ask(f"/api/messages/{world.ids[0]}/raw?token=x&download")
    assert answer.fields["content-type"] == "message/rfc822"
    assert answer.fields["content-disposition"].startswith("attachment; ")


NO_MAILS = ["nothing", "..%2f..%2fetc%2fpasswd", "x/y", "", "%00", "%ff", "x" * 256, "x" * 5000]


@pytest.mark.parametrize("path", NO_MAILS)
@pytest.mark.parametrize("view", ["", "/raw", "/html", "/parts/1", "/read"])
def test_there_is_no_such_mail(path, view, world):
    methods = ["POST"] if view == "/read" else ["GET", "DELETE"] if not view else ["GET"]
    for method in methods:
        assert world().ask(f"/api/messages/{path}{view}", method, CHANGE).status == 404


def test_a_mail_that_is_gone_while_it_is_listed(world):
    world = world(mail("one"))
    assert world.list() == ["one"]
    (world.maildir.path / "new" / world.ids[0]).unlink()
    for view in ("", "/raw", "/html", "/parts/1"):
        assert world.ask(f"/api/messages/{world.ids[0]}{view}").status == 404
    assert world.ask(f"/api/messages/{world.ids[0]}/read", "POST", CHANGE).status == 404
    assert world.ask(f"/api/messages/{world.ids[0]}", "DELETE", CHANGE).status == 404


def test_a_mail_that_cannot_be_read(world, caplog):
    world = world()
    (world.maildir.path / "new" / "folder").mkdir()
    answer = world.ask("/api/messages/folder")
    assert (answer.status, answer.body) == (500, b"The mail cannot be read.\n")
    assert [record.exc_info for record in caplog.records] == [None]
    caplog.clear()


LINE = b"The water boils, and nobody has found the tea.\r\n"


def test_large_responses_are_sent_in_pieces(world):
    world = world(b"Subject: tea\r\n\r\n" + LINE * 60_000)
    target = f"/api/messages/{world.ids[0]}/raw"
    answer = world.ask(target)
    assert answer.body == world.maildir.read(world.ids[0])
    assert world.ask(target, "HEAD").fields["content-length"] == f"{len(answer.body)}"


def test_clients_that_do_not_read_cannot_fill_the_memory(world, monkeypatch, reactor):
    world = world(b"Subject: tea\r\n\r\n" + LINE * 60_000)
    target = f"/api/messages/{world.ids[0]}/raw"
    size = int(world.ask(target, "HEAD").fields["content-length"])
    monkeypatch.setattr(jobs, "MAX_UNREAD", 2 * size)

    def begin() -> StreamPeer:
        peer = reactor.connect(world.server)
        peer.stall(1000)
        peer.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        reactor.settle()
        return peer

    peers = [begin() for _ in range(2)]
    assert world.ask(target).status == 503
    assert world.ask("/api/messages").status == 200
    peers[0].reset()
    reactor.settle()
    assert world.ask(target).status == 200


# -- changes ---------------------------------------------------------------------------------------


def test_deleting(world):
    world = world(mail("one"), mail("two"), mail("three"), mail("four"))
    assert world.ask(f"/api/messages/{world.ids[0]}", "DELETE", CHANGE).status == 204
    assert world.ask(f"/api/messages/{world.ids[0]}", "DELETE", CHANGE).status == 404
    deleted = world.json("/api/messages?subject=two", "DELETE", CHANGE)
    assert deleted == {"deleted": 1, "complete": True}
    assert world.list() == ["four", "three"]
    assert world.json("/api/messages", "DELETE", CHANGE) == {"deleted": 2, "complete": True}
    assert world.list() == []


@pytest.mark.parametrize(
    "query", ["?subject=", "?search=+", "?to=bob&from=", "?limit=1", "?before=x", "?wait=1"]
)
def test_deleting_refuses_what_may_mean_less_than_all(query, world):
    world = world(mail("one"))
    answer = world.ask(f"/api/messages{query}", "DELETE", CHANGE)
    assert answer.status == 400
    assert world.list() == ["one"]


def test_deleting_says_that_it_did_not_search_all(world):
    world = world(mail("tea one"), mail("tea two"), mail("tea three"), most=2)
    deleted = world.json("/api/messages?subject=tea", "DELETE", CHANGE)
    assert deleted == {"deleted": 2, "complete": False}
    world.reactor.advance(LISTING)
    world.list()
    assert world.list() == ["tea one"]
    deleted = world.json("/api/messages?subject=tea", "DELETE", CHANGE)
    assert deleted == {"deleted": 1, "complete": True}


def test_deleting_many(world):
    world = world(*(mail(f"{number}") for number in range(60)))
    assert len(world.list("?limit=100")) == 60
    assert world.json("/api/messages?subject=1", "DELETE", CHANGE)["deleted"] == 15
    left = [f"{number}" for number in reversed(range(60)) if "1" not in f"{number}"]
    assert world.list("?limit=100") == left
    assert world.json("/api/messages")["total"] == 45


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


def test_streams_of_an_address_are_limited(world, reactor):
    world = world()

    def watch(address: str) -> bytes:
        peer = reactor.connect(world.server, (address, 1234))
        peer.send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reactor.settle()
        peers.append(peer)
        return bytes(peer.received[9:12])

    peers: list[StreamPeer] = []
    answers = [watch("192.0.2.7") for _ in range(MAX_PER_ADDRESS + 1)]
    assert answers == [b"200"] * MAX_PER_ADDRESS + [b"503"]
    assert watch("192.0.2.8") == b"200"
    peers[0].reset()
    reactor.settle()
    assert watch("192.0.2.7") == b"200"


def test_no_more_than_so_many_streams(world, monkeypatch):
    monkeypatch.setattr("protocols.mail.web.streams.MAX_PER_ADDRESS", MAX_STREAMS)
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


def test_a_form_of_another_site_changes_nothing(world):
    """A browser sends a form without asking first, but not with such a field (Fetch, section
    3.2.2)."""
    world = world(mail("one"))
    for field in ("Content-Type: text/plain", "Origin: null", "Sec-Fetch-Site: cross-site"):
        assert world.ask(f"/api/messages/{world.ids[0]}/read", "POST", field).status == 403
        asked = world.ask(
            "/api/messages", "OPTIONS", field, "Access-Control-Request-Method: DELETE"
        )
        assert asked.status == 405
        assert not [name for name in asked.fields if name.startswith("access-control")]
    assert world.json("/api/messages")["unread"] == 1


def test_wrong_methods(world):
    answer = world().ask("/api/messages", "PUT")
    assert (answer.status, answer.fields["allow"]) == (405, "GET, DELETE, HEAD")
    assert world().ask("/api/messages/x/read").status == 405


def test_the_page_may_have_frames_of_this_server_only(world):
    policy = world().ask("/").fields["content-security-policy"]
    assert "frame-src 'self'" in policy
    assert "default-src 'none'" in policy
