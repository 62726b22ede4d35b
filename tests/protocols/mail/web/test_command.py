"""The options of the page, with real servers."""

from __future__ import annotations

import http.client
import json
import smtplib
import threading

import pytest

from ....tools.commands import one_line
from ....tools.waiting import TIMEOUT
from .mails import mail

MAIL = ("--protocol", "mail", "--port", "0", "--no-pop3")


def ask(port: int, target: str, method: str = "GET", **fields: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, target, headers=fields)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_test_waits_for_a_mail(serve, tmp_path):
    server = serve(*MAIL, "--web-port", "0", cwd=tmp_path)
    answers = []
    target = "/api/messages?to=bob&wait=30"
    waiting = threading.Thread(target=lambda: answers.append(ask(server.ports["http"], target)))
    waiting.start()
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=TIMEOUT) as client:
        client.send_message(mail("tea"))
    waiting.join(TIMEOUT)
    ((status, body),) = answers
    assert (status, json.loads(body)["messages"][0]["subject"]) == (200, "tea")


def test_another_host_is_refused(serve, tmp_path):
    server = serve(*MAIL, "--web-port", "0", cwd=tmp_path)
    assert ask(server.ports["http"], "/", Host="evil.example")[0] == 403
    assert ask(server.ports["http"], "/", Host="localhost:8025")[0] == 200


def test_on_another_address_the_url_has_the_token(serve, tmp_path):
    options = ("--host", "0.0.0.0", "--domain", "example.org", "--web-token", "my-own-token")
    server = serve(*MAIL, *options, cwd=tmp_path)
    (line,) = [line for line in server.printed if "http:" in line]
    assert line.endswith("/?token=my-own-token")
    port = int(line.partition("/?")[0].rpartition(":")[2])
    assert ask(port, "/")[0] == 200
    assert ask(port, "/api/messages")[0] == 403
    assert ask(port, "/api/messages?token=my-own-token")[0] == 200


def test_no_web(serve, tmp_path):
    server = serve(*MAIL, "--no-web", cwd=tmp_path)
    assert not [line for line in server.printed if "http" in line]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--no-web", "--web-port", "1"), "cannot be combined with --no-web"),
        (("--web-token", "a b"), "a token has"),
    ],
)
def test_wrong_options(options, text, run_reactor, tmp_path):
    result = run_reactor(*MAIL, *options, cwd=tmp_path)
    assert result.returncode == 2
    assert text in one_line(result.stderr)
