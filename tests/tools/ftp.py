"""An FTP server in memory and virtual time. The files are real ones."""

from __future__ import annotations

import re
from pathlib import Path

from protocols.ftp import Accounts, FTPLimits, FTPServer
from protocols.ftp.accounts import AccountLine, open_accounts
from protocols.ftp.data import DataPort
from protocols.passwords import PasswordHash
from reactor.testing import StreamPeer, VirtualReactor

HASH = PasswordHash.of("tea")
PEER = ("192.0.2.1", 50000)


def fill(root: Path) -> Path:
    """Make the folder ``root``, with two files and a folder."""
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"one\ntwo\n")
    (root / "sub" / "b.bin").write_bytes(bytes(range(256)))
    return root


class MemoryPort(DataPort):
    """A port to which the client connects as soon as a transfer needs it, or never."""

    def __init__(self, ports: MemoryPorts, number: int) -> None:
        self.address = ("192.0.2.2", number)
        self._ports = ports
        self.closed = False

    def open(self, protocol, context, timeout, failed) -> None:
        reactor = self._ports.reactor
        if self._ports.client_connects:
            self._ports.peers.append(reactor.connect(lambda: protocol))
            if self._ports.stalled:
                self._ports.peers[-1].stall()
        else:
            reactor.call_later(timeout, failed, TimeoutError("The client has not connected"))

    def close(self) -> None:
        self.closed = True


class MemoryPorts:
    """Takes the place of ``DataPorts``. ``peers``: the client's ends, in order."""

    public_address = None

    def __init__(self, reactor: VirtualReactor) -> None:
        self.reactor = reactor
        self.peers: list[StreamPeer] = []
        self.opened: list[MemoryPort] = []
        self.client_connects = True
        self.stalled = False

    def passive(self, local: str, peer: str, context: object = None) -> MemoryPort:
        self.opened.append(MemoryPort(self, 1024 + len(self.opened)))
        return self.opened[-1]

    def active(self, local: str, peer: str, port: int) -> MemoryPort:
        self.opened.append(MemoryPort(self, port))
        return self.opened[-1]


class FTPClient:
    """One client of an ``FTPHouse``."""

    def __init__(self, house: FTPHouse, peername: object = PEER) -> None:
        self.house = house
        self.peer = house.reactor.connect(house.server, peername)
        self.greeting = self.replies()

    def replies(self) -> list[str]:
        """What has arrived, in lines."""
        self.house.reactor.settle()
        return self.peer.read().decode("utf-8", "surrogateescape").splitlines()

    def sends(self, *lines: str) -> None:
        """Send commands, all at once."""
        self.peer.send("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def asks(self, *lines: str) -> list[str]:
        """Send commands, all at once, and return the replies."""
        self.sends(*lines)
        return self.replies()

    def code(self, line: str) -> int:
        """The code of the only reply to ``line``."""
        replies = self.asks(line)
        assert len({reply[:3] for reply in replies if re.match("[0-9]", reply)}) == 1, replies
        return int(replies[-1][:3])

    def log_in(self, name: str = "anonymous", password: str = "tea") -> FTPClient:
        assert self.code(f"USER {name}") == 331
        assert self.code(f"PASS {password}") == 230
        return self

    @property
    def data(self) -> StreamPeer:
        """The client's end of the last data connection."""
        return self.house.ports.peers[-1]

    def fetch(self, command: str, mode: str = "I") -> bytes:
        """Return what a command sends on a data connection."""
        replies = self.asks(f"TYPE {mode}", "PASV", command)
        assert [reply[:3] for reply in replies] == ["200", "227", "150", "226"], replies
        return self.data.read()

    def begin(self, command: str, mode: str = "I") -> StreamPeer:
        """Begin a transfer, and return the client's end of the data connection."""
        replies = self.asks(f"TYPE {mode}", "PASV", command)
        assert [reply[:3] for reply in replies] == ["200", "227", "150"], replies
        return self.data

    def store(self, command: str, data: bytes, mode: str = "I", chunk: int | None = None) -> str:
        """Send ``data`` on a data connection, and return the last reply."""
        peer = self.begin(command, mode)
        peer.send(data, chunk)
        peer.send_eof()
        return self.replies()[-1]


class FTPHouse:
    """A server that serves ``root``."""

    def __init__(
        self,
        reactor: VirtualReactor,
        root: Path,
        *,
        writable: bool = False,
        users: tuple[AccountLine, ...] = (),
        anonymous: bool = True,
        limits: FTPLimits | None = None,
        **options: object,
    ) -> None:
        self.reactor = reactor
        self.root = root
        self.ports = MemoryPorts(reactor)
        limits = limits or FTPLimits()
        accounts: Accounts = open_accounts(
            users, str(root), anonymous=anonymous, writable=writable, quota=limits.quota
        )
        self.server = FTPServer(reactor, accounts, limits=limits, ports=self.ports, **options)

    def client(self, peername: object = PEER) -> FTPClient:
        return FTPClient(self, peername)

    def user(self) -> FTPClient:
        """A client that has logged in without a password."""
        return self.client().log_in()

    def files(self) -> list[str]:
        """The names of all files and folders, also those that are hidden."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))
