"""The differences in the lessons name files of the project, not of the machine that builds them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ..tools.commands import ROOT

DIFF = """\
--- /home/me/project/docs/old.py
+++ /home/me/project/docs/new.py
@@ -1 +1 @@
-path = "one"
+path = "two"
--- /home/me/project/ is a line of the file here
"""


def test_the_paths_are_relative_to_the_project():
    path = ROOT / "docs" / "_extensions" / "short_diffs.py"
    spec = importlib.util.spec_from_file_location("short_diffs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    shown = module.shorten(DIFF, Path("/home/me/project")).splitlines()

    assert shown[:2] == ["--- docs/old.py", "+++ docs/new.py"]
    assert shown[2:] == DIFF.splitlines()[2:]
