"""What the page shows of a loop."""

from __future__ import annotations

import pytest

from ....tools.tabs import wait_until
from .documents import (
    HELLO,
    LIMIT,
    NOW,
    TURN,
    block,
    connection,
    control,
    document,
    listener,
    paused_steps,
    table,
)


def test_a_running_loop(page):
    page.sees("#about", "pid 4711 · Python 3.11.7 · epoll")
    assert page.mode == "running"
    assert page.text("#mode").lower() == "running"
    page.sees("#rate-unit", "turns/s")
    page.sees('.step[data-step="4"]', "Chat.data_received")
    page.sees('.step[data-step="7"]', "1.0 MiB left")
    assert page.text("#timers-hint") == "9 set · 5 idle · 2 cancelled"
    page.sees("#timers", "Chat.rotate_log")
    assert "Wait 936 ms/s" in page.attribute("#ring svg", "aria-label")


def test_a_paused_loop_step_by_step(page):
    """A line that waits becomes a delivery."""
    seen = []
    for number, state in enumerate(paused_steps(), 1):
        page.server.show(state)
        page.stands_before(number)
        seen.append([page.step(step) for step in range(1, 9)])
        current = "return document.querySelector('.part.current').dataset.step"
        assert page.run(current) == str(number)
    assert page.mode == "paused"
    assert "1 event is there" in seen[0][1]
    assert "will call 8 R Chat.data_received 127.0.0.1:40008" in seen[2][3]
    assert "Chat.data_received 127.0.0.1:40008, 14 B read" in seen[4][3]
    assert "will send 9 127.0.0.1:40009 31 B" in seen[4][6]
    assert "9 127.0.0.1:40009 31 B" in seen[7][6]
    assert "will close 12" in seen[7][7]


def test_slow_motion(page):
    turn = TURN | {"times": TURN["times"][:7], "step": 7}
    page.show(control=control("slow", turns_per_second=5), turn=turn)
    wait_until(lambda: page.mode == "slow")
    assert page.attribute("#slow", "aria-pressed") == "true"
    page.sees("#running", "Room.announce")
    wait_until(lambda: page.run("return document.querySelector('.hand.shown') !== null"))


def test_a_blocked_loop(page):
    older = block(id=0, going_on=False, took=0.31, name="Room.history", at=NOW - 50)
    page.show(blocked={"total": 2, "recent": [block(), older]})
    wait_until(lambda: page.mode == "blocked")
    assert page.text("#rate") == "3.2"
    assert "Chat.data_received" in page.text("#running")
    page.sees(".block.now summary", "time.sleep(5)")
    assert page.text("#blocked-count") == "2"
    page.click(".block.now summary")
    assert "loop.py:157 in _turn" in page.text(".block.now pre")
    assert "61" in page.text(".block.now .hottest")
    page.show(blocked={"total": 2, "recent": [block(took=4.8), older]})
    page.sees(".block.now summary", "4.8 s")
    assert page.find(".block.now pre").is_displayed()  # it stays open
    assert page.focused == page.run("return document.activeElement.id")


def test_findings(page):
    page.show(errors={"total": 30, "recent": [{"at": NOW, "text": "ValueError: <b>bad</b>"}]})
    page.sees("#errors-count", "30")
    page.click("#tab-errors")
    page.sees("#errors", "ValueError: <b>bad</b>")  # as text, not as markup
    page.click("#tab-slowest")
    assert "5,210" in page.text("#slowest")
    page.click("#tab-counters")
    assert "1.2 MiB" in page.text("#counters")


def test_the_panel_with_the_most_to_say_is_open_until_the_user_selects_one(page):
    assert page.text("[aria-selected=true]") == "Slowest"
    page.show(blocked={"total": 1, "recent": [block()]})
    page.sees(".block.now summary", "time.sleep(5)")
    page.click("#tab-counters")
    page.show(blocked={"total": 2, "recent": [block(id=2), block(id=1, going_on=False)]})
    page.sees("#blocked-count", "2")
    assert page.text("[aria-selected=true]") == "Counters"


def test_a_loop_that_only_waits(page):
    """No turn has ended in the last second: the ring shows the wait that the loop is in."""
    waiting = TURN | {"times": TURN["times"][:2], "step": 2, "calls": [], "events": []}
    strip = {str(number): [0.25, 0, 0, 0, 0] for number in range(3990, 4001)}
    page.show(turn=waiting, strip=strip, steps={"seconds": [0] * 8, "of": 0})
    wait_until(lambda: "Wait 1,000 ms/s" in page.attribute("#ring svg", "aria-label"))
    page.sees("#rate", "0")


def test_descriptors(page):
    rows = [
        listener(6),
        connection(8, queued=LIMIT, writing_paused=True, interest="RW"),
        connection(9, reading_paused=True, interest="", closing=True),
        connection(10, peer=None, received=None, last_time=None, opened=None),
    ]
    page.show(descriptors=table(rows))
    page.sees(".row:nth-child(3)", "1.1 MiB")
    assert page.texts(".row .c-fd") == ["6", "8", "9", "10"]
    assert page.attribute(".row:nth-child(2) .state", "title") == "3 connections"
    lights = "return [...document.querySelectorAll('.row .c-interest')].map((cell) =>"
    lights += " [...cell.querySelectorAll('.lit')].map((e) => e.textContent).join(''))"
    assert page.run(lights) == ["R", "RW", "", "R"]
    hidden = "return [...document.querySelectorAll('.c-interest .visually-hidden')]"
    words = page.run(f"{hidden}.map((e) => e.textContent)")
    assert words[1:3] == ["reads and writes, last event R", "none, reading paused, last event R"]
    assert page.run("return document.querySelector('.queue.full .fill').style.width") == "100%"
    assert "closing" in page.text(".row:nth-child(4) .c-peer")
    assert page.texts(".row:nth-child(3) :is(.c-age, .c-silence)") == ["8 min", "8 s"]
    # Time passes, and the rows stay the same.
    page.server.patch({"loop": {"time": NOW + 60}})
    wait_until(lambda: page.texts(".row:nth-child(3) .c-silence") == ["1 min"])
    # An event changes one row.
    page.server.patch(
        {"descriptors": {"rows": {"9": {"last_time": NOW + 60, "received": 1 << 20}}}}
    )
    wait_until(lambda: "1.0 MiB" in page.text(".row:nth-child(4)"))
    assert page.texts(".row:nth-child(4) .c-silence") == ["now"]


def test_twenty_thousand_descriptors(page):
    page.server.rows = [connection(fd) for fd in range(8, 20_008)]
    page.server.show(document())
    page.sees("#descriptors-title", "20,000")
    before = len(page.server.views)
    page.run("document.querySelector('#scroller').scrollTop = 31 * 10_000")
    wait_until(lambda: 10_010 in page.shown_fds())
    assert len(page.server.views) == before + 1  # one request
    assert page.run("return document.querySelectorAll('.row').length") < 40
    assert page.attribute("#descriptors", "aria-rowcount") == "20001"
    index = page.run(
        "return [...document.querySelectorAll('.row')]"
        ".find((row) => row.querySelector('.c-fd').textContent === '10010').ariaRowIndex"
    )
    assert index == "10004"
    page.run("document.querySelector('#scroller').scrollTop = 1e9")
    wait_until(lambda: page.shown_fds()[-1:] == [20_007])


def test_sorting_and_filtering(page):
    page.server.rows = [connection(fd, queued=fd) for fd in range(8, 108)]
    page.server.rows.append(connection(200, kind="TLS"))
    page.server.show(document())
    page.sees("#descriptors-title", "101")
    page.click("th.c-queued button")
    wait_until(lambda: page.server.views[-1]["sort"] == "queued")
    assert page.server.views[-1]["order"] == "desc"
    assert page.attribute("th.c-queued", "aria-sort") == "descending"
    page.click("th.c-queued button")
    wait_until(lambda: page.server.views[-1]["order"] == "asc")
    assert page.attribute("th.c-fd", "aria-sort") is None
    page.press("/")
    assert page.focused == "filter"
    page.press("127.0.0.1:40020")
    wait_until(lambda: page.shown_fds() == [20])
    page.sees("#descriptors-title", "1 of 101")
    assert page.focused == "filter"
    page.fill("#filter", "")
    wait_until(lambda: len(page.shown_fds()) > 3)
    page.click('[data-kind="TLS"]')
    wait_until(lambda: page.server.views[-1].get("filter") == "kind:TLS")
    assert page.attribute('[data-kind="TLS"]', "aria-pressed") == "true"


def test_a_filter_that_the_server_does_not_understand(page):
    page.expected = ["400"]
    page.press("/", "queued>")
    wait_until(lambda: page.attribute("#filter", "aria-invalid") == "true")
    assert page.attribute("#filter", "title") == "queued> needs a number"
    assert page.text("#filter-problem") == "queued> needs a number"
    page.server.patch({"loop": {"time": NOW + 600}})
    page.sees(".row .c-silence", "10 min")  # it goes on with what it had
    page.fill("#filter", "x")
    wait_until(lambda: page.attribute("#filter", "aria-invalid") == "false")


def test_what_is_not_known_is_left_open(page):
    """Null in a patch removes an entry, so all can be missing."""
    parts = ("turn", "steps", "strip", "timers", "descriptors", "slowest", "blocked", "errors")
    page.server.patch(dict.fromkeys((*parts, "closed", "callbacks", "stats", "pending")))
    page.sees("#timers", "None in the next ten seconds")
    page.sees("#no-descriptors", "None is open.")
    assert page.mode == "running"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a" * 80, "\u202eevil"])
def test_names_are_text(page, name):
    page.server.patch({"timers": {"next": [{"name": name, "kind": "timer", "at": NOW + 1}]}})
    page.sees(".timer-name", name[:10])
    assert page.run("return document.documentElement.scrollWidth") <= 1280
    assert HELLO["title"] == page.text("#title")
