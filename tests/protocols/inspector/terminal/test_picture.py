"""What a document looks like, on screens of all sizes."""

import re

import pytest

from protocols.inspector.terminal.cells import Look, width_of
from protocols.inspector.terminal.client import inspector_address
from protocols.inspector.terminal.descriptors import SORTS, View
from protocols.inspector.terminal.layout import picture
from protocols.inspector.terminal.summary import steps_bar, strip

from .documents import HELLO, PAUSED, row, state
from .world import World


def rows_of(world, text):
    at = next(number for number, line in enumerate(world.lines) if line.startswith(text))
    return world.lines[at:]


def test_the_header_says_what_runs_and_how_busy_it_is():
    world = World(100, 30)

    assert world.lines[0].split() == [
        *("chat", "pid", "4711", "Python", "3.11.7", "EpollPoller", "running", "up", "1h02m"),
    ]
    assert world.lines[1].startswith("turns/s 100  load 20%  events/turn 2.0  lag 4.0ms")


def test_a_loop_that_is_blocked_is_said_to_be():
    block = {"id": 8, "at": 1000.0, "took": 1.25, "going_on": True, "name": "Chat.data_received"}
    blocked = state(blocked={"total": 1, "recent": [block]})
    shown = picture(HELLO, blocked, View(), (100, 30), now=None, look=Look(), lost=False)
    header, figures = ("".join(text for text, _ in line) for line in shown.lines[:2])

    assert " BLOCKED 1.2s " in header
    assert "lag 1.2s" in figures  # a callback of call_soon already waits that long
    paused = blocked | {"control": {"mode": "paused"}}
    shown = picture(HELLO, paused, View(), (100, 30), now=None, look=Look(), lost=False)
    assert " PAUSED " in "".join(text for text, _ in shown.lines[0])


def test_the_last_line_has_the_keys_that_fit():
    for columns in (40, 60, 80, 160):
        line = World(columns, 24).lines[-1]
        assert line.startswith(" q quit  space pause")
        assert len(line) <= columns
        assert line.endswith("?" if columns < 100 else "? help")
        assert not re.search(r"[ ]{3}", line)  # nothing is cut


def test_the_bar_has_a_cell_for_each_step_that_took_time():
    bar = "".join(
        text for text, style in steps_bar(HELLO, state(), 106) if style.startswith("step")
    )

    assert len(bar) == 100
    assert sorted(set(bar)) == ["1", "2", "3", "4", "5", "6", "7"]  # step 8 took nothing
    assert bar == "".join(sorted(bar))
    assert 75 <= bar.count("2") <= 80
    tiny = state(
        steps={"seconds": [0.0006, 0.9, 0, 0, 0, 0, 0, 0.0006], "of": 1.0},
        strip={"7": [0.9, 0.0012, 1, 1, 0.0]},
    )
    assert "".join(text for text, _ in steps_bar(HELLO, tiny, 40)) == "steps 1" + "2" * 32 + "8"


def test_a_loop_that_has_waited_for_a_second_has_only_waited():
    # No turn has ended in that second, or only one that was short.
    idle = state(
        steps={"seconds": [0, 0.00001, 0, 0, 0, 0, 0, 0], "of": 0.00001},
        strip={str(number): [0.25, 0.0, 0, 0, 0.0] for number in range(10)},
    )
    assert "".join(text for text, _ in steps_bar(HELLO, idle, 40)) == "steps " + "2" * 34
    assert "".join(text for text, _ in steps_bar({}, {}, 40)) == "steps -"


def test_the_strip_marks_what_was_too_slow():
    line = strip(HELLO, state(), 86, Look())
    columns = line[1:]

    assert len(columns) == 80
    assert [number for number, (_, style) in enumerate(columns) if style == "bad"] == [
        80 - 1 - (3999 // 3 - 3990 // 3)
    ]
    assert {text for text, _ in columns} == {"▂"}


def test_the_panels_show_what_blocked_the_timers_and_the_slowest_calls():
    world = World(100, 30)

    assert rows_of(world, "What blocked")[1].split() == [
        *("300ms", "3.0s", "ago", "app.py:12", "in", "handler", "time.sleep(0.3)"),
    ]
    titles, values = rows_of(world, "Timers")[:2]
    assert titles.startswith("Timers 31 set  29 idle  3 cancelled")
    assert values.split() == [
        *("1.5s", "Hub.tick", "timer", "1.5s", "300ms", "1.2k", "Chat.data_receive"),
    ]


def test_a_paused_loop_shows_what_each_step_did_and_what_the_next_ones_will_do():
    world = World(80, 30)
    world.inspector.patch(**PAUSED)
    world.advance(0.1)

    assert "PAUSED" in world.lines[0]
    assert rows_of(world, "Turn 77")[:9] == [
        "Turn 77",
        "  1 timeout   waits 500ms: timer Hub.tick",
        "  2 wait      waited 500ms: 2 events",
        "  3 clock",
        "> 4 dispatch  8 R Chat.data_received 192.0.2.7:40008, 9 RW (512 to send)",
        "  5 timers    Hub.expire",
        "  6 callbacks Room.deliver",
        "  7 flush     9 Chat 192.0.2.7:40009: 2.0K to send",
        "  8 close     11",
    ]
    done = {
        **PAUSED["turn"],
        "step": 8,
        "calls": [
            ["event", "Chat.data_received", 42, 8, "R", 64],
            ["idle timer", "Hub.expire", 1500],
            ["callback", "Room.deliver", 7],
        ],
        "flushes": [[9, 2048, 512]],
    }
    world.inspector.patch(turn=done)
    world.advance(0.1)
    assert rows_of(world, "Turn 77")[4:9] == [
        "  4 dispatch  8 R Chat.data_received 64 in 42us",
        "  5 timers    Hub.expire 1.5ms",
        "  6 callbacks Room.deliver 7.0us",
        "  7 flush     9: 2.0K sent, 512 left",
        "> 8 close     11",
    ]


def test_the_smallest_screen_shows_the_step_of_a_paused_loop():
    world = World(40, 10)
    world.inspector.patch(**PAUSED)
    world.advance(0.1)

    assert world.line("> 4 dispatch") == "> 4 dispatch  8 R Chat.data_received 192"
    assert world.fds == [6, 7, 8]


def test_a_queue_is_shown_with_its_limit():
    full = row(7, queued=1_000_000, writing_paused=True)
    document = state()
    document["descriptors"]["rows"]["7"] = full
    world = World(140, 30)
    world.inspector.patch(descriptors=document["descriptors"])
    world.advance(0.5)

    line = next(line for line in world.lines if "192.0.2.7:40007" in line)
    assert "977K ███████░ w paused" in line


def test_names_of_peers_cannot_control_the_terminal():
    document = state()
    document["descriptors"]["rows"]["7"] = row(7, protocol="Ch\x1b[2Jat", peer="evil\x1b]0;x\x07\n")
    world = World(100, 30)
    world.inspector.patch(descriptors=document["descriptors"])
    world.advance(0.5)

    assert world.line("evil").split()[:4] == ["7", "stream", "Chat", "evil"]
    assert all(b"\x1b]" not in data and b"\n" not in data for data in world.screen.writes)


@pytest.mark.parametrize("columns", [1, 20, 40, 59, 80, 100, 131, 400])
@pytest.mark.parametrize("rows", [1, 2, 5, 7, 10, 15, 24, 60])
@pytest.mark.parametrize("mode", ["running", "paused"])
def test_every_size_has_a_picture_that_fits(columns, rows, mode):
    document = state(**(PAUSED if mode == "paused" else {}))
    for look in (Look(), Look(unicode=False, colour=False)):
        shown = picture(HELLO, document, View(), (columns, rows), now=1000.0, look=look, lost=False)
        assert len(shown.lines) <= max(2, rows - 1)
        if columns >= 40:
            assert width_of(shown.lines[0]) == columns
        if rows >= 10:
            assert len(shown.lines) == rows - 1
            assert shown.table_rows >= 3


@pytest.mark.parametrize(
    "document",
    [
        {},
        dict.fromkeys(state()),
        dict.fromkeys(state(), 3),
        {name: [None, {}, [], "x"] for name in state()},
        {name: {"recent": [None, 3], "next": [[]], "rows": {"6": 1}} for name in state()},
        {"strip": {"x": [], "1": ["a"] * 5, "-1": 0}, "descriptors": {"matching": 1e300}},
    ],
)
def test_a_document_that_is_not_as_expected_is_drawn_anyway(document):
    for mode in ("running", "paused"):
        shown = picture(
            {},
            {**document, "control": {"mode": mode}},
            View(),
            (100, 40),
            now=None,
            look=Look(),
            lost=False,
        )
        assert shown.lines


def test_the_columns_to_sort_by_are_those_that_the_inspector_has():
    table = pytest.importorskip("protocols.inspector.table")

    for name in SORTS:
        assert table.View(sort=name).sort == name
    view = View("silence", True, "kind:TLS", 20, 30)
    assert table.View(**view.query() | {"first": 20, "count": 30}) == table.View(
        "silence", "desc", "kind:TLS", 20, 30
    )


def test_addresses():
    assert inspector_address("127.0.0.1:8990") == ("127.0.0.1", 8990, "", False)
    assert inspector_address("http://[::1]:8990/?token=abc") == ("::1", 8990, "abc", False)
    assert inspector_address("192.0.2.7:8990/?token=abc") == ("192.0.2.7", 8990, "abc", False)
    assert inspector_address("https://example.org/") == ("example.org", 443, "", True)
