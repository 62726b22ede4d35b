"""Slow attacks by ``slowhttptest``: each connection ends in time, and other clients are served."""

from __future__ import annotations

import http.client
import subprocess

import pytest

from protocols.http import HTTPServer, Limits, Request, Response
from reactor import Reactor

from ...tools.threads import running
from ...tools.waiting import TIMEOUT, wait_until

CONNECTIONS = 50
LIMITS = Limits(
    head_timeout=1.0,
    keepalive_timeout=1.0,
    body_timeout=1.0,
    write_timeout=2.0,
    write_rate=10_000.0,
)


def handler(request: Request) -> Response | None:
    if request.path == "/large":
        return Response(b"a" * 5_000_000)
    if request.has_body:
        request.read(lambda body: Response.text("read"))
        return None
    return Response.text("fine")


@pytest.mark.parametrize(
    ("attack", "path"),
    [
        (("-H", "-i", "1"), "/"),  # heads that never end: slowloris
        (("-B", "-i", "1", "-s", "100000"), "/"),  # bodies that never end
        (
            ("-X", "-k", "1", "-n", "1", "-z", "10", "-w", "512", "-y", "1024"),
            "/large",
        ),  # slow read
    ],
    ids=["head", "body", "read"],
)
def test_attack(attack: tuple[str, ...], path: str) -> None:
    reactor = Reactor()
    listener = reactor.listen_tcp(HTTPServer(handler, limits=LIMITS), "127.0.0.1", 0)
    port = listener.addresses[0][1]
    url = f"http://127.0.0.1:{port}{path}"
    with running(reactor):
        tool = subprocess.Popen(
            ["slowhttptest", *attack, "-c", str(CONNECTIONS), "-r", "100", "-l", "100", "-u", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: reactor.stats.accepted >= CONNECTIONS)
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            client.request("GET", "/")
            assert client.getresponse().read() == b"fine"
            client.close()
            wait_until(lambda: listener.connections == 0)  # long before the tool would give up
            assert tool.poll() is None or tool.returncode == 0
        finally:
            tool.kill()
            tool.wait()
