"""The opening handshake (RFC 6455 section 4.2), and who may connect (section 10.2)."""

from __future__ import annotations

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from protocols.http import HTTPServer, Response
from protocols.websocket import accept

from .browser import KEY, Browser, Recorder, frame

FIELDS = {
    "Host": "example.com",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def shake(reactor, fields=FIELDS, *, line="GET / HTTP/1.1", body=b"", peer=None, **options):
    """Send a handshake; returns the response's status line and fields."""
    server = HTTPServer(lambda request: accept(request, Recorder, **options))
    addresses = {} if peer is None else peer
    peer = reactor.connect(server, **addresses)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    peer.send(f"{line}\r\n{head}\r\n".encode() + body)
    reactor.settle()
    status, *lines = peer.read().partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return status, {
        name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
    }


def test_the_answer_to_a_handshake(reactor):
    status, fields = shake(reactor)
    assert status == "HTTP/1.1 101 Switching Protocols"
    assert fields["upgrade"] == "websocket"
    assert fields["connection"] == "Upgrade"
    assert fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
    assert not {"content-length", "content-type", "sec-websocket-extensions"} & fields.keys()


@pytest.mark.parametrize(
    ("changes", "line", "status"),
    [
        ({"Upgrade": None}, "GET / HTTP/1.1", 426),
        ({"Upgrade": "h2c"}, "GET / HTTP/1.1", 426),
        ({"Connection": "keep-alive"}, "GET / HTTP/1.1", 426),
        ({"Connection": None}, "GET / HTTP/1.1", 426),
        ({"Sec-WebSocket-Key": None}, "GET / HTTP/1.1", 400),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, "GET / HTTP/1.1", 400),
        ({"Sec-WebSocket-Key": "*" * 24}, "GET / HTTP/1.1", 400),
        ({"Sec-WebSocket-Version": None}, "GET / HTTP/1.1", 400),
        ({"Sec-WebSocket-Version": "8"}, "GET / HTTP/1.1", 426),
        ({"Sec-WebSocket-Extensions": '"'}, "GET / HTTP/1.1", 400),
        ({"Sec-WebSocket-Protocol": "a b"}, "GET / HTTP/1.1", 400),
        ({}, "POST / HTTP/1.1", 405),
        ({}, "GET / HTTP/1.0", 505),
        ({"Content-Length": "1"}, "GET / HTTP/1.1", 400),
    ],
    ids=str,
)
def test_a_request_that_is_not_a_handshake_is_refused(reactor, changes, line, status):
    answer, fields = shake(reactor, FIELDS | changes, line=line, body=b"x")
    assert answer.startswith(f"HTTP/1.1 {status} ")
    if status == 426:
        assert fields["upgrade"] == "websocket"
        assert fields["sec-websocket-version"] == "13"


def test_frames_may_follow_the_handshake_at_once(reactor):
    made = []

    def factory():
        made.append(Recorder())
        return made[0]

    peer = reactor.connect(HTTPServer(lambda request: accept(request, factory)))
    head = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    peer.send(f"GET /chat?room=a HTTP/1.1\r\n{head}\r\n".encode() + frame(1, b"early"))
    reactor.settle()
    assert made[0].calls == ["opened", "early"]
    assert (made[0].request.path, made[0].request.query) == ("/chat", "room=a")


@pytest.mark.parametrize(
    ("spoken", "offers", "chosen"),
    [
        ((), None, None),
        ((), ["a"], None),
        (("a", "b"), None, None),
        (("a", "b"), ["b", "a"], "a"),
        (("a", "b"), ["c", "b"], "b"),
        (("a", "b"), ["c"], None),
    ],
)
def test_the_subprotocol(connect, spoken, offers, chosen):
    browser = connect(subprotocols=spoken, offers=offers)
    assert browser.websocket.subprotocol == chosen
    assert browser.core.subprotocol == chosen


@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize("window_bits", [None, 9, 15])
def test_compression_with_its_parameters(connect, takeover, window_bits):
    offer = ClientPerMessageDeflateFactory(
        server_no_context_takeover=takeover,
        client_no_context_takeover=takeover,
        server_max_window_bits=window_bits,
        client_max_window_bits=window_bits or True,
    )
    browser = connect(lambda: Recorder(echo=True), deflate=offer)
    agreed = browser.response.headers["Sec-WebSocket-Extensions"]
    assert "server_no_context_takeover" in agreed
    assert "client_no_context_takeover" in agreed
    assert f"server_max_window_bits={min(window_bits or 12, 12)}" in agreed
    for _ in range(2):
        browser.send("compressed " * 1000)
        assert browser.messages() == ["compressed " * 1000]


def test_no_compression_if_it_is_not_wanted(connect):
    browser = connect(deflate=True)
    assert "Sec-WebSocket-Extensions" in browser.response.headers


def test_no_compression_if_the_server_does_not_want_it(reactor):
    fields = FIELDS | {"Sec-WebSocket-Extensions": "permessage-deflate"}
    assert "sec-websocket-extensions" in shake(reactor, fields)[1]
    assert "sec-websocket-extensions" not in shake(reactor, fields, deflate=False)[1]


# -- who may connect -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "example.com", True),
        ("http://example.com", "example.com", True),
        ("http://EXAMPLE.com", "example.com:80", True),
        ("http://example.com:8080", "example.com:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://example.com", "example.com:8080", False),
        ("https://example.com", "example.com", False),
        ("http://example.com.evil.org", "example.com", False),
        ("http://evil.org", "example.com", False),
        ("null", "example.com", False),
        ("http://[::1]", "[::2]", False),
        ("http://[::1]example.com", "[::1]", False),
        ("http://example.com@evil.org", "example.com", False),
        ("http://evil.org:80@example.com", "example.com", False),
        ("http://example.com.", "example.com", False),
        ("http://example.com/", "example.com", False),
    ],
)
def test_a_page_of_the_same_origin_is_accepted(reactor, origin, host, allowed):
    status, _ = shake(reactor, FIELDS | {"Origin": origin, "Host": host})
    assert status.split()[1] == ("101" if allowed else "403")


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        ((), False),
        (("http://other.org",), False),
        (("https://pages.org",), True),
        (("https://PAGES.org",), True),
        (("https://pages.org:443",), True),
        (("https://pages.org:80",), False),
        (("https://pages.org.",), False),
        (("*",), True),
    ],
)
def test_pages_of_other_origins_are_listed(reactor, origins, allowed):
    fields = FIELDS | {"Origin": "https://pages.org"}
    status, _ = shake(reactor, fields, origins=origins)
    assert status.split()[1] == ("101" if allowed else "403")


def test_two_origins_are_none(reactor):
    fields = FIELDS | {"Origin": "http://example.com\r\nOrigin: http://example.com"}
    assert shake(reactor, fields)[0].split()[1] == "403"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("127.9.9.9", True),
        ("localhost:8080", True),
        ("LocalHost", True),
        ("app.localhost", True),
        ("[::1]:8080", True),
        ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0:8080", True),  # what a server on all addresses announces
        ("[::]", True),
        ("evil.org", False),
        ("evil.org:8080", False),
        ("localhost.evil.org", False),
        ("192.0.2.1", False),
    ],
)
@pytest.mark.parametrize("address", [("127.0.0.1", 8080), ("::1", 8080, 0, 0)])
def test_on_a_loopback_address_the_host_must_name_it(reactor, monkeypatch, host, address, allowed):
    monkeypatch.setattr("protocols.http.Request.sockname", property(lambda _: address))
    status, _ = shake(reactor, FIELDS | {"Host": host})
    assert status.split()[1] == ("101" if allowed else "403")


@pytest.mark.parametrize(
    ("hosts", "allowed"), [(["evil.org"], True), (["*"], True), (["a"], False)]
)
def test_other_names_of_this_machine_are_listed(reactor, monkeypatch, hosts, allowed):
    monkeypatch.setattr("protocols.http.Request.sockname", property(lambda _: ("127.0.0.1", 8080)))
    status, _ = shake(reactor, FIELDS | {"Host": "Evil.org:8080"}, hosts=hosts)
    assert status.split()[1] == ("101" if allowed else "403")


@pytest.mark.parametrize("sockname", [("192.0.2.7", 80), "/run/socket", None])
def test_on_other_addresses_any_host_is_accepted(reactor, monkeypatch, sockname):
    monkeypatch.setattr("protocols.http.Request.sockname", property(lambda _: sockname))
    assert shake(reactor, FIELDS | {"Host": "anything.org"})[0].split()[1] == "101"


def test_what_is_known_of_a_connection(connect, reactor):
    browser: Browser = connect()
    websocket = browser.websocket
    assert websocket.is_open
    assert websocket.reactor is reactor
    assert websocket.get_extra_info("peername") == websocket.request.peername
    assert websocket.get_extra_info("nothing", 5) == 5


def test_a_factory_that_raises_loses_one_connection(reactor):
    failures = []
    reactor.set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail():
        raise ZeroDivisionError

    peer = reactor.connect(HTTPServer(lambda request: accept(request, fail)))
    head = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    peer.send(f"GET / HTTP/1.1\r\n{head}\r\n".encode())
    reactor.settle()
    assert peer.read().startswith(b"HTTP/1.1 500 ")
    assert [type(each) for each in failures] == [ZeroDivisionError]


@pytest.mark.parametrize("name", ["subprotocols", "origins", "hosts"])
def test_one_name_where_several_are_expected_is_an_error(connect, name):
    """In a str there may be a "*", which would let everyone in."""
    request = connect().websocket.request
    with pytest.raises(TypeError, match="lists of names"):
        accept(request, Recorder, **{name: "https://*.example.com"})


@pytest.mark.parametrize("first", [b"", b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n" * 40])
@pytest.mark.parametrize("late", [False, True])
def test_what_came_with_the_handshake_is_delivered_first(reactor, first, late):
    """Also if it is accepted by a callback of the loop, which reads before it calls the next."""
    made = []

    def factory():
        made.append(Recorder())
        return made[0]

    def handler(request):
        if request.path == "/first":
            return Response(b"")
        if late:
            reactor.call_soon(accept, request, factory)
            return None
        return accept(request, factory)

    peer = reactor.connect(HTTPServer(handler))
    head = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    peer.send(first + f"GET / HTTP/1.1\r\n{head}\r\n".encode() + frame(1, b"early"))
    for _ in range(4):
        reactor.run_once(0)
        peer.send(frame(1, b"later"))
    reactor.settle()
    assert made[0].calls == ["opened", "early", *["later"] * 4]
