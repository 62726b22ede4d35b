"""Real clients over real sockets, with and without TLS."""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from protocols.http import HTTPServer, Request, Response
from reactor import Reactor

from ...tools.threads import running
from ...tools.waiting import TIMEOUT


def handler(request: Request) -> Response | None:
    if request.path == "/stream":
        writer = request.start(headers=[("Content-Type", "text/plain")])
        for number in range(100):
            writer.write(b"line %d\n" % number)
        writer.end()
        return None
    if request.path == "/large":
        return Response(b"0123456789" * 500_000)
    if request.path == "/refuse":
        return Response.text("no", 403)
    if request.has_body:
        digest = hashlib.sha256()
        request.stream(digest.update, lambda: Response.text(digest.hexdigest()))
        return None
    return Response.text(f"{request.method} {request.scheme} {request.path}")


class Site:
    """A server that runs in another thread."""

    def __init__(self, certificate: Any) -> None:
        self.reactor = Reactor()
        server = HTTPServer(handler)
        plain = self.reactor.listen_tcp(server, "127.0.0.1", 0)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.chain, certificate.key)
        secret = self.reactor.listen_tcp(server, "127.0.0.1", 0, tls=context)
        self.ca = certificate.ca
        self.port = plain.addresses[0][1]
        self.tls_port = secret.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.tls_url = f"https://127.0.0.1:{self.tls_port}"

    @property
    def accepted(self) -> int:
        return self.reactor.stats.accepted


@pytest.fixture
def site(certificate: Any) -> Iterator[Site]:
    site = Site(certificate)
    with running(site.reactor):
        yield site


def run(*command: str, input: bytes = b"") -> str:
    result = subprocess.run(command, input=input, capture_output=True, timeout=TIMEOUT, check=True)
    return result.stdout.decode()


@pytest.fixture(params=["http", "https"])
def curl(request: pytest.FixtureRequest, site: Site) -> Callable[..., str]:
    url = site.url if request.param == "http" else site.tls_url

    def ask(*arguments: str, input: bytes = b"") -> str:
        arguments = tuple(argument.replace("URL", url) for argument in arguments)
        return run("curl", "--silent", "--show-error", "--cacert", site.ca, *arguments, input=input)

    return ask


def test_curl_keeps_its_connection(curl: Callable[..., str], site: Site) -> None:
    answer = curl("URL/a", "URL/b", "URL/c")
    assert re.sub("https?", "s", answer) == "GET s /aGET s /bGET s /c"
    assert site.accepted == 1


def test_curl_sends_chunks_and_expects_100_continue(curl: Callable[..., str]) -> None:
    body = b"x" * 3_000_000
    digest = hashlib.sha256(body).hexdigest()
    assert curl("--upload-file", "-", "URL/", input=body) == digest
    expecting = ("--header", "Expect: 100-continue", "--expect100-timeout", "50")
    assert curl(*expecting, "--data-binary", "@-", "URL/", input=body) == digest
    refused = (*expecting, "--write-out", "%{http_code}", "--data-binary", "@-")
    assert curl(*refused, "URL/refuse", input=body) == "no403"


def test_an_early_answer_reaches_the_client(curl: Callable[..., str]) -> None:
    """The server answers and closes while the client is still sending."""
    body = b"x" * 500_000
    answer = curl("--header", "Expect:", "--data-binary", "@-", "URL/refuse", input=body)
    assert answer == "no"


def test_curl_reads_streams_and_large_bodies(curl: Callable[..., str]) -> None:
    assert curl("URL/stream").count("line") == 100
    assert curl("--http1.0", "URL/stream").count("line") == 100
    assert curl("URL/large") == "0123456789" * 500_000
    assert curl("--head", "URL/large").startswith("HTTP/1.1 200 OK")


def test_http_client_keeps_its_connection(site: Site) -> None:
    context = ssl.create_default_context(cafile=site.ca)
    for connection in (
        http.client.HTTPConnection("127.0.0.1", site.port, timeout=TIMEOUT),
        http.client.HTTPSConnection("127.0.0.1", site.tls_port, timeout=TIMEOUT, context=context),
    ):
        before = site.accepted
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            connection.request(method, "/x")
            response = connection.getresponse()
            assert response.status == 200
            assert response.read().startswith(b"" if method == "HEAD" else method.encode())
        connection.request("POST", "/", body=iter([b"a", b"b"]), encode_chunked=True)
        assert connection.getresponse().read() == hashlib.sha256(b"ab").hexdigest().encode()
        assert site.accepted == before + 1
        connection.close()


def test_requests_reuses_its_connections(site: Site) -> None:
    with requests.Session() as session:
        session.trust_env = False  # a certificate named there would take precedence over ours
        session.verify = site.ca
        for url in (site.url, site.tls_url):
            before = site.accepted
            for _ in range(5):
                assert session.get(f"{url}/a").status_code == 200
            assert session.post(url, data={"a": "b"}).text == hashlib.sha256(b"a=b").hexdigest()
            assert session.get(f"{url}/stream").text.count("line") == 100
            assert site.accepted == before + 1


def test_ab_sees_no_failed_request(site: Site) -> None:
    for keep in ((), ("-k",)):
        report = run("ab", "-q", *keep, "-n", "2000", "-c", "20", f"{site.url}/x")
        assert re.search(r"Complete requests: +2000\n", report)
        assert re.search(r"Failed requests: +0\n", report)
        assert "Non-2xx" not in report
        kept = re.search(r"Keep-Alive requests: +(\d+)\n", report)
        assert (kept is not None and int(kept[1]) == 2000) == bool(keep)


def test_wrk_sees_no_error(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "vary.lua"
    script.write_text("n = 0 request = function() n = n + 1 return wrk.format('GET', '/' .. n) end")
    for extra in ((), ("-s", str(script))):
        report = run("wrk", "-t1", "-c20", "-d1s", *extra, f"{site.url}/x")
        assert re.search(r"[1-9]\d* requests in", report)
        assert "Non-2xx" not in report
        assert "Socket errors" not in report
