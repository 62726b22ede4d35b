"""The exercise of lesson 3. Run it with ``python -m pytest docs/lessons/03_busy``.

The sockets here are imitations, which play a script. So the tests know in which pass something was
ready."""

import pytest


class Over(Exception):
    """Ends ``serve``: the script is over."""


class Imitation:
    """A socket. ``script``: what each call returns, or None for "nothing is ready"."""

    def __init__(self, script):
        self.script = list(script)
        self.sent = b""

    def setblocking(self, flag):
        assert flag is False

    def _next(self, *_):
        if not self.script:
            raise Over
        value = self.script.pop(0)
        if value is None:
            raise BlockingIOError
        return value

    accept = recv = _next

    def sendall(self, data):
        self.sent += data

    def close(self):
        pass


@pytest.fixture
def run(exercise, monkeypatch):
    """Runs the server until the listener's script is over, and returns its naps."""

    def run(script):
        naps = []
        monkeypatch.setattr(exercise.time, "sleep", naps.append)
        with pytest.raises(Over):
            exercise.serve(Imitation(script))
        return naps

    return run


def test_it_sleeps_after_each_pass_without_an_event(run, exercise):
    assert run([None, None, None]) == [exercise.PAUSE] * 3


def test_it_does_not_sleep_when_a_client_has_come(run, exercise):
    client = Imitation([None] * 9)
    assert run([None, (client, "address"), None]) == [exercise.PAUSE] * 2


def test_it_does_not_sleep_when_something_has_arrived(run, exercise):
    client = Imitation([None, b"hello", None])
    assert run([(client, "address"), None, None]) == [exercise.PAUSE]
    assert client.sent == b"hello"


def test_it_does_not_sleep_when_a_client_has_left(run):
    client = Imitation([None, b""])
    assert run([(client, "address"), None]) == []
