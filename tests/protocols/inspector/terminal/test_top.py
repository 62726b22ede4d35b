"""The program at the terminal: keys, the connection, and what is asked of the inspector."""

import json
import stat

import pytest

from protocols.http import Response
from protocols.inspector.terminal.descriptors import View

from .documents import HELLO, PAUSED
from .world import RECORDING, World

DOWN, UP, PAGE_DOWN, HOME, END = "\x1b[B", "\x1b[A", "\x1b[6~", "\x1b[H", "\x1b[F"
RECORDS = {"mode": "running", "recording": {"turns": 5, "size": 2048, "seconds": 1.0}}


@pytest.fixture
def world():
    return World(100, 30)


# -- the table -------------------------------------------------------------------------------------


def test_only_the_rows_that_fit_are_asked_for(world):
    assert world.inspector.views == [
        {"sort": "fd", "order": "asc", "first": "0", "count": "25"},
    ]
    assert world.fds == list(range(6, 6 + len(world.fds)))


def test_scrolling_moves_the_window_and_asks_for_it_once(world):
    world.inspector.show(1000)
    world.advance(0.5)
    page = len(world.fds)

    world.press(DOWN * 3, 0)
    assert world.fds[0] == 9  # at once, of what is known
    world.advance(0.5)
    assert [view["first"] for view in world.inspector.views] == ["0", "3"]
    world.press(PAGE_DOWN)
    assert world.fds == list(range(9 + page, 9 + 2 * page))
    world.press(END)
    assert world.fds == list(range(1006 - page, 1006))
    assert world.line("Descriptors").startswith(f"Descriptors {1001 - page}-1000 of 1000")
    world.press(DOWN + PAGE_DOWN)
    assert world.fds[-1] == 1005
    world.press(HOME)
    assert world.fds[0] == 6
    world.press(UP)
    assert world.fds[0] == 6
    assert len(world.inspector.streams) == 1  # the ones before are closed


def test_rows_that_are_not_known_yet_have_dots(world):
    world.inspector.show(1000)
    world.advance(0.5)
    world.press(END, 0)

    assert world.fds == []
    assert "    ." in world.lines


def test_the_window_stays_in_a_table_that_shrinks(world):
    world.inspector.show(100)
    world.advance(0.5)
    world.press(END)
    assert world.fds[-1] == 105
    world.inspector.show(20)
    world.advance(1)

    assert world.fds[-1] == 25
    assert len(world.fds) >= 15


def test_sorting_by_other_columns_and_in_the_other_order(world):
    world.press("s")
    assert world.inspector.views[-1]["sort"] == "kind"
    world.press("<<")
    assert world.inspector.views[-1] == {
        "sort": "silence", "order": "desc", "first": "0", "count": "25",
    }  # fmt: skip
    assert "SILEN▼" in world.line("PROTOCOL")
    world.press("i")
    assert world.inspector.views[-1]["order"] == "asc"


def test_a_filter_is_applied_while_it_is_typed(world):
    world.press("/")
    assert world.lines[-1] == "filter:"
    assert not world.screen.shown.cursor.hidden
    world.press("kind:TLS")
    assert world.lines[-1] == "filter: kind:TLS"
    assert world.inspector.views[-1]["filter"] == "kind:TLS"
    world.press("\x7f\x7f\x7fstream\r")
    assert world.inspector.views[-1]["filter"] == "kind:stream"
    assert world.screen.shown.cursor.hidden
    assert "of 30 with kind:stream" in world.line("Descriptors")
    assert world.lines[-1].startswith(" q quit")
    world.press("/x\x1b")
    assert world.inspector.views[-1]["filter"] == "kind:stream"  # Escape: as it was before
    world.press("c")
    assert "filter" not in world.inspector.views[-1]


def test_a_filter_that_is_refused_is_a_message_and_the_old_view_stays(world):
    world.inspector.answers["/events"] = Response.text("a filter has no 'colour'", 400)
    world.press("/colour:red\r")

    assert world.lines[-1].strip() == "192.0.2.7:8990 refuses: a filter has no 'colour'"
    assert world.fds
    assert len(world.inspector.streams) == 1
    assert not world.top.ended
    world.advance(7)
    assert world.lines[-1].startswith(" q quit")


def test_a_view_that_cannot_be_had_now_is_asked_for_again(world):
    world.inspector.answers["/events"] = Response.text("There are too many viewers.", 503)
    world.press("s", 0.3)
    assert world.lines[-1] == " 192.0.2.7:8990: There are too many viewers."
    assert world.fds
    del world.inspector.answers["/events"]
    world.advance(2)

    assert world.inspector.views[-1]["sort"] == "kind"
    assert len(world.inspector.streams) == 1


# -- drawing ---------------------------------------------------------------------------------------


def test_a_picture_is_one_write_of_the_rows_that_have_changed(world):
    world.screen.writes.clear()
    world.inspector.patch(stats={"connections": 31})
    world.advance(0.3)

    (data,) = world.screen.writes
    assert b"\x1b[2J" not in data
    assert b"31" in data
    assert b"Chat" not in data
    assert "connections 31" in world.lines[1]


def test_ages_go_on_although_nothing_is_sent(world):
    before = world.line("192.0.2.7:40007").split()
    world.advance(60)

    after = world.line("192.0.2.7:40007").split()
    assert (before[-2], after[-2]) == ("1m00s", "2m00s")


def test_many_changes_make_few_pictures(world):
    world.screen.writes.clear()
    for number in range(20):
        world.inspector.patch(stats={"connections": 100 + number})
        world.advance(0.05)

    assert len(world.screen.writes) <= 5
    world.advance(0.3)
    assert "connections 119" in world.lines[1]


def test_a_paused_loop_is_drawn_at_once(world):
    world.inspector.patch(**PAUSED)
    world.settle()
    world.inspector.patch(turn=PAUSED["turn"] | {"step": 5})
    world.settle()

    assert world.line("> 5 timers")


def test_a_slow_terminal_gets_the_newest_picture_later(world):
    world.screen.on_output_paused()
    world.screen.writes.clear()
    world.inspector.patch(stats={"connections": 31})
    world.advance(0.3)
    world.inspector.patch(stats={"connections": 32})
    world.advance(0.3)
    assert not world.screen.writes
    world.screen.on_output_resumed()

    assert len(world.screen.writes) == 1
    assert "connections 32" in world.lines[1]


def test_a_filter_can_be_typed_in_a_terminal_of_one_column(world):
    world.press("/")
    world.press("queued")
    world.screen.resize(1, 1)
    world.advance(0.5)
    world.screen.resize(120, 40)
    world.advance(0.5)
    assert world.lines[-1] == "filter: queued"


def test_the_screen_follows_its_size(world):
    world.screen.resize(40, 10)
    world.advance(0.5)
    assert world.fds == [6, 7, 8]
    assert world.lines[-1].startswith(" q quit")
    assert world.inspector.views[-1]["count"] == "5"
    world.screen.resize(120, 40)
    world.advance(0.5)
    assert world.inspector.views[-1]["count"] == "35"
    assert len(world.fds) > 20
    assert world.lines[-1].startswith(" q quit")


def test_help(world):
    world.press("?")
    assert world.line("run one step of a paused loop")
    assert not any("Descriptors" in line for line in world.lines)
    world.press("n")
    assert world.fds
    assert world.inspector.actions == []


# -- control ---------------------------------------------------------------------------------------


def test_keys_control_the_loop_with_the_token_of_hello(world):
    world.press(" ")
    world.inspector.patch(**PAUSED)
    world.press("nt")
    world.press(" ")

    assert [action["action"] for action in world.inspector.actions] == [
        *("pause", "step", "turn", "resume"),
    ]
    assert world.inspector.fields[-1]["x-inspector-token"] == HELLO["token"]
    assert world.inspector.fields[-1]["content-type"] == "application/json"


def test_plus_and_minus_change_the_speed(world):
    world.press("---", 0)  # at once: each counts from the one before
    world.advance(0.5)
    world.inspector.patch(control={"mode": "slow", "turns_per_second": 10})
    world.advance(0.5)
    world.press("+++", 0)
    world.advance(0.5)

    assert [action.get("turns_per_second") for action in world.inspector.actions] == [
        *(50, 20, 10, 20, 50, None),
    ]
    assert world.inspector.actions[-1] == {"action": "resume"}


def test_what_the_inspector_refuses_is_a_message(world):
    world.inspector.answers["/control"] = Response.text("the loop is not paused", 409)
    world.press("n")

    assert world.lines[-1] == " the loop is not paused"


def test_a_recording_is_saved_in_a_file_of_its_own(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world.press("r")
    assert world.inspector.actions == [{"action": "record", "payload": 0}]
    world.inspector.patch(control=RECORDS)
    world.advance(0.5)
    assert "REC 2.0K" in world.lines[0]
    world.press("r")
    assert world.inspector.actions[1:] == [{"action": "stop_recording"}]
    assert not list(tmp_path.iterdir())  # the loop still writes
    world.inspector.patch(control={"recording": None, "recorded": True})
    world.advance(0.5)

    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == RECORDING
    assert path.name.startswith("recording-4711-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert world.lines[-1].strip() == f"the recording is saved in {path.name} (16 bytes)"


def test_a_recording_that_cannot_be_had_leaves_no_file(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world.inspector.answers["/recording"] = Response.text("there is no recording", 404)
    world.inspector.patch(control=RECORDS)
    world.advance(0.5)
    world.press("r")
    world.inspector.patch(control={"recording": None})
    world.advance(0.5)

    assert not list(tmp_path.iterdir())
    assert world.lines[-1] == " there is no recording"


def test_leaving_ends_the_program(world):
    world.press("q")

    assert world.top.ended
    assert world.top.error is None
    assert world.inspector.actions == []


def test_leaving_resumes_a_loop_that_we_have_paused(world):
    world.press(" ")
    world.inspector.patch(**PAUSED)
    world.press("q")

    assert world.inspector.actions[-1] == {"action": "resume"}
    assert world.top.ended


def test_leaving_does_not_resume_a_loop_that_someone_else_has_paused(world):
    world.inspector.patch(**PAUSED)
    world.press("q")

    assert world.inspector.actions == []
    assert world.top.ended


# -- the connection --------------------------------------------------------------------------------


def test_a_server_that_is_gone_is_shown_and_tried_again(world):
    world.crash()
    world.advance(0.1)
    assert "NOT CONNECTED" in world.lines[0]
    assert world.lines[-1].startswith(" the connection to 192.0.2.7:8990 is lost: ")
    assert "; trying again in " in world.lines[-1]
    assert world.fds  # what was known last
    world.press(" ")
    assert world.inspector.actions == []
    world.advance(20)
    assert 4 <= world.attempts <= 12
    world.running = True
    world.inspector.hello = HELLO | {"title": "new", "token": "another"}
    world.advance(6)

    assert world.lines[0].startswith(" new ")
    assert "running" in world.lines[0]
    assert world.lines[-1].startswith(" q quit")
    world.press("n")
    assert world.inspector.fields[-1]["x-inspector-token"] == "another"


def test_a_server_that_is_silent_is_lost(world):
    for stream in world.inspector.streams:
        stream._keep_alive.cancel()
    world.advance(41)

    assert world.attempts == 2
    assert world.fds


def test_a_server_that_is_alive_and_says_nothing_is_kept(world):
    world.advance(100)

    assert world.attempts == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            Response.text("The token is missing or wrong.\n", 403),
            "192.0.2.7:8990 refuses: The token is missing or wrong.; "
            "give the watched program's --inspect-token with --token",
        ),
        (Response.text("Not found", 404), "192.0.2.7:8990 is not an inspector"),
        (Response.text("hello"), "192.0.2.7:8990 is not an inspector"),
        (Response.text("8 viewers are the limit", 503), "192.0.2.7:8990: 8 viewers are the limit"),
        (
            Response(b"event: state\ndata: {}\n\n", 200, [("Content-Type", "text/event-stream")]),
            "192.0.2.7:8990 is not an inspector: the first event is not hello",
        ),
        (
            Response(
                b'event: hello\ndata: {"version": 2}\n\n',
                200,
                [("Content-Type", "text/event-stream")],
            ),
            "192.0.2.7:8990 is not an inspector: it speaks version 2, this program version 1",
        ),
        (
            Response(
                b"event: hello\ndata: " + b"[" * 100_000 + b"\n\n",
                200,
                [("Content-Type", "text/event-stream")],
            ),
            "192.0.2.7:8990 is not an inspector: ...",
        ),
    ],
)
def test_what_cannot_be_watched_is_an_error_at_the_start(answer, error):
    world = World(start=False)
    world.inspector.answers["/events"] = answer
    world.start()

    assert world.top.ended
    assert not world.screen.is_open  # the terminal was left alone
    if error.endswith("..."):
        assert world.top.error.startswith(error[:-3])
    else:
        assert world.top.error == error


def test_nothing_listens():
    world = World(start=False)
    world.running = False
    world.start()

    assert world.top.error == "cannot connect to 192.0.2.7:8990: Connection refused"


def test_the_token_is_sent_as_a_field_and_not_in_the_address():
    world = World(token="secret-token")

    assert world.inspector.fields[0]["authorization"] == "Bearer secret-token"
    assert world.inspector.fields[0]["host"] == "192.0.2.7:8990"


def test_a_program_that_needs_another_token_after_a_restart_ends_us(world):
    world.crash()
    world.running = True
    world.inspector.answers["/events"] = Response.text("The token is wrong.", 403)
    world.advance(6)

    assert world.top.error.startswith("192.0.2.7:8990 refuses: The token is wrong.")


def test_patches_change_and_remove_values(world):
    rows = {"7": None, "8": {"protocol": "Renamed"}}
    for stream in world.inspector.streams:
        patch = {"descriptors": {"rows": rows, "order": [6, 8], "matching": 2}}
        stream.send(json.dumps(patch), "patch", "9")
    world.advance(0.5)

    assert world.fds == [6, 8]
    assert world.line("Renamed")


def test_the_view_of_the_command_line_is_the_first_one():
    world = World(view=View("queued", True, "kind:TLS"))

    assert world.inspector.views[0]["sort"] == "queued"
    assert world.inspector.views[0]["filter"] == "kind:TLS"
