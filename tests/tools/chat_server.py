"""A chat with real ports and all its ways in, in a thread of this process.

A process of its own starts a hundred times slower, and takes as much of a processor. The tests for
which only a process will do use ``tools.commands.Command`` instead."""

from __future__ import annotations

import threading
from typing import Any

from protocols.chat.app import ChatApplication
from reactor import Reactor
from reactor.command.cli import make_parser

from .waiting import TIMEOUT


def chat_arguments(web_port: int = 0) -> list[str]:
    """The options of a chat without flood control, with the page at ``web_port``."""
    ports = [f"--{name}=0" for name in ("port", "udp-port", "irc-port")]
    return ["--protocol=chat", *ports, f"--web-port={web_port}", "--flood-rate=0"]


class ChatServer:
    """A chat that serves. ``ports`` as for ``Command``."""

    def __init__(self, web_port: int = 0) -> None:
        self._complaints: list[dict[str, Any]] = []
        self._reactor = Reactor()
        self._reactor.set_exception_handler(lambda _, context: self._complaints.append(context))
        application = ChatApplication()
        options = make_parser(application).parse_args(chat_arguments(web_port))
        options.tls = None  # the command replaces the option by a context, or by this
        urls = [url.rstrip("/").split(":") for url in application.serve(self._reactor, options)]
        self.ports = {scheme: int(port) for scheme, _, port in urls}
        self._thread = threading.Thread(target=self._reactor.run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self.ports["tcp"]

    def kill(self) -> None:
        """It is gone, without a word to anybody."""
        self._end(None)

    def stop(self) -> tuple[int, str]:
        """Say goodbye, and stop. Returns what ``Command.stop`` returns."""
        if not self._reactor.is_closed():
            self._end(TIMEOUT)
        return 0, "".join(map(str, self._complaints))

    def _end(self, grace: float | None) -> None:
        self._reactor.call_soon_threadsafe(self._reactor.stop, grace)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()
        self._reactor.close()
