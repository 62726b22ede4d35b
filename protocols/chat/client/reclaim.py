"""Reclaims a name and a room that the server does not return at once.

After a connection is lost, the server may keep it for a while, and its name with it. So the client
asks again from time to time, far below the server's flood limit, and notifies the user once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocols.console.backoff import Backoff
from reactor import Reactor, Timer

from .identity import Identity

# Seconds until the name is asked for again. The delay doubles with each attempt.
FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 8.0
# Seconds after which the client leaves the name to its new owner. Our old connection expires much
# earlier.
GIVE_UP_AFTER: Final = 300.0

_TAKEN = "*** Somebody else is called "
_TOO_MANY_ROOMS = "*** There are too many rooms"


class Reclaimer:
    """Asks for the name and the room that ``identity`` is missing.

    ``ask(commands)`` sends commands to the server, ``notice(text)`` shows a text to the user.
    """

    def __init__(
        self,
        reactor: Reactor,
        identity: Identity,
        ask: Callable[[list[str]], object],
        notice: Callable[[str], object],
    ) -> None:
        self._reactor = reactor
        self._identity = identity
        self._ask = ask
        self._notice = notice
        self._backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        self._timer: Timer | None = None
        self._asked = False  # a refusal may come
        self._ends = 0.0

    def begin(self) -> list[str]:
        """The server has accepted the user: ask for what is missing, and return those commands."""
        self.cancel()
        missing = self._identity.missing()
        self._asked = bool(missing)
        if missing:
            self._ask(missing)
        return missing

    def answered(self) -> None:
        """The server has answered the commands. If something is still missing, ask again later."""
        me = self._identity
        self._asked = bool(me.missing())
        if self._asked and self._timer is None:
            self._notice(
                f"*** you are {me.name} in {me.room} for now; the client goes on asking for "
                f"{me.kept_name} in {me.kept_room}"
            )
            self._backoff.reset()
            self._ends = self._reactor.now + GIVE_UP_AFTER
            self._ask_later()

    def cancel(self) -> None:
        """Stop asking."""
        self._asked = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def is_refused_by(self, line: str) -> bool:
        """Return whether the server's ``line`` refuses what was requested."""
        if not self._asked:
            return False
        return line == f"{_TAKEN}{self._identity.kept_name}" or line.startswith(_TOO_MANY_ROOMS)

    def _ask_later(self) -> None:
        self._timer = self._reactor.call_later(self._backoff.next_delay(), self._ask_again)

    def _ask_again(self) -> None:
        me = self._identity
        missing = me.missing()
        if not missing:
            self.cancel()
        elif self._reactor.now >= self._ends:
            self.cancel()
            self._notice(f"*** you stay {me.name} in {me.room}")
            me.accept()
        else:
            self._ask(missing)
            self._ask_later()
