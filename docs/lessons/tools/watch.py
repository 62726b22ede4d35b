"""Records what a lesson's program does inside, for its drawing. ``record.py`` does the same with
system calls, and explains the rest of ``picture.toml``.

    python docs/lessons/tools/watch.py docs/lessons/09_chat

``picture.toml`` says what is recorded. The calls of a program's layers, each layer in a column::

    [layers]
    loop = ["EpollSelector.select"]                     # the qualified names of functions

Or, of a program on the reactor, handlers with the data that they got, and one idle timer::

    [turns]
    handlers = { "Datagrams.datagram_received" = "datagram" }   # and how they are called
    timer = "Member.leave"
    head = "bob's timer"                                # of its column

Or, for each of several runs, how many bytes wait for the client::

    [[curve]]
    name = "careless"
    server = ["server.py", "careless"]
    [[mark]]
    name = "high-water mark"
    at = 65536

A client may have ``udp = true``. Its steps begin with seconds to wait, and are ``send TEXT``,
``expect`` (one answer), ``read S`` (for S seconds), ``silence`` and ``close``."""

from __future__ import annotations

import json
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

from record import wait_for_server

PORT: Final = 8007  # in the lessons' programs
TOOLS: Final = Path(__file__).resolve().parent


def watch(folder: Path) -> dict[str, Any]:
    """Run the scenario of the lesson in ``folder``, and return what is to be drawn."""
    plan = tomllib.loads((folder / "picture.toml").read_text(encoding="utf-8"))
    drawing = {"title": plan["title"], "names": plan.get("names", {}), "lanes": []}
    if "curve" in plan:
        drawing["marks"] = plan["mark"]
        drawing["curves"] = [
            {"name": curve["name"], "points": unsent_bytes(_run(plan, folder, curve["server"])[0])}
            for curve in plan["curve"]
        ]
        return drawing
    lines, began, clients = _run(plan, folder, plan["server"])
    inside = layer_calls if "layers" in plan else handler_calls
    drawing["lanes"] = [
        {"name": name, "calls": [since(call, began) for call in calls]}
        for name, calls in [*inside(lines, plan), *((c.name, c.calls) for c in clients)]
        if name not in plan.get("hidden", ())
    ]
    return drawing


def _run(
    plan: dict[str, Any], folder: Path, server: list[str]
) -> tuple[list[dict[str, Any]], float, list[_Client]]:
    """What the tools have written about the server, when the clients came, and the clients."""
    with tempfile.TemporaryDirectory() as temporary:
        log = Path(temporary, "log")
        if "layers" in plan:
            picture = str((folder / "picture.toml").resolve())
            command = [str(TOOLS / "layers.py"), picture, str(log), *server]
        else:
            command = [str(TOOLS / "watched.py"), "--record", str(log), *server]
        process = subprocess.Popen([sys.executable, *command], cwd=folder)
        try:
            wait_for_server(PORT)
            began = time.time()
            clients = [_Client(client) for client in plan["client"]]
            for client in clients:
                client.thread.start()
            for client in clients:
                client.thread.join()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return lines, began, clients


class _Client:
    """A client that follows a script and notes when it waited."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.name = plan["name"]
        self.calls: list[dict[str, Any]] = []
        self._kind = socket.SOCK_DGRAM if plan.get("udp") else socket.SOCK_STREAM
        self._script = plan["script"]
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with socket.socket(socket.AF_INET, self._kind) as sock:
            sock.settimeout(10)
            connecting = time.time()
            sock.connect(("127.0.0.1", PORT))
            if self._kind == socket.SOCK_STREAM:
                self._note("connect", connecting)
            for step in self._script:
                match = re.fullmatch(r"([\d.]+) (send|expect|read|silence|close) ?(.*)", step)
                assert match is not None, step
                time.sleep(float(match[1]))
                began = time.time()
                if match[2] == "send":
                    sock.sendall(f"{match[3]}\n".encode())
                    self._note("send", began, match[3])
                elif match[2] == "expect":
                    self._note("recv", began, sock.recv(4096).decode().strip())
                elif match[2] == "read":
                    while time.time() < began + float(match[3]):
                        sock.recv(65536)
                elif match[2] == "close":
                    sock.close()
                    self._note("close", began)

    def _note(self, name: str, began: float, text: str = "") -> None:
        took = time.time() - began
        self.calls.append({"name": name, "text": text, "at": began, "took": took})


def since(call: dict[str, Any], began: float) -> dict[str, Any]:
    """The call with times from ``began`` on. Of one that waited already, what came after."""
    at = max(call["at"] - began, 0.0)
    took = call["at"] + call["took"] - began - at
    return {**call, "at": round(at, 6), "took": round(took, 6)}


def layer_calls(
    lines: list[dict[str, Any]], plan: dict[str, Any]
) -> Iterator[tuple[str, list[Any]]]:
    for layer in plan["layers"]:
        yield layer, [call for call in lines if call["layer"] == layer]


def handler_calls(
    lines: list[dict[str, Any]], plan: dict[str, Any]
) -> Iterator[tuple[str, list[Any]]]:
    """The handlers, and the idle timer: when it was set, and what it found when it fired."""
    offset = lines[0]["wall"] - lines[0]["time"]  # from the loop's clock to the time of day
    handlers = plan["turns"]["handlers"]
    handled: list[dict[str, Any]] = []
    fired: list[tuple[float, bool]] = []
    for turn in (line for line in lines if "turn" in line):
        for kind, name, *rest in turn.get("calls", ()):
            took = rest[0] if rest else 0
            at = turn["times"][3] + offset
            fd = str(rest[1]) if len(rest) > 1 else ""
            if name in handlers:
                text = turn.get("received_data", {}).get(fd, "").strip()
                call = {"name": handlers[name], "text": text, "at": at, "took": took / 1e6}
                handled.append(call)
            elif kind == "idle timer" and name == plan["turns"]["timer"]:
                fired.append((at, rest[-1:] == [True]))
    yield "server", handled
    yield plan["turns"]["head"], list(timer_calls(handled[0]["at"], fired))


def timer_calls(at: float, fired: list[tuple[float, bool]]) -> Iterator[dict[str, Any]]:
    for end, rearmed in fired:
        yield {"label": f"set for {end - at:.1f} s", "at": at, "took": end - at}
        label = "fires: heard meanwhile" if rearmed else "fires: silent, so leave()"
        yield {"label": label, "at": end, "took": 0.0}
        at = end


def unsent_bytes(lines: list[dict[str, Any]]) -> list[tuple[float, int]]:
    """Seconds since the client came, and how many bytes wait for it, at the end of each turn in
    which that changed."""
    points: list[tuple[float, int]] = []
    fd, began = "", 0.0
    for turn in (line for line in lines if "turn" in line):
        now = turn["times"][-1]
        for opened in turn.get("opened", ()):
            if opened["kind"] == "stream":
                fd, began = str(opened["fd"]), now
                points.append((0.0, 0))
        waits = turn.get("changed", {}).get(fd, {}).get("queued")
        if fd and int(fd) in turn.get("closed", ()):
            waits = 0
        if waits is None:
            left = [flush[2] for flush in turn.get("flushes", ()) if str(flush[0]) == fd]
            waits = left[-1] if left else None
        if waits is not None and points and waits != points[-1][1]:
            points.append((round(now - began, 3), waits))
        if fd and int(fd) in turn.get("closed", ()):
            break
    return points


if __name__ == "__main__":
    for name in sys.argv[1:]:
        text = json.dumps(watch(Path(name)), indent=1)
        Path(name, "calls.json").write_text(text + "\n", encoding="utf-8")
