"""``python -m reactor --protocol http``, as a user starts it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys

import pytest

from protocols.http import HTTPServer, Limits
from protocols.http.app import HTTPApplication
from protocols.http.options import LIMIT_OPTIONS
from reactor import Reactor
from reactor.command.cli import main

from ...tools.commands import ROOT, one_line
from ...tools.waiting import TIMEOUT, wait_until

HTTP = ("--protocol", "http", "--port", "0")


def port_of(server) -> int:
    return int(re.search(r"://.*:(\d+)/$", server.printed[0])[1])


def get(connection: http.client.HTTPConnection, path: str = "/", **fields: str):
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in fields.items()})
    response = connection.getresponse()
    response.body = response.read()
    return response


def connect(server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=TIMEOUT)


def ask(server, path: str = "/", **fields: str):
    connection = connect(server)
    try:
        return get(connection, path, **fields)
    finally:
        connection.close()


# -- what is served --------------------------------------------------------------------------------


def test_without_arguments_it_is_the_demonstration_page(serve):
    server = serve(*HTTP)
    assert server.printed == [f"http: http://127.0.0.1:{port_of(server)}/", "Press Ctrl+C to stop"]
    response = ask(server)
    assert response.status == 200
    assert response.getheader("Server") == "select-reactor"
    assert b"<h1>It works</h1>" in response.body


def test_the_default_port():
    assert HTTPApplication().default_port == 8080


def test_root_serves_a_folder(serve, tmp_path):
    (tmp_path / "notes.txt").write_text("Some notes\n")
    server = serve(*HTTP, "--root", str(tmp_path))
    assert ask(server, "/notes.txt").body == b"Some notes\n"
    assert b"notes.txt" in ask(server, "/").body


def test_no_listing_hides_the_names_in_a_folder(serve, tmp_path):
    (tmp_path / "notes.txt").write_text("Some notes\n")
    server = serve(*HTTP, "--root", str(tmp_path), "--no-listing")
    assert ask(server, "/notes.txt").status == 200
    assert b"notes.txt" not in ask(server, "/").body


WHERE = """
import threading
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    text = (threading.current_thread().name, environ["REMOTE_ADDR"], environ["wsgi.url_scheme"],
            environ["HTTP_HOST"], str(environ["wsgi.multiprocess"]))
    return [" ".join(text).encode()]
"""


@pytest.mark.parametrize("threads", [None, "1", "0"])
def test_app_serves_a_wsgi_application(serve, tmp_path, threads):
    (tmp_path / "where.py").write_text(WHERE)
    more = () if threads is None else ("--threads", threads)
    server = serve(*HTTP, "--app", "where:app", *more, cwd=tmp_path)
    body = ask(server, Host="h").body.decode()
    assert body == f"{'MainThread' if threads == '0' else 'wsgi-0'} 127.0.0.1 http h False"


def test_a_trusted_proxy_names_the_client(serve, tmp_path):
    (tmp_path / "where.py").write_text(WHERE)
    claim = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https",
             "X_Forwarded_Host": "shop"}  # fmt: skip
    arguments = (*HTTP, "--app", "where:app")
    server = serve(*arguments, cwd=tmp_path)
    assert ask(server, Host="h", **claim).body.split()[1:4] == [b"127.0.0.1", b"http", b"h"]
    for more in (
        ("--trusted-proxy", "127.0.0.1"),
        ("--trusted-proxy", "192.0.2.1", "--trusted-proxy", "127.0.0.0/8"),
    ):
        server = serve(*arguments, *more, cwd=tmp_path)
        assert ask(server, **claim).body.split()[1:4] == [b"198.51.100.7", b"https", b"shop"]
    server = serve(*arguments, "--trusted-proxy", "127.0.0.1", "--forwarded", cwd=tmp_path)
    claim["Forwarded"] = "for=203.0.113.9"
    assert ask(server, Host="h", **claim).body.split()[1:4] == [b"203.0.113.9", b"http", b"h"]


def test_trusted_proxies_may_be_named_in_the_environment(serve, tmp_path, monkeypatch):
    (tmp_path / "where.py").write_text(WHERE)
    monkeypatch.setenv("REACTOR_TRUSTED_PROXY", "192.0.2.1, 127.0.0.1")
    server = serve(*HTTP, "--app", "where:app", cwd=tmp_path)
    assert ask(server, X_Forwarded_For="198.51.100.7").body.split()[1] == b"198.51.100.7"
    server = serve(*HTTP, "--app", "where:app", "--trusted-proxy", "192.0.2.9", cwd=tmp_path)
    assert ask(server, X_Forwarded_For="198.51.100.7").body.split()[1] == b"127.0.0.1"


def test_debug_shows_tracebacks(serve, tmp_path):
    (tmp_path / "failing.py").write_text(
        "def app(environ, start_response): raise LookupError('x')\n"
    )
    for more, shown in (((), False), (("--debug",), True)):
        server = serve(*HTTP, "--app", "failing:app", *more, cwd=tmp_path)
        response = ask(server)
        assert response.status == 500
        assert (b"LookupError" in response.body) is shown
        assert "LookupError" in server.stop()[1]


@pytest.mark.parametrize("threads", ["1", "0"])
def test_a_client_cannot_forge_a_line_of_the_log(serve, tmp_path, threads):
    (tmp_path / "failing.py").write_text(
        "def app(environ, start_response): raise LookupError(environ['PATH_INFO'])\n"
    )
    server = serve(*HTTP, "--app", "failing:app", "--threads", threads, cwd=tmp_path)
    assert ask(server, "/a%0A2026-01-01%2000:00:00%20forged%1B[31m").status == 500
    errors = server.stop()[1]
    assert "\n    2026-01-01 00:00:00 forged\\x1b[31m\n" in errors
    assert "\x1b" not in errors


# -- what it listens on ----------------------------------------------------------------------------


def test_it_serves_https(serve, certificate):
    server = serve(*HTTP, "--tls-cert", certificate.chain, "--tls-key", certificate.key)
    assert server.printed[0] == f"http: https://127.0.0.1:{port_of(server)}/"
    context = ssl.create_default_context(cafile=certificate.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    connection = http.client.HTTPSConnection(
        "localhost", port_of(server), context=context, timeout=TIMEOUT
    )
    assert get(connection).status == 200
    assert connection.sock.selected_alpn_protocol() == "http/1.1"
    connection.close()


def test_plain_http_to_an_https_port_is_answered_with_400(serve, certificate, tmp_path):
    server = serve(
        *HTTP, "--tls-cert", certificate.chain, "--tls-key", certificate.key,
        "--access-log", str(tmp_path / "log"),
    )  # fmt: skip
    for method in ("GET", "OPTIONS"):
        connection = connect(server)
        connection.request(method, "/", body=b"a" * 100)
        response = connection.getresponse()
        assert response.status == 400
        assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
        assert response.getheader("Connection") == "close"
        assert response.getheader("Date")
        assert b"https://" in response.read()
        connection.close()
    server.stop()
    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 2
    assert '"-" 400 ' in lines[0]


def test_it_serves_on_a_unix_socket(serve, tmp_path):
    path = tmp_path / "s"
    server = serve("--protocol", "http", "--unix", str(path))
    assert server.printed[0] == f"http: unix:{path}"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    assert server.stop() == (0, "")
    assert not path.exists()


def test_it_serves_on_ipv6(serve):
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("there is no IPv6 here")
    server = serve(*HTTP, "--host", "::1")
    assert re.fullmatch(r"http: http://\[::1\]:\d+/", server.printed[0])


class Inheriting(subprocess.Popen):
    """The command, started as systemd does: sockets from descriptor 3 on."""

    def __init__(self, sockets: list[socket.socket], *arguments: str, pid: str = "$$") -> None:
        moves = " ".join(f"{3 + n}<&{sock.fileno()}" for n, sock in enumerate(sockets))
        super().__init__(
            ["bash", "-c", f"export LISTEN_PID={pid} LISTEN_FDS={len(sockets)} LISTEN_FDNAMES=web; "
             f'exec "$@" {moves}', "-", sys.executable, "-m", "reactor", *arguments],
            pass_fds=[sock.fileno() for sock in sockets], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def finish(self, signum: int = signal.SIGTERM) -> tuple[str, str]:
        self.send_signal(signum)
        return self.communicate(timeout=TIMEOUT)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_on_inherited_sockets(tmp_path, workers):
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.socket(socket.AF_UNIX) as two,
    ):
        two.bind(str(tmp_path / "s"))
        two.listen()
        port = one.getsockname()[1]
        process = Inheriting([one, two], "--protocol", "http", "--workers", workers)
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines == [f"http: http://127.0.0.1:{port}/\n", f"http: unix:{tmp_path}/s\n"]
        for family, address in ((socket.AF_INET, ("127.0.0.1", port)),
                                (socket.AF_UNIX, str(tmp_path / "s"))):  # fmt: skip
            with socket.socket(family) as client:
                client.connect(address)
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert process.finish()[1] == ""
        assert process.returncode == 0
        assert (tmp_path / "s").exists()  # it is systemd's
        socket.create_connection(("127.0.0.1", port)).close()  # it still listens


def test_sockets_meant_for_another_process_are_not_used():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        process = Inheriting([sock], *HTTP, pid="1")
        line = process.stdout.readline()
        assert not line.endswith(f":{sock.getsockname()[1]}/\n")
        assert line.startswith("http: http://127.0.0.1:")
        process.finish()


def test_an_inherited_socket_that_does_not_listen_is_one_line():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        process = Inheriting([sock], "--protocol", "http")
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert one_line(errors) == "reactor: inherited descriptor 3 (web) does not listen\n"


def test_inherited_sockets_and_a_unix_socket_cannot_be_combined():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        process = Inheriting([sock], "--protocol", "http", "--unix", "/nowhere")
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "--unix cannot be combined with LISTEN_FDS" in one_line(errors)


# -- the log ---------------------------------------------------------------------------------------


def test_the_log_is_reopened_by_a_signal_and_written_at_the_end(serve, tmp_path):
    log = tmp_path / "log"
    server = serve(*HTTP, "--access-log", str(log))
    ask(server, "/1", User_Agent="test")
    log.rename(tmp_path / "old")
    server.process.send_signal(signal.SIGUSR1)
    wait_until(log.exists)
    ask(server, "/2")
    assert server.stop(signal.SIGTERM) == (0, "")
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[[^]]+\] "GET /1 HTTP/1\.1" 404 \d+ "-" "test"\n',
        (tmp_path / "old").read_text(),
    )
    assert '"GET /2 HTTP/1.1"' in log.read_text()


def test_the_log_may_be_standard_output(serve):
    server = serve(*HTTP, "--access-log", "-")
    ask(server, "/1")
    assert '"GET /1 HTTP/1.1" 404' in server.process.stdout.readline()


def test_without_a_log_the_signal_to_reopen_it_does_nothing(serve):
    server = serve(*HTTP)
    server.process.send_signal(signal.SIGUSR1)
    assert ask(server).status == 200


def test_a_log_that_cannot_be_written_is_one_line(run_reactor, tmp_path):
    for workers in ("1", "2"):
        result = run_reactor(*HTTP, "--access-log", str(tmp_path), "--workers", workers)
        assert result.returncode == 1
        assert one_line(result.stderr) == (
            f"reactor: cannot write the log {tmp_path}: Is a directory\n"
        )


# -- options ---------------------------------------------------------------------------------------


def served(monkeypatch, *arguments: str) -> tuple[HTTPServer, dict]:
    """The server that the command makes from ``arguments``, and the options of its listener."""
    made = []

    class Listener:
        addresses = ()

    def listen(self, server, sockets, **listen_options):
        made.append((server, listen_options))
        self.call_soon(self.stop)
        return Listener()

    monkeypatch.setattr(Reactor, "listen_sockets", listen)
    assert main([*HTTP, *arguments]) == 0
    return made[0]


def test_the_default_limits_are_those_of_the_class(monkeypatch):
    server, listening = served(monkeypatch)
    assert server.limits == Limits()
    assert not server.debug
    assert (listening["max_connections"], listening["max_connections_per_address"]) == (20_000, 256)
    assert listening["shared"] is False


def test_each_limit_is_an_option(monkeypatch):
    arguments = []
    for number, (name, *_) in enumerate(LIMIT_OPTIONS, 1):
        arguments += [name, str(number)]
    server, listening = served(
        monkeypatch, *arguments, "--max-connections", "7", "--max-connections-per-address", "0"
    )
    attributes = [attribute for _, _, _, attribute, _ in LIMIT_OPTIONS]
    assert sorted(attributes) == sorted(Limits.__slots__)
    assert [getattr(server.limits, name) for name in attributes] == list(range(1, 12))
    assert listening["max_connections"] == 7
    assert listening["max_connections_per_address"] is None


def test_loopback_and_trusted_proxies_have_no_limit_of_connections(monkeypatch):
    _, listening = served(monkeypatch, "--trusted-proxy", "10.0.0.0/8")
    exempt = listening["exempt"]
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3",
                    "::ffff:10.1.2.3"):  # fmt: skip
        assert exempt(address)
    for address in ("192.0.2.1", "2001:db8::1", "fe80::1%lo", "::ffff:192.0.2.1"):
        assert not exempt(address)


def test_a_limit_is_applied(serve):
    server = serve(*HTTP, "--max-fields", "1")
    assert ask(server).status == 431
    with socket.create_connection(("127.0.0.1", port_of(server))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["--root", ".", "--app", "a:b"], 2, "--root and --app cannot be combined"),
        (["--no-listing"], 2, "--no-listing requires --root"),
        (["--forwarded"], 2, "--forwarded requires --trusted-proxy"),
        (["--root", ".", "--threads", "2"], 2, "--threads requires --app"),
        (["--root", ".", "--request-timeout=2"], 2, "--request-timeout requires --app"),
        (["--max-spool", "2"], 2, "--max-spool requires --app"),
        (["--max-bodies", "2"], 2, "--max-bodies requires --app"),
        (["--unix", "s"], 2, "--port cannot be combined with --unix"),
        (["--root", "/no/such"], 1, "cannot serve --root /no/such: No such file or directory"),
        (["--root", __file__], 1, f"cannot serve --root {__file__}: Not a directory"),
        (["--app", "nothing"], 2, "--app nothing: not of the form module:callable"),
        (["--app", "no_such_module:app"], 2, "there is no module 'no_such_module'"),
        (["--app", "os:no_such_name"], 2, "'os' has no 'no_such_name'"),
        (["--app", "os:sep"], 2, "'sep' cannot be called"),
        (["--trusted-proxy", "proxy"], 2, "neither an address nor a network: 'proxy'"),
        (["--trusted-proxy", "10.0.0.1/8"], 2, "10.0.0.1/8 is not a network; 10.0.0.0/8 is"),
        (["--workers", "0"], 2, "expected a number of at least 1"),
        (["--threads", "-1"], 2, "expected a whole number, not '-1'"),
        (["--max-head", "0"], 2, "expected a size of at least 1 byte"),
        (["--head-timeout", "x"], 2, "expected a number of seconds"),
        (["--keepalive-timeout", "0"], 2, "expected a number of seconds, more than 0"),
        (["--host", "192.0.2.1"], 1, "cannot listen on tcp://192.0.2.1:0: "),
        (["--connect", "127.0.0.1:1"], 2, "http has no client"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, status, complaint):
    assert main([*HTTP, *arguments]) == status
    assert complaint in one_line(capsys.readouterr().err)


def test_a_wrong_proxy_in_the_environment_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("REACTOR_TRUSTED_PROXY", "10.0.0.1,proxy")
    assert main([*HTTP]) == 2
    assert "REACTOR_TRUSTED_PROXY: " in one_line(capsys.readouterr().err)


def test_a_port_in_use_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--protocol", "http", "--port", port]) == 1
    assert one_line(capsys.readouterr().err).endswith(
        f":{port}: Address already in use (--port N takes another one)\n"
    )


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/no/such/folder/s", "cannot listen on unix:/no/such/folder/s: No such"),
        ("/" + "x" * 200, "cannot listen on unix:/xxx"),
    ],
)
def test_a_path_that_no_unix_socket_can_have_is_one_line(capsys, path, complaint):
    assert main(["--protocol", "http", "--unix", path]) == 1
    assert complaint in one_line(capsys.readouterr().err)


def test_a_unix_socket_in_use_is_one_line(capsys, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(path)
        taken.listen()
        assert main(["--protocol", "http", "--unix", path]) == 1
    assert "Address already in use" in one_line(capsys.readouterr().err)
    assert os.path.exists(path)


def test_without_httptools_it_is_one_line(run_reactor, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['httptools'] = None\n")
    result = run_reactor(*HTTP, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert result.returncode == 1
    assert one_line(result.stderr) == (
        "reactor: --protocol http needs httptools, which is not installed\n"
    )


def test_help_says_what_each_option_means_and_its_default(run_reactor):
    text = " ".join(run_reactor("--protocol", "http", "--help").stdout.split())
    assert "--max-body SIZE largest body of a request; else 413 (16M)" in text
    assert "--keepalive-timeout S seconds between two requests (15)" in text


# -- the permissions of a Unix socket --------------------------------------------------------------


@pytest.mark.parametrize(("more", "mode"), [((), 0o777), (("--unix-mode", "0660"), 0o660)])
def test_a_unix_socket_has_the_requested_mode(serve, tmp_path, more, mode):
    serve("--protocol", "http", "--unix", "s", *more, cwd=tmp_path, umask=0o077)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--unix-mode", "600"), "--unix-mode requires --unix"),
        (("--unix", "s", "--unix-mode", "999"), "not an octal mode from 000 to 777: '999'"),
        (("--unix", "s", "--unix-mode", "7777"), "not an octal mode from 000 to 777: '7777'"),
    ],
)
def test_a_wrong_mode_is_one_line(run_reactor, tmp_path, arguments, said):
    result = run_reactor("--protocol", "http", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert said in one_line(result.stderr)


# -- calls that hang -------------------------------------------------------------------------------

HANG = """
import threading
def app(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        threading.Event().wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"well"]
"""


def test_too_many_calls_that_hang_end_a_single_process_with_status_1(serve, tmp_path):
    (tmp_path / "hang.py").write_text(HANG)
    server = serve(
        *HTTP, "--app", "hang:app", "--threads", "1", "--request-timeout", "0.05", cwd=tmp_path
    )
    assert ask(server, "/hang").status == 503
    assert ask(server).body == b"well"
    assert ask(server, "/hang").status == 503
    assert server.process.wait(TIMEOUT) == 1
    _, errors = server.stop()
    assert errors.endswith("reactor: too many calls of the application hang\n")
    assert errors.count("the call is given up") == 2


def test_the_loops_debug_mode_shows_clients_no_traceback(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("REACTOR_DEBUG", "1")
    (tmp_path / "fails.py").write_text("def app(environ, start_response): raise OSError('secret')")
    server = serve(*HTTP, "--app", "fails:app", cwd=tmp_path)
    reply = ask(server)
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert server.stop()[0] == 0


def test_sighup_does_not_end_a_single_process(serve):
    server = serve(*HTTP)
    server.process.send_signal(signal.SIGHUP)
    assert "SIGHUP: only workers can be reloaded" in server.process.stderr.readline()
    assert ask(server).status == 200
    assert server.stop() == (0, "")
