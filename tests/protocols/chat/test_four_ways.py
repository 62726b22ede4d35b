"""One room, four ways in: two pages, ``nc``, a UDP member and an IRC client see each other, also
after the server was killed and there is a new one.

Once with the page in Chromium, and once with a client of the same events in its place."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from selenium import webdriver

from ...tools.chat_server import chat_arguments
from ...tools.chromium import page_browser
from ...tools.commands import Command
from ...tools.event_page import open_page
from ...tools.tabs import Tab, wait_until
from ...tools.waiting import TIMEOUT


class Person(Protocol):
    """Somebody in the room. ``name`` is the current one.

    Each ``sees_…`` waits until the person sees something that another one did."""

    name: str

    def says(self, text: str) -> None: ...
    def acts(self, text: str) -> None: ...
    def writes(self, to: str, text: str) -> None: ...
    def renames(self, name: str) -> None: ...
    def leaves(self) -> None: ...
    def comes_back(self) -> None: ...
    def sees_said(self, who: str, text: str) -> None: ...
    def sees_acted(self, who: str, text: str) -> None: ...
    def sees_written(self, who: str, text: str) -> None: ...
    def sees_renamed(self, old: str, new: str) -> None: ...
    def sees_left(self, who: str) -> None: ...
    def sees_joined(self, who: str) -> None: ...


class Reader:
    """Reads lines. ``receive`` returns the next bytes."""

    receive: Callable[[], bytes]

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._rest = b""

    def waits_for(self, pattern: str) -> None:
        """Wait for a line that ``pattern`` matches, and forget it."""
        while not any(re.search(pattern, line) for line in self._lines):
            data = self.receive()
            assert data, f"the server has closed the connection: {self._lines}"
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._lines += [line.decode().rstrip("\r") for line in lines]
        found = next(line for line in self._lines if re.search(pattern, line))
        self._lines.remove(found)


class Typist(Reader):
    """Types lines, and reads them."""

    name = ""

    def types(self, *lines: str) -> None:
        raise NotImplementedError

    def renames(self, name: str) -> None:
        self.types(f"/nick {name}")
        self.waits_for(rf"^\*\*\* \S+ is now {name}$")
        self.name = name

    def says(self, text: str) -> None:
        self.types(text)

    def acts(self, text: str) -> None:
        self.types(f"/me {text}")

    def writes(self, to: str, text: str) -> None:
        self.types(f"/msg {to} {text}")

    def leaves(self) -> None:
        self.types("/join build")

    def comes_back(self) -> None:
        self.types("/join lobby")

    def sees_said(self, who: str, text: str) -> None:
        self.waits_for(rf"\] {who}: {text}$")

    def sees_acted(self, who: str, text: str) -> None:
        self.waits_for(rf"\] \* {who} {text}$")

    def sees_written(self, who: str, text: str) -> None:
        self.waits_for(rf"\] {who} -> {self.name}: {text}$")

    def sees_renamed(self, old: str, new: str) -> None:
        self.waits_for(rf"^\*\*\* {old} is now {new}$")

    def sees_left(self, who: str) -> None:
        self.waits_for(rf"^\*\*\* {who} left lobby")

    def sees_joined(self, who: str) -> None:
        self.waits_for(rf"^\*\*\* {who} joined lobby")


class Netcat(Typist):
    """``nc``; or, where it is not installed, a socket."""

    def __init__(self, port: int, name: str, stack: ExitStack) -> None:
        super().__init__()
        if (nc := shutil.which("nc")) is not None:
            process = stack.enter_context(
                subprocess.Popen(
                    [nc, "127.0.0.1", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            stack.callback(process.kill)
            assert process.stdin is not None
            assert process.stdout is not None
            self._input, self._output = process.stdin.fileno(), process.stdout.fileno()
        else:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT))
            self._input = self._output = sock.fileno()
        self.renames(name)

    def types(self, *lines: str) -> None:
        for line in lines:
            os.write(self._input, f"{line}\n".encode())

    def receive(self) -> bytes:
        assert select.select([self._output], [], [], TIMEOUT)[0], "nothing comes"
        return os.read(self._output, 65536)


class Datagrams(Typist):
    """A member over UDP. A new server knows it by its address as soon as it says something."""

    def __init__(self, port: int, name: str, stack: ExitStack) -> None:
        super().__init__()
        self._socket = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(("127.0.0.1", port))
        self.renames(name)

    def types(self, *lines: str) -> None:
        for line in lines:
            self._socket.send(f"{line}\n".encode())

    def receive(self) -> bytes:
        return self._socket.recv(65536)


class IRC(Reader):
    """A client of IRC, in #lobby."""

    def __init__(self, port: int, name: str, stack: ExitStack) -> None:
        super().__init__()
        self.name = name
        self._socket = stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT))
        self.sends(f"NICK {name}", f"USER {name} 0 * :{name}")
        self.waits_for(" 001 ")
        self.comes_back()

    def sends(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def receive(self) -> bytes:
        return self._socket.recv(65536)

    def says(self, text: str) -> None:
        self.sends(f"PRIVMSG #lobby :{text}")

    def acts(self, text: str) -> None:
        self.says(f"\x01ACTION {text}\x01")

    def writes(self, to: str, text: str) -> None:
        self.sends(f"PRIVMSG {to} :{text}")

    def renames(self, name: str) -> None:
        self.sends(f"NICK {name}")
        self.sees_renamed(self.name, name)
        self.name = name

    def leaves(self) -> None:
        self.sends("PART #lobby")

    def comes_back(self) -> None:
        self.sends("JOIN #lobby")
        self.waits_for(" 366 ")

    def sees_said(self, who: str, text: str) -> None:
        self.waits_for(rf"^:{who}!\S+ PRIVMSG #lobby :{text}$")

    def sees_acted(self, who: str, text: str) -> None:
        self.sees_said(who, f"\x01ACTION {text}\x01")

    def sees_written(self, who: str, text: str) -> None:
        self.waits_for(rf"^:{who}!\S+ PRIVMSG {self.name} :{text}$")

    def sees_renamed(self, old: str, new: str) -> None:
        self.waits_for(rf"^:{old}!\S+ NICK :?{new}$")

    def sees_left(self, who: str) -> None:
        self.waits_for(rf"^:{who}!\S+ PART #lobby")

    def sees_joined(self, who: str) -> None:
        self.waits_for(rf"^:{who}!\S+ JOIN :?#lobby")


class EventMember:
    """A client of the page's events. After a loss it comes back as the page does."""

    def __init__(self, port: int, name: str, stack: ExitStack) -> None:
        self.name = name
        self._port = port
        self._stack = stack
        self._ref = 0
        self._session = ""
        self._seen: list[dict[str, Any]] = []
        self._waiting: list[str] = []
        self.connects()

    def connects(self) -> None:
        """Connect, again if need be, and say what waits."""
        self._page = self._stack.enter_context(open_page(self._port))
        self._page.says("hello", name=self.name, session=self._session)
        self._session = self._waits_for(type="welcome", name=self.name)["session"]
        self._waits_for(type="history")
        while self._waiting:
            self._types(self._waiting.pop(0))

    def is_lost(self) -> None:
        with pytest.raises(Exception, match="no close frame"):
            self._waits_for(type="nothing")

    def types_meanwhile(self, text: str) -> None:
        self._waiting.append(text)

    def _types(self, text: str) -> None:
        self._ref += 1
        self._page.says("line", ref=self._ref, room="lobby", text=text)

    def _waits_for(self, **wanted: object) -> dict[str, Any]:
        while True:
            for event in self._seen:
                if all(event.get(name) == value for name, value in wanted.items()):
                    self._seen.remove(event)
                    return event
            event = self._page.until()
            self._seen.append(event)
            # What was said before it joined.
            self._seen += [{"room": event["room"], **line} for line in event.get("events", ())]

    says = _types

    def acts(self, text: str) -> None:
        self._types(f"/me {text}")

    def writes(self, to: str, text: str) -> None:
        self._types(f"/msg {to} {text}")

    def renames(self, name: str) -> None:
        self._types(f"/nick {name}")
        self.sees_renamed(self.name, name)
        self.name = name

    def leaves(self) -> None:
        self._types("/part lobby")

    def comes_back(self) -> None:
        self._types("/join lobby")

    def sees_said(self, who: str, text: str) -> None:
        self._waits_for(type="said", room="lobby", sender=who, text=text)

    def sees_acted(self, who: str, text: str) -> None:
        self._waits_for(type="action", room="lobby", sender=who, text=text)

    def sees_written(self, who: str, text: str) -> None:
        self._waits_for(type="private", sender=who, target=self.name, text=text)

    def sees_renamed(self, old: str, new: str) -> None:
        self._waits_for(type="renamed", sender=old, text=new)

    def sees_left(self, who: str) -> None:
        self._waits_for(type="left", room="lobby", sender=who)

    def sees_joined(self, who: str) -> None:
        self._waits_for(type="joined", room="lobby", sender=who)


class PageMember:
    """A user of the page, who sees what its elements show."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    @property
    def name(self) -> str:
        return self.tab.name

    def connects(self) -> None:
        """The page does so by itself."""
        self.tab.wait_until_connected()

    def is_lost(self) -> None:
        self.tab.wait_for('#bar[data-state="lost"]:not([hidden])')

    def types_meanwhile(self, text: str) -> None:
        self.tab.types(text)
        wait_until(lambda: self.tab.texts("#waiting .text") == [text])

    def says(self, text: str) -> None:
        self.tab.types(text)

    def acts(self, text: str) -> None:
        self.tab.types(f"/me {text}")

    def writes(self, to: str, text: str) -> None:
        self.tab.types(f"/msg {to} {text}")

    def renames(self, name: str) -> None:
        self.tab.types(f"/nick {name}")
        wait_until(lambda: self.tab.name == name)

    def leaves(self) -> None:
        self.tab.types("/part")

    def comes_back(self) -> None:
        self.tab.types("/join lobby")
        wait_until(lambda: self.tab.room == "lobby")

    def sees_said(self, who: str, text: str) -> None:
        wait_until(lambda: self.tab.log().count(text) == 1)

    def sees_acted(self, who: str, text: str) -> None:
        wait_until(lambda: f"{who} {text}" in self.tab.log())

    def sees_written(self, who: str, text: str) -> None:
        wait_until(lambda: self.tab.unread().get(who) == "1")
        self.tab.open(who)
        self.tab.sees(text)
        self.tab.open("lobby")

    def sees_renamed(self, old: str, new: str) -> None:
        wait_until(lambda: f"{old} is now called {new}" in self.tab.events())
        wait_until(lambda: new in self.tab.members())

    def sees_left(self, who: str) -> None:
        wait_until(lambda: who not in self.tab.members())
        wait_until(lambda: f"{who} left" in self.tab.events()[-1])

    def sees_joined(self, who: str) -> None:
        wait_until(lambda: who in self.tab.members())
        wait_until(lambda: f"{who} left and came back" in self.tab.events()[-1])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    yield from page_browser(tmp_path_factory.mktemp("profile"))


def start(web_port: int = 0) -> Command:
    return Command(*chat_arguments(web_port)).wait_until_serving()


def test_two_clients_of_the_events_with_all_others(stack: ExitStack) -> None:
    server = start()
    port = server.ports["http"]
    meet(server, EventMember(port, "anna", stack), EventMember(port, "bella", stack), stack)


def test_two_pages_in_chromium_with_all_others(browser: webdriver.Chrome, stack: ExitStack) -> None:
    server = start()
    url = f"http://127.0.0.1:{server.ports['http']}/"
    anna, bella = (PageMember(Tab(browser, url, name)) for name in ("anna", "bella"))
    meet(server, anna, bella, stack)
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text] == []


def meet(server: Command, anna: Any, bella: Any, stack: ExitStack) -> None:
    """What all do, and what all others see. ``anna`` and ``bella`` have pages."""

    def stop() -> None:  # the last one
        assert server.stop() == (0, "")

    stack.callback(stop)

    def newcomers(carl: str, erik: str) -> tuple[Netcat, IRC]:
        return Netcat(server.port, carl, stack), IRC(server.ports["irc"], erik, stack)

    carl, erik = newcomers("carl", "erik")
    dora = Datagrams(server.ports["udp"], "dora", stack)
    people: list[Person] = [anna, bella, carl, dora, erik]

    def others(person: Person) -> list[Person]:
        return [other for other in people if other is not person]

    for person in people:
        person.says(f"this is {person.name}")
        for other in others(person):
            other.sees_said(person.name, f"this is {person.name}")
        person.acts(f"waves as {person.name}")
        for other in others(person):
            other.sees_acted(person.name, f"waves as {person.name}")
    for person in people:
        old = person.name
        person.renames(f"{old}2")
        for other in others(person):
            other.sees_renamed(old, f"{old}2")
    for person in people:
        for other in others(person):
            person.writes(other.name, f"only for {other.name}, from {person.name}")
            other.sees_written(person.name, f"only for {other.name}, from {person.name}")
            if isinstance(person, PageMember):
                person.tab.open("lobby")
    for person in people:
        person.leaves()
        for other in others(person):
            other.sees_left(person.name)
        person.comes_back()
        for other in others(person):
            other.sees_joined(person.name)

    server.process.send_signal(signal.SIGKILL)
    server.process.communicate()
    for page in (anna, bella):
        page.is_lost()
        page.types_meanwhile(f"{page.name} typed this meanwhile")
    ports = server.ports
    server = start(ports["http"])
    for page in (anna, bella):
        page.connects()
        assert page.name in ("anna2", "bella2")
    carl, erik = newcomers("carl3", "erik3")
    dora = Datagrams(server.ports["udp"], "dora3", stack)
    people = [anna, bella, carl, dora, erik]
    for page, other in ((anna, bella), (bella, anna)):
        other.sees_said(page.name, f"{page.name} typed this meanwhile")
    for person in people:
        person.says(f"again, {person.name}")
        for other in others(person):
            other.sees_said(person.name, f"again, {person.name}")
    anna.says("the end")
    for other in others(anna):
        other.sees_said("anna2", "the end")
