"""The drawings of the lessons are framed, so that they can scroll where a page is narrow."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from docutils import nodes
from docutils.utils import new_document

from ..tools.commands import ROOT

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="500" />'


def test_only_the_drawing_of_a_lesson_is_framed(tmp_path: Path) -> None:
    path = ROOT / "docs" / "_extensions" / "drawings.py"
    spec = importlib.util.spec_from_file_location("drawings", path)
    assert spec is not None
    assert spec.loader is not None
    drawings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawings)
    (tmp_path / "calls.svg").write_text(SVG, encoding="utf-8")
    page = new_document(str(tmp_path / "index.rst"))
    page += nodes.image(uri="lessons/01_blocking/calls.svg")
    page += nodes.image(uri="images/chat.png")

    drawings.frame(page)
    framed, other = page.children
    assert framed["classes"] == ["drawing"]
    assert [image["width"] for image in framed.children] == ["860px"]
    assert isinstance(other, nodes.image)
    assert "width" not in other
