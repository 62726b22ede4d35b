"""The inspector's routes: methods, access, limits, and errors of one line."""

from __future__ import annotations

import json

import pytest

from protocols.http import HTTPServer
from protocols.inspector.access import Access
from protocols.inspector.control import ControlError
from protocols.inspector.polls import Polls
from protocols.inspector.server import LIMITS, Routes
from protocols.inspector.viewers import MOST, Viewers
from protocols.page import PageFiles
from reactor import RecentTurns
from reactor.testing import VirtualReactor

TOKEN = "secret-token"
DATA = ["/events", "/loop.json", "/trace.json", "/recording"]


class Watched:
    """Stands for the state, the control and the watcher of a watched loop."""

    def __init__(self) -> None:
        self.recent = RecentTurns()
        self.views = []
        self.performed = []
        self.refreshed = 0
        self.files = []
        self.writing = False

    def document(self, view):
        self.views.append(view)
        return {"loop": {"time": 1.0}, "pending": None}

    def hello(self):
        return {"version": 1, "title": "chat: x", "pid": 7, "token": TOKEN}

    def perform(self, request):
        if request["action"] == "pause":
            raise ControlError("the loop is paused already")
        if request["action"] == "dance":
            raise ValueError("the action must be another")
        self.performed.append(request)

    def refresh(self):
        self.refreshed += 1

    def recording_files(self):
        return self.files

    def is_writing(self):
        return self.writing


class World:
    def __init__(self, folder, *, needs_token=False) -> None:
        self.reactor = VirtualReactor()
        self.watched = Watched()
        self.viewers = Viewers(self.reactor, self.watched.document, self.watched.hello)
        (folder / "index.html").write_text("the page")
        self.server = HTTPServer(
            Routes(
                state=self.watched,
                control=self.watched,
                watcher=self.watched,
                viewers=self.viewers,
                polls=Polls(self.reactor, cpu_time=lambda: 0.0),
                hello=self.watched.hello,
                access=Access(TOKEN, needs_token=needs_token),
                files=PageFiles(folder),
            ).handle,
            limits=LIMITS,
        )

    def ask(self, target, method="GET", body=b"", *fields):
        """Returns the status, the fields (names in lower case) and the body."""
        self.peer = self.reactor.connect(self.server)
        length = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost:1", *length, *fields, "", ""]
        self.peer.send("\r\n".join(lines).encode() + body)
        self.reactor.settle()
        head, _, content = bytes(self.peer.received).partition(b"\r\n\r\n")
        status, *pairs = head.decode().split("\r\n")
        fields = {name.lower(): value for name, value in (pair.split(": ", 1) for pair in pairs)}
        return int(status.split()[1]), fields, content.decode()

    def control(self, body, *fields):
        return self.ask("/control", "POST", body, f"X-Inspector-Token: {TOKEN}", *fields)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    with world.reactor:
        yield world


@pytest.fixture
def guarded(tmp_path):
    """One that is on another address than loopback."""
    world = World(tmp_path, needs_token=True)
    with world.reactor:
        yield world


def test_the_page_needs_no_token(guarded):
    status, fields, body = guarded.ask("/")
    assert (status, body) == (200, "the page")
    assert "default-src 'none'" in fields["content-security-policy"]


def test_the_snapshot_is_hello_and_the_state(world):
    status, fields, body = world.ask("/loop.json?sort=queued&order=desc&count=5")
    assert status == 200
    assert fields["content-type"].startswith("application/json")
    assert fields["cache-control"] == "no-store"
    assert "content-security-policy" in fields
    assert fields["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in fields
    document = json.loads(body)
    assert document["hello"]["token"] == TOKEN
    assert document["state"] == {"loop": {"time": 1.0}, "pending": None}
    (view,) = world.watched.views
    assert (view.sort, view.order, view.count) == ("queued", "desc", 5)


def test_the_trace_is_a_file(world):
    status, fields, body = world.ask("/trace.json")
    assert status == 200
    assert fields["content-disposition"] == 'attachment; filename="trace.json"'
    assert json.loads(body)["traceEvents"][0]["args"] == {"name": "chat: x"}


@pytest.mark.parametrize("path", ["/loop.json", "/events"])
def test_a_wrong_view_is_one_line(world, path):
    status, fields, body = world.ask(f"{path}?count=many")
    assert status == 400
    assert fields["content-type"].startswith("text/plain")
    assert body.count("\n") == 1


def test_what_is_not_there(world):
    assert world.ask("/nothing")[0] == 404
    assert world.ask("/recording")[::2] == (404, "There is no recording.\n")


@pytest.mark.parametrize("path", DATA)
def test_only_get_and_head(world, path):
    status, fields, body = world.ask(path, "DELETE")
    assert (status, fields["allow"], body) == (405, "GET, HEAD", "Only GET and HEAD.\n")


def test_control_only_by_post(world):
    status, fields, body = world.ask("/control")
    assert (status, fields["allow"], body) == (405, "POST", "Only POST.\n")
    assert world.ask("/control", "OPTIONS")[0] == 405  # a browser's question before a request


@pytest.mark.parametrize("path", ["/", "/loop.json", "/trace.json", "/events"])
def test_head_has_no_content(world, path):
    status, fields, body = world.ask(path, "HEAD")
    assert (status, body) == (200, "")
    assert "content-security-policy" in fields
    assert len(world.viewers) == 0


# -- access ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DATA)
def test_on_other_addresses_data_needs_the_token(guarded, path):
    guarded.watched.files = []
    for target, *fields in [
        (path,),
        (f"{path}?token=",),
        (f"{path}?token=wrong",),
        (f"{path}?token=%C3%A9",),
        (f"{path}?{'&'.join('a=b' for _ in range(60))}&token={TOKEN}",),
        (path, "Authorization: Bearer wrong"),
        (path, f"Authorization: Basic {TOKEN}"),
    ]:
        status, _, body = guarded.ask(target, "GET", b"", *fields)
        assert status == 403
        assert body == "The token is missing or wrong: ?token= or Authorization: Bearer.\n"
    assert guarded.ask(f"{path}?token={TOKEN}")[0] in (200, 404)
    assert guarded.ask(path, "GET", b"", f"Authorization: bearer {TOKEN}")[0] in (200, 404)


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize(
    "field",
    [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://localhost:2",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
def test_pages_of_other_origins_read_nothing(world, path, field):
    status, _, body = world.ask(path, "GET", b"", field)
    assert (status, body) == (403, "Pages of other origins may not use the inspector.\n")


@pytest.mark.parametrize(
    "field", ["Origin: http://localhost:1", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"]
)
def test_our_page_reads(world, field):
    assert world.ask("/loop.json", "GET", b"", field)[0] == 200


# -- control ---------------------------------------------------------------------------------------


def test_control(world):
    status, fields, body = world.control(b'{"action": "resume"}')
    assert (status, body) == (204, "")
    assert "content-security-policy" in fields
    assert world.watched.performed == [{"action": "resume"}]
    assert world.watched.refreshed == 1  # who asks for the state now sees the effect


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        (b'{"action": "pause"}', 409, "the loop is paused already\n"),
        (b'{"action": "dance"}', 400, "the action must be another\n"),
        (b"{", 400, "The body is no JSON object.\n"),
        (b"[]", 400, "The body is no JSON object.\n"),
        (b"\xff\xfe", 400, "The body is no JSON object.\n"),
        (b"[" * 4000, 400, "The body is no JSON object.\n"),
        (b" " * 4097, 413, "The request's body is larger than 4096 bytes.\n"),
    ],
)
def test_requests_that_are_refused(world, body, status, line):
    assert world.control(body)[::2] == (status, line)


def test_an_empty_body_is_no_request(world):
    assert world.control(b"", "Content-Length: 0")[0] == 400


def test_control_of_unknown_length(world):
    assert world.control(b"", "Transfer-Encoding: chunked")[0] == 411


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["X-Inspector-Token: wrong"],
        [f"Authorization: Bearer {TOKEN}"],
        [f"X-Inspector-Token: {TOKEN}", "Origin: http://evil.example"],
        [f"X-Inspector-Token: {TOKEN}", "Sec-Fetch-Site: same-site"],
    ],
)
def test_control_needs_the_token_and_our_page(world, fields):
    status, _, body = world.ask("/control?token=" + TOKEN, "POST", b'{"action": "x"}', *fields)
    assert status == 403
    assert body.count("\n") == 1
    assert world.watched.performed == []


# -- streams ---------------------------------------------------------------------------------------


def test_a_stream_begins_with_hello_and_the_state(world):
    status, fields, body = world.ask("/events?count=3")
    assert status == 200
    assert fields["content-type"].startswith("text/event-stream")
    assert 'event: hello\nid: 1\ndata: {"version":1' in body
    assert 'event: state\nid: 2\ndata: {"loop":{"time":1.0},"pending":null}\n\n' in body


def test_viewers_are_limited(world):
    peers = []
    for _ in range(MOST):
        assert world.ask("/events")[0] == 200
        peers.append(world.peer)
    status, fields, body = world.ask("/events")
    assert (status, body) == (503, f"{MOST} viewers watch already.\n")
    assert "retry-after" in fields
    peers[0].reset()
    world.reactor.settle()
    assert world.ask("/events")[0] == 200


# -- recordings ------------------------------------------------------------------------------------


def test_a_recording_is_sent_as_one_file(world, tmp_path):
    for name, content in (("1.jsonl.1", "a\n" * 50_000), ("1.jsonl", "b\n")):
        (tmp_path / name).write_text(content)
        world.watched.files.append(tmp_path / name)
    status, fields, _ = world.ask("/recording", "HEAD")
    assert (status, fields["content-length"]) == (200, "100002")
    assert fields["content-disposition"].startswith('attachment; filename="chat-x-')
    assert fields["content-disposition"].endswith('.jsonl"')


def test_a_recording_that_is_deleted_meanwhile(world, tmp_path):
    (tmp_path / "one").write_text("x")
    world.watched.files = [tmp_path / "one", tmp_path / "gone"]
    assert world.ask("/recording")[::2] == (409, "The recording has changed: try again.\n")


def test_a_recording_is_sent_when_its_last_turns_are_written(world, tmp_path):
    (tmp_path / "1.jsonl").write_bytes(b"first\n")
    world.watched.files = [tmp_path / "1.jsonl"]
    world.watched.writing = True
    peer = world.reactor.connect(world.server)
    peer.send(b"GET /recording HTTP/1.1\r\nHost: localhost\r\n\r\n")
    world.reactor.advance(0.2)
    assert not peer.received
    (tmp_path / "1.jsonl").write_bytes(b"first\nlast\n")
    world.watched.writing = False
    world.reactor.advance(0.1)
    assert peer.received.startswith(b"HTTP/1.1 200")
    assert peer.received.endswith(b"last\n")


def test_a_recording_that_is_not_complete_for_long_is_refused(world, tmp_path):
    world.watched.writing = True
    peer = world.reactor.connect(world.server)
    peer.send(b"GET /recording HTTP/1.1\r\nHost: localhost\r\n\r\n")
    world.reactor.advance(3)
    assert peer.received.startswith(b"HTTP/1.1 409")
