"""The environ that applications get."""

import json

import pytest

from protocols.http.proxies import TrustedProxies

NAMES = ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper")


def show(environ, start_response):
    """The environ as JSON."""
    shown = {name: value for name, value in environ.items() if name not in NAMES}
    body = json.dumps(shown).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


@pytest.fixture
def environ_of(in_memory):
    def send(data, **connect):
        gateway = in_memory(show)
        peer = gateway.connect(**connect)
        peer.send(data)
        gateway.reactor.settle()
        answer = peer.read()
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    return send


def test_the_environ_has_these_variables_and_no_others(environ_of):
    assert environ_of(
        b"GET /a/b?c=d&e HTTP/1.1\r\nHost: example.org:8080\r\nUser-Agent: curl\r\n\r\n"
    ) == {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_HOST": "example.org:8080",
        "HTTP_USER_AGENT": "curl",
        "PATH_INFO": "/a/b",
        "QUERY_STRING": "c=d&e",
        "RAW_URI": "/a/b?c=d&e",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "50000",
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/a/b?c=d&e",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "select-reactor",
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
        "wsgi.multithread": False,
        "wsgi.run_once": False,
        "wsgi.url_scheme": "http",
        "wsgi.version": [1, 0],
    }


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a%20b", "/a b"),
        ("/a+b", "/a+b"),
        ("/%C3%A9", "/Ã©"),  # the bytes of UTF-8 as Latin-1: PEP 3333, "Unicode Issues"
        ("/%zz%", "/%zz%"),
        ("/a%2Fb", "/a/b"),
        ("//a", "//a"),
        ("/%25", "/%"),
        ("/a?%41", "/a"),
        ("http://example.org/x?y", "/x"),
        ("http://example.org", "/"),
    ],
)
def test_path_info_is_decoded_once(environ_of, target, path):
    environ = environ_of(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert environ["PATH_INFO"] == path
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == target


def test_the_query_stays_encoded(environ_of):
    assert environ_of(b"GET /?a%41?b HTTP/1.1\r\nHost: a\r\n\r\n")["QUERY_STRING"] == "a%41?b"


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        (b"example.org", "example.org", "80"),
        (b"example.org:", "example.org", "80"),
        (b"example.org:81", "example.org", "81"),
        (b"[2001:db8::1]", "[2001:db8::1]", "80"),
        (b"[2001:db8::1]:82", "[2001:db8::1]", "82"),
    ],
)
def test_server_name_and_port_are_those_of_the_host_field(environ_of, host, name, port):
    environ = environ_of(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)
    assert environ["HTTP_HOST"] == host.decode()


def test_without_a_host_field_the_server_is_our_address(environ_of):
    environ = environ_of(b"GET / HTTP/1.0\r\n\r\n")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("192.0.2.2", "8000")
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_HOST" not in environ


def test_an_absolute_target_overrides_the_host_field(environ_of):
    environ = environ_of(b"GET http://one:1/ HTTP/1.1\r\nHost: two:2\r\n\r\n")
    assert (environ["HTTP_HOST"], environ["SERVER_NAME"]) == ("one:1", "one")


def test_over_a_unix_socket_the_client_has_no_address(environ_of):
    environ = environ_of(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", peername=None)
    assert environ["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in environ


def test_fields_become_variables(environ_of):
    environ = environ_of(
        b"POST / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-one: 2\r\nCookie: a=1\r\nCookie: b=2\r\n"
        b"Content-Type: text/plain\r\nContent-Length: 003\r\nX-Empty:\r\nX-Latin: \xe9\r\n\r\nabc"
    )
    assert environ["HTTP_X_ONE"] == "1, 2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["HTTP_X_EMPTY"] == ""
    assert environ["HTTP_X_LATIN"] == "\xe9"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(environ)


def test_names_with_an_underscore_are_dropped(environ_of):
    environ = environ_of(
        b"GET / HTTP/1.1\r\nHost: a\r\nX_User: root\r\nX-User: me\r\n"
        b"Content_Length: 5\r\nContent_Type: a/b\r\n\r\n"
    )
    assert environ["HTTP_X_USER"] == "me"
    assert not {name for name in environ if "CONTENT" in name}


def test_a_proxy_field_does_not_become_http_proxy(environ_of):
    environ = environ_of(b"GET / HTTP/1.1\r\nHost: a\r\nProxy: http://evil\r\n\r\n")
    assert "HTTP_PROXY" not in environ


def test_a_chunked_body_has_a_content_length(environ_of):
    environ = environ_of(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    )
    assert environ["CONTENT_LENGTH"] == "7"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_environs_are_not_shared(in_memory):
    def app(environ, start_response):
        assert "mine" not in environ
        environ["mine"] = environ["HTTP_HOST"] = "changed"
        environ.clear()
        start_response("204 No Content", [])
        return []

    gateway = in_memory(app)
    for _ in range(2):  # the same bytes, so that the head comes from the cache
        assert gateway.get().startswith(b"HTTP/1.1 204")
    assert gateway.errors == []


def test_connect_does_not_reach_the_application(in_memory):
    gateway = in_memory(show)
    gateway.server.allow_connect = True
    answer = gateway.send(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501")


def test_multithread_and_multiprocess_say_how_the_application_runs(in_memory, serve_app):
    gateway = in_memory(show, multiprocess=True)
    environ = json.loads(gateway.get().partition(b"\r\n\r\n")[2])
    assert (environ["wsgi.multiprocess"], environ["wsgi.multithread"]) == (True, False)
    environ = json.loads(serve_app(show, threads=2).get()[2])
    assert (environ["wsgi.multiprocess"], environ["wsgi.multithread"]) == (False, True)


def test_a_trusted_proxy_names_the_client(in_memory):
    gateway = in_memory(show)
    gateway.server.proxies = TrustedProxies(["192.0.2.1"])
    answer = gateway.get(
        "/",
        "X-Forwarded-For: 198.51.100.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: shop.example",
    )
    environ = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert environ["REMOTE_ADDR"] == "198.51.100.7"
    assert "REMOTE_PORT" not in environ  # the connection's is the proxy's
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTPS"] == "on"
    assert environ["HTTP_HOST"] == environ["SERVER_NAME"] == "shop.example"
    assert environ["SERVER_PORT"] == "443"


def test_the_caches_of_heads_change_no_environ(in_memory, environ_of):
    """Requests whose lines, fields and cookies come again in other combinations."""
    heads = [
        f"{line} HTTP/1.{minor}\r\nHost: {host}\r\nConnection: keep-alive\r\n{cookie}A: b\r\n\r\n"
        for line in ("GET /a%20b?c", "GET /", "GET http://other:1/x", "DELETE /a")
        for minor in (1, 0)
        for host in ("one", "two:2")
        for cookie in ("", "Cookie: a=1\r\n", "Cookie: b=2\r\n", "Cookie:\r\ncookie: c\r\n")
    ]
    gateway = in_memory(show)
    peer = gateway.connect()
    for head in heads * 4:
        peer.send(head.encode())
        gateway.reactor.settle()
        answer = peer.read()
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == environ_of(head.encode())
