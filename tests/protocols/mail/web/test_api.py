"""The API in memory: mails, attachments, changes, events, and who may do what."""

from __future__ import annotations

import errno
import json
import os
import re

import pytest

from protocols.mail.web import jobs
from protocols.mail.web.html import POLICY
from protocols.mail.web.index import LISTING
from protocols.mail.web.streams import MAX_PER_ADDRESS, MAX_STREAMS
from reactor.testing import StreamPeer

from .mails import PIXEL, hostile, mail, with_html
from .world import CHANGE, TOKEN

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


@pytest.mark.parametrize("query", ["", "?subject=o"])
def test_deleting_says_that_a_mail_could_not_be_deleted(query, world, monkeypatch, caplog):
    world = world(mail("one"), mail("two"), mail("four"))
    assert world.list() == ["four", "two", "one"]
    unlink = os.unlink

    def refuse(path):
        if world.ids[1] in path:
            raise PermissionError(errno.EPERM, "Operation not permitted", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    deleted = world.json(f"/api/messages{query}", "DELETE", CHANGE)
    assert deleted == {"deleted": 2, "complete": False}
    assert world.list() == ["two"]  # at once: the store has told of those that are gone
    (record,) = caplog.records
    assert "Operation not permitted" in record.getMessage()
    assert world.ask(f"/api/messages/{world.ids[1]}", "DELETE", CHANGE).status == 500
    caplog.clear()


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
