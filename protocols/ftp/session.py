"""FTPSession: a control connection, what is known about its client, and its transfers.

During a transfer the next commands wait, except ABOR and STAT (RFC 959 section 4.1.3)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from reactor import Deadline, IdleTimer, StreamTransport, Timer, TLSTransport

from ..rooted import Names
from ..starttls import start_tls
from .accounts import Account
from .addresses import normalized
from .data import DataPort
from .dialogue import Dialogue
from .listing import FACTS
from .paths import PathError, parse_path, show_path
from .replies import render_reply
from .shared import Shared
from .transfers import Transfer

# The bytes of Telnet commands without their IAC: some clients send it as urgent data, which may be
# lost on the way.
_JUNK: Final = "".join(chr(0xDC00 + byte) for byte in range(240, 256))
_ALL_FACTS: Final = frozenset(FACTS)


class Takes(Enum):
    """Whether a command has an argument."""

    NOTHING = "no argument"
    OPTIONAL = "an argument or none"
    ARGUMENT = "an argument"


@dataclass(frozen=True)
class Command:
    """A command. ``run(session, argument)`` replies at once, or later.

    ``login``: whether one must have logged in. ``writes``: whether one must be allowed to write.
    ``urgent``: whether it is run during a transfer, without an argument."""

    run: Callable[[FTPSession, str], None]
    takes: Takes = Takes.NOTHING
    login: bool = True
    writes: bool = False
    urgent: bool = False


@dataclass(frozen=True)
class Record:
    """What the log says about the transfer in progress. ``started``: in seconds of the loop."""

    path: str
    upload: bool
    started: float


class FTPSession(Dialogue):
    """One client. Commands use these attributes:

    ``user``: the name that it gave; ``account``: None until it has logged in; ``folder``: the
    current one; ``text``: whether TYPE A is set; ``offset``: given by REST; ``renaming``: by RNFR;
    ``port``: for the next transfer; ``transfer``: the one in progress; ``extended_only``: EPSV ALL
    was given; ``protected``: PROT P was given; ``has_buffer_size``: PBSZ was; ``facts``: those that
    MLSD sends; ``wrong_passwords``: how many it has given."""

    __slots__ = (
        "_commands", "_counted", "_errors", "_record", "_timer", "account", "extended_only",
        "facts", "folder", "has_buffer_size", "offset", "port", "protected", "renaming", "server",
        "text", "transfer", "user", "wrong_passwords",
    )  # fmt: skip

    def __init__(self, server: Shared, commands: Mapping[str, Command]) -> None:
        super().__init__(server.reactor, server.limits.command)
        self.server = server
        self._commands = commands
        self._counted = False
        self._errors = 0  # in a row
        self._timer: Timer | None = None
        self._record: Record | None = None
        self.transfer: Transfer | None = None
        self.port: DataPort | None = None
        self.facts = _ALL_FACTS
        self.wrong_passwords = 0
        self.reset()

    def forget_login(self) -> None:
        """Log out, and forget REST and RNFR (USER). The parameters of transfers stay, with the data
        port (RFC 959 section 4.1.1)."""
        self.user: str | None = None
        self.account: Account | None = None
        self.folder: Names = ()
        self.offset = 0
        self.renaming: Names | None = None

    def reset(self) -> None:
        """Return to the state after connecting (REIN, AUTH), but remember how many wrong passwords
        the client has given."""
        self.forget_login()
        self.close_port()
        self.text = True  # RFC 959 section 5.1: ASCII is the default
        self.extended_only = False
        self.protected = self.server.implicit
        self.has_buffer_size = self.server.implicit

    # -- the connection ----------------------------------------------------------------------------

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        if self._counted:  # the handshake after AUTH TLS is done
            return
        refusal = self.server.add(transport.get_extra_info("peername"))
        if refusal is not None:
            self.close(421, refusal)
            return
        self._counted = True
        sock = transport.get_extra_info("socket")
        if isinstance(sock, socket.socket):
            # ABOR may be sent as urgent data. Without this its last byte would be missing.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        self.expect_login()
        self.reply(220, self.server.banner)

    def expect_login(self) -> None:
        """Give the client ``login_timeout`` seconds from now on to log in."""
        timeout = self.server.limits.login_timeout
        self._set_timer(Deadline(self.reactor, timeout, self._login_timed_out))

    def log_in(self, account: Account) -> None:
        """Let the client use ``account``: the password was right."""
        self.account = account
        self._restart_idle_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end()

    def end(self) -> None:
        """The connection has ended, and with it the transfer."""
        if self._ended:
            return
        self._ended = True
        self._set_timer(None)
        self.discard_waiting()
        if self.transfer is not None:
            self.transfer.end(426, "The control connection was closed")
        self.close_port()
        if self._counted:
            self.server.remove(self.transport.get_extra_info("peername"))

    def shutdown_requested(self) -> None:
        # A transfer, and a command that may change something, is finished before.
        working = self.transfer is not None or (self._busy and self.account is not None)
        if not working and not self.transport.is_closing():
            self.close(421, "The server is stopping")

    def plaintext_reply(self, transport: StreamTransport) -> bytes:
        """For a client that does not begin a handshake where it has to."""
        if self._counted:  # it has sent AUTH TLS
            return render_reply(421, "After AUTH TLS a TLS handshake must follow")
        return render_reply(421, "This port expects TLS from the beginning")

    def is_secure(self) -> bool:
        """Whether the connection uses TLS."""
        return isinstance(self.transport, TLSTransport)

    def secure(self) -> None:
        """Begin TLS. Everything that was sent has left; what has arrived is discarded, as an
        attacker may have sent it (CVE-2011-0411)."""
        assert self.server.context is not None
        self.discard_waiting()
        old = self.transport
        try:
            self.transport = start_tls(old, self, self.server.context, on_lost=self.end)
        except (OSError, ValueError):
            self.end()
        else:
            self.reset()

    @property
    def peer(self) -> str:
        """The address of the client."""
        return _address(self.transport.get_extra_info("peername"))

    @property
    def local(self) -> str:
        """The address that the client has connected to."""
        return _address(self.transport.get_extra_info("sockname"))

    # -- timers ------------------------------------------------------------------------------------

    def _set_timer(self, timer: Timer | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _restart_idle_timer(self) -> None:
        limits = self.server.limits
        self._set_timer(IdleTimer(self.reactor, limits.idle_timeout, self._idle))

    def _login_timed_out(self) -> None:
        self._timer = None
        self.close(421, f"No login within {self.server.limits.login_timeout:g} s")

    def _idle(self) -> None:
        if self._busy or self.transfer is not None:
            self._restart_idle_timer()
        else:
            self._timer = None
            self.close(421, f"No command for {self.server.limits.idle_timeout:g} s")

    # -- commands ----------------------------------------------------------------------------------

    def run_waiting(self) -> None:
        if isinstance(self._timer, IdleTimer):
            self._timer.touch()
        if self.reactor.is_stopping():
            self.shutdown_requested()
        super().run_waiting()

    def is_transferring(self) -> bool:
        return self.transfer is not None

    def is_urgent(self, line: str | None) -> bool:
        if line is None:
            return False
        command = self._commands.get(_name(line))
        # RFC 959 section 4.1.3: during a transfer STAT has no argument.
        return command is not None and command.urgent and not line.partition(" ")[2].strip()

    def run_line(self, line: str | None) -> None:
        if line is None:
            self._refuse_line(f"A command has at most {self.max_line_length} bytes")
            return
        name, argument = _name(line), line.partition(" ")[2]
        command = self._commands.get(name)
        if command is None:
            self._refuse_line("No such command")
            return
        self._errors = 0
        if command.login and self.account is None:
            self.reply(530, "Log in with USER and PASS first")
        elif command.takes is Takes.ARGUMENT and not argument:
            self.reply(501, f"{name} needs an argument")
        elif command.takes is Takes.NOTHING and argument.strip():
            self.reply(501, f"{name} takes no argument")
        elif command.writes and (self.account is None or not self.account.writable):
            self.reply(550, "You may not write here")
        else:
            try:
                command.run(self, argument)
            except PathError as exc:
                self.reply(501, str(exc))
            except OSError as exc:
                self.fail(exc)

    def _refuse_line(self, text: str) -> None:
        self._errors += 1
        if self._errors >= self.server.limits.errors:
            self.close(421, "Too many lines that are no commands")
        else:
            self.reply(500, text)

    # -- for commands ------------------------------------------------------------------------------

    def require_account(self) -> Account:
        """Return the account. Only for commands that require a login."""
        assert self.account is not None
        return self.account

    def path(self, text: str) -> Names:
        """Return the names that ``text`` means. Raises PathError and FileNotFoundError."""
        return parse_path(text, self.folder)

    # -- transfers ---------------------------------------------------------------------------------

    def set_port(self, port: DataPort) -> None:
        """Use ``port`` for the next transfer."""
        self.close_port()
        self.port = port

    def close_port(self) -> None:
        """Forget the port for the next transfer."""
        port, self.port = self.port, None
        if port is not None:
            port.close()

    def data_context(self) -> ssl.SSLContext | None:
        """Return the context for TLS on data connections; None if they do not use it."""
        return self.server.context if self.protected else None

    def is_ready_for_data(self) -> bool:
        """Return whether a transfer can begin. If not, send the reply."""
        if self.server.require_tls and not self.protected:
            self.reply(522, "Protect data connections with PROT P first")
        elif self.port is None:
            self.reply(425, "Choose a port with PASV, EPSV, PORT or EPRT first")
        else:
            return True
        return False

    def start(
        self, transfer: Transfer, text: str, path: Names | None = None, upload: bool = False
    ) -> None:
        """Reply 150 with ``text``, and begin ``transfer`` at the port that the client has chosen.
        At its end the client gets the reply, and the next commands run.

        For the log: ``path``: of the file; None: it is not logged. ``upload``: whether the client
        sends the file."""
        port, self.port = self.port, None
        assert port is not None
        started = self.reactor.now
        self._record = None if path is None else Record(show_path(path), upload, started)
        self.transfer = transfer
        self.reply(150, text)
        transfer.begin(port, self.data_context(), self._transfer_ended)
        if self.transfer is not None:  # otherwise it has ended already
            self.release_urgent()  # ABOR may have arrived before

    def _transfer_ended(self, transfer: Transfer, code: int, text: str) -> None:
        self.transfer = None
        self.offset = 0
        self._log(transfer)
        if self._ended:
            return
        self.reply(code, text)
        self.release_waiting()

    def _log(self, transfer: Transfer) -> None:
        record, self._record = self._record, None
        if record is None or self.server.log is None:
            return
        self.server.log.write(
            duration=self.reactor.now - record.started,
            host=self.peer,
            size=transfer.size,
            path=record.path,
            ascii_type=self.text,
            upload=record.upload,
            user=self.account.name if self.account is not None else "",
            complete=transfer.complete,
        )


def _name(line: str) -> str:
    return line.partition(" ")[0].lstrip(_JUNK).upper()


def _address(address: Any) -> str:
    return normalized(address[0]) if isinstance(address, tuple) else "127.0.0.1"
