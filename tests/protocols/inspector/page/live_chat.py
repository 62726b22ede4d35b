"""A chat in a process of its own, with an inspector, and members who come in all its ways."""

from __future__ import annotations

import socket
import subprocess
import sys

from ....tools.chat_server import chat_arguments
from ....tools.commands import Command, environment
from ....tools.sockets import unused_address
from ....tools.tabs import Netcat
from ....tools.waiting import TIMEOUT

# The chat's page is "http" in ``ports`` too.
_INSPECTOR = "inspect: "


class Inspected(Command):
    """A process of ``python -m reactor`` with an inspector. ``url``: the address of its page.
    ``addresses``: what else it serves, by scheme."""

    def __init__(self, *arguments: str, **popen: object) -> None:
        super().__init__(*arguments, "--inspect=0", **popen)
        self.wait_until_serving()
        lines = [line.partition(": ")[::2] for line in self.printed if "://" in line]
        self.url = dict(lines)[_INSPECTOR.removesuffix(": ")]
        others = [url for name, url in lines if url != self.url]
        self.addresses = {url.partition(":")[0]: url for url in others}


class Program:
    """A program that is a member, such as ``nc``: it is given lines, and prints what it sees."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def types(self, *lines: str) -> None:
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def sees(self, text: str) -> None:
        """Wait until a line with ``text`` comes."""
        for line in self.process.stdout:
            if text in line:
                return
        raise AssertionError(f"it has ended without {text!r}")

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT)


class Datagrams:
    """A member over UDP."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(("127.0.0.1", port))

    def types(self, *lines: str) -> None:
        for line in lines:
            self.socket.send(f"{line}\n".encode())

    def sees(self, text: str) -> None:
        while text not in self.socket.recv(65536).decode():
            pass

    def close(self) -> None:
        self.socket.close()


class LiveChat:
    """The chat, and ada (nc), bob (the terminal client), zed (UDP) and iris (IRC) in its lobby.

    ``url``: of the inspector's page. ``web_url``: of the chat's. ``ada_address``: her end."""

    def __init__(self) -> None:
        self.command = Inspected(*chat_arguments())
        self.url = self.command.url
        self.web_url = self.command.addresses["http"]
        ports = self.command.ports
        self.port = ports["tcp"]
        host, port = unused_address()
        self.ada_address = f"{host}:{port}"
        self.ada = Program("nc", "-s", host, "-p", str(port), "127.0.0.1", str(self.port))
        self.ada.types("/nick ada")
        self.ada.sees("is now ada")
        client = (sys.executable, "-m", "reactor", "--protocol=chat")
        self.bob = Program(*client, f"--connect=127.0.0.1:{self.port}")
        self.bob.types("/nick bob")
        self.ada.sees("is now bob")
        self.zed = Datagrams(ports["udp"])
        self.zed.types("/nick zed")
        self.ada.sees("is now zed")
        self.iris = Netcat(ports["irc"])
        self.iris.types("NICK iris", "USER iris 0 * :Iris", "JOIN #lobby")
        self.ada.sees("iris")
        self.members = (self.ada, self.bob, self.zed, self.iris)

    def close(self) -> None:
        for member in self.members:
            member.close()
        assert self.command.stop() == (0, "")
