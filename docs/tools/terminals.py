"""Makes the picture of the chat in two terminals, from a real session.

    python docs/tools/terminals.py record chat-terminals.json
    python docs/tools/terminals.py draw chat-terminals.json chat-terminals.svg

``record`` needs tmux and nc. It serves the chat, opens a terminal with nc and one with the chat's
own client, types into both, and stores what their screens then show, with its colours. ``draw``
makes an SVG file of that."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.svg import Element, add, as_text, new_picture

ROOT: Final = Path(__file__).resolve().parents[2]
COLUMNS: Final = 60
PORT: Final = 8555  # the one of the guide
IRC_PORT: Final = 6667
PAUSE: Final = 2.0  # seconds before each line, as people need some time
PATIENCE: Final = 20.0  # seconds

# -- recording -------------------------------------------------------------------------------------

# Who types what, the text that shows that it has arrived, and on whose screens.
SCRIPT: Final = (
    ("ada", f"nc 127.0.0.1 {PORT}", "/quit leaves", "ada"),
    ("ada", "/nick ada", "is now ada", "ada"),
    ("bob", f"python -m reactor --protocol chat --connect 127.0.0.1:{PORT}", "/quit leaves", "bob"),
    ("bob", "/nick bob", "is now bob", "ada bob"),
    ("ada", "Good morning! I have nothing but nc here.", "but nc here", "ada bob"),
    ("bob", "Good morning, ada. That is all it takes.", "all it takes", "ada bob"),
    ("iris", "Good morning from an IRC client, too.", "client, too", "ada bob"),
    ("bob", "/me puts the kettle on", "kettle on", "ada bob"),
    ("ada", "/who", "in lobby: ada", "ada"),
)
HEIGHTS: Final = {"ada": 18, "bob": 14}
TITLES: Final = {"ada": "ada: nc", "bob": "bob: the terminal client"}
UNFINISHED: Final = ("bob", "Tea is rea")  # typed without Enter: the client keeps it apart


def record() -> dict[str, Any]:
    """Hold the conversation, and return what the screens show."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "reactor", "--protocol", "chat", "--no-web", "--no-udp"]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            if not any("Press Ctrl+C" in line for line in server.stdout):
                raise SystemExit("the chat does not run: does another one use its ports?")
            with socket.create_connection(("127.0.0.1", IRC_PORT)) as irc:
                return _converse(Path(folder), irc)
        finally:
            server.terminate()
            server.communicate()


def _converse(folder: Path, irc: socket.socket) -> dict[str, Any]:
    terminals = {name: _Terminal(folder, name, height) for name, height in HEIGHTS.items()}
    try:
        for name, text, sign, watchers in SCRIPT:
            time.sleep(PAUSE)
            if name in terminals:
                terminals[name].type(text + "\n")
            else:
                _say_over_irc(irc, name, text)
            for watcher in map(terminals.__getitem__, watchers.split()):
                _await(lambda t=watcher, s=sign: s in t.text, f"{watcher.name}: {sign}")
        name, text = UNFINISHED
        terminals[name].type(text)
        _await(lambda: text in terminals[name].text, text)
        return {
            "columns": COLUMNS,
            "screens": [terminal.screen() for terminal in terminals.values()],
        }
    finally:
        for terminal in terminals.values():
            terminal.close()


def _say_over_irc(irc: socket.socket, name: str, text: str) -> None:
    lines = (f"NICK {name}", f"USER {name} 0 * :{name}", "JOIN #lobby", f"PRIVMSG #lobby :{text}")
    irc.sendall("".join(f"{line}\r\n" for line in lines).encode())


class _Terminal:
    """A terminal of tmux, with a shell in it."""

    def __init__(self, folder: Path, name: str, height: int) -> None:
        self.name = name
        self._tmux = ["tmux", "-S", str(folder / name), "-f", "/dev/null"]
        environment = os.environ | {
            "PS1": "\\[\\e[1;32m\\]$\\[\\e[m\\] ",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        size = ["-x", str(COLUMNS), "-y", str(height)]
        shell = ["bash", "--norc", "--noprofile"]
        subprocess.run(
            [*self._tmux, "new-session", "-d", *size, *shell],
            check=True,
            cwd=ROOT,
            env=environment,
        )
        _await(lambda: "$" in self.text, "a prompt")

    def type(self, text: str) -> None:
        line, newline, _ = text.partition("\n")
        self._run("send-keys", "-l", line)
        if newline:
            self._run("send-keys", "Enter")

    @property
    def text(self) -> str:
        return self._run("capture-pane", "-p", "-J")

    def screen(self) -> dict[str, Any]:
        cursor = self._run("display", "-p", "#{cursor_x} #{cursor_y}").split()
        lines = self._run("capture-pane", "-p", "-e").rstrip("\n").split("\n")
        return {
            "title": TITLES[self.name],
            "lines": lines,
            "cursor": [int(place) for place in cursor],
        }

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)

    def _run(self, *arguments: str) -> str:
        command = [*self._tmux, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"this has not come: {what}")
        time.sleep(0.05)


# -- drawing ---------------------------------------------------------------------------------------

_CELL: Final = 7.8  # width of a letter of 13 px
_LINE: Final = 18
_BAR: Final = 30
_PADDING: Final = 12
_GAP: Final = 14

_STYLE: Final = """
  svg { color-scheme: light dark; font: 13px ui-monospace, Menlo, Consolas, monospace; }
  .window { fill: #16201f; stroke: #2f3b38; } .bar { fill: #24302e; }
  .title { fill: #a3b1ae; font: 12px system-ui, sans-serif; }
  .dot { fill: #4a5956; } .cursor { fill: #5cc9bf; }
  .plain { fill: #e3eae8; } .colour-32 { fill: #7fd6a8; } .bold { font-weight: 700; }
"""
_CODE: Final = re.compile(r"\x1b\[([\d;]*)m")


@dataclass(frozen=True)
class _Run:
    """A piece of a line in one style. ``at``: its first column."""

    at: int
    text: str
    style: str


def draw(recorded: dict[str, Any]) -> str:
    """Return the picture of what ``record`` has stored, as SVG."""
    width = recorded["columns"] * _CELL + 2 * _PADDING
    rows = [max(len(s["lines"]), s["cursor"][1] + 1) for s in recorded["screens"]]
    heights = [_BAR + number * _LINE + 2 * _PADDING for number in rows]
    height = sum(heights) + _GAP * (len(heights) - 1)
    title = "; ".join(screen["title"] for screen in recorded["screens"])
    root = new_picture(width, height, title, "", _STYLE)
    top = 0
    for screen, own_height in zip(recorded["screens"], heights, strict=True):
        _draw_window(root, screen, top, width, own_height)
        top += own_height + _GAP
    return as_text(root)


def _draw_window(
    root: Element, screen: dict[str, Any], top: int, width: float, height: int
) -> None:
    box = {"x": "0.5", "width": f"{width - 1:g}", "rx": "8"}
    add(root, "rect", {"class": "window", "y": f"{top + 0.5}", "height": str(height - 1), **box})
    bar = f"M1 {top + _BAR} V{top + 9} Q1 {top + 1} 9 {top + 1} H{width - 9:g}"
    bar += f" Q{width - 1:g} {top + 1} {width - 1:g} {top + 9} V{top + _BAR} Z"
    add(root, "path", {"class": "bar", "d": bar})
    for number in range(3):
        place = {"cx": str(18 + number * 16), "cy": str(top + 15), "r": "4.5"}
        add(root, "circle", {"class": "dot", **place})
    title = {"x": f"{width / 2:g}", "y": str(top + 19), "text-anchor": "middle"}
    add(root, "text", {"class": "title", **title}, screen["title"])
    first = top + _BAR + _PADDING
    column, row = screen["cursor"]
    cursor = {"x": f"{_PADDING + column * _CELL:g}", "y": str(first + row * _LINE)}
    add(root, "rect", {"class": "cursor", **cursor, "width": f"{_CELL:g}", "height": str(_LINE)})
    for number, line in enumerate(screen["lines"]):
        for run in _runs(line):
            place = {
                "x": f"{_PADDING + run.at * _CELL:g}",
                "y": str(first + number * _LINE + 13),
                "textLength": f"{len(run.text) * _CELL:g}",
                "xml:space": "preserve",
            }
            add(root, "text", {"class": run.style, **place}, run.text)


def _runs(line: str) -> Iterator[_Run]:
    column, codes = 0, set[str]()
    pieces = _CODE.split(line)  # text, codes, text, codes, ..., text
    for index, piece in enumerate(pieces):
        if index % 2:
            given = set(piece.split(";"))
            codes = given - {"0", ""} if given & {"0", ""} else codes - {"39"} | given
            continue
        if piece.strip():
            colour = next((f"colour-{code}" for code in sorted(codes) if code == "32"), "plain")
            yield _Run(column, piece, f"{colour} bold" if "1" in codes else colour)
        column += len(piece)


def main(command: str, path: str, picture: str = "") -> None:
    if command == "record":
        text = json.dumps(record(), indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")
    else:
        recorded = json.loads(Path(path).read_text(encoding="utf-8"))
        Path(picture).write_text(draw(recorded), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
