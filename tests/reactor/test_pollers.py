"""All pollers behave in the same way, on real descriptors. On systems without kqueue, its poller
runs on a simulation."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import types
from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress

import pytest

from reactor import ERROR, HANGUP, READ, WRITE, Reactor
from reactor.pollers import (
    MAX_WAIT,
    POLLERS,
    EpollPoller,
    KqueuePoller,
    Poller,
    SelectPoller,
    make_poller,
)

# -- kqueue's names over poll(2) -------------------------------------------------------------------

Kevent = namedtuple("Kevent", "ident filter flags fflags", defaults=(0, 0))

KQ_FILTER_READ, KQ_FILTER_WRITE = -1, -2
KQ_EV_ADD, KQ_EV_DELETE, KQ_EV_EOF = 0x1, 0x2, 0x8000


class Kqueue:
    """What the poller needs of a kqueue, as strict as the real one. It records its calls.

    ``last``: the one made last. ``script``: the events that the next wait returns, if not None."""

    last: Kqueue

    def __init__(self) -> None:
        Kqueue.last = self
        self.script: list[Kevent] | None = None
        self.watched: dict[tuple[int, int], None] = {}
        self.calls: list[tuple[int, int, float | None]] = []
        self.closed = False

    def control(self, changes, max_events, timeout=None):
        self.calls.append((len(changes or ()), max_events, timeout))
        for change in changes or ():
            key = (change.ident, change.filter)
            if change.ident < 0:
                raise ValueError("file descriptor cannot be a negative integer")
            if change.flags == KQ_EV_ADD:
                self.watched[key] = None
            elif key not in self.watched:
                raise FileNotFoundError(2, "no such filter")
            else:
                del self.watched[key]
        if self.script is not None:
            return self.script
        return self._wait(max_events, timeout) if max_events else []

    def _wait(self, max_events, timeout):
        poller = select.poll()
        for ident, _ in self.watched:
            mask = select.POLLIN if (ident, KQ_FILTER_READ) in self.watched else 0
            mask |= select.POLLOUT if (ident, KQ_FILTER_WRITE) in self.watched else 0
            poller.register(ident, mask)
        events = []
        for ident, mask in poller.poll(None if timeout is None else timeout * 1000):
            flags = KQ_EV_EOF if mask & (select.POLLHUP | select.POLLERR) else 0
            for filter_, bit in ((KQ_FILTER_READ, select.POLLIN), (KQ_FILTER_WRITE, 4)):
                if (ident, filter_) in self.watched and mask & (bit | 0x18):
                    events.append(Kevent(ident, filter_, flags))
        return events[:max_events]

    def close(self) -> None:
        self.closed = True


FAKE_KQUEUE = {
    "kqueue": Kqueue,
    "kevent": Kevent,
    "KQ_FILTER_READ": KQ_FILTER_READ,
    "KQ_FILTER_WRITE": KQ_FILTER_WRITE,
    "KQ_EV_ADD": KQ_EV_ADD,
    "KQ_EV_DELETE": KQ_EV_DELETE,
    "KQ_EV_EOF": KQ_EV_EOF,
}

NAMES = list(dict.fromkeys([*POLLERS, "kqueue"]))


@pytest.fixture
def fake_kqueue(monkeypatch: pytest.MonkeyPatch) -> None:
    for attribute, value in FAKE_KQUEUE.items():
        monkeypatch.setattr(select, attribute, value, raising=False)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param not in POLLERS:
        request.getfixturevalue("fake_kqueue")
        monkeypatch.setitem(POLLERS, "kqueue", KqueuePoller)
    return request.param


@pytest.fixture
def poller(name: str) -> Iterator[Poller]:
    poller = make_poller(name)
    yield poller
    poller.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    with one, other:
        yield one, other


@pytest.fixture
def high_descriptor(pair) -> Iterator[int]:
    """A readable descriptor that select cannot watch."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1100:
        pytest.skip("this system does not allow so many descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1100), hard))
    pair[1].send(b"x")
    fd = fcntl.fcntl(pair[0].fileno(), fcntl.F_DUPFD_CLOEXEC, 1024)
    yield fd
    os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- readiness -------------------------------------------------------------------------------------


def test_a_readable_descriptor_is_reported_for_as_long_as_it_is_readable(poller, pair):
    one, other = pair
    poller.register(one.fileno(), READ)
    assert poller.poll(0) == []

    other.send(b"hello")
    assert poller.poll(None) == [(one.fileno(), READ)]
    one.recv(2)
    assert poller.poll(None) == [(one.fileno(), READ)]
    one.recv(100)
    assert poller.poll(0) == []


def test_a_writable_descriptor_is_reported_only_if_watched_for_writing(poller, pair):
    one, _ = pair
    poller.register(one.fileno(), READ)
    assert poller.poll(0) == []

    poller.modify(one.fileno(), READ | WRITE)
    assert poller.poll(None) == [(one.fileno(), WRITE)]
    poller.modify(one.fileno(), READ)
    assert poller.poll(0) == []


def test_readable_and_writable_are_one_pair(poller, pair):
    one, other = pair
    other.send(b"hello")
    poller.register(one.fileno(), READ | WRITE)

    assert poller.poll(None) == [(one.fileno(), READ | WRITE)]


def test_every_ready_descriptor_is_in_the_list(poller, pair):
    one, other = pair
    one.send(b"1")
    other.send(b"2")
    poller.register(one.fileno(), READ)
    poller.register(other.fileno(), READ)

    assert sorted(poller.poll(None)) == sorted([(one.fileno(), READ), (other.fileno(), READ)])


def test_with_an_empty_mask_data_is_not_reported(poller, pair):
    one, other = pair
    other.send(b"hello")
    poller.register(one.fileno(), READ)
    poller.modify(one.fileno(), 0)
    assert poller.poll(0) == []

    poller.modify(one.fileno(), READ)
    assert poller.poll(None) == [(one.fileno(), READ)]


def test_an_unregistered_descriptor_is_not_reported_and_can_be_registered_again(poller, pair):
    one, other = pair
    other.send(b"hello")
    poller.register(one.fileno(), READ)
    poller.unregister(one.fileno())
    assert poller.poll(0) == []

    poller.register(one.fileno(), WRITE)
    assert poller.poll(None) == [(one.fileno(), WRITE)]


def test_the_end_of_the_stream_is_reported_as_readable(poller, pair):
    one, other = pair
    poller.register(one.fileno(), READ)
    other.close()

    [(fd, mask)] = poller.poll(None)

    assert fd == one.fileno()
    assert mask & READ
    assert one.recv(100) == b""


def test_a_broken_connection_is_reported_to_a_waiting_writer(poller, pair):
    one, other = pair
    with suppress(BlockingIOError):
        while True:
            one.send(bytes(65536))
    poller.register(one.fileno(), WRITE)
    assert poller.poll(0) == []

    other.close()

    [(fd, mask)] = poller.poll(None)
    assert fd == one.fileno()
    assert mask & (WRITE | ERROR | HANGUP)


@pytest.mark.parametrize("name", [name for name in ("epoll", "poll") if name in POLLERS])
def test_a_hangup_is_reported_with_an_empty_mask(poller, pair):
    one, other = pair
    poller.register(one.fileno(), READ)
    poller.modify(one.fileno(), 0)
    other.close()

    assert poller.poll(None) == [(one.fileno(), HANGUP)]


# -- mistakes --------------------------------------------------------------------------------------


def test_a_descriptor_registered_twice_is_refused(poller, pair):
    poller.register(pair[0].fileno(), READ)

    with pytest.raises(FileExistsError):
        poller.register(pair[0].fileno(), WRITE)

    assert poller.poll(0) == []


def test_an_impossible_descriptor_is_refused(poller):
    with pytest.raises(ValueError, match="descriptor"):
        poller.register(-1, READ)


def test_what_is_not_registered_cannot_be_modified(poller, pair):
    with pytest.raises((FileNotFoundError, KeyError)):
        poller.modify(pair[0].fileno(), READ)


def test_select_refuses_a_descriptor_beyond_its_limit_with_a_clear_error(high_descriptor):
    # waitress#31: select() itself would fail, in every turn from then on.
    poller = SelectPoller()

    with pytest.raises(ValueError, match=rf"descriptor {high_descriptor}.* 1023.* another poller"):
        poller.register(high_descriptor, READ)

    assert poller.poll(0) == []


@pytest.mark.parametrize("name", [name for name in POLLERS if name != "select"])
def test_the_other_pollers_watch_any_descriptor(poller, high_descriptor):
    poller.register(high_descriptor, READ)

    assert poller.poll(None) == [(high_descriptor, READ)]


def test_a_loop_on_select_survives_a_descriptor_that_it_cannot_watch(pair, high_descriptor):
    one, other = pair
    other.send(b"hello")
    received = []
    with Reactor(poller="select") as reactor:  # high_descriptor has sent an "x" already
        with pytest.raises(ValueError, match="select poller cannot watch"):
            reactor.register(high_descriptor, READ, lambda mask: None)
        reactor.register(one.fileno(), READ, lambda mask: received.append(one.recv(100)))
        reactor.run_once()
        reactor.unregister(one.fileno())

    assert received == [b"xhello"]


# -- regular files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in POLLERS if name != "kqueue"])
def test_a_regular_file_is_always_ready(poller, tmp_path):
    # epoll refuses one with EPERM, and standard input is one after `program < file`.
    path = tmp_path / "file"
    path.write_bytes(b"text")
    with path.open("rb") as file:
        fd = file.fileno()
        poller.register(fd, READ)
        assert poller.poll(None) == [(fd, READ)]
        assert poller.poll(3600) == [(fd, READ)]
        file.read()
        assert poller.poll(None) == [(fd, READ)]

        poller.modify(fd, 0)
        assert poller.poll(0) == []
        poller.modify(fd, READ)
        assert poller.poll(None) == [(fd, READ)]

        with pytest.raises(FileExistsError):
            poller.register(fd, READ)
        poller.unregister(fd)
        assert poller.poll(0) == []


@pytest.mark.parametrize("name", [name for name in POLLERS if name != "kqueue"])
def test_a_regular_file_does_not_hide_other_descriptors(poller, pair, tmp_path):
    one, other = pair
    poller.register(one.fileno(), READ)
    with (tmp_path / "file").open("wb") as file:
        poller.register(file.fileno(), WRITE)
        other.send(b"hello")

        assert sorted(poller.poll(None)) == sorted([(file.fileno(), WRITE), (one.fileno(), READ)])
        poller.unregister(file.fileno())


# -- waiting ---------------------------------------------------------------------------------------

# The timeout of poll(), and the one of the system call, in seconds.
WAITS = [
    (None, None),
    (0, 0),
    (-0.0, 0),
    (-5, 0),  # a deadline that has passed, not "forever"
    (1e-9, 0.001),  # rounded up: 0 would be a busy loop (python/asyncio#106)
    (0.001, 0.001),
    (0.0010001, 0.002),
    (2.5, 2.5),
    (MAX_WAIT, MAX_WAIT),
    (MAX_WAIT * 1000, MAX_WAIT),  # too many milliseconds for a C int
    (1e300, MAX_WAIT),
    (float("inf"), MAX_WAIT),
]


@pytest.mark.parametrize(("asked", "given"), WAITS)
def test_timeouts_are_rounded_up_and_bounded(name, asked, given, monkeypatch):
    waits = []

    def milliseconds(value):
        assert isinstance(value, int)
        waits.append(None if value == -1 else value / 1000)
        return []

    def seconds(value=None):
        assert value is None or value >= 0
        waits.append(value)
        return []

    fakes = {
        "epoll": lambda: types.SimpleNamespace(poll=seconds, close=lambda: None),
        "kqueue": lambda: types.SimpleNamespace(
            control=lambda changes, most, timeout: seconds(timeout), close=lambda: None
        ),
        "poll": lambda: types.SimpleNamespace(poll=milliseconds),
        "select": lambda readers, writers, others, timeout: (seconds(timeout), [], []),
    }
    monkeypatch.setattr(select, name, fakes[name])
    poller = make_poller(name)

    assert poller.poll(asked) == []
    assert waits == [given]
    poller.close()


def test_ten_short_sleeps_take_ten_turns(name):
    # python/asyncio#106: timeouts rounded down to milliseconds took 918 turns.
    with Reactor(poller=name) as reactor:
        left = 10

        def sleep() -> None:
            nonlocal left
            left -= 1
            if left:
                reactor.call_later(0.0012, sleep)
            else:
                reactor.stop()

        reactor.call_later(0.0012, sleep)
        reactor.run()

        assert reactor.stats.turns == 10


# -- choosing --------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll on this system")
def test_epoll_is_the_default_where_there_is_one():
    poller = make_poller()
    assert type(poller) is EpollPoller
    poller.close()


@pytest.mark.skipif(not hasattr(select, "kqueue"), reason="there is no kqueue on this system")
def test_kqueue_is_the_default_where_there_is_one():
    poller = make_poller()
    assert type(poller) is KqueuePoller
    poller.close()


def test_an_unknown_poller_is_refused_with_the_available_names():
    with pytest.raises(ValueError, match=r"no poller 'iocp' .*; there is .*poll, select"):
        make_poller("iocp")


# -- kqueue's two filters --------------------------------------------------------------------------


@pytest.fixture
def kqueue_poller(fake_kqueue) -> KqueuePoller:
    return KqueuePoller()


@pytest.fixture
def kqueue(kqueue_poller) -> Kqueue:
    """The kqueue of ``kqueue_poller``."""
    return Kqueue.last


def test_kqueue_changes_only_the_filters_that_differ(kqueue_poller, kqueue):
    kqueue_poller.register(7, READ | WRITE)
    assert list(kqueue.watched) == [(7, KQ_FILTER_READ), (7, KQ_FILTER_WRITE)]
    kqueue_poller.modify(7, WRITE)
    assert list(kqueue.watched) == [(7, KQ_FILTER_WRITE)]
    calls = len(kqueue.calls)
    kqueue_poller.modify(7, WRITE)
    assert len(kqueue.calls) == calls
    kqueue_poller.modify(7, READ)
    assert list(kqueue.watched) == [(7, KQ_FILTER_READ)]
    kqueue_poller.unregister(7)
    assert list(kqueue.watched) == []


def test_kqueue_asks_for_two_events_per_descriptor_and_at_least_one(kqueue_poller, kqueue, pair):
    kqueue_poller.poll(0)
    kqueue_poller.register(pair[0].fileno(), READ)
    kqueue_poller.register(pair[1].fileno(), READ)
    kqueue_poller.poll(0)

    assert [most for changes, most, _ in kqueue.calls if not changes] == [1, 4]


def test_kqueue_distinguishes_an_error_from_an_ordinary_end(kqueue_poller, kqueue):
    kqueue.script = [
        Kevent(7, KQ_FILTER_READ, KQ_EV_EOF),
        Kevent(8, KQ_FILTER_READ, KQ_EV_EOF, 54),
        Kevent(8, KQ_FILTER_WRITE, KQ_EV_EOF, 54),
        Kevent(9, KQ_FILTER_WRITE, 0, 54),
    ]

    assert kqueue_poller.poll(None) == [(7, READ), (8, READ | WRITE | ERROR), (9, WRITE)]


def test_kqueue_is_closed_with_its_poller(kqueue_poller, kqueue):
    kqueue_poller.close()

    assert kqueue.closed
