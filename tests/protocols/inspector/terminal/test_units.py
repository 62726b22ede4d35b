"""Numbers are short and exact enough."""

import pytest

from protocols.inspector.terminal import units


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0, "0"),
        (-2.0, "-2.0s"),
        (0.0000005, "0.5us"),
        (0.00012, "120us"),
        (0.0009996, "1.0ms"),
        (0.0042, "4.2ms"),
        (0.3, "300ms"),
        (0.9999, "1.0s"),
        (9.96, "10s"),
        (59.96, "1m00s"),
        (125, "2m05s"),
        (3599.7, "1h00m"),
        (11220, "3h07m"),
        (352800, "4d02h"),
    ],
)
def test_durations(seconds, shown):
    assert units.duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, "-"), (0, "0"), (1023, "1023"), (1024, "1.0K"), (65536, "64K"), (1 << 21, "2.0M")],
)
def test_sizes(count, shown):
    assert units.size(count) == shown


@pytest.mark.parametrize(("count", "shown"), [(999, "999"), (1500, "1.5k"), (20_000, "20k")])
def test_amounts(count, shown):
    assert units.amount(count) == shown


@pytest.mark.parametrize(
    ("part", "shown"), [(0, "0%"), (0.0001, "<0.1%"), (0.021, "2.1%"), (0.2, "20%"), (1, "100%")]
)
def test_shares(part, shown):
    assert units.share(part) == shown
