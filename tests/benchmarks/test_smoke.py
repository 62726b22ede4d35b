"""Each benchmark works: a minimal run of our own servers. Its figures mean nothing."""

import subprocess
import sys

import pytest

from benchmarks.__main__ import BENCHMARKS, COMMANDS, make_parser

from ..tools.commands import ROOT
from ..tools.waiting import TIMEOUT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="benchmarks run on Linux only")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("charts")


@pytest.fixture(scope="module")
def runs(folder):
    """All benchmarks at once, as they mostly wait."""
    processes = {
        name: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks",
                name,
                "--smoke",
                "--chart",
                folder / f"{name}.svg",
                "--results",
                folder / f"{name}.json",
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in BENCHMARKS
    }
    yield processes
    for process in processes.values():
        process.terminate()  # so that it ends its servers
        process.communicate(timeout=TIMEOUT)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_runs(runs, folder, name):
    output, errors = runs[name].communicate(timeout=TIMEOUT)
    if runs[name].returncode == 2 and errors.endswith(
        ("install it\n", "install a compiler (cc)\n")
    ):
        pytest.skip(errors.strip())

    assert runs[name].returncode == 0, output + errors
    assert errors == ""
    assert output.count("\n") > 5
    assert "is better)" in (folder / f"{name}.svg").read_text()
    assert draw(folder / f"{name}.json", folder).stdout == f"{folder / name}.svg\n"


def draw(file, folder):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "draw", file, folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_a_file_without_results_is_one_line_and_status_2(tmp_path):
    drawn = draw(tmp_path / "missing.json", tmp_path)

    assert drawn.returncode == 2
    assert drawn.stderr.startswith("benchmarks: cannot read ")
    assert drawn.stderr.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_minimal_run_are_options_of_the_benchmark(name):
    options = make_parser().parse_args([name])

    assert COMMANDS[name].SMOKE.keys() <= vars(options).keys()
