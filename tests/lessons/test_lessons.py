"""The lessons: their drawings are up to date, and their exercises can be solved.

What the pages show is run with the other documentation: see tests/docs."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..tools.commands import ROOT
from ..tools.waiting import TIMEOUT

LESSONS = ROOT / "docs" / "lessons"
SOLUTIONS = Path(__file__).parent / "solutions"
pytestmark = pytest.mark.skipif(
    "WITHOUT_LESSONS" in os.environ, reason=os.environ.get("WITHOUT_LESSONS", "")
)
DRAWN = sorted(path.parent.name for path in LESSONS.glob("*/calls.json"))
EXERCISES = sorted(path.parent.name for path in LESSONS.glob("*/exercise.py"))


@pytest.fixture(scope="module")
def draw() -> Any:
    spec = importlib.util.spec_from_file_location("draw", LESSONS / "tools" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw"] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module.draw


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_that_of_the_recorded_calls(draw: Any, name: str) -> None:
    recorded = json.loads((LESSONS / name / "calls.json").read_text(encoding="utf-8"))
    assert (LESSONS / name / "calls.svg").read_text(encoding="utf-8") == draw(recorded)


def run_exercise(folder: Path, patience: float) -> subprocess.CompletedProcess[str]:
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(folder.parent)]
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LESSON_PATIENCE": str(patience), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_fails_until_it_is_solved(name: str, tmp_path: Path) -> None:
    shutil.copy(LESSONS / "conftest.py", tmp_path)
    folder = tmp_path / name
    shutil.copytree(LESSONS / name, folder)
    unsolved = run_exercise(folder, 0.3)  # what is not solved would wait in vain
    assert unsolved.returncode == 1, unsolved.stdout
    assert "failed" in unsolved.stdout

    shutil.copy(SOLUTIONS / f"{name}.py", folder / "exercise.py")
    solved = run_exercise(folder, TIMEOUT / 10)
    assert solved.returncode == 0, solved.stdout
