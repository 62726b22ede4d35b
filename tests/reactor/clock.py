"""Time that the test sets."""


class Clock:
    """A loop's clock: it stands still until the test sets ``now``."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
