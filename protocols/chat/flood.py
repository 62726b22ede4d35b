"""Flood control: a token bucket for each member, which delays, then drops, then disconnects.

It knows neither hub nor clock: it is told the time, and says what is to be done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

Job = tuple[Callable[..., object], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class FloodPolicy:
    """How fast a member may be, and what happens to one that is faster."""

    rate: float = 5.0  # tokens that come back each second; 0 switches flood control off
    burst: float = 20.0  # tokens that a full bucket holds
    token_size: int = 1024  # characters: a line costs one token, and one more for each so many
    queue: int = 64  # lines that wait for tokens; more are dropped
    queue_size: int = 8192  # characters in them
    drops: int = 200  # lines dropped until the member is dismissed, if the queue never gets empty
    ping_cost: float = 0.1  # tokens for a ping or heartbeat; they never wait, but are dropped


class Verdict(Enum):
    """What to do with something that a member sent."""

    PASS = "pass"  # do it now
    QUEUED = "queued"  # the gate keeps it: come back after ``delay()`` seconds and ``take()`` it
    WARN = "warn"  # it is dropped, as the first one: tell the member
    DROP = "drop"
    EXPEL = "expel"  # it is dropped, and it was one too many


class TokenBucket:
    """Allows ``rate`` tokens a second, and ``burst`` of them at once after a time of rest.

    It is one number, the time at which it will be full again (the "generic cell rate algorithm",
    ITU-T I.371): taking tokens moves that time on, and nothing has to run to refill it.
    """

    __slots__ = ("_burst", "_full_at", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._full_at = 0.0

    def pay(self, now: float, cost: float) -> bool:
        """Take ``cost`` tokens, if they are there at ``now``, in seconds. Return whether."""
        # Less than a microsecond is the rounding of large clock values, no reason to wait again.
        if self.debt(now, cost) > 1e-6:
            return False
        self._full_at = max(self._full_at, now) + cost / self._rate
        return True

    def debt(self, now: float, cost: float) -> float:
        """Return the seconds until ``cost`` tokens can be taken, 0 or less if they can be now."""
        # What is dearer than a full bucket may have a full bucket, or it would wait for ever.
        missing = min(cost, self._burst) - self._burst
        return max(self._full_at, now) - now + missing / self._rate


class FloodGate(TokenBucket):
    """One member's bucket, and its queue when it has one. Made when the member first speaks."""

    __slots__ = ("_dropped", "_policy", "_queue", "_queue_size", "_warned")

    def __init__(self, policy: FloodPolicy) -> None:
        super().__init__(policy.rate, policy.burst)
        self._policy = policy
        self._dropped = 0
        self._warned = False
        self._queue: deque[tuple[int, Job]] | None = None
        self._queue_size = 0

    def admit(self, now: float, size: int, job: Job) -> Verdict:
        """Judge ``job``, a line of ``size`` characters. If it is QUEUED, it is kept here."""
        policy = self._policy
        queue = self._queue
        self._forgive(now)
        if queue is None:
            # Lines keep their order, so nothing passes by those that wait.
            if self.pay(now, self._price(size)):
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
        """Judge ``job``, which is to be done after all that waits, and is never dropped."""
        if self._queue is None:
            return Verdict.PASS
        self._queue.append((0, job))
        return Verdict.QUEUED

    def admit_ping(self, now: float, count: int = 1) -> Verdict:
        """Judge ``count`` pings, heartbeats or commands of telnet that came together: they cost
        little, and are dropped rather than delayed."""
        self._forgive(now)
        cost = count * self._policy.ping_cost
        # One alone may cost more than a full bucket, if that is how the policy is. Many may not.
        if (count == 1 or cost <= self._policy.burst) and self.pay(now, cost):
            return Verdict.PASS
        return self._drop(count)

    def waiting(self) -> int:
        """Return how many lines wait."""
        return len(self._queue) if self._queue else 0

    def delay(self, now: float) -> float | None:
        """Return the seconds until ``take`` gives the first line that waits; None if none does."""
        if self._queue is None:
            return None
        return max(0.0, self.debt(now, self._price(self._queue[0][0])))

    def take(self, now: float) -> Job | None:
        """Return the first line that waits, if its time has come."""
        queue = self._queue
        if queue is None or not self.pay(now, self._price(queue[0][0])):
            return None
        size, job = queue.popleft()
        self._queue_size -= size
        if not queue:
            self._queue = None
            self._dropped = 0
            self._warned = False
        return job

    def _price(self, size: int) -> int:
        return 1 + size // self._policy.token_size

    def _forgive(self, now: float) -> None:
        if self._dropped and self._full_at <= now:  # nothing came for a while
            self._dropped = 0
            self._warned = False

    def _drop(self, count: int = 1) -> Verdict:
        self._dropped += count
        return Verdict.EXPEL if self._dropped > self._policy.drops else Verdict.DROP
