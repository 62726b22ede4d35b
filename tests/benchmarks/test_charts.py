"""Charts of the results: what is drawn, how long the bars are, and what a screen reader gets."""

from xml.etree import ElementTree

import pytest

from benchmarks import common
from benchmarks.charts import chart_of, write_charts

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def draw(tmp_path):
    def draw(*charts):
        write_charts(tmp_path / "chart.svg", charts, "CPython\nLinux")
        return ElementTree.parse(tmp_path / "chart.svg").getroot()

    return draw


def bars(root):
    return [
        (rect.get("class"), float(rect.get("width")))
        for rect in root.iter(f"{SVG}rect")
        if "bar" in rect.get("class")
    ]


def texts(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_figures_say(draw):
    (ours, first), (theirs, second) = bars(
        draw(chart_of("Echo", "CPU us", ["reactor", "other"], ["2.5", "10.0"]))
    )

    assert second / first == pytest.approx(4, rel=0.01)
    assert (ours, theirs) == ("bar ours", "bar")


def test_figures_are_shown_as_in_the_table(draw):
    shown = texts(draw(chart_of("Chat, 9 members", "lines/s", ["reactor"], ["1,234,567"])))

    assert "1,234,567" in shown
    assert "Chat: lines/s (more is better)" in shown
    assert "9 members" in shown


def test_of_costs_less_is_better(draw):
    assert "Echo: CPU us (less is better)" in texts(draw(chart_of("Echo", "CPU us", [], [])))


def test_a_screen_reader_gets_every_figure(draw):
    root = draw(chart_of("Echo", "CPU us", ["reactor", "C & more"], ["2.5", "1.0"]))

    assert root.get("role") == "img"
    assert root.find(f"{SVG}desc").text == "CPU us: reactor 2.5, C & more 1.0."


def test_a_figure_that_is_none_has_no_bar_to_speak_of(draw):
    (_, width), _ = bars(draw(chart_of("Echo", "CPU us", ["a", "b"], ["nan", "4"])))

    assert width == 2


def test_the_machine_is_below(draw):
    assert texts(draw(chart_of("Echo", "CPU us", ["a"], ["1"])))[-2:] == ["CPython", "Linux"]


def test_a_table_names_the_column_to_draw(monkeypatch, capsys):
    monkeypatch.setattr(common, "charts", found := [])

    common.print_table("Title", ["", "a", "b"], [["x", "1", "2"]], chart="b")
    common.print_table("Other", ["", "a"], [["x", "1"]])

    assert [(chart.column, chart.bars) for chart in found] == [("b", [("x", 2.0)])]
