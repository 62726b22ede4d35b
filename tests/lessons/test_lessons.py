"""The lessons have all their parts, drawings that are up to date, and exercises that can be solved.

What the pages show is run with the other documentation: see tests/docs."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from ..tools.commands import ROOT
from ..tools.waiting import TIMEOUT

LESSONS = ROOT / "docs" / "lessons"
SOLUTIONS = Path(__file__).parent / "solutions"
NAMES = sorted(path.parent.name for path in LESSONS.glob("[0-9]*/index.rst"))
PARTS = ["Run it", "What happens", "Break it", "See it", "Exercise", "In the real one"]
pytestmark = pytest.mark.skipif(
    "WITHOUT_LESSONS" in os.environ, reason=os.environ.get("WITHOUT_LESSONS", "")
)


def names_of_tests(name: str) -> list[str]:
    """The tests of an exercise."""
    tree = ast.parse((LESSONS / name / "test_exercise.py").read_text(encoding="utf-8"))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if function.startswith("test_")]


TESTS = [(name, test) for name in NAMES for test in names_of_tests(name)]
# For each exercise and each of its tests: what went wrong, in all of its cases.
Failures = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def unsolved(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """What the tests say to the exercises as they are."""
    lessons = copy_lessons(tmp_path_factory.mktemp("unsolved"))
    return run_exercises(lessons, patience=0.3)  # what is not solved would wait in vain


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    """What the tests say to the solutions."""
    lessons = copy_lessons(tmp_path_factory.mktemp("solved"))
    for name in NAMES:
        shutil.copy(SOLUTIONS / f"{name}.py", lessons / name / "exercise.py")
    return run_exercises(lessons, patience=TIMEOUT / 10)


def copy_lessons(folder: Path) -> Path:
    ignore = shutil.ignore_patterns("calls.*", "__pycache__", "*.rst")
    return shutil.copytree(LESSONS, folder / "lessons", ignore=ignore)


def run_exercises(lessons: Path, patience: float) -> Failures:
    report = lessons.parent / "report.xml"
    options = ["--continue-on-collection-errors", "-p", "no:cacheprovider", f"--junit-xml={report}"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *NAMES],
        cwd=lessons,
        env={**os.environ, "LESSON_PATIENCE": str(patience), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert result.returncode in (0, 1), result.stdout + result.stderr
    failures: Failures = defaultdict(lambda: defaultdict(list))
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["classname"].partition(".")[0]
        test = case.attrib["name"].partition("[")[0]
        # Inside: a failure, an error before or after the test, or a reason to skip it.
        failures[name][test] += [f"{wrong.tag}: {wrong.text}" for wrong in case]
    return failures


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_all_its_parts(name: str) -> None:
    lines = (LESSONS / name / "index.rst").read_text(encoding="utf-8").splitlines()
    headings = [line for line, below in pairwise(lines) if line and below == "-" * len(line)]
    assert headings == PARTS
    assert 15 <= len((LESSONS / name / "server.py").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("name", NAMES)
def test_a_drawing_is_that_of_the_recorded_calls(
    load_tool: Callable[[str], ModuleType], name: str
) -> None:
    recorded = json.loads((LESSONS / name / "calls.json").read_text(encoding="utf-8"))
    drawing = (LESSONS / name / "calls.svg").read_text(encoding="utf-8")
    assert drawing == load_tool("draw").draw(recorded)


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_fails_until_it_is_solved(unsolved: Failures, name: str) -> None:
    assert sorted(unsolved[name]) == sorted(names_of_tests(name))
    wrong = [text for texts in unsolved[name].values() for text in texts]
    assert any(text.startswith("failure: ") for text in wrong), wrong


@pytest.mark.parametrize(("name", "test"), TESTS)
def test_a_solution_passes(solved: Failures, name: str, test: str) -> None:
    assert test in solved[name]  # it has run
    assert solved[name][test] == []


def test_the_exercises_need_no_plugin_of_our_own_tests() -> None:
    options = ["-p", "no:timeout", "-p", "no:cacheprovider", "--collect-only"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "docs/lessons/01_blocking"],
        cwd=ROOT,  # as the pages say
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert result.returncode == 0, result.stdout + result.stderr
