"""``--inspect`` on the command line, in real processes."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from reactor.command.cli import main

from ...tools.commands import ROOT, Command, environment, one_line
from ...tools.waiting import TIMEOUT, wait_until

ECHO = ("--protocol", "echo", "--port", "0", "--no-udp")


@pytest.fixture
def start():
    started = []

    def start(*arguments):
        started.append(Command(*arguments))
        return started[-1].wait_until_serving()

    yield start
    for command in started:
        command.stop(signal.SIGKILL)
        command.process.stdout.close()
        command.process.stderr.close()


def url_of(command):
    (line,) = [line for line in command.printed if line.startswith("inspect: ")]
    return line.removeprefix("inspect: ")


def ask(command, method, path, body=None, **fields):
    port = int(re.search(r":(\d+)/", url_of(command))[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, body, fields)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def loop(command):
    return json.loads(ask(command, "GET", "/loop.json")[1])


def control(command, action):
    field = {"X-Inspector-Token": loop(command)["hello"]["token"]}
    return ask(command, "POST", "/control", json.dumps({"action": action}), **field)


def pause(command):
    assert control(command, "pause") == (204, b"")
    wait_until(lambda: loop(command)["state"]["control"]["mode"] == "paused")
    wait_until(lambda: not loop(command)["state"]["control"]["stepping"])


def test_it_is_announced_after_the_protocol(start):
    server = start(*ECHO, "--inspect", "0")
    assert re.fullmatch(r"inspect: http://127\.0\.0\.1:[1-9]\d*/", server.printed[1])
    assert server.printed[2] == "Press Ctrl+C to stop"
    assert loop(server)["hello"]["title"] == "echo"
    assert server.stop() == (0, "")


def test_a_chat_under_the_inspector(start):
    chat = start("--protocol", "chat", "--port", "0", "--udp-port", "0", "--inspect", "0")
    with socket.create_connection(("127.0.0.1", chat.port)) as member:
        member.sendall(b"ann\n")
        wait_until(lambda: loop(chat)["state"]["descriptors"]["kinds"].get("stream") == 1)
        rows = loop(chat)["state"]["descriptors"]["rows"].values()
        assert f"127.0.0.1:{member.getsockname()[1]}" in [row.get("peer") for row in rows]
    trace = json.loads(ask(chat, "GET", "/trace.json")[1])
    assert len(trace["traceEvents"]) > 2
    assert chat.stop() == (0, "")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_paused_program(start, signum):
    server = start(*ECHO, "--inspect", "0")
    pause(server)
    assert server.stop(signum) == (0, "")


def test_step_by_step_a_line_is_answered(start):
    server = start(*ECHO, "--inspect", "0")
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.sendall(b"first")
        assert client.recv(100) == b"first"
        pause(server)
        client.sendall(b"hello")
        waiting = {}  # by step: what is to come in it
        while not select.select([client], [], [], 0)[0]:
            state = loop(server)["state"]
            if not state["control"]["stepping"]:
                waiting.setdefault(state["turn"]["step"], state["pending"])
                control(server, "step")
        assert client.recv(100) == b"hello"
        # Before the line was seen here, the loop may have gone on to step 8.
        assert list(waiting)[:7] == [1, 2, 3, 4, 5, 6, 7]
        fd = next(iter(waiting[4]["handlers"]))
        assert waiting[4]["handlers"][fd]["handler"] == "Echo.data_received"
        assert [(f["fd"], f["queued"]) for f in waiting[7]["flushes"]] == [(int(fd), 5)]
    assert server.stop() == (0, "")


def test_a_program_that_was_stopped_and_continued_works_on(start):
    server = start(*ECHO, "--inspect", "0")
    server.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED | os.WNOWAIT)
    server.process.send_signal(signal.SIGCONT)
    assert loop(server)["state"]["loop"]["running"] is True
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    assert server.stop() == (0, "")


def test_with_a_recording_too(start, tmp_path):
    server = start(*ECHO, "--inspect", "0", "--record", str(tmp_path / "turns"))
    assert loop(server)["state"]["loop"]["running"] is True
    assert server.stop() == (0, "")
    assert (tmp_path / "turns").read_text().startswith('{"recording":1')


def test_on_other_addresses_the_token_is_announced_and_needed(start):
    server = start(*ECHO, "--inspect", "0.0.0.0:0", "--inspect-token", "correct.horse")
    assert re.fullmatch(r"http://0\.0\.0\.0:\d+/\?token=correct\.horse", url_of(server))
    assert ask(server, "GET", "/loop.json")[0] == 403
    assert ask(server, "GET", "/loop.json?token=correct.horse")[0] == 200
    assert server.stop() == (0, "")


def test_a_random_token(start):
    server = start(*ECHO, "--inspect", "0.0.0.0:0")
    assert re.search(r"\?token=[\w-]{22}$", url_of(server))


def test_the_options_of_the_environment(start, monkeypatch):
    monkeypatch.setenv("REACTOR_INSPECT", "0")
    monkeypatch.setenv("REACTOR_INSPECT_TOKEN", "correct.horse")
    assert loop(start(*ECHO))["hello"]["token"] == "correct.horse"


def test_a_port_in_use_is_one_line_and_status_1(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([*ECHO, "--inspect", str(port)]) == 1
    assert one_line(capsys.readouterr().err) == (
        f"reactor: cannot inspect at http://127.0.0.1:{port}: Address already in use"
        " (--inspect PORT takes another one)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--inspect", "x"], "a port is a number from 0 to 65535, not 'x'"),
        (["--inspect", "99999"], "a port is a number"),
        (["--inspect", ":1"], "expected PORT or HOST:PORT, not ':1'"),
        (["--inspect", "::1:80"], "expected PORT or HOST:PORT, not '::1:80'"),
        (["--inspect", "0", "--inspect-token", "x"], "a token has 8 to 128 letters"),
        (["--inspect", "0", "--inspect-watchdog", "0"], "more than 0"),
        (["--inspect-token", "correct.horse"], "--inspect-token requires --inspect"),
        (["--inspect-watchdog", "2"], "--inspect-watchdog requires --inspect"),
        (["--inspect"], "expected one argument"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(capsys, arguments, complaint):
    assert main([*ECHO, *arguments]) == 2
    assert complaint in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--protocol", "http", "--workers", "2", "--inspect", "0"],
            "--inspect cannot be combined with --workers",
        ),
        (
            ["--protocol", "echo", "--connect", "h:1", "--inspect", "0"],
            "--inspect is a server's option and cannot be combined with --connect",
        ),
    ],
)
def test_it_is_refused_where_it_cannot_work(capsys, arguments, complaint):
    assert main(arguments) == 2
    assert complaint in one_line(capsys.readouterr().err)


def test_an_ipv6_address_has_brackets(start):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6")
    server = start(*ECHO, "--inspect", "[::1]:0")
    assert re.fullmatch(r"http://\[::1\]:\d+/", url_of(server))


def test_in_a_bare_checkout_without_httptools(tmp_path):
    for package in ("reactor", "protocols"):
        shutil.copytree(ROOT / package, tmp_path / package)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-S", "-m", "reactor", *arguments],  # -S: nothing that is installed
            cwd=tmp_path, env=environment(PYTHONPATH=""), capture_output=True, text=True,
            timeout=TIMEOUT, check=False,
        )  # fmt: skip

    result = run(*ECHO, "--inspect", "0")
    assert result.returncode == 1
    assert one_line(result.stderr) == (
        "reactor: --inspect needs httptools, which is not installed\n"
    )
    assert "--inspect [HOST:]PORT" in run("--protocol", "echo", "--help").stdout
    unused = run("--protocol", "echo", "--host", "192.0.2.1", "--port", "0")
    assert one_line(unused.stderr).startswith("reactor: cannot listen on tcp://192.0.2.1:0: ")
