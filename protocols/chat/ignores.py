"""Who ignores whom. If a member is renamed, those who ignore it ignore the new name."""

from __future__ import annotations

from .deliveries import Deliveries
from .member import Member


class Ignores:
    """Those who ignore a name, by name in lower case. ``deliveries`` looks them up there."""

    __slots__ = ("_ignorers",)

    def __init__(self, deliveries: Deliveries) -> None:
        self._ignorers: dict[str, set[Member]] = {}
        deliveries.ignorers = self._ignorers

    def add(self, member: Member, name: str) -> None:
        """Have ``member`` ignore the member called ``name``."""
        member.catch_up()
        member.own_settings().ignored[name.lower()] = None
        self._ignorers.setdefault(name.lower(), set()).add(member)

    def remove(self, member: Member, name: str) -> None:
        """Have ``member`` stop ignoring the member called ``name``."""
        member.catch_up()
        member.own_settings().ignored.pop(name.lower(), None)
        self._forget(member, name.lower())

    def rename(self, old: str, new: str, *, spoken: bool) -> None:
        """Update the lists: the member called ``old`` is becoming ``new``.

        ``spoken``: whether lines by these names are pending. Those who ignore the member get them
        before the change.
        """
        old, new = old.lower(), new.lower()
        if old == new:
            return
        for member in self._ignorers.pop(old, ()):
            if spoken:
                member.catch_up()
            ignored = member.own_settings().ignored
            ignored.pop(old, None)
            ignored[new] = None
            self._ignorers.setdefault(new, set()).add(member)

    def forget(self, member: Member) -> None:
        """Forget ``member``, who is gone."""
        if member.personal is not None:
            for name in member.personal.ignored:
                self._forget(member, name)

    def _forget(self, member: Member, name: str) -> None:
        ignorers = self._ignorers.get(name)
        if ignorers is not None:
            ignorers.discard(member)
            if not ignorers:
                del self._ignorers[name]
