"""SMTPProtocol: a connection to an SMTP server. Subclass it to decide about each command."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final, cast
from typing import Protocol as TypingProtocol

from reactor import Deadline, StreamTransport, Timer

from ..connection import MailConnection, Verdict
from . import replies
from .addresses import Address
from .commands import commands
from .dialogue import Dialogue, Outcome
from .limits import REFUSED_TIMEOUT
from .message import Message
from .replies import Reply
from .settings import Settings, Shared

_REFUSALS: Final = {
    Verdict.WRONG: Reply(535, "5.7.8", "Wrong name or password"),
    Verdict.LOCKED: Reply(
        454, "4.7.0", "Too many wrong passwords from your address; try again later"
    ),
    Verdict.BUSY: Reply(454, "4.7.0", "Too many passwords are being checked; try again later"),
}


class Pending(TypingProtocol):
    """An outcome that comes later: a ``ThreadCall``, for example."""

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None: ...
    def result(self) -> Outcome | None: ...


class SMTPProtocol(MailConnection):
    """Receives mail. Override ``message_received``, and where needed ``sender_given`` and
    ``recipient_given``.

    ``shared``: what the connections of a server share; ``MailServer`` passes it. Without it,
    the connection has the class's ``settings``, and limits across connections do not apply.
    ``reactor``, ``transport``: what it belongs to, once it is connected."""

    #: The settings of a connection without a server.
    settings: ClassVar[Settings | None] = None

    def __init__(self, shared: Shared | None = None) -> None:
        self.shared = shared or Shared(self.settings or Settings())
        super().__init__(self.shared)
        self._dialogue: Dialogue | None = None
        self._timer: Timer | None = None
        self._greeted = False
        self._stopping = False
        self._at_eof = False
        self._handled = 0
        self._window_size = 0  # bytes of the message when the window of its rate began
        self._window_end = 0.0

    # -- for subclasses ----------------------------------------------------------------------------

    def sender_given(self, address: Address) -> Reply | None:
        """MAIL names a sender; ``Address("", "")`` is that of bounces. Returns None to accept it,
        or the reply that refuses it."""
        return None

    def recipient_given(self, address: Address) -> Reply | None:
        """RCPT names a recipient, in one of the server's domains. Returns None to accept it, or the
        reply that refuses it."""
        return None

    def message_received(self, message: Message) -> Outcome | Pending | None:
        """A message is complete. From a positive reply on, this server is responsible for it.

        Returns None for 250, another reply, in LMTP also a mapping with a reply for each
        recipient; or an object with the methods of ``ThreadCall`` whose result is one of these.
        Raising, here or in the call, replies 451: the client will send the message again."""
        return None

    # -- the connection ----------------------------------------------------------------------------

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        if self._starting_tls:
            self._tls_started()
            return
        settings = self.shared.settings
        may_be_served = self._enter(transport)
        self._dialogue = Dialogue(
            self, settings, self.shared.memory, commands(settings.lmtp), self._peer
        )
        self._dialogue.cipher = _cipher(transport)
        if may_be_served:
            self._timer = self.reactor.call_later(settings.greeting_delay, self._greet)
        else:
            self._dialogue.say_goodbye(replies.TOO_MANY_CONNECTIONS)

    def _greet(self) -> None:
        # In a timer, even without delay: what the client has sent before is read first.
        settings = self.shared.settings
        self._greeted = True
        kind = "LMTP" if settings.lmtp else "ESMTP"
        self.send_reply(Reply(220, "", f"{settings.hostname} {kind}"))
        self._timer = Deadline(self.reactor, settings.limits.command_timeout, self._timed_out)

    def data_received(self, data: bytes) -> None:
        dialogue = self._dialogue
        assert dialogue is not None
        if not self._greeted:
            dialogue.say_goodbye(replies.EARLY_TALKER)
            return
        dialogue.receive(data)
        self._after_input(dialogue)

    def _after_input(self, dialogue: Dialogue) -> None:
        """Adjust the deadline, and stop reading if what arrives has to wait."""
        if dialogue.closed:
            return
        if dialogue.is_waiting:
            if dialogue.has_unread and not self._starting_tls:
                self.transport.pause_reading()
            return
        timer, limits = self._timer, dialogue.limits
        assert timer is not None
        if self._handled != dialogue.handled:
            self._handled = dialogue.handled
            if dialogue.reads_content:
                self._window_size = 0
                self._window_end = self.reactor.now + limits.data_timeout
                timer.reschedule(limits.data_timeout)
            else:
                timer.reschedule(limits.command_timeout)
        if dialogue.reads_content and dialogue.refusal is not None:
            left = max(self._window_end - self.reactor.now, 0.0)
            timer.reschedule(min(left, REFUSED_TIMEOUT))
        elif self._stopping and dialogue.is_idle:
            dialogue.say_goodbye(replies.STOPPING)

    def _timed_out(self) -> None:
        dialogue, timer = self._dialogue, self._timer
        assert dialogue is not None
        assert timer is not None
        limits = dialogue.limits
        if dialogue.paused:  # the client does not read our replies
            self.transport.abort()
        elif dialogue.is_waiting:  # for us, not for the client
            timer.reschedule(limits.command_timeout)
        elif not dialogue.reads_content:
            dialogue.say_goodbye(replies.TIMED_OUT)
        elif dialogue.refusal is not None:
            dialogue.say_goodbye(dialogue.refusal)
        elif dialogue.content_size - self._window_size < limits.data_rate * limits.data_timeout:
            dialogue.say_goodbye(replies.TIMED_OUT)
        else:
            self._window_size = dialogue.content_size
            self._window_end = self.reactor.now + limits.data_timeout
            timer.reschedule(limits.data_timeout)

    def eof_received(self) -> bool | None:
        # A client that has sent a message should still get the reply to it.
        self._at_eof = True
        return self._dialogue is not None and self._dialogue.is_waiting

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._timer is not None:
            self._timer.cancel()
        if self._dialogue is not None:
            self._dialogue.end()
            self._forget_dialogue(self._dialogue)

    def _forget_dialogue(self, dialogue: Dialogue) -> None:
        """It has ended, and refers to this object: avoid a reference cycle."""
        if not dialogue.waits_for_host:
            self._dialogue = None

    def pause_writing(self) -> None:
        if self._dialogue is not None:
            self._dialogue.paused = True

    def resume_writing(self) -> None:
        if self._dialogue is not None:
            self._dialogue.paused = False
            self._proceed()

    def shutdown_requested(self) -> None:
        self._stopping = True
        dialogue = self._dialogue
        if dialogue is None or dialogue.is_idle:
            if dialogue is not None:
                dialogue.say_goodbye(replies.STOPPING)
            self.transport.close()

    def _proceed(self) -> None:
        """Continue after waiting."""
        dialogue = self._dialogue
        if dialogue is None:
            return
        if dialogue.closed:
            self._forget_dialogue(dialogue)
            return
        dialogue.proceed()
        if not dialogue.is_waiting:
            if self._at_eof:
                self.transport.close()
                return
            self.transport.resume_reading()
        self._after_input(dialogue)

    # -- what the dialogue asks for ----------------------------------------------------------------

    def send_reply(self, reply: Reply) -> None:
        """Send a reply."""
        self.transport.write(reply.data)

    def close(self) -> None:
        """Send what is queued, and close."""
        if self._timer is not None:
            self._timer.cancel()
        self.transport.close()

    def message_complete(self, message: Message) -> None:
        """See ``Host``."""
        assert self._dialogue is not None
        outcome = self._guarded(partial(self.message_received, message))
        if outcome is None or isinstance(outcome, Reply) or not _is_pending(outcome):
            self._dialogue.finish(cast(Outcome, outcome or replies.STORED))
        else:
            cast(Pending, outcome).add_done_callback(self._message_done)

    def _message_done(self, pending: Pending) -> None:
        assert self._dialogue is not None
        outcome = self._guarded(pending.result)
        self._dialogue.finish(cast(Outcome, outcome or replies.STORED))
        self._proceed()

    def _guarded(
        self, function: Callable[[], Outcome | Pending | None]
    ) -> Outcome | Pending | None:
        try:
            return function()
        except Exception as exc:
            self.reactor.call_exception_handler(
                {
                    "message": "a message could not be stored:",
                    "exception": exc,
                    "transport": self.transport,  # and not this object: its text names the client
                }
            )
            return replies.NOT_STORED

    def check_password(self, name: str, password: str) -> None:
        """See ``Host``."""
        if self.shared.settings.auth_any:
            self._password_checked(name, Verdict.RIGHT)
        else:
            self._verify(name, password, partial(self._password_checked, name))

    def _password_checked(self, name: str, verdict: Verdict) -> None:
        assert self._dialogue is not None
        self._dialogue.authenticated(name, _REFUSALS.get(verdict))
        self.reactor.call_soon(self._proceed)  # not now: this may be inside a call by the dialogue

    def start_tls(self) -> None:
        """See ``Host``."""
        context = self.shared.settings.tls
        assert context is not None
        self._start_tls(context)

    def _tls_started(self) -> None:
        dialogue, timer = self._dialogue, self._timer
        assert dialogue is not None
        assert timer is not None
        self._starting_tls = False
        dialogue.tls_started(_cipher(self.transport))
        timer.reschedule(dialogue.limits.command_timeout)


def _is_pending(outcome: object) -> bool:
    return hasattr(outcome, "add_done_callback")


def _cipher(transport: StreamTransport) -> str:
    """TLS's version and cipher; "" without TLS."""
    cipher = transport.get_extra_info("cipher")
    return f"{cipher[1]} {cipher[0]}" if cipher else ""
