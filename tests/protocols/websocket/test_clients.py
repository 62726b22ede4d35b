"""Third-party clients, against a server started as a user starts one."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import websocket as websocket_client
from selenium import webdriver
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from protocols.websocket import WebSocket
from protocols.websocket.app import WebSocketApplication
from reactor.command.cli import main, make_parser

from ...tools.commands import one_line
from ...tools.waiting import TIMEOUT

MESSAGES = ["", "hello", "ä" * 1000, "x" * 70_000]

_MODULE = """
from protocols.websocket import WebSocket

class Echo(WebSocket):
    "Sends back what comes."

    def message_received(self, message):
        self.send(message)
"""

# Sends the messages one by one, and prints what comes back.
_NODE = """
const { WebSocket } = require("ws");
const messages = JSON.parse(process.argv[2]);
const socket = new WebSocket(process.argv[1], { perMessageDeflate: process.argv[3] === "true" });
const answers = [];
socket.on("open", () => messages.forEach(message => socket.send(message)));
socket.on("message", (data, isBinary) => {
  answers.push([data.toString(), isBinary]);
  if (answers.length === messages.length) socket.close(1000, "done");
});
socket.on("close", code => console.log(JSON.stringify([answers, code, socket.extensions])));
"""

_PAGE = """
const [url, messages, done] = arguments;
const socket = new WebSocket(url);
socket.binaryType = "arraybuffer";
const answers = [];
socket.onopen = () => {
  messages.forEach(message => socket.send(message));
  socket.send(new Uint8Array([0, 255]));
};
socket.onmessage = event => {
  const text = typeof event.data === "string";
  answers.push(text ? event.data : Array.from(new Uint8Array(event.data)));
  if (answers.length === messages.length + 1) socket.close(4000, "done");
};
socket.onclose = event => done([answers, event.code, event.reason, socket.extensions]);
"""


@pytest.fixture
def url(serve: Callable[..., object], tmp_path: Path) -> str:
    return _url(_serve(serve, tmp_path))


def _serve(serve, folder: Path, *arguments: str):
    (folder / "hall.py").write_text(_MODULE)
    return serve("--protocol", "hall:Echo", "--port", "0", *arguments, cwd=folder)


def _url(server) -> str:
    return server.printed[0].removeprefix("hall:Echo: ")


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_websockets(url, compression):
    with connect(url, compression=compression) as client:
        for message in [*MESSAGES, b"", bytes(70_000)]:
            client.send(message)
            assert client.recv(TIMEOUT) == message
        client.send(["in ", "pieces"])
        assert client.recv(TIMEOUT) == "in pieces"
        assert client.ping().wait(TIMEOUT)
    assert client.close_code == 1000


@pytest.mark.parametrize("compress", [0, 15])
def test_aiohttp(url, compress):
    async def talk() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, compress=compress) as client,
        ):
            for message in MESSAGES:
                await client.send_str(message)
                assert await client.receive_str(timeout=TIMEOUT) == message
            await client.send_bytes(b"\0\xff")
            assert await client.receive_bytes(timeout=TIMEOUT) == b"\0\xff"
            await client.close(code=4000)

    asyncio.run(talk())


def test_websocket_client(url):
    client = websocket_client.create_connection(url, timeout=TIMEOUT)
    for message in MESSAGES:
        client.send(message)
        assert client.recv() == message
    client.send_binary(b"\0\xff")
    assert client.recv() == b"\0\xff"
    client.close()


@pytest.mark.parametrize("deflate", ["false", "true"])
def test_ws_on_node(url, deflate):
    node = shutil.which("node")
    assert node is not None, "there is no node: apt-get install nodejs node-ws"
    done = subprocess.run(
        [node, "-e", _NODE, url, json.dumps(MESSAGES), deflate],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
        env={"NODE_PATH": "/usr/share/nodejs"},
    )  # fmt: skip
    assert done.stderr == ""
    answers, code, extensions = json.loads(done.stdout)
    assert answers == [[message, False] for message in MESSAGES]
    assert code == 1000
    assert ("permessage-deflate" in extensions) == (deflate == "true")


def test_chromium(url, chromium: webdriver.Chrome):
    port = url.rpartition(":")[2].rstrip("/")
    chromium.get(f"http://127.0.0.1:{port}/nothing")  # a page of the same origin; a 404 is enough
    answers, code, reason, extensions = chromium.execute_async_script(_PAGE, url, MESSAGES)
    assert answers == [*MESSAGES, [0, 255]]
    assert (code, reason) == (4000, "done")
    assert "permessage-deflate" in extensions


def test_a_page_of_another_origin_is_refused(url, chromium: webdriver.Chrome):
    chromium.get("data:text/html,<title>elsewhere</title>")
    answers, code, _, _ = chromium.execute_async_script(_PAGE, url, MESSAGES)
    assert (answers, code) == ([], 1006)


# -- the command -----------------------------------------------------------------------------------


def test_over_tls(serve, tmp_path, certificate):
    server = _serve(serve, tmp_path, "--tls-cert", certificate.chain, "--tls-key", certificate.key)
    assert _url(server).startswith("wss://")
    context = ssl.create_default_context(cafile=certificate.ca)
    with connect(_url(server), ssl=context) as client:
        client.send("secret")
        assert client.recv(TIMEOUT) == "secret"


def test_the_options_take_effect(serve, tmp_path):
    server = _serve(
        serve, tmp_path, "--no-deflate", "--max-message", "10", "--allow-origin", "https://a.org"
    )
    with connect(_url(server), origin="https://a.org") as client:
        assert client.protocol.extensions == []
        client.send("x" * 11)
        with pytest.raises(ConnectionClosed):
            client.recv(TIMEOUT)
        assert client.close_code == 1009
    with pytest.raises(InvalidStatus, match="403"):
        connect(_url(server), origin="https://b.org")
    with pytest.raises(InvalidStatus, match="404"):
        connect(f"{_url(server)}elsewhere")


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--allow-origin", "example.com", "expected an origin, like https://example.com"),
        ("--allow-origin", "https://example.com/", "with nothing behind it"),
        ("--allow-host", "example.com:8080", "expected a name, without a port"),
        ("--allow-host", "https://example.com", "expected a name, without a port"),
    ],
)
def test_origins_and_hosts_that_would_never_match_are_refused(
    capsys, tmp_path, monkeypatch, option, value, complaint
):
    (tmp_path / "refusing_hall.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(tmp_path)

    assert main(["--protocol", "refusing_hall:Echo", option, value]) == 2
    assert complaint in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--allow-origin", "*"),
        ("--allow-origin", "null"),
        ("--allow-origin", "http://[::1]:8080"),
        ("--allow-host", "*"),
        ("--allow-host", "example.com"),
        ("--allow-host", "fd00::1"),
    ],
)
def test_origins_and_hosts_that_may_match_are_let_pass(option, value):
    arguments = [option, value]
    options = make_parser(WebSocketApplication(WebSocket)).parse_args(arguments)

    assert value in (*options.allow_origin, *options.allow_host)


def test_a_stopped_server_says_goodbye(serve, tmp_path):
    server = _serve(serve, tmp_path)
    with connect(_url(server)) as client:
        assert server.stop(signal.SIGTERM) == (0, "")
        with pytest.raises(ConnectionClosed):
            client.recv(TIMEOUT)
        assert (client.close_code, client.close_reason) == (1001, "the server stops")
