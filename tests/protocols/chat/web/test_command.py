"""``--protocol chat`` as a command, with real sockets and the client of ``websockets``."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ....tools.commands import ROOT, Command, environment, one_line
from ....tools.event_page import open_page
from ....tools.waiting import TIMEOUT

CHAT = ("--protocol", "chat", "--port", "0", "--udp-port", "0")

# Runs the command as if the libraries were not installed.
BARE = """
import sys
sys.modules["httptools"] = sys.modules["websockets"] = None
from reactor.command.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_members_of_all_ways_in_see_each_other(serve):
    ports = serve(*CHAT, "--web-port", "0").ports
    with (
        open_page(ports["http"]) as page,
        connect(f"ws://localhost:{ports['http']}/") as program,
        socket.create_connection(("127.0.0.1", ports["tcp"]), TIMEOUT) as line,
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
    ):
        page.says("hello", name="page")
        page.until(type="history")
        datagrams.settimeout(TIMEOUT)
        datagrams.connect(("127.0.0.1", ports["udp"]))
        lines = line.makefile("r", encoding="utf-8", newline="")
        line.sendall(b"/nick line\r\n")
        page.until(type="renamed", text="line")
        program.send("/nick program")
        page.until(type="renamed", text="program")
        datagrams.send(b"/nick datagram\n")
        page.until(type="renamed", text="datagram")

        def line_sees(ending: str) -> None:
            while not lines.readline().rstrip().endswith(ending):
                pass

        def program_sees(ending: str) -> None:
            while not program.recv(timeout=TIMEOUT).endswith(ending):
                pass

        def datagrams_see(ending: str) -> None:
            while not datagrams.recv(65536).decode().rstrip().endswith(ending):
                pass

        def page_sees(ending: str) -> None:
            sender, _, text = ending.partition(": ")
            page.until(type="said", sender=sender, text=text)

        speak = {
            "line": lambda text: line.sendall(f"{text}\n".encode()),
            "program": program.send,
            "datagram": lambda text: datagrams.send(text.encode()),
            "page": lambda text: page.says("line", ref=1, room="lobby", text=text),
        }
        for name, say in speak.items():
            say(f"this is {name}")
            for sees in (line_sees, program_sees, datagrams_see, page_sees):
                sees(f"{name}: this is {name}")


def test_a_full_chat_says_so_and_still_shows_the_page(serve):
    port = serve(*CHAT, "--web-port", "0", "--max-members", "1").ports["http"]
    with open_page(port) as page:
        page.says("hello")
        session = page.until(type="welcome")["session"]
        with open_page(port) as other:
            other.says("hello")
            assert not other.until(type="closed", text="The chat is full: try again later")["retry"]
        with urllib.request.urlopen(f"http://localhost:{port}/", timeout=TIMEOUT) as response:
            assert response.status == 200
        with open_page(port) as again:  # before the server knows that the connection is gone
            again.says("hello", session=session)
            assert again.until(type="welcome")["resumed"]


def test_a_killed_connection_is_resumed(serve):
    port = serve(*CHAT, "--web-port", "0").ports["http"]
    with open_page(port) as page:
        page.says("hello", name="alice", rooms=[{"name": "tea"}])
        session = page.until(type="welcome")["session"]
        page.until(type="history")
        page.websocket.socket.shutdown(socket.SHUT_RDWR)
    with open_page(port) as again:
        again.says("hello", session=session)
        assert again.until(type="welcome")["resumed"]
        assert again.until(type="room")["members"] == [{"name": "alice", "role": "operator"}]


def test_the_server_stops_and_says_so(serve):
    server = serve(*CHAT, "--web-port", "0")
    with open_page(server.ports["http"]) as page:
        page.says("hello")
        page.until(type="history")
        server.process.terminate()
        assert page.until(type="closed")["retry"]
        with pytest.raises(ConnectionClosed):
            page.websocket.recv(timeout=TIMEOUT)
        assert page.websocket.close_code == 1001
    server.process.wait(TIMEOUT)
    assert server.stop() == (0, "")


def test_the_page_is_served_over_tls_too(serve, certificate):
    server = serve(
        *CHAT, "--web-port", "0", "--tls-cert", certificate.chain, "--tls-key", certificate.key
    )
    port = server.ports["https"]
    assert f"chat: https://127.0.0.1:{port}/" in server.printed
    context = ssl.create_default_context(cafile=certificate.ca)
    with open_page(port, "wss", ssl=context) as page:
        page.says("hello")
        page.until(type="history")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(
            f"https://localhost:{port}/nothing", context=context, timeout=TIMEOUT
        )
    with caught.value:
        assert caught.value.code == 404


def test_no_web(serve, run_reactor):
    assert set(serve(*CHAT, "--no-web").ports) == {"tcp", "udp", "irc"}
    for option in (("--web-port", "1"), ("--allow-origin", "*"), ("--allow-host", "a")):
        result = run_reactor(*CHAT, "--no-web", *option)
        assert result.returncode == 2
        assert one_line(result.stderr) == f"reactor: {option[0]} cannot be combined with --no-web\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--web-port", "65536"), "a port is a number"),
        (("--allow-origin", "example.com"), "expected an origin"),
        (("--allow-host", "a:1"), "expected a name, without a port"),
        (("--web-port", "1", "--connect", "h:1"), "--web-port is a server's option"),
        (("--allow-origin", "*", "--connect", "h:1"), "--allow-origin is a server's option"),
    ],
)
def test_wrong_options(run_reactor, option, message):
    result = run_reactor("--protocol", "chat", *option)
    assert result.returncode == 2
    assert message in one_line(result.stderr)


@pytest.mark.parametrize(
    ("option", "scheme", "remedy"),
    [
        ("--port", "tcp", "--port N takes another one"),
        ("--udp-port", "udp", "--udp-port N takes another one, --no-udp none"),
        ("--web-port", "tcp", "--web-port N takes another one, --no-web none"),
        ("--irc-port", "tcp", "--irc-port N takes another one, --no-irc none"),
    ],
)
def test_the_error_for_a_port_in_use_names_its_option(run_reactor, option, scheme, remedy):
    ports = {"--port": "0", "--udp-port": "0", "--web-port": "0", "--irc-port": "0"}
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            taken.listen()
        port = str(taken.getsockname()[1])
        words = [word for pair in (ports | {option: port}).items() for word in pair]
        result = run_reactor("--protocol", "chat", *words)
    assert result.returncode == 1
    assert one_line(result.stderr) == (
        f"reactor: cannot listen on {scheme}://127.0.0.1:{port}: Address already in use"
        f" ({remedy})\n"
    )


def test_without_the_libraries_the_chat_starts_without_the_page():
    server = Command.__new__(Command)
    server.process = subprocess.Popen(
        [sys.executable, "-c", BARE, *CHAT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    server.printed, server.ports = [], {}
    server.wait_until_serving()
    status, errors = server.stop()
    assert status == 0
    assert set(server.ports) == {"tcp", "udp", "irc"}
    assert "pip install httptools websockets" in one_line(errors)


def test_without_the_libraries_an_explicit_port_is_an_error():
    result = subprocess.run(
        [sys.executable, "-c", BARE, *CHAT, "--web-port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env=environment(),
    )
    assert result.returncode == 1
    assert "pip install httptools websockets" in one_line(result.stderr)
