"""A POP3 connection: the commands that arrive, one after the other, and the replies."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from reactor import Deadline, StreamTransport, ThreadCall

from ..connection import MailConnection, Verdict
from ..maildir import StoredMail
from .commands import AFTER_LOGIN, BEFORE_LOGIN, CommandFailed, Maildrop
from .content import MailContent
from .settings import MAX_LINE, POP3Shared

logger = logging.getLogger(__name__)

_TURN: Final = 100  # commands of a pipeline that are handled in a turn of the loop


class POP3Connection(MailConnection):
    """Serves ``shared.store`` to one client. ``maildrop``: the mails, after the login."""

    def __init__(self, shared: POP3Shared) -> None:
        super().__init__(shared)
        self.shared = shared
        self.user: str | None = None
        self.is_encrypted = False
        self.maildrop = Maildrop([])
        self._commands = BEFORE_LOGIN
        self._unread = b""
        self._skipping = False  # the rest of a line that is too long
        self._waiting = False  # for the disk, a password or a handshake
        self._paused = False  # the client does not read
        self._listing: Iterator[str] | None = None  # what is left to send of a listing
        self._content: MailContent | None = None  # the mail that is being sent
        self._begun = False  # whether a part of it was sent
        self._errors = 0
        self._wrong_passwords = 0
        self._timer: Deadline | None = None
        self._at_eof = False

    def may_send_passwords(self) -> bool:
        """Whether USER is allowed."""
        return self.is_encrypted or self.shared.settings.auth_insecure

    # -- the connection ----------------------------------------------------------------------------

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        self.is_encrypted = transport.get_extra_info("cipher") is not None
        if self._starting_tls:  # what was sent with STLS is not encrypted: discard it
            self._starting_tls = False
            self._unread = b""
            self.user = None
            self._waiting = False
            self._set_deadline()
            return
        if self._enter(transport):
            self._set_deadline()
            self._reply(f"+OK {self.shared.settings.hostname} POP3")
        else:
            self.say_goodbye("-ERR [SYS/TEMP] Too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._timer is not None:
            self._timer.cancel()
        self._unlock()
        self._listing = None
        if self._content is not None and not self._waiting:
            self._content.close()
        self._unread = b""

    def _timed_out(self) -> None:
        if self._waiting:  # for us, not for the client
            self._set_deadline()
        elif self._paused or self._is_sending():
            self.transport.abort()  # it does not read
        else:
            self.say_goodbye("-ERR [SYS/TEMP] Too long without a command")

    @property
    def _timeout(self) -> float:
        limits = self.shared.settings.limits
        return limits.idle_timeout if self._commands is AFTER_LOGIN else limits.login_timeout

    def _set_deadline(self) -> None:
        self._timer = Deadline(self.reactor, self._timeout, self._timed_out)

    def _touch(self) -> None:
        """The client does something. Before the login, that gives it no more time."""
        if self._timer is not None and self._commands is AFTER_LOGIN:
            self._timer.reschedule(self._timeout)

    def shutdown_requested(self) -> None:
        if self._waiting or self._is_sending():
            self._at_eof = True  # close after the reply
        else:
            self.transport.close()

    def eof_received(self) -> bool | None:
        self._at_eof = True
        return self._waiting or self._is_sending()

    # -- commands ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._proceed()

    def _proceed(self) -> None:
        """Handle the commands that have arrived, until one has to wait."""
        is_all = self._handle_lines()
        if self.transport.is_closing():
            return
        if self._is_busy():
            if self._unread and not self._starting_tls:
                self.transport.pause_reading()
        elif not is_all:  # other connections have their turn
            self.transport.pause_reading()
            self.reactor.call_soon(self._proceed)
        elif self._at_eof:
            self.transport.close()
        else:
            self.transport.resume_reading()

    def _handle_lines(self) -> bool:
        """Handle at most ``_TURN`` lines. Returns False if there may be more of them."""
        position, data, self._unread = 0, self._unread, b""
        left = _TURN
        while left and not self._is_busy():
            end = data.find(b"\n", position) + 1
            if not end:
                if self._skipping or len(data) - position > MAX_LINE:
                    self._skipping, position = True, len(data)
                break
            line, position = data[position:end], end
            left -= 1
            if self._skipping or len(line) > MAX_LINE:
                self._skipping = False
                self._fail("The line is too long")
            else:
                self._handle(line)
        self._unread = data[position:]
        return left > 0

    def _is_busy(self) -> bool:
        return self._waiting or self._paused or self._is_sending() or self.transport.is_closing()

    def _is_sending(self) -> bool:
        return self._listing is not None or self._content is not None

    def _handle(self, line: bytes) -> None:
        self._touch()
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        name, *arguments = text.split(" ")
        if name.upper() != "PASS":
            arguments = [argument for argument in arguments if argument]
        command = self._commands.get(name.upper())
        if command is None:
            known = name.upper() in AFTER_LOGIN or name.upper() in BEFORE_LOGIN
            self._fail("Not in this state" if known else "Unknown command")
            return
        try:
            reply = command(self, arguments)
        except CommandFailed as exc:
            self._fail(str(exc))
            return
        if isinstance(reply, str):
            self._reply(reply)
        elif reply is not None:
            self._listing = reply
            self._continue_listing()

    def _reply(self, reply: str) -> None:
        self.transport.write(f"{reply}\r\n".encode())

    def _fail(self, why: str) -> None:
        self._errors += 1
        if self._errors > self.shared.settings.limits.errors:
            self.say_goodbye("-ERR [SYS/TEMP] Too many errors")
        else:
            self._reply(f"-ERR {why}")

    def say_goodbye(self, reply: str) -> None:
        """Send the last reply, and close."""
        self._unlock()  # the client may come back as soon as it has the reply
        self._reply(reply)
        self.transport.close()

    # -- output ------------------------------------------------------------------------------------

    def _send_listing(self) -> None:
        """Send the next piece of a listing. Other connections have a turn before the one after it,
        as making all of a long listing takes a while."""
        if self._listing is None or self._paused or self.transport.is_closing():
            return
        piece = next(self._listing, None)
        if piece is None:
            self._listing = None
            self._proceed()
            return
        self._reply(piece)
        self._continue_listing()

    def _continue_listing(self) -> None:
        self.shared.turns.wait(self.reactor, self._send_listing)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._touch()
        if self._listing is not None:
            self._continue_listing()
        elif self._content is None:
            self._proceed()
        elif not self._waiting:
            self._send_more()

    # -- what takes time ---------------------------------------------------------------------------

    def _wait_for(
        self, start: Callable[[], ThreadCall[Any]], on_end: Callable[[Any], None]
    ) -> None:
        """Start a call in a thread; ``on_end`` gets its result, and replies."""
        try:
            call = start()
        except (queue.Full, RuntimeError):
            self._fail_to_answer("The server is busy")
            return
        self._waiting = True
        call.add_done_callback(partial(self._ended, on_end))

    def _ended(self, on_end: Callable[[Any], None], call: ThreadCall[Any]) -> None:
        self._waiting = False
        if self.transport.is_closing():
            if self._content is not None:
                self._content.close()
            return
        exc = call.exception()
        if exc is None:
            on_end(call.result())
        elif isinstance(exc, FileNotFoundError) and self._content is not None:
            self._content = None
            self._fail("This mail is gone")
        else:
            if isinstance(exc, OSError):
                logger.error("POP3: %s", exc)
            else:
                self.reactor.call_exception_handler({"message": "POP3:", "exception": exc})
            self._fail_to_answer("The disk has failed")
        self._proceed()

    def _fail_to_answer(self, why: str) -> None:
        """The fault is ours."""
        if self._commands is BEFORE_LOGIN:
            self._unlock()
        content, self._content = self._content, None
        if content is not None:
            content.close()
        if content is not None and self._begun:
            # The client must not take what it has for the whole mail.
            logger.error("a mail was sent in part only: %s", why)
            self.transport.abort()
        else:
            self._fail(f"[SYS/TEMP] {why}")

    def check_password(self, password: str) -> None:
        """PASS: check it, and then open the mailbox."""
        assert self.user is not None
        if self.shared.settings.auth_any:
            self._open_mailbox()
        else:
            self._waiting = True
            self._verify(self.user, password, self._password_checked)

    def _password_checked(self, verdict: Verdict) -> None:
        self._waiting = False
        if self.transport.is_closing():
            return
        if verdict is Verdict.RIGHT:
            self._open_mailbox()
        elif verdict is Verdict.LOCKED:
            self.say_goodbye("-ERR [SYS/TEMP] Too many wrong passwords from your address")
        elif verdict is Verdict.BUSY:
            self._fail("[SYS/TEMP] Too many passwords are being checked; try again later")
        else:
            self._refuse_password()
        self._proceed()

    def _refuse_password(self) -> None:
        self.user = None
        self._wrong_passwords += 1
        if self._wrong_passwords >= self.shared.settings.limits.wrong_passwords:
            self.say_goodbye("-ERR [AUTH] Wrong name or password")
        else:
            self._fail("[AUTH] Wrong name or password")

    def _open_mailbox(self) -> None:
        shared = self.shared
        if shared.settings.exclusive:
            if shared.session is not None:
                self.user = None
                self._fail("[IN-USE] Another client has opened the mailbox; try again later")
                return
            shared.session = self
        self._wait_for(shared.store.mails, self._opened)

    def _unlock(self) -> None:
        if self.shared.session is self:
            self.shared.session = None

    def _opened(self, mails: list[StoredMail]) -> None:
        self.maildrop = Maildrop(mails)
        self._commands = AFTER_LOGIN
        self._touch()
        self._reply(f"+OK {len(mails)} mails")

    def send_mail(self, mail: StoredMail, lines: int | None) -> None:
        """RETR, or with ``lines`` TOP."""
        open_file = partial(self.shared.store.maildir.open, mail.identity)
        self._content = MailContent(open_file, lines)
        self._begun = False
        self._send_more()

    def _send_more(self) -> None:
        """Read a piece of the mail in a thread, and send it."""
        assert self._content is not None
        read = partial(self.reactor.run_in_thread, self._content.next_piece)
        self._wait_for(read, self._piece_read)

    def _piece_read(self, piece: bytes) -> None:
        assert self._content is not None
        self.transport.write(piece if self._begun else b"+OK\r\n" + piece)
        self._begun = True
        if self._content.done:
            self._content = None
        elif not self._paused:
            self._send_more()

    def delete_and_close(self) -> None:
        """QUIT: delete what is marked."""
        maildrop = self.maildrop
        identities = [maildrop.mails[number - 1].identity for number in sorted(maildrop.deleted)]
        if not identities:
            self.say_goodbye("+OK Bye")
            return
        self._at_eof = True  # close, also if that fails (RFC 1939 section 6)
        delete = partial(self.shared.store.delete, identities)
        self._wait_for(delete, lambda _: self.say_goodbye("+OK Bye"))

    def begin_tls(self) -> None:
        """STLS: the handshake."""
        context = self.shared.settings.tls
        assert context is not None
        assert self._timer is not None
        self._reply("+OK Begin TLS")
        self._waiting = True
        self._timer.cancel()
        self._start_tls(context)
