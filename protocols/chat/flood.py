"""Flood control: one token bucket for each member. It delays lines, then drops them, and finally
disconnects the member.

Nothing here uses the hub or a clock. The caller passes the time, and acts on the verdict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .interfaces import Cancellable

Job = tuple[Callable[..., object], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class FloodPolicy:
    """How much a member may send, and what happens beyond that."""

    rate: float = 5.0  # tokens that come back each second; 0 switches flood control off
    burst: float = 20.0  # tokens in a full bucket
    token_size: int = 1024  # characters: a line costs one token, and one more for each token_size
    queue: int = 64  # lines that wait for tokens; more are dropped
    queue_size: int = 8192  # characters in those lines
    drops: int = 200  # lines dropped, without a pause, before the member is disconnected
    ping_cost: float = 0.1  # tokens for a ping or heartbeat, which never waits but may be dropped


class Verdict(Enum):
    """What to do with something that a member sent."""

    PASS = "pass"  # do it now
    QUEUED = "queued"  # the gate keeps it: call ``release`` after ``delay()`` seconds
    WARN = "warn"  # it is dropped, and is the first: warn the member
    DROP = "drop"
    EXPEL = "expel"  # it is dropped, and is one too many: disconnect the member


class TokenBucket:
    """Allows ``rate`` tokens a second in the long run, and ``burst`` of them at once.

    Its state is one number, the time at which it will be full again (the "generic cell rate
    algorithm", ITU-T I.371). Taking tokens moves that time on, so nothing has to run to refill it.
    """

    __slots__ = ("_burst", "_full_at", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._full_at = 0.0

    def pay(self, now: float, cost: float) -> bool:
        """Take ``cost`` tokens if the bucket has them at ``now``, in seconds. Return whether it
        has."""
        # Less than a microsecond is rounding of large clock values, not a reason to wait again.
        if self.debt(now, cost) > 1e-6:
            return False
        self._full_at = max(self._full_at, now) + cost / self._rate
        return True

    def charge(self, now: float, cost: float) -> None:
        """Take ``cost`` tokens, also those that come back only later: nothing passes until then."""
        if self._rate > 0:
            self._full_at = max(self._full_at, now) + cost / self._rate

    def debt(self, now: float, cost: float) -> float:
        """Return the seconds until ``cost`` tokens can be taken, 0 or less if they can be now."""
        # What costs more than a full bucket passes when the bucket is full. Otherwise it would wait
        # forever.
        missing = min(cost, self._burst) - self._burst
        return max(self._full_at, now) - now + missing / self._rate


class FloodGate(TokenBucket):
    """One member's bucket, and its queue while lines wait. It is made when the member first speaks.

    ``timer``: what will release the lines that wait. ``close`` cancels it.
    """

    __slots__ = ("_dropped", "_policy", "_queue", "_queue_size", "_warned", "timer")

    def __init__(self, policy: FloodPolicy) -> None:
        super().__init__(policy.rate, policy.burst)
        self.timer: Cancellable | None = None
        self._policy = policy
        self._dropped = 0
        self._warned = False
        self._queue: deque[tuple[int, Job]] | None = None
        self._queue_size = 0

    def admit(self, now: float, size: int, job: Job) -> Verdict:
        """Judge ``job``, a line of ``size`` characters. If it is QUEUED, it is kept here."""
        policy = self._policy
        if policy.rate <= 0:
            return Verdict.PASS
        queue = self._queue
        self._forgive(now)
        if queue is None:
            # Lines keep their order: only if none waits may this one pass.
            if self.pay(now, self._cost(size)):
                return Verdict.PASS
            queue = deque()
        if len(queue) >= policy.queue or self._queue_size + size > policy.queue_size:
            verdict = self._drop()
            if verdict is Verdict.EXPEL or self._warned:
                return verdict
            self._warned = True
            return Verdict.WARN
        queue.append((size, job))
        self._queue = queue
        self._queue_size += size
        return Verdict.QUEUED

    def admit_last(self, job: Job) -> Verdict:
        """Judge ``job``, which runs after all that are waiting, and is never dropped."""
        if self._queue is None:
            return Verdict.PASS
        self._queue.append((0, job))
        return Verdict.QUEUED

    def admit_ping(self, now: float, count: int = 1) -> Verdict:
        """Judge ``count`` pings, heartbeats or telnet commands that arrived together.

        They cost little, and are dropped rather than delayed.
        """
        policy = self._policy
        if policy.rate <= 0:
            return Verdict.PASS
        self._forgive(now)
        cost = count * policy.ping_cost
        # A policy may set the cost of one ping above a full bucket. Then one passes, but not many.
        if (count == 1 or cost <= policy.burst) and self.pay(now, cost):
            return Verdict.PASS
        return self._drop(count)

    def delay(self, now: float) -> float | None:
        """Return the seconds until ``release`` returns the first line that waits; None if no line
        waits."""
        if self._queue is None:
            return None
        return max(0.0, self.debt(now, self._cost(self._queue[0][0])))

    def release(self, now: float) -> Job | None:
        """Return the first line that waits, if its time has come."""
        queue = self._queue
        if queue is None or not self.pay(now, self._cost(queue[0][0])):
            return None
        size, job = queue.popleft()
        self._queue_size -= size
        if not queue:
            self._queue = None
            self._dropped = 0
            self._warned = False
        return job

    def close(self) -> int:
        """Drop all lines that wait, and return how many there were."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        waiting = len(self._queue) if self._queue else 0
        self._queue = None
        return waiting

    def _cost(self, size: int) -> int:
        return 1 + size // self._policy.token_size

    def _forgive(self, now: float) -> None:
        """Reset the count of dropped lines if the bucket is full again: nothing was sent for a
        while."""
        if self._dropped and self._full_at <= now:
            self._dropped = 0
            self._warned = False

    def _drop(self, count: int = 1) -> Verdict:
        self._dropped += count
        return Verdict.EXPEL if self._dropped > self._policy.drops else Verdict.DROP
