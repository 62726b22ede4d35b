"""The figures of runs that were too short, or on a machine too busy, to measure anything."""

import argparse
import sys

import pytest

from benchmarks.common import Result
from benchmarks.http_load import compare_cpu, print_results
from benchmarks.inspector import _judge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="benchmarks run on Linux only")

DETAILS = dict.fromkeys(("bytes", "p50_us", "p99_us", "server_busy", "load_busy"), 0.0)


def result(user: float, count: int) -> Result:
    return Result(
        count=count,
        seconds=0.1,
        user=user,
        system=0.0,
        resident_before=1,
        resident_after=1,
        details=DETAILS,
        disturbance=0.0,
    )


@pytest.mark.parametrize("count", [0, 10])
def test_a_run_in_which_no_tick_of_cpu_time_was_counted_is_shown_as_not_a_number(capsys, count):
    options = argparse.Namespace(connections=2, vary="none", rounds=1, seconds=1)
    results = {"ours": [result(0.01, 10)], "theirs": [result(0.0, count)]}

    print_results("HTTP", results, options)

    assert not compare_cpu(results, "ours", "theirs", 1.3)
    assert "nan x" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pair", "met", "words"),
    [
        ((6.0, 6.5, 160_000, 150_000), True, "of the throughput: 6.2%"),
        ((6.0, 6.5, 160_000, 140_000), False, "of the throughput: 12.5%"),
        ((6.0, 6.5, 8000, 8000), True, "it used 5% of a core"),
        ((6.0, 7.2, 8000, 8100), False, "of the CPU time: 20.0%"),
    ],
)
def test_the_throughput_of_a_server_that_was_not_saturated_says_nothing(capsys, pair, met, words):
    assert _judge([pair], pair[1] / pair[0], pair[3] / pair[2]) is met
    output = capsys.readouterr().out
    assert words in output
    assert ("was not saturated" in output) == (pair[2] == 8000)
