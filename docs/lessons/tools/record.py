"""Records the system calls of a lesson's programs, for its drawing: needs Linux and strace.

    python docs/lessons/tools/record.py docs/lessons/01_blocking

The lesson's file ``picture.toml`` says what to run. The result is ``calls.json`` in the same
folder, which ``draw.py`` draws::

    title = "What the drawing shows"
    server = ["server.py"]            # run by this Python, in the lesson's folder
    calls = ["accept4", "recvfrom"]   # what to draw of the server
    seconds = 3.0                     # then the server is ended
    threads = ["the loop", "a worker"]  # heads of the server's columns, if it has several
    hidden = ["bob"]                  # clients without a column: more than three are hard to read
    [names]
    3 = "listener"                    # what a descriptor is called
    [[client]]
    name = "ada"
    script = ["0.2 send one", "expect", "1.0 send two", "expect", "0.5 close"]

Each step of a client's script may begin with seconds to wait. ``send TEXT`` sends a line,
``expect`` reads a line, ``flood N`` sends N KiB without reading, ``drain N`` reads N KiB, ``close``
ends it. A client with ``receives = N`` has a receive buffer of N KiB. Clients start together."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

PORT: Final = 8007  # in the lessons' programs
_REPEATED: Final = 3  # times more, from which on a repetition is not kept
_LINE: Final = re.compile(
    r"(?P<thread>\d+)\s+(?P<at>\d+\.\d+) (?P<name>\w+)\((?P<args>.*)\)\s+= (?P<result>-?\w+)"
    r"(?: (?P<error>E\w+) [^<]*)?(?: \(.*\))? ?<(?P<took>[\d.]+)>"
)
_UNFINISHED: Final = re.compile(r"(\d+)\s+(\d+\.\d+) (\w+)\((.*) <unfinished \.\.\.>")
_RESUMED: Final = re.compile(r"(\d+)\s+(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)")


def record(folder: Path) -> dict[str, Any]:
    """Run the scenario of the lesson in ``folder``, and return what is to be drawn."""
    plan = tomllib.loads((folder / "picture.toml").read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("r") as log:
        names = ",".join(plan["calls"])
        command = ["strace", "-f", "-ttt", "-T", "-s", "32", "-e", f"trace={names}", "-o", log.name]
        server = subprocess.Popen([*command, sys.executable, *plan["server"]], cwd=folder)
        try:
            wait_for_server(PORT)
            began = time.time()
            clients = [_Client(client) for client in plan["client"]]
            for client in clients:
                client.thread.start()
                time.sleep(0.02)  # so that they connect in this order
            time.sleep(plan["seconds"])
        finally:
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            server.wait()
        for client in clients:
            client.thread.join()
        calls = parse(log.read(), began)
    lanes = [{"name": "server", "calls": list(_without_repetitions(calls))}]
    lanes += [
        {"name": client.name, "calls": [_since(call, began) for call in client.calls]}
        for client in clients
        if client.name not in plan.get("hidden", ())
    ]
    lanes[0]["threads"] = plan.get("threads", [])
    return {"title": plan["title"], "names": plan.get("names", {}), "lanes": lanes}


def wait_for_server(port: int) -> None:
    """Wait until the server listens, without a connection that it would notice."""
    wanted = f":{port:04X} "
    for _ in range(100):
        if any(
            wanted in line and " 0A " in line
            for line in Path("/proc/net/tcp").read_text().splitlines()
        ):
            return
        time.sleep(0.05)
    raise SystemExit(f"the server does not listen on port {port}")


class _Client:
    """A client that follows a script and notes when it waited."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.name = plan["name"]
        self.calls: list[dict[str, Any]] = []
        self._script = plan["script"]
        self._receives = plan.get("receives")
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with socket.socket() as sock:
            if self._receives is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receives * 1024)
            self._note("connect", "", lambda: sock.connect(("127.0.0.1", PORT)))
            sock.settimeout(10)
            for step in self._script:
                match = re.fullmatch(r"(?:([\d.]+) )?(send|expect|flood|drain|close) ?(.*)", step)
                assert match is not None, step
                time.sleep(float(match[1] or 0))
                if match[2] == "close":
                    break
                self._step(sock, match[2], match[3])
            self._note("close", "", sock.close)

    def _step(self, sock: socket.socket, kind: str, text: str) -> None:
        if kind == "send":
            self._note("send", text, lambda: sock.sendall(f"{text}\n".encode()))
        elif kind == "flood":
            data = b"x" * 1024 * int(text)
            self._note("send", "", lambda: sock.sendall(data), len(data))
        elif kind == "drain":
            size = int(text) * 1024
            self._note("recv", "", lambda: _receive(sock, size), size)
        else:
            self._note("recv", "", lambda: sock.recv(4096))

    def _note(self, name: str, text: str, function: Any, size: int | None = None) -> None:
        began = time.time()
        result = function()
        if isinstance(result, bytes):
            text = result.decode().strip()
        call = {"name": name, "text": text, "at": began, "took": time.time() - began}
        self.calls.append(call if size is None else {**call, "size": size})


def _receive(sock: socket.socket, size: int) -> None:
    while size > 0 and (data := sock.recv(min(size, 65536))):
        size -= len(data)


def _since(call: dict[str, Any], began: float) -> dict[str, Any]:
    return {**call, "at": round(call["at"] - began, 6), "took": round(call["took"], 6)}


def parse(log: str, began: float) -> list[dict[str, Any]]:
    """The calls in a log of strace that were made, or still went on, after ``began``, a time of
    day in seconds."""
    calls = []
    unfinished: dict[str, tuple[str, str]] = {}
    for raw in log.splitlines():
        line = raw
        if match := _UNFINISHED.match(line):
            unfinished[match[1]] = (match[2], match[4])
            continue
        if (match := _RESUMED.match(line)) and match[1] in unfinished:
            at, args = unfinished.pop(match[1])
            line = f"{match[1]} {at} {match[3]}({args}{match[4]}"
        if (found := _LINE.match(line)) is None:
            continue
        at, took = float(found["at"]), float(found["took"])
        if at + took < began:
            continue
        first = found["args"].partition(",")[0].strip()
        call = {
            "thread": int(found["thread"]),
            "name": found["name"],
            "fd": int(first) if first.isdigit() else None,
            "text": _data(found["args"]),
            "result": found["error"] or found["result"],
            "ready": _ready(line),
            "at": at,
            "took": took,
            **_details(found["name"], found["args"], line),
        }
        calls.append(_since(call, began))
    for call in calls:  # what the server waited for when the clients came
        if call["at"] < 0:
            call["took"] = round(call["took"] + call["at"], 6)
            call["at"] = 0.0
    return calls


def _without_repetitions(calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A pattern of up to four calls that is repeated is kept once, and then how often it comes
    again. A busy loop makes thousands of them."""

    def same(start: int, length: int) -> list[tuple[Any, ...]]:
        keys = ("thread", "name", "fd", "text", "result")
        return [tuple(call[key] for key in keys) for call in calls[start : start + length]]

    index = 0
    while index < len(calls):
        for length in (1, 2, 3, 4):
            end = index + length
            while same(end, length) == same(index, length):
                end += length
            times = (end - index) // length - 1
            if times >= _REPEATED:
                yield from calls[index : index + length]
                first, last = calls[index + length], calls[end - 1]
                took = round(last["at"] + last["took"] - first["at"], 6)
                yield {**first, "took": took, "repeats": length, "times": times}
                index = end
                break
        else:
            yield calls[index]
            index += 1


def _details(name: str, args: str, line: str) -> dict[str, Any]:
    """What only some calls have: a ``timeout`` in seconds, descriptors that are ``writable``, what
    epoll_ctl is to ``control``, the ``size`` of data that is too long to be shown."""
    details: dict[str, Any] = {}
    if "TIMER_ABSTIME" in args:
        pass  # time.sleep: not how long, but until when
    elif match := re.search(r"\btv_sec=(\d+), tv_nsec=(\d+)", args):
        details["timeout"] = int(match[1]) + int(match[2]) / 1e9
    elif name in ("epoll_wait", "poll") and (match := re.search(r", (\d+)$", args)):
        details["timeout"] = int(match[1]) / 1000
    if match := re.search(r"\((?:in \[[\d ]+\], )?out \[([\d ]+)\]", line):
        details["writable"] = [int(fd) for fd in match[1].split()]
    elif name in ("epoll_wait", "poll"):
        found = re.findall(r"events=([\w|]+), data=\{u32=(\d+)", line)
        if writable := [int(fd) for events, fd in found if "EPOLLOUT" in events]:
            details["writable"] = writable
    elif match := re.match(r"\d+, EPOLL_CTL_(\w+), (\d+), (?:\{events=([\w|]+))?", args):
        events = (match[3] or "").replace("EPOLL", "")
        details["control"] = [match[1], int(match[2]), events]
    if '"...' in args:
        asked = args.rpartition('"..., ')[2].partition(",")[0]
        details["size"] = int(asked if name == "sendto" else line.rpartition(" = ")[2].split()[0])
    return details


def _ready(line: str) -> list[int]:
    """The descriptors that select, poll or epoll_wait has reported."""
    if match := re.search(r"\(in \[([\d ]+)\]", line):
        return [int(fd) for fd in match[1].split()]
    if "epoll_wait(" in line:
        found = re.findall(r"events=([\w|]+), data=\{u32=(\d+)", line)
        return [int(fd) for events, fd in found if events != "EPOLLOUT"]
    after = line.rpartition(" = ")[2]
    return [int(fd) for fd in re.findall(r"\{fd=(\d+), revents=", after)]


def _data(args: str) -> str:
    match = re.search(r'"((?:[^"\\]|\\.)*)"', args)
    return match[1].removesuffix("\\n") if match else ""


if __name__ == "__main__":
    for name in sys.argv[1:]:
        recorded = record(Path(name))
        text = json.dumps(recorded, indent=1)
        Path(name, "calls.json").write_text(text + "\n", encoding="utf-8")
