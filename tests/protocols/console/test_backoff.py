"""The delays between attempts to connect."""

from protocols.console.backoff import Backoff


def test_delays_double_up_to_the_longest_and_have_jitter():
    backoff = Backoff(first=1.0, longest=30.0)
    delays = [backoff.next_delay() for _ in range(40)]

    bounds = [min(30.0, 2.0**tries) for tries in range(40)]
    assert all(bound / 2 <= delay <= bound for delay, bound in zip(delays, bounds, strict=True))
    assert len({round(delay, 6) for delay in delays[5:]}) > 1

    backoff.reset()
    assert backoff.next_delay() <= 1.0
