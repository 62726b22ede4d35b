"""What a member has set for itself. Few do, so it is kept apart from the member."""

from __future__ import annotations


class Personal:
    """``away``: why the member is away, or empty. ``ignored``: the names of those whom it does not
    hear, in lower case.
    """

    __slots__ = ("away", "ignored")

    def __init__(self) -> None:
        self.away = ""
        self.ignored: dict[str, None] = {}
