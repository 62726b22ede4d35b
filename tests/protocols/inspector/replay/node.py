"""Node, with the modules of the inspector's page in a folder where it takes them for modules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ....tools.commands import ROOT
from ....tools.waiting import TIMEOUT

HERE = Path(__file__).parent
TESTS = HERE / "js"
PAGE = ROOT / "protocols" / "inspector" / "page"


def node_folder(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Fill ``folder``. Returns a function that runs node there with its arguments. Skips the test
    where there is no node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("the modules of the page are tested in node: apt-get install nodejs")
    (folder / "package.json").write_text('{"type": "module"}')
    for file in (*TESTS.glob("*.js"), *HERE.glob("*.json")):
        shutil.copy(file, folder)
    shutil.copytree(PAGE, folder / "page")

    def run(*arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [node, *arguments], cwd=folder, input=input, capture_output=True, text=True,
            timeout=TIMEOUT, check=False,
        )  # fmt: skip

    return run
