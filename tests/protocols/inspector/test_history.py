"""The last minute: waiting and working, and the time by name."""

from __future__ import annotations

import pytest

from protocols.inspector.history import Strip, TimeByName, new_entry
from reactor import Turn


def turn(began, waits, woke, ended, events=0):
    """A turn that waits from ``waits`` to ``woke``."""
    made = Turn(0, began)
    made.times = [began, waits, woke, woke, woke, ended, ended, ended, ended]
    made.step = 8
    made.events = [(8, 1)] * events
    return made


def test_turns_of_one_interval_are_added():
    strip = Strip()
    strip.add(turn(1000.0, 1000.0, 1000.05, 1000.06, events=2))
    worked = strip.add(turn(1000.06, 1000.06, 1000.1, 1000.13))

    assert worked == pytest.approx(0.03)
    assert strip.document(1000.13, None) == {"4000": [0.09, 0.04, 2, 2, 0.03]}


def test_a_long_wait_is_split_over_its_intervals():
    strip = Strip()
    strip.add(turn(1000.0, 1000.1, 1000.6, 1000.7))

    assert strip.document(1000.7, None) == {
        "4000": [0.15, 0.1, 0, 0, 0],
        "4001": [0.25, 0, 0, 0, 0],
        "4002": [0.1, 0.1, 1, 0, 0.2],
    }


def test_the_turn_that_the_loop_is_in_counts_as_far_as_it_has_come():
    strip = Strip()
    strip.add(turn(1000.0, 1000.0, 1000.0, 1000.1))
    waiting = Turn(1, 1000.1)
    waiting.times.append(1000.1)
    waiting.step = 2

    assert strip.document(1000.5, waiting) == {
        "4000": [0.15, 0.1, 1, 0, 0.1],
        "4001": [0.25, 0, 0, 0, 0],
    }
    working = turn(1000.1, 1000.1, 1000.1, 0)
    working.times[3:] = []
    working.step = 4
    assert strip.document(1000.5, working)["4001"] == [0, 0.25, 0, 0, 0]


def test_a_turn_that_an_exception_has_ended_counts():
    strip = Strip()
    ended = Turn(0, 1000.0)
    ended.times = [1000.0, 1000.1]
    strip.add(ended)

    assert strip.document(1000.2, None) == {"4000": [0, 0.1, 1, 0, 0.1]}


def test_the_strip_ends_after_a_minute():
    strip = Strip()
    for number in range(500):
        began = 1000.0 + number * 0.25
        strip.add(turn(began, began, began + 0.1, began + 0.125))
    strip.add(turn(1125.0, 1125.0, 5000.0, 5000.1))
    shown = strip.document(5000.1, None)

    assert len(shown) <= 241
    assert min(map(int, shown)) == 20000 - 239
    assert sum(waited for waited, *_ in shown.values()) == pytest.approx(60, abs=0.3)


def add(names, name, took):
    entry = new_entry(names.current, name)
    entry[0] += 1
    entry[1] += took
    entry[2] = max(entry[2], took)


def test_names_are_sorted_by_the_time_that_they_took():
    names = TimeByName()
    names.begin(1000.0)
    add(names, "fast", 0.001)
    add(names, "slow", 0.5)
    add(names, "slow", 0.25)

    assert names.document(1001.0) == [
        {"name": "slow", "calls": 2, "seconds": 0.75, "longest": 0.5},
        {"name": "fast", "calls": 1, "seconds": 0.001, "longest": 0.001},
    ]
    assert len(names.document(1001.0, most=1)) == 1


def test_names_leave_after_a_minute():
    names = TimeByName()
    for second in range(0, 100, 5):
        names.begin(1000.0 + second)
        add(names, "every five seconds", 1.0)
        if second == 0:
            add(names, "once", 10.0)

    assert names.document(1099.0) == [
        {"name": "every five seconds", "calls": 13, "seconds": 13.0, "longest": 1.0}
    ]
    assert names.document(2000.0)[0]["calls"] == 1  # what is not finished


def test_very_many_names_are_counted_together():
    names = TimeByName()
    for number in range(1200):
        add(names, f"name {number}", 0.001)

    assert len(names.current) == 1001
    assert names.document(0.0)[0] == {
        "name": "(others)",
        "calls": 200,
        "seconds": 0.2,
        "longest": 0.001,
    }


def test_short_calls_are_estimated_if_turns_are_sampled():
    names = TimeByName()
    names.begin(1000.0, size=100, measured=100)
    add(names, "short", 0.0005)
    new_entry(names.exact, "slow")[:] = [1, 0.002, 0.002]
    [slowest, other] = names.document(1001.0, size=180, measured=110)
    assert slowest == {"name": "short", "calls": 8, "seconds": 0.004, "longest": 0.0005}
    assert other == {"name": "slow", "calls": 1, "seconds": 0.002, "longest": 0.002}

    names.begin(1005.0, size=180, measured=110)
    assert names.document(1006.0, size=190, measured=120)[0] == slowest


def test_the_longest_turn_may_be_the_one_that_goes_on():
    strip = Strip()
    strip.add(turn(1000.0, 1000.0, 1000.05, 1000.06))
    blocking = Turn(0, 1000.06)
    blocking.times += [1000.06, 1000.1]
    blocking.step = 4
    assert strip.document(1003.1, blocking)["4012"][4] == pytest.approx(3.0)
    blocking.step, blocking.times = 2, blocking.times[:2]
    assert strip.document(1003.1, blocking)["4012"][4] == 0
