"""The drawings in docs/images agree with the code and the recordings that they are made from."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

from docutils import nodes

from benchmarks.charts import write_all
from benchmarks.results import load as load_results
from reactor import STEPS

from ..tools.commands import ROOT
from .blocks import parse

IMAGES = ROOT / "docs" / "images"
SVG = "{http://www.w3.org/2000/svg}"


def load(name: str) -> ModuleType:
    path = ROOT / "docs" / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module


def texts(svg: str, kind: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    found = [text for text in root.iter(f"{SVG}text") if kind in text.get("class", "").split()]
    return [text.text or "" for text in found]


def test_the_picture_of_the_turn_is_drawn_from_the_reactors_steps() -> None:
    picture = (IMAGES / "turn.svg").read_text(encoding="utf-8")

    assert picture == load("turn").draw()
    assert [name.lower() for name in texts(picture, "name")] == list(STEPS)
    assert texts(picture, "number") == [str(number) for number in range(1, len(STEPS) + 1)]


def test_the_inspector_gives_the_steps_the_same_names() -> None:
    page = ROOT / "protocols" / "inspector" / "page" / "steps.js"
    names = re.findall(r'\{ name: "(\w+)", title: "(\w+)"', page.read_text(encoding="utf-8"))

    assert names == [(name, name.capitalize()) for name in STEPS]


def test_the_picture_of_the_terminals_is_that_of_the_recorded_session() -> None:
    recorded = json.loads((IMAGES / "chat-terminals.json").read_text(encoding="utf-8"))
    picture = (IMAGES / "chat-terminals.svg").read_text(encoding="utf-8")

    assert picture == load("terminals").draw(recorded)
    shown = " ".join(texts(picture, "plain"))
    assert "nc 127.0.0.1 8555" in shown
    assert "--protocol chat --connect" in shown


def test_colours_of_a_screen_are_kept() -> None:
    screen = {"title": "t", "lines": ["\x1b[1m\x1b[32m$\x1b[0m ls  -l \x1b[m"], "cursor": [9, 0]}
    root = ElementTree.fromstring(load("terminals").draw({"columns": 20, "screens": [screen]}))

    found = [(text.text, text.get("class")) for text in root.iter(f"{SVG}text")]
    assert found == [("t", "title"), ("$", "colour-32 bold"), (" ls  -l ", "plain")]


def test_the_charts_are_those_of_the_stored_results(tmp_path) -> None:
    folder = IMAGES / "benchmarks"
    page = (ROOT / "docs" / "guide" / "benchmarks.rst").read_text(encoding="utf-8")
    shown = sorted(re.findall(r"images/benchmarks/(\w+\.svg)", page))
    write_all(tmp_path, load_results(folder / "results.json"))

    assert len(shown) > 5
    assert shown == sorted(path.name for path in folder.glob("*.svg"))
    for name in shown:
        assert (folder / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), name


def test_what_replaces_a_chart_has_its_figures() -> None:
    """For those who cannot see it, and for those who change it."""
    results = load_results(IMAGES / "benchmarks" / "results.json")
    page = parse((ROOT / "docs" / "guide" / "benchmarks.rst").read_text("utf-8"), "benchmarks.rst")

    for image in page.findall(nodes.image):
        tables = results[Path(image["uri"]).stem].tables
        ours = [
            t.column(t.chart)[i] for t in tables for i, n in enumerate(t.names) if n == "reactor"
        ]
        for figure in ours:
            assert figure in image["alt"] or figure.rstrip("0") in image["alt"], image["uri"]
