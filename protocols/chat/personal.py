"""Settings of a member, by itself or its way in. Few members have any, so they are a separate
object."""

from __future__ import annotations


class Personal:
    """``away``: why the member is away, or empty. ``ignored``: the names that it ignores, in
    lower case. ``user`` and ``realname``: what its client calls its user, or empty.
    """

    __slots__ = ("away", "ignored", "realname", "user")

    def __init__(self) -> None:
        self.away = ""
        self.ignored: dict[str, None] = {}
        self.user = ""
        self.realname = ""
