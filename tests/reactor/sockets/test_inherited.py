"""Sockets that a service manager passes on (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from reactor.sockets.inherited import inherited_sockets


@pytest.fixture
def passed() -> Iterator[list[socket.socket]]:
    """Two listening sockets, at descriptors that follow each other; see ``environ``."""
    originals = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    first = _free_descriptors(2)
    copies = []
    for number, sock in enumerate(originals):
        os.dup2(sock.fileno(), first + number)
        copies.append(socket.socket(fileno=first + number))
    yield copies
    for sock in [*originals, *copies]:
        sock.close()


def _free_descriptors(number: int) -> int:
    first = 300
    for fd in range(first, first + number):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    return first


def environ(number: object, names: str | None = None) -> dict[str, str]:
    found = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(number), "OTHER": "stays"}
    if names is not None:
        found["LISTEN_FDNAMES"] = names
    return found


def test_passed_sockets_are_returned_and_the_variables_removed(passed: list[socket.socket]) -> None:
    variables = environ(2, "http:more")
    names = [sock.getsockname() for sock in passed]
    found = inherited_sockets(variables, 300)
    assert [sock.getsockname() for sock in found] == names
    assert [sock.fileno() for sock in found] == [300, 301]
    assert not any(sock.get_inheritable() or sock.getblocking() for sock in found)
    assert variables == {"OTHER": "stays"}
    for sock in found:
        sock.detach()  # the fixture closes them


def test_without_passed_sockets_the_list_is_empty() -> None:
    assert inherited_sockets({}) == []
    assert inherited_sockets(environ(0)) == []


@pytest.mark.parametrize("pid", ["1", "", "+1", None])
def test_sockets_for_another_process_are_left_alone(pid: str | None) -> None:
    variables = {**environ(1), "LISTEN_PID": str(os.getpid() + 1) if pid is None else pid}
    assert inherited_sockets(variables, 300) == []
    assert variables == {"OTHER": "stays"}


@pytest.mark.parametrize("number", ["", "-1", "x", "1_0", " 1", "99999"])
def test_an_invalid_number_raises_value_error(number: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        inherited_sockets(environ(number), 300)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (socket.socket, "does not listen"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "is not a stream socket"),
        (lambda: open(os.devnull), "is not a socket"),  # noqa: SIM115
    ],
)
def test_a_descriptor_that_is_no_listening_stream_socket_is_named(
    passed: list[socket.socket], make: object, complaint: str
) -> None:
    with make() as wrong:  # type: ignore[operator]
        os.dup2(wrong.fileno(), 301)
    with pytest.raises(ValueError, match=rf"301 \(second\) {complaint}"):
        inherited_sockets(environ(2, "first:second"), 300)
    with pytest.raises(OSError, match="Bad file descriptor"):  # the good one was closed as well
        os.fstat(300)
    for sock in passed:
        sock.detach()
    try:
        os.close(301)
    except OSError:
        pass


def test_a_missing_descriptor_is_named() -> None:
    with pytest.raises(ValueError, match="300 is not a socket: Bad file descriptor"):
        inherited_sockets(environ(1), 300)


def test_a_unix_socket_can_be_passed(tmp_path: object) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"{tmp_path}/s")
        sock.listen()
        os.dup2(sock.fileno(), 300)
    [found] = inherited_sockets(environ(1), 300)
    with found:
        assert found.family == socket.AF_UNIX
