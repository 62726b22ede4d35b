"""Every code block of README.rst and docs/ is run. ``trial.py`` says how."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from docutils import nodes

from ..tools.commands import ROOT
from .blocks import SPHINX_ONLY, DocumentError, blocks_of, parse, read_blocks
from .trial import Trial

DOCUMENTS = [*sorted(ROOT.glob("*.rst")), *sorted((ROOT / "docs").rglob("*.rst"))]
COPIED = ("LICENSE", "README.rst", "docs", "pyproject.toml", "protocols", "reactor")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of those files of a clone that the documents need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    return tmp_path


@pytest.mark.timeout(300)  # the README's first command downloads something
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_lessons = os.environ.get("WITHOUT_LESSONS")
    if without_lessons and "lessons" in path.parts:
        pytest.skip(without_lessons)
    if "lessons" in path.parts:  # programs in folders of their own import the reactor
        monkeypatch.setenv("PYTHONPATH", str(folder))
    problem = ""
    try:
        trial = Trial(read_blocks(path, ROOT), folder)
        trial.run()
    except DocumentError as error:
        problem = str(error)
    if problem:  # without a traceback: the message says where in the document
        pytest.fail(problem, pytrace=False)
    assert trial.tried == len(trial.blocks)


def test_readme_needs_no_sphinx() -> None:
    document = parse((ROOT / "README.rst").read_text(encoding="utf-8"), "README.rst")
    elements = document.findall(nodes.Element)
    assert not [node for node in elements if SPHINX_ONLY in node.get("classes", ())]


def test_ci_runs_what_the_readme_says() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    said = [
        block.text
        for block in read_blocks(ROOT / "README.rst", ROOT)
        if "install tox" in block.text
    ]
    assert len(said) == 1
    assert said[0].strip() in ci


def run(text: str, folder: Path) -> None:
    Trial(list(blocks_of(parse(text, "page.rst"), "page.rst")), folder).run()


def block(language: str, text: str, *notes: str) -> str:
    body = "".join(f"   {line}\n" for line in text.splitlines())
    comments = "".join(f".. {note}\n\n" for note in notes)
    return f"{comments}.. code-block:: {language}\n\n{body}\n"


GOOD = {
    "script": block("python", "import reactor"),
    "continued": block("python", "x = 1") + block("python", "assert x == 1", "continues:"),
    "output": block("python", "print(1 + 1)") + block("text", "2", "output:"),
    "doctests share names": ">>> x = 1\n\nthen\n\n>>> x\n1\n",
    "file": block("python", "print('hi')", "file: hi.py") + block("console", "$ python hi.py\nhi"),
    "toml": block("toml", "a = 1"),
    "dots": block("console", "$ seq 9\n1\n...\n8\n9\n$ echo over\nov..."),
    "time": block("console", "$ date +%T\n12:00:00"),
    "a command that fails and says so": block("console", "$ false\n$ echo $?\n1"),
    "typed": block("console", "$ cat\nhello\nhello", "typed:\n   hello", "runs on:"),
    "typed, and not shown": block(
        "console",
        "$ stty -echo; echo who; read a; stty echo; echo got $a\nwho\ngot it",
        "typed:\n   it => got it",
    ),
    "copied": block("sh", "# a comment\necho one \\\n  two\ntrue"),
    "left running": block("sh", """bash -c "echo ready; exec cat" """, "runs on: ready"),
    "two terminals": (
        block("console", "$ mkfifo pipe; echo made; cat pipe\nmade\nhello")
        + block("console", "$ echo hello > pipe", "meanwhile: made")
    ),
    "exempt": block("text", "a picture", "not run: a picture"),
}

BAD = {
    "no language": ("look::\n\n   x\n", "say why"),
    "unknown language": (block("cobol", "x"), "say why"),
    "text without a reason": (block("text", "x"), "say why"),
    "no reason": (block("text", "x", "not run:"), "needs a reason"),
    "unknown note": (block("python", "x = 1", "skip: it fails"), "'skip'"),
    "unknown directive": (".. hidden::\n\n   .. code-block:: cobol\n\n      x\n", "hidden"),
    "exception": (block("python", "1 / 0"), "ZeroDivisionError"),
    "exit status": (block("python", "raise SystemExit(3)"), "exit status 3"),
    "warning": (block("python", "import warnings; warnings.warn('old')"), "UserWarning"),
    "leak": (block("python", "open('README.rst')"), "ResourceWarning"),
    "test that nothing calls": (block("python", "def test_x():\n    assert 0"), "nothing calls"),
    "file that nothing uses": (block("python", "x = 1", "file: lost.py"), "no later block"),
    "other output": (block("python", "print(1)") + block("text", "2", "output:"), "prints"),
    "doctest": (">>> 1 + 1\n3\n", "Got:"),
    "toml": (block("toml", "a ="), "page.rst:3 (toml)"),
    "no prompt": (block("console", "true"), "begins with a command"),
    "other line": (block("console", "$ echo one\ntwo"), "but it is:  one"),
    "longer line": (block("console", "$ echo one two\none\n$ true"), "but it is:  one two"),
    "one more line": (block("console", "$ printf '1\\n2\\n'\n1"), "does not show: 2"),
    "line between": (block("console", "$ seq 3\n1\n3\n"), "but it is:  2"),
    "failing command": (block("console", "$ false\n$ true"), "exit status 1: $ false"),
    "failing command to copy": (block("sh", "true\nfalse"), "exit status 1: $ false"),
    "bad end": (
        block(
            "sh",
            """bash -c "trap 'exit 7' INT; echo up; while :; do sleep .01; done" """,
            "runs on: up",
        ),
        "exit status 7: $ bash",
    ),
    "traceback at the end": (
        block("python", "import time\nprint('up')\nwhile True: time.sleep(.01)", "file: up.py")
        + block("console", "$ python up.py\nup", "runs on:"),
        "a traceback at the end",
    ),
    "nothing before": (block("console", "$ true", "meanwhile: x"), "no terminal before"),
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_good_blocks_pass(text: str, folder: Path) -> None:
    run(text, folder)


LOSES_ONE = """
import signal, sys

def lose(*_):
    signal.signal(signal.SIGINT, lambda *_: sys.exit())

signal.signal(signal.SIGINT, lose)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_ctrl_c_that_is_lost_is_typed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.docs.trial._AGAIN", 0.1)
    program = block("python", LOSES_ONE.strip(), "file: program.py")
    run(program + block("console", "$ python program.py\nready", "runs on:"), folder)


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_bad_blocks_fail(text: str, message: str, folder: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        run(text, folder)
    assert message in str(caught.value)
