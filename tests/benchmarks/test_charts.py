"""Charts of the results: what is drawn, how long the bars are, and what a screen reader gets."""

from xml.etree import ElementTree

import pytest

from benchmarks import common
from benchmarks.charts import WIDTH, chart_of, charts_of, write_all, write_charts
from benchmarks.results import Results, Table, load, save

SVG = "{http://www.w3.org/2000/svg}"
ECHO = Table("Echo, 9 rounds", ["", "CPU us", "best"], [["reactor", "2.5", "2.0"]], "CPU us")


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


def test_all_bars_are_ours_if_no_other_server_was_measured(draw):
    drawn = bars(draw(chart_of("UDP", "CPU", ["1,000/s", "2,000/s"], ["2%", "4%"])))

    assert [kind for kind, _ in drawn] == ["bar ours", "bar ours"]


def test_figures_are_shown_as_in_the_table(draw):
    shown = texts(draw(chart_of("Chat, 9 members", "lines/s", ["reactor"], ["1,234,567"])))

    assert shown[:3] == ["Chat", "lines/s (more is better)", "9 members"]
    assert "1,234,567" in shown


def test_of_costs_less_is_better(draw):
    assert "CPU µs (less is better)" in texts(draw(chart_of("Echo", "CPU us", [], [])))


def test_long_details_take_several_lines_and_the_bars_begin_below_them(draw):
    root = draw(chart_of(f"Echo, {'many details ' * 9}", "CPU us", ["reactor"], ["2.5"]))

    (bar,) = (rect for rect in root.iter(f"{SVG}rect") if "bar" in rect.get("class"))
    details = [text for text in root.iter(f"{SVG}text") if "many" in text.text]
    assert len(details) == 2
    assert float(bar.get("y")) > float(details[-1].get("y"))


def test_names_bars_and_figures_fit_beside_each_other(draw):
    root = draw(chart_of("Echo", "CPU us", ["a server of 26 characters.", "b"], ["1,234,567", "1"]))

    first, _ = (rect for rect in root.iter(f"{SVG}rect") if "bar" in rect.get("class"))
    end = float(first.get("x")) + float(first.get("width"))
    assert float(first.get("x")) > 26 * 6
    assert end + 9 * 7 <= WIDTH


def test_a_screen_reader_gets_every_figure(draw):
    root = draw(chart_of("Echo", "CPU us", ["reactor", "C & more"], ["2.5", "1.0"]))

    assert root.get("role") == "img"
    assert root.find(f"{SVG}desc").text == "CPU µs: reactor 2.5, C & more 1.0."


def test_a_figure_that_is_none_has_no_bar_to_speak_of(draw):
    (_, width), _ = bars(draw(chart_of("Echo", "CPU us", ["a", "b"], ["nan", "4"])))

    assert width == 2


def test_the_machine_is_below(draw):
    assert texts(draw(chart_of("Echo", "CPU us", ["a"], ["1"])))[-2:] == ["CPython", "Linux"]


def test_a_table_names_the_column_to_draw(monkeypatch, capsys):
    monkeypatch.setattr(common, "tables", found := [])

    common.print_table("Title", ["", "a", "b"], [["x", "1", "2"]], chart="b")
    common.print_table("Other", ["", "a"], [["x", "1"]])

    assert [(chart.column, chart.bars) for chart in charts_of(found)] == [("b", [("x", 2.0)])]


def test_results_that_were_stored_are_drawn_in_a_file_for_each_benchmark(tmp_path):
    nothing_to_draw = Table("Other", ["", "a"], [["x", "1"]])
    results = {
        "echo": Results("Linux", "2026-11-22", [ECHO, nothing_to_draw]),
        "other": Results("Linux", "2026-11-22", [nothing_to_draw]),
    }
    save(tmp_path / "results.json", results)

    stored = load(tmp_path / "results.json")

    assert stored == results
    assert write_all(tmp_path / "charts", stored) == [tmp_path / "charts" / "echo.svg"]
    root = ElementTree.parse(tmp_path / "charts" / "echo.svg").getroot()
    assert texts(root)[-2:] == ["reactor", "2.5"]


def test_a_benchmark_that_is_measured_again_replaces_its_own_results_only(tmp_path):
    first, second = (Results("Linux", date, [ECHO]) for date in ("2026-11-22", "2026-11-23"))
    save(tmp_path / "results.json", {"echo": first, "chat": first})
    save(tmp_path / "results.json", {"chat": second})

    assert load(tmp_path / "results.json") == {"echo": first, "chat": second}


@pytest.mark.parametrize("text", ["", "[]", '{"echo": {"tables": [{"heads": []}]}}'])
def test_what_is_no_result_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text)

    with pytest.raises(ValueError, match=r"results|Expecting"):
        load(tmp_path / "results.json")
