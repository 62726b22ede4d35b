"""The modules of the inspector's page that need no browser, in node: see ``js/``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ....tools.commands import ROOT
from ....tools.waiting import TIMEOUT

TESTS = Path(__file__).parent / "js"
PAGE = ROOT / "protocols" / "inspector" / "page"
SHARED = ROOT / "protocols" / "page" / "shared"


@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.js")))
def test_modules(name: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("the modules of the page are tested in node: apt-get install nodejs")
    # Node takes .js files for modules only below a package.json that says so.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(TESTS / name, tmp_path)
    shutil.copytree(PAGE, tmp_path / "page")
    shutil.copytree(SHARED, tmp_path / "page" / "shared")  # as PageFiles serves it
    result = subprocess.run(
        [node, "--test", name], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
