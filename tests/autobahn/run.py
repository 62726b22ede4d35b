"""Autobahn's fuzzing client against our WebSockets: ``tox -e autobahn``.

The client needs Python 2.7 (``python2.7`` in the path, or pyenv's); without it this prints a
message and does nothing. Arguments: the folder to work in, and the cases (all by default: about ten
minutes). The exit status is 1 if a case is not OK; those called informational do not count.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT = 1800  # seconds; only reached by what is broken
# Large messages are what cases 9 send.
LIMITS = ("--max-message", "33554432", "--max-inflated", "33554432", "--max-fragments", "1048576",
          "--max-unread", "67108864")  # fmt: skip
GOOD = ("OK", "INFORMATIONAL")

_MODULE = """
from protocols.websocket import WebSocket

class Echo(WebSocket):
    def message_received(self, message):
        self.send(message)
"""


def find_python2() -> str | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = sorted(versions.glob("2.7.*/bin/python2.7"))
    return str(found[-1]) if found else shutil.which("python2.7")


def install(folder: Path, python2: str) -> Path:
    """Install Autobahn's test suite in a separate environment. Returns its command."""
    environment = folder / "python2"
    command = environment / "bin" / "wstest"
    if not command.exists():
        virtualenv = [sys.executable, "-m", "virtualenv", "-q", "-p", python2, str(environment)]
        subprocess.run(virtualenv, check=True)
        pip = [str(environment / "bin" / "pip"), "install", "-q", "autobahntestsuite"]
        subprocess.run(pip, check=True)
    return command


def run_cases(folder: Path, wstest: Path, cases: list[str]) -> dict[str, dict[str, str]]:
    """The result of each case."""
    (folder / "hall.py").write_text(_MODULE)
    server = subprocess.Popen(
        [sys.executable, "-m", "reactor", "--protocol", "hall:Echo", "--port", "0", *LIMITS],
        cwd=folder, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert server.stdout is not None
    with server:
        try:
            url = server.stdout.readline().partition(": ")[2].strip()
            specification = {
                "outdir": str(folder / "reports"),
                "servers": [{"agent": "reactor", "url": url}],
                "cases": cases,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            (folder / "cases.json").write_text(json.dumps(specification))
            subprocess.run(
                [str(wstest), "-m", "fuzzingclient", "-s", str(folder / "cases.json")],
                check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            server.terminate()
    report: dict[str, dict[str, dict[str, str]]]
    report = json.loads((folder / "reports" / "index.json").read_text())
    return report["reactor"]


def main(folder: Path, cases: list[str]) -> int:
    python2 = find_python2()
    if python2 is None:
        print("Autobahn's test suite needs Python 2.7, which is not here: nothing was tested")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    results = run_cases(folder, install(folder, python2), cases or ["*"])
    bad = {
        case: f"{result['behavior']}, close {result['behaviorClose']}"
        for case, result in results.items()
        if result["behavior"] not in GOOD or result["behaviorClose"] not in GOOD
    }
    for case, result in sorted(bad.items()):
        print(f"{case}: {result} (see {folder / 'reports'})")
    print(f"{len(results) - len(bad)} of {len(results)} cases are good")
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
