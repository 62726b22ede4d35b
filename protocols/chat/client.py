"""The chat's client: a ``LineClient`` that keeps to the server's pace, and stays who it is.

*Pace.* The server drops lines that come too fast, and its limits are options of its own. So the
client sends a few lines and waits until the server shows them to their sender, as it does with all
that is said. What has no such echo, a command, is followed by ``/help ping``, whose answer is known
and comes after the command's. (``/ping`` is no use for that: it overtakes the lines that wait.)

*Identity.* After a reconnect, or when a server that was started again takes the next datagram for a
newcomer's, the client asks for the name and the room that the server last confirmed. While the old
connection still has the name, it asks again from time to time. What is typed meanwhile waits until
the first answers have come, so that it is not said by a guest.

*Signs of life.* Over TCP heartbeats tell the server that we are there. Over UDP ``/hello`` does: a
server that knows us answers with our name and room, and any other lets us in or asks for a proof.
"""

from __future__ import annotations

import re
from typing import Any, Final

from protocols.console.lineclient import UDP_ANSWER_TIMEOUT, LineClient
from protocols.console.outbox import Outbox
from protocols.text import clean
from reactor import Reactor, Timer

from .commands import HEARTBEAT, is_ping
from .datagrams import CHALLENGE, HELLO, STAY
from .identity import Identity, echo_of
from .pursuit import Pursuit

# Heartbeat intervals of silence after which the server is asked for a sign of life, and those after
# which it counts as gone. Without that, a server that vanishes would be noticed when TCP gives up,
# after some 15 minutes (RFC 1122 section 4.2.3.5), and over UDP never.
_ASK_AFTER: Final = 3
_GONE_AFTER: Final = 6
# Heartbeat intervals after which a heartbeat is so late that the process must have been stopped:
# the server may have expired us.
_STALLED_AFTER: Final = 2

# Seconds between two answers to a challenge. Each line of a paste is answered with one, and as many
# proofs would be a flood; but one may be lost.
_PROOF_INTERVAL: Final = 1.0

# Lines on the way. Over TCP they are what the server's buckets and queues hold by default, several
# times over. A datagram may overtake another, or be lost: one at a time.
_WINDOW: Final = 16
_WINDOW_SIZE: Final = 4096  # characters
_ANSWER_TIMEOUT: Final = 10.0  # seconds

# Seconds within which the server has to let us in.
_ADMISSION_TIMEOUT: Final = 30.0
# Seconds that lines wait for the answers to our own commands when the server has let us in.
_OPENING_TIMEOUT: Final = 3.0
_PING = "/ping"
_PONG = "*** pong"
_SYNC = "/help ping"
_SYNCED = "*** /ping: "  # how the answer begins
_GOODBYE = "*** Goodbye"
_EXPIRED = "*** Nothing was heard of you for "
_NOT_SENT = "*** Not sent"
# How the lines end with which a server turns an address away, over UDP.
_REFUSALS = ("try again later", "at your address already", "The server is stopping")
_TOO_LONG = re.compile(r"\*\*\* A line has at most (\d+) (?:bytes|characters)")
_ECHO_ON = "*** You see your own lines"
_ECHO_OFF = "*** You do not see your own lines any more"


class ChatClient(LineClient):
    """Over UDP it also proves by itself that it hears the server (see ``datagrams.py``).

    ``heartbeat_interval``: seconds between signs of life; 0: none, and a server that has vanished
    is not noticed. The other options are those of ``LineClient``.
    """

    farewell = "/quit"
    greets = True

    def __init__(
        self,
        reactor: Reactor,
        address: tuple[str, int],
        *,
        heartbeat_interval: float = 5.0,
        **options: Any,
    ) -> None:
        super().__init__(reactor, address, **options)
        self.identity = Identity()
        self._pursuit = Pursuit(reactor, self.identity, self._ask, self._notice)
        self.outbox: Outbox = Outbox(
            reactor,
            self._transmit,
            self._expected,
            self._on_progress,
            window=1 if self.udp else _WINDOW,
            window_size=_WINDOW_SIZE,
            timeout=UDP_ANSWER_TIMEOUT if self.udp else _ANSWER_TIMEOUT,
        )
        self._interval = heartbeat_interval
        self._heard = 0.0
        self._sent_at = 0.0
        self._pinged = False
        self._silent = False  # lines wait until the server says something
        self._next_proof = 0.0
        self._beats: Timer | None = None
        self._echo = True
        self._shown: list[str] = []
        self._last_words = ""
        self._goodbye_heard = False
        self._syncs = 0  # answers to _SYNC that are still to come
        self._door: Timer | None = None  # until we are let in
        self._opening: Timer | None = None  # while the server's answers to our commands are awaited

    # What the user does

    def typed(self, line: str) -> None:
        if not clean(line.encode("utf-8", "replace")).strip():
            return  # the server ignores it as well
        if self.console.interactive:
            if not self._confirmed and _is_quit(line):
                self.end()
                return
            if self.has_backlog():
                limit = self.max_waiting
                self.console.notice(f"*** not sent, as {limit} lines wait already: {line}")
                return
            if not self._confirmed:
                self.console.notice(f"*** not connected: this line waits to be sent: {line}")
        self._notice_stall()
        self.outbox.put(line)
        self._read_or_not()

    def wants_input(self) -> bool:
        if self.console.interactive:
            return self._was_connected and not self._server_slow
        return super().wants_input()

    def all_answered(self) -> bool:
        return self.udp and self._goodbye_heard

    # What becomes of the connection

    def connected(self) -> None:
        self._heard = self._next_proof = self.reactor.now
        self._sent_at = self._heard - self._interval
        self._last_words = ""
        self._knock()
        if self._interval:
            self._beat()
        elif self.udp:
            self.send(HELLO)

    def disconnected(self) -> None:
        for timer in (self._beats, self._door, self._opening):
            if timer is not None:
                timer.cancel()
        self._door = self._opening = None
        self._pursuit.cancel()
        self._silent = False
        self._syncs = 0
        self.identity.forget()
        self._report_lost(self.outbox.drop())

    def unlinked(self, exc: BaseException | None) -> None:
        if exc is None and not self._confirmed and self._last_words and self._finishing is None:
            exc = ConnectionRefusedError(self._last_words)  # "the chat is full", for one
        super().unlinked(exc)

    def lines_received(self, lines: list[str]) -> None:
        self._heard = self.reactor.now
        if self._silent:
            self._silent = False
            self.outbox.open()
        for line in lines:
            if not line.startswith("*** "):
                words = self.identity.own_words(line)
                if words is not None:
                    self.outbox.answered(words)
            elif self._is_for_us(line):
                continue
            self._shown.append(line)
        self._flush()

    # What the server says. The lines that it takes note of may be shown as well.

    def _is_for_us(self, line: str) -> bool:
        """Take note of ``line``. Return whether it need not be shown (any more)."""
        alone = self.outbox.travels_alone or ""
        ours = False
        if self.udp and line.startswith(CHALLENGE):
            self._prove(line)
            ours = True
        elif self.udp and self.identity.says_nothing_new(line):
            ours = not alone.startswith(HELLO)
        elif line == _PONG:
            ours = self._pinged and not is_ping(alone)
            self._pinged = False
        elif line.startswith(_SYNCED):
            ours = not _is_sync(alone)
            self._hear_sync()
        elif not alone and self._pursuit.is_refused_by(line):
            ours = True  # the user is told once
        elif self.identity.hear(line):
            self._shown.append(line)
            self._admitted()
            ours = True
        elif not self._confirmed:
            ours = self._turned_away(line)
        elif too_long := _TOO_LONG.match(line):
            limit = int(too_long[1])
            self.outbox.refused(lambda sent: len(sent.encode("utf-8", "replace")) > limit)
        elif line in {_ECHO_ON, _ECHO_OFF}:
            self._echo = line == _ECHO_ON
        elif line == _GOODBYE:
            self._goodbye_heard = self._finishing is not None
        elif self.udp and line.startswith(_EXPIRED):
            self._expelled()
            self.send(HELLO)
        elif line.endswith(STAY):  # advice for those who type their heartbeats
            ours = bool(self._interval)
        return ours

    def _prove(self, challenge: str) -> None:
        if self._confirmed:  # the server was started again
            if challenge.startswith(_NOT_SENT):
                self.outbox.take_back()
            self._expelled()
            self._next_proof = self.reactor.now
        if self.reactor.now >= self._next_proof:
            self._next_proof = self.reactor.now + _PROOF_INTERVAL
            self.send(f"{HELLO} {challenge.removeprefix(CHALLENGE)}")

    def _turned_away(self, line: str) -> bool:
        """Hear a line of a server that has not let us in. Return whether the user need not."""
        if self.udp:  # any other line may belong to a welcome whose beginning was lost
            if not line.endswith(_REFUSALS):
                return False
            self.lose(ConnectionRefusedError(line.removeprefix("*** ")))
        self._last_words = line.removeprefix("*** ")
        return self._finishing is None

    # Identity

    def confirm(self) -> None:
        if self._door is not None:
            self._door.cancel()
            self._door = None
        super().confirm()

    def _knock(self) -> None:
        """Wait to be let in."""
        if self._door is not None:
            self._door.cancel()
        why = TimeoutError(f"it did not let us in within {_ADMISSION_TIMEOUT:g} s")
        self._door = self.reactor.call_later(_ADMISSION_TIMEOUT, self.lose, why)

    def _admitted(self) -> None:
        """The server has let us in as a newcomer."""
        again = self._confirmed
        self._echo = True
        if not again:
            self.confirm()
        missing = self._pursuit.begin()
        if again and missing:
            self._notice(
                "*** the server has taken you for a newcomer: asking for "
                f"{self.identity.kept_name} in {self.identity.kept_room} again"
            )
        if missing or self.udp:
            self._wait_for_answers()
        else:
            self.outbox.open()

    def _ask(self, commands: list[str]) -> None:
        if self._opening is None:  # the user may be choosing another name or room just now
            word = (self.outbox.travels_alone or "").split(" ", 1)[0].lower()
            chosen = {"/nick": "/nick ", "/join": "/join ", "/part": "/join "}.get(word)
            commands = [command for command in commands if chosen != command[:6]]
        for command in commands:
            self.send(command)
        if any(command.startswith("/join ") for command in commands):
            self._wait_for_answers()  # the room's last lines may repeat our own

    def _wait_for_answers(self) -> None:
        """Send no lines until what has been sent so far has been answered."""
        self.outbox.hold()
        self._syncs += 1
        self.send(_SYNC)
        if self._opening is not None:
            self._opening.cancel()
        self._opening = self.reactor.call_later(
            _OPENING_TIMEOUT, self._no_answers, self.reactor.now
        )

    def _hear_sync(self) -> None:
        if not self._syncs:
            return  # a datagram came twice
        self._syncs -= 1
        if not self._syncs:
            self.outbox.settle()
            self._open()

    def _no_answers(self, since: float) -> None:
        unheard = self.udp and self._interval and self._heard < since
        if unheard and self._finishing is None:
            self.send(HELLO)
            self._wait_for_answers()
        else:
            self._open()

    def _open(self) -> None:
        """All commands have been answered, or will not be."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
            self._syncs = 0
            self._pursuit.go_on()
            self.outbox.open()

    def _expelled(self) -> None:
        """The server has forgotten us. Over TCP it closes the connection instead."""
        self._confirmed = False
        self._syncs = 0
        self.identity.forget()
        self.outbox.hold()
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        self._knock()

    def _notice_stall(self) -> None:
        """If this process has been stopped, find out who we are before anything is said."""
        now = self.reactor.now
        limit = _STALLED_AFTER * self._interval
        if limit and self._confirmed and now - self._sent_at > limit:
            self._heard = now  # the silence was ours
            if self.udp:
                self.send(HELLO)
                self._wait_for_answers()

    # Lines on their way

    def _transmit(self, line: str) -> bool:
        self.send(line)
        if _is_quit(line):
            self.leaving()
            self.outbox.hold()
            return False
        if self._expected(line) is None:
            self.identity.wish(line)
            self._syncs += 1
            if not _is_sync(line):  # the user asks for the same answer
                self.send(_SYNC)
        return True

    def _expected(self, line: str) -> str | None:
        text = clean(line.encode("utf-8", "replace"))
        if not self._echo or text == HEARTBEAT or _is_quit(text):
            return None
        return echo_of(text)

    def _on_progress(self, lost: list[str]) -> None:
        if lost and not self.outbox.unanswered:
            self._syncs = 0
        self._report_lost(lost)
        if lost and self._confirmed and self._finishing is None:
            self._doubt()
        self.progress()

    def _doubt(self) -> None:
        """Lines were lost. Send no more until the server has said who we are (it may have been
        started again, and its welcome be lost as well), or over TCP anything."""
        if self.udp:
            self.send(HELLO)
            self._wait_for_answers()
        elif self._interval and self.reactor.now - self._heard >= _ANSWER_TIMEOUT:
            self.outbox.hold()
            self._silent = self._pinged = True
            self.send(_PING)

    def _report_lost(self, lines: list[str]) -> None:
        if self.console.interactive:
            for line in lines:
                self._notice(f"*** not confirmed by the server, perhaps lost: {line}")

    # Showing

    def _notice(self, text: str) -> None:
        """Tell the user, after all that the server said before."""
        self._flush()
        self.console.notice(text)

    def _flush(self) -> None:
        lines, self._shown = self._shown, []
        if lines:
            super().lines_received(lines)

    # Signs of life

    def send(self, line: str) -> None:
        self._sent_at = self.reactor.now
        super().send(line)

    def _beat(self) -> None:
        """Give a sign of life, if nothing was sent for an interval: whatever is sent is one."""
        if self._finishing is not None:
            return
        self._notice_stall()
        now = self.reactor.now
        silence = now - self._heard
        if silence > _GONE_AFTER * self._interval:
            if self.udp:
                self.goodbye()  # if the server was only stopped, it need not keep our name
            self.lose(TimeoutError(f"nothing was heard of it for {silence:.0f} s"))
            return
        delay = self._interval - (now - self._sent_at)
        if delay <= 0.001:  # less is the rounding of large clock values
            delay = self._interval
            self.send(HELLO if self.udp else HEARTBEAT)
            if silence >= _ASK_AFTER * self._interval:
                self._pinged = True
                self.send(_PING)
        self._beats = self.reactor.call_later(delay, self._beat)


def _is_quit(line: str) -> bool:
    return line.rstrip().lower() == "quit" or line.split(" ", 1)[0].lower() == "/quit"


def _is_sync(line: str) -> bool:
    return line.rstrip().lower() in {_SYNC, "/help /ping"}
