"""``ChatClient``: a ``LineClient`` that adapts to the server's pace, and keeps its name and room.

*Pace.* The server drops lines that come too fast, and the client does not know its limits. So the
client sends a few lines, and waits until the server echoes them, as it does with every message.
Commands have no such echo. The client sends ``/help ping`` after each: its answer is known, and
follows the command's. (``/ping`` would not work: the server answers it before queued lines.)

*Identity.* The server may treat the client as a newcomer: after a reconnect, or over UDP after a
restart of the server. The client then requests the name and the room that the server last
confirmed. While an old connection still has the name, it repeats this from time to time. Lines
typed meanwhile wait for the first answers, so that they are not sent under a guest's name.

*Signs of life.* Over TCP the client sends ``HEARTBEAT``. Over UDP it sends ``/hello``: a server
that knows the client answers with its name and room; any other accepts it or demands a proof.
"""

from __future__ import annotations

from typing import Any, Final

from protocols.console.lineclient import UDP_ANSWER_TIMEOUT, LineClient
from protocols.console.outbox import Outbox
from protocols.text import clean
from reactor import Reactor, Timer

from ..commands import HEARTBEAT, is_ping
from ..datagrams import CHALLENGE, HELLO, STAY
from . import replies
from .heartbeats import Heartbeats
from .identity import Identity, echo_of
from .reclaim import Reclaimer

# Seconds between two answers to a challenge. The server sends a challenge for each pasted line; a
# proof for each would be a flood. But a single proof may be lost.
_PROOF_INTERVAL: Final = 1.0

# Lines in flight. Over TCP, the server's buckets and queues hold several times as much by default.
# Over UDP only one, because a datagram may be lost or overtake another.
_WINDOW: Final = 16
_WINDOW_SIZE: Final = 4096  # characters
_ANSWER_TIMEOUT: Final = 10.0  # seconds

# Seconds within which the server has to accept us.
_ADMISSION_TIMEOUT: Final = 30.0
# Seconds for which lines wait for the answers to the client's own commands.
_OWN_COMMANDS_TIMEOUT: Final = 3.0


class ChatClient(LineClient):
    """The chat's client. Over UDP it proves its address automatically (see ``datagrams.py``).

    ``heartbeat_interval``: seconds between signs of life. 0: send none, and do not detect a
    vanished server. The other options are those of ``LineClient``.
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
        self.outbox: Outbox = Outbox(
            reactor,
            self._transmit,
            self._expected_answer,
            self._on_progress,
            window=1 if self.udp else _WINDOW,
            window_size=_WINDOW_SIZE,
            timeout=UDP_ANSWER_TIMEOUT if self.udp else _ANSWER_TIMEOUT,
        )
        self._reclaimer = Reclaimer(reactor, self.identity, self._ask, self._notice)
        self._heartbeats = Heartbeats(reactor, heartbeat_interval, self)
        self._pinged = False  # the answer to our PING is pending
        self._awaits_life = False  # lines wait until the server sends something
        self._next_proof = 0.0  # not before this time
        self._echo = True  # the server shows us our own lines
        self._to_show: list[str] = []
        self._last_words = ""  # the server's last line before it accepted us
        self._goodbye_received = False
        self._syncs_pending = 0  # pending answers to SYNC
        self._admission_timer: Timer | None = None  # until the server accepts us
        self._own_commands_timer: Timer | None = None  # until our own commands are answered

    # -- the user --------------------------------------------------------------------------------

    def typed(self, line: str) -> None:
        if not clean(line.encode("utf-8", "replace")).strip():
            return  # the server would ignore it
        if self.console.interactive:
            if not self.confirmed and replies.is_quit(line):
                self.end()
                return
            if self.has_backlog():
                limit = self.max_waiting
                self.console.notice(f"*** not sent, as {limit} lines wait already: {line}")
                return
            if not self.confirmed:
                self.console.notice(f"*** not connected: this line waits to be sent: {line}")
        self.check_stall()
        self.outbox.put(line)
        self.update_reading()

    def wants_input(self) -> bool:
        if self.console.interactive:
            return self.was_confirmed and not self.server_slow
        return super().wants_input()

    def all_answered(self) -> bool:
        return self.udp and self._goodbye_received

    def _notice(self, text: str) -> None:
        """Show ``text`` to the user, after everything that the server sent before."""
        self._flush()
        self.console.notice(text)

    def _flush(self) -> None:
        lines, self._to_show = self._to_show, []
        if lines:
            super().lines_received(lines)

    # -- the connection --------------------------------------------------------------------------

    def connected(self) -> None:
        self._next_proof = self.reactor.now
        self._last_words = ""
        self._await_admission()
        self._heartbeats.start()
        if self.udp and not self._heartbeats.interval:
            self.send(HELLO)

    def disconnected(self) -> None:
        self._heartbeats.stop()
        self._reclaimer.cancel()
        self._stop_waiting_for_admission()
        self._stop_waiting_for_answers()
        self._awaits_life = False
        self.identity.forget()
        self._report_lost(self.outbox.drop())

    def link_lost(self, exc: BaseException | None) -> None:
        if exc is None and not self.confirmed and self._last_words and not self.finishing:
            exc = ConnectionRefusedError(self._last_words)  # such as "the chat is full"
        super().link_lost(exc)

    def send(self, line: str) -> None:
        self._heartbeats.sent()
        super().send(line)

    def expect_close(self) -> None:
        self._heartbeats.stop()
        super().expect_close()

    # -- what the server says --------------------------------------------------------------------

    def lines_received(self, lines: list[str]) -> None:
        self._heartbeats.received()
        if self._awaits_life:
            self._awaits_life = False
            self.outbox.open()
        for line in lines:
            if not line.startswith("*** "):
                words = self.identity.own_words(line)
                if words is not None:
                    self.outbox.answered(words)
            elif self._handle_reply(line):
                continue
            self._to_show.append(line)
        self._flush()

    def _handle_reply(self, line: str) -> bool:
        """Handle a line of the server itself. Return whether to hide it: it is for the client, or
        has already been shown."""
        alone = self.outbox.sent_alone or ""
        for_client = False
        if self.udp and line.startswith(CHALLENGE):
            self._prove_address(line)
            for_client = True
        elif self.udp and self.identity.is_known(line):
            for_client = not alone.startswith(HELLO)
        elif line == replies.PONG:
            for_client = self._pinged and not is_ping(alone)
            self._pinged = False
        elif line.startswith(replies.SYNCED):
            for_client = not replies.is_sync(alone)
            self._synced()
        elif not alone and self._reclaimer.is_refused_by(line):
            for_client = True  # the reclaimer notifies the user once
        elif self.identity.update(line):
            self._to_show.append(line)
            self._admitted()
            for_client = True
        elif not self.confirmed:
            for_client = self._handle_refusal(line)
        elif (limit := replies.longest_line(line)) is not None:
            self.outbox.refused(lambda sent: len(sent.encode("utf-8", "replace")) > limit)
        elif line in {replies.ECHO_ON, replies.ECHO_OFF}:
            self._echo = line == replies.ECHO_ON
        elif line == replies.GOODBYE:
            self._goodbye_received = self.finishing
        elif self.udp and line.startswith(replies.EXPIRED):
            self._forgotten()
            self.send(HELLO)
        elif line.endswith(STAY):  # advice for users without a client
            for_client = bool(self._heartbeats.interval)
        return for_client

    def _prove_address(self, challenge: str) -> None:
        if self.confirmed:  # the server was restarted
            self.outbox.take_back()  # it has not accepted the lines in flight
            self._forgotten()
            self._next_proof = self.reactor.now
        if self.reactor.now >= self._next_proof:
            self._next_proof = self.reactor.now + _PROOF_INTERVAL
            self.send(f"{HELLO} {challenge.removeprefix(CHALLENGE)}")

    def _handle_refusal(self, line: str) -> bool:
        """Handle a line of a server that has not accepted us. Return whether to hide it."""
        if self.udp:
            if not replies.is_refusal(line):
                return False  # it may belong to a welcome whose beginning was lost
            self.give_up(ConnectionRefusedError(line.removeprefix("*** ")))
        self._last_words = line.removeprefix("*** ")
        return not self.finishing

    # -- admission, and name and room ------------------------------------------------------------

    def confirm(self) -> None:
        self._stop_waiting_for_admission()
        super().confirm()

    def _await_admission(self) -> None:
        self._stop_waiting_for_admission()
        why = TimeoutError(f"it did not let us in within {_ADMISSION_TIMEOUT:g} s")
        self._admission_timer = self.reactor.call_later(_ADMISSION_TIMEOUT, self.give_up, why)

    def _stop_waiting_for_admission(self) -> None:
        if self._admission_timer is not None:
            self._admission_timer.cancel()
            self._admission_timer = None

    def _admitted(self) -> None:
        """The server has accepted us as a newcomer."""
        again = self.confirmed
        self._echo = True
        if not again:
            self.confirm()
        missing = self._reclaimer.begin()
        if again and missing:
            self._notice(
                "*** the server has taken you for a newcomer: asking for "
                f"{self.identity.kept_name} in {self.identity.kept_room} again"
            )
        if missing or self.udp:
            self._wait_for_answers()
        else:
            self.outbox.open()

    def _forgotten(self) -> None:
        """The server does not know us any more. (Over TCP it would close the connection.)"""
        self.confirmed = False
        self.identity.forget()
        self.outbox.hold()
        self._stop_waiting_for_answers()
        self._await_admission()

    def _ask(self, commands: list[str]) -> None:
        if self._own_commands_timer is None:
            # Leave out what the user is changing at this moment.
            word = (self.outbox.sent_alone or "").split(" ", 1)[0].lower()
            chosen = {"/nick": "/nick ", "/join": "/join ", "/part": "/join "}.get(word)
            commands = [command for command in commands if chosen != command[:6]]
        for command in commands:
            self.send(command)
        if any(command.startswith("/join ") for command in commands):
            # The room's last lines, which the server repeats, may be equal to ours.
            self._wait_for_answers()

    def _wait_for_answers(self) -> None:
        """Send no lines until the server has answered everything sent so far."""
        self.outbox.hold()
        self._syncs_pending += 1
        self.send(replies.SYNC)
        if self._own_commands_timer is not None:
            self._own_commands_timer.cancel()
        self._own_commands_timer = self.reactor.call_later(
            _OWN_COMMANDS_TIMEOUT, self._not_answered, self.reactor.now
        )

    def _stop_waiting_for_answers(self) -> None:
        self._syncs_pending = 0
        if self._own_commands_timer is not None:
            self._own_commands_timer.cancel()
            self._own_commands_timer = None

    def _synced(self) -> None:
        if not self._syncs_pending:
            return  # a datagram came twice
        self._syncs_pending -= 1
        if not self._syncs_pending:
            self.outbox.settle()
            self._go_on()

    def _not_answered(self, since: float) -> None:
        heartbeats = self._heartbeats
        unheard = self.udp and heartbeats.interval and heartbeats.last_received < since
        if unheard and not self.finishing:
            self.send(HELLO)
            self._wait_for_answers()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Our own commands have been answered, or will not be: send the user's lines."""
        if self._own_commands_timer is not None:
            self._stop_waiting_for_answers()
            self._reclaimer.answered()
            self.outbox.open()

    # -- lines in flight -------------------------------------------------------------------------

    def _transmit(self, line: str) -> bool:
        self.send(line)
        if replies.is_quit(line):
            self.expect_close()
            self.outbox.hold()
            return False
        if self._expected_answer(line) is None:
            self.identity.note_request(line)
            self._syncs_pending += 1
            if not replies.is_sync(line):  # otherwise the user's line serves as SYNC
                self.send(replies.SYNC)
        return True

    def _expected_answer(self, line: str) -> str | None:
        text = clean(line.encode("utf-8", "replace"))
        if not self._echo or text == HEARTBEAT or replies.is_quit(text):
            return None
        return echo_of(text)

    def _on_progress(self, lost: list[str]) -> None:
        if lost and not self.outbox.unanswered:
            self._syncs_pending = 0
        self._report_lost(lost)
        if lost and self.confirmed and not self.finishing:
            self._check_server()
        self.progress()

    def _check_server(self) -> None:
        """Lines were lost. Send no more until the server has answered.

        Over UDP the answer contains our name: the server may have been restarted, and its welcome
        lost as well.
        """
        if self.udp:
            self.send(HELLO)
            self._wait_for_answers()
        elif self._heartbeats.interval and self._heartbeats.silence() >= _ANSWER_TIMEOUT:
            self.outbox.hold()
            self._awaits_life = True
            self.send_ping()

    def _report_lost(self, lines: list[str]) -> None:
        if self.console.interactive:
            for line in lines:
                self._notice(f"*** not confirmed by the server, perhaps lost: {line}")

    # -- called by the heartbeats ----------------------------------------------------------------

    def send_heartbeat(self) -> None:
        self.send(HELLO if self.udp else HEARTBEAT)

    def send_ping(self) -> None:
        self._pinged = True
        self.send(replies.PING)

    def server_vanished(self, silence: float) -> None:
        if self.udp:
            self.goodbye()  # a server that was only stopped then does not keep our name
        self.give_up(TimeoutError(f"nothing was heard of it for {silence:.0f} s"))

    def check_stall(self) -> None:
        """If this process was stopped, ask the server who we are before sending anything else."""
        if self.confirmed and self._heartbeats.stalled():
            self._heartbeats.received()  # the silence was ours
            if self.udp:
                self.send(HELLO)
                self._wait_for_answers()
