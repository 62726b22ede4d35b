"""The program as users start it: at a terminal, in a pipe, and with wrong addresses."""

import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from protocols.http import Response
from reactor import Reactor

from ....tools.commands import ROOT, environment, finish, one_line
from ....tools.sockets import unused_address
from ....tools.threads import running
from ....tools.waiting import wait_until
from ...console.test_client_sessions import COLUMNS, TerminalUser
from .world import FakeInspector

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def inspector():
    """A fake inspector that listens at ``inspector.address``."""
    reactor = Reactor()
    fake = FakeInspector()
    listener = reactor.listen_tcp(fake.server, "127.0.0.1", 0)
    fake.address = f"127.0.0.1:{listener.addresses[0][1]}"
    with running(reactor):
        yield fake


@pytest.fixture
def user():
    users = []

    def start(*arguments):
        users.append(TerminalUser("--protocol", "inspect", *arguments))
        return users[-1]

    yield start
    for one in users:
        one.close()


def run(*arguments, **variables):
    """Run the program in a pipe. Returns output, errors and the exit status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reactor", "--protocol", "inspect", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUTF8="1", **variables),
    )
    return *finish(process), process.returncode


def seen_at_the_end(user):
    """What else the terminal got."""
    data = b""
    while select.select([user._terminal], [], [], 0)[0]:
        data += os.read(user._terminal, 65536)
    return data


def is_drawn(rows):
    return bool(rows) and rows[-1].startswith(" q quit") and "Descriptors" in "".join(rows)


# -- at a terminal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"q", b"\x03", b"\x04", signal.SIGTERM, signal.SIGINT])
def test_the_terminal_is_restored_however_the_program_ends(inspector, user, end):
    one = user("--connect", inspector.address)
    rows = one.see(is_drawn)
    assert rows[0].startswith(" chat")
    assert all(len(row) <= COLUMNS for row in rows)
    if isinstance(end, bytes):
        one.type(end)
    else:
        one.process.send_signal(end)

    assert one.wait() == 0
    assert LEAVE in seen_at_the_end(one)


def test_an_interrupted_program_resumes_the_loop_that_it_has_paused(inspector, user):
    one = user("--connect", inspector.address)
    one.see(is_drawn)
    one.type(b" ")
    wait_until(lambda: inspector.actions)
    one.type(b"\x03")

    assert one.wait() == 0
    assert [action["action"] for action in inspector.actions] == ["pause", "resume"]


def test_a_suspended_program_gives_the_terminal_back_and_draws_all_again(inspector, user):
    one = user("--connect", inspector.address)
    one.see(is_drawn)
    # No shell could continue it, so the system lets it go on at once.
    one.process.send_signal(signal.SIGTSTP)
    data = b""
    while b"q\x1b[0;2m quit" not in data:
        assert select.select([one._terminal], [], [], 60)[0], data
        data += os.read(one._terminal, 65536)

    leave, enter, drawn = (data.index(part) for part in (LEAVE, ENTER, b"Descriptors"))
    assert leave < enter < drawn
    one.type(b"q")
    assert one.wait() == 0


def test_an_error_of_ours_is_shown_after_the_terminal_is_restored(inspector, tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(
        "from protocols.inspector.terminal import top\n"
        "from protocols.inspector.terminal.app import app\n"
        "top.picture = lambda *args, **options: 1 / 0\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    one = TerminalUser("--protocol", "broken:app", "--connect", inspector.address)
    try:
        data = b""
        while b"ZeroDivisionError" not in data:
            assert select.select([one._terminal], [], [], 60)[0], data
            data += os.read(one._terminal, 65536)
        assert data.index(ENTER) < data.index(LEAVE) < data.index(b"Traceback")
        assert one.wait() == 1
    finally:
        one.close()


def test_the_screen_follows_the_terminals_size(inspector, user):
    one = user("--connect", inspector.address)
    one.see(is_drawn)
    one.resize(40)

    one.see(
        lambda rows: any(row.startswith(" chat  pid 4711  ") and len(row) <= 40 for row in rows)
    )


def test_nothing_listens_at_a_terminal(user):
    address = "{}:{}".format(*unused_address())
    one = user("--connect", address)
    one.see(lambda rows: any("cannot connect" in row for row in rows))

    assert one.wait() == 1


# -- in a pipe -------------------------------------------------------------------------------------


def test_a_pipe_gets_one_snapshot_of_plain_text(inspector):
    output, errors, status = run("--connect", inspector.address, "--sort", "queued")

    assert (errors, status) == ("", 0)
    assert "\x1b" not in output
    lines = output.splitlines()
    assert lines[0].startswith(" chat  pid 4711")
    assert any("app.py:12 in handler  time.sleep(0.3)" in line for line in lines)
    assert sum("192.0.2.7:" in line for line in lines) == 29
    assert inspector.views == [{"sort": "queued", "order": "desc", "first": "0", "count": "200"}]


def test_an_interval_repeats_the_snapshot_until_the_reader_has_gone(inspector):
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "reactor", "--protocol", "inspect"),
            *("--connect", inspector.address, "--interval", "0.01"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUTF8="1"),
    )
    heads = 0
    for line in process.stdout:
        heads += line.startswith(" chat  pid 4711")
        if heads == 3:
            break
    process.stdout.close()

    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_the_address_may_be_the_one_that_was_announced(inspector):
    _, _, status = run("--connect", f"http://{inspector.address}/?token=abcdefgh")
    assert status == 0
    assert inspector.fields[-1]["authorization"] == "Bearer abcdefgh"

    run("--connect", inspector.address, REACTOR_TOKEN="from-the-environment")
    assert inspector.fields[-1]["authorization"] == "Bearer from-the-environment"


def test_without_unicode_the_text_is_ascii(inspector):
    output, _, status = run("--connect", inspector.address, PYTHONIOENCODING="ascii")

    assert status == 0
    assert output.isascii()


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "inspect shows an inspector: give its address with --connect HOST:PORT"),
        (("--connect", "localhost"), "expected HOST:PORT, not 'localhost'"),
        (("--connect", "http:///x"), "expected HOST:PORT or http://HOST:PORT/?token=TOKEN"),
        (("--connect", "a:1", "--token", "a b"), "a token has 1 to 200 visible ASCII"),
        (("--connect", "a:1", "--sort", "colour"), "invalid choice: 'colour'"),
        (("--connect", "a:1", "--filter", "x" * 101), "a filter has at most 100 characters"),
        (("--token", "x"), "--token requires --connect"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, error):
    output, errors, status = run(*arguments)

    assert (output, status) == ("", 2)
    assert error in one_line(errors)


def test_an_inspector_that_refuses_says_what_to_do(inspector):
    inspector.answers["/loop.json"] = Response.text("The token is missing or wrong.", 403)
    _, errors, status = run("--connect", inspector.address)

    assert status == 1
    assert one_line(errors).endswith(
        " refuses: The token is missing or wrong.;"
        " give the watched program's --inspect-token with --token\n"
    )


def test_an_inspector_that_fails_is_not_called_something_else(inspector):
    inspector.answers["/loop.json"] = Response.text("Internal Server Error", 500)
    _, errors, status = run("--connect", inspector.address)

    assert (one_line(errors), status) == (f"reactor: {inspector.address} answers 500\n", 1)


def test_what_is_not_an_inspector(inspector):
    inspector.answers["/loop.json"] = Response(b"{}", 200, [("Content-Type", "application/json")])
    _, errors, status = run("--connect", inspector.address)
    assert (one_line(errors), status) == (f"reactor: {inspector.address} is not an inspector\n", 1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with subprocess.Popen(
            [sys.executable, "-m", "reactor", "--protocol", "inspect", "--connect", address],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment(),
        ) as process:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                _, errors = finish(process)
    assert (one_line(errors), process.returncode) == (
        f"reactor: {address} is not an inspector\n",
        1,
    )
