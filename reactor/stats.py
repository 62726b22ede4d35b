"""Counters of one reactor: plain numbers, incremented where things happen."""


class Stats:
    """What a reactor has done so far. All counters start at zero. Only ``connections`` and
    ``lingering`` can decrease.

    *The loop.* ``turns``; ``wait_time``, seconds in the poller; ``work_time``, seconds outside it;
    ``stalled_time``, seconds for which peers waited because a turn was late or the loop did not
    run; ``last_wake``, the time at which the last wait ended, in seconds of ``Reactor.time()``.

    *Connections.* ``accepted``, by listeners; ``refused``, closed at once because of a limit or an
    error; ``connections``, open now; ``lingering``, closed and waiting for the peer to close.

    *Data.* ``bytes_received`` and ``bytes_sent``, over streams, without TLS's own;
    ``writes_dropped``, calls of ``write()`` or ``sendfile()`` on a closing or lost connection;
    ``datagrams_received`` and ``datagrams_sent``; ``datagrams_dropped``, because of a full queue,
    an error, or no system buffer."""

    __slots__ = (
        "accepted",
        "bytes_received",
        "bytes_sent",
        "connections",
        "datagrams_dropped",
        "datagrams_received",
        "datagrams_sent",
        "last_wake",
        "lingering",
        "refused",
        "stalled_time",
        "turns",
        "wait_time",
        "work_time",
        "writes_dropped",
    )

    def __init__(self, now: float) -> None:
        """``now``: the time at which the loop was made, in seconds of its clock."""
        self.last_wake = now
        self.turns = 0
        self.wait_time = 0.0
        self.work_time = 0.0
        self.stalled_time = 0.0  # see backlog.py
        self.accepted = 0
        self.refused = 0
        self.connections = 0
        self.lingering = 0  # see transports/linger.py
        self.bytes_received = 0
        self.bytes_sent = 0
        self.writes_dropped = 0
        self.datagrams_received = 0
        self.datagrams_sent = 0
        self.datagrams_dropped = 0

    def as_dict(self) -> dict[str, float]:
        """Returns all counters by name; ``last_wake`` is none."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "last_wake"}

    def __repr__(self) -> str:
        return (
            f"<Stats {' '.join(f'{name}={value:.6g}' for name, value in self.as_dict().items())}>"
        )
