"""The controls, the keys for them, and the connection."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from ....tools.tabs import wait_until
from .documents import NOW, control, document


def actions(page):
    return [action for _, action in page.server.requests]


def test_pause_step_turn_resume(page):
    page.click("#step")  # the loop runs: nothing to step
    page.sees("#toast", "Pause the loop first")
    page.click("#pause")
    wait_until(lambda: actions(page) == [{"action": "pause"}])
    page.show(control=control("paused"))
    page.sees("#pause", "Resume")
    page.click("#step")
    page.click("#turn")
    page.click("#pause")
    wait_until(lambda: len(actions(page)) == 4)
    assert [action["action"] for action in actions(page)] == ["pause", "step", "turn", "resume"]
    assert {token for token, _ in page.server.requests} == {"secret"}


def test_keys(page):
    page.press(" ")
    wait_until(lambda: actions(page))
    page.show(control=control("paused"))
    page.sees("#pause", "Resume")
    page.press("s", "t", "m", " ")
    wait_until(lambda: len(actions(page)) == 5)
    assert actions(page) == [
        {"action": "pause"},
        {"action": "step"},
        {"action": "turn"},
        {"action": "slow", "turns_per_second": 2},
        {"action": "resume"},
    ]
    page.press("?")
    page.sees("dialog", "Pause or resume")
    page.press(" ")  # closes the dialog: its button has the focus
    wait_until(lambda: page.run("return document.querySelector('dialog') === null"))
    assert len(actions(page)) == 5


def test_keys_can_be_switched_off(page):
    page.press("?")
    page.click("dialog input[type=checkbox]")
    page.press(Keys.ESCAPE)
    wait_until(lambda: page.run("return document.querySelector('dialog') === null"))
    page.press(" ", "s", "?")
    assert page.run("return document.querySelector('dialog') === null")
    assert not page.find("#step kbd").is_displayed()
    page.click("#pause")
    wait_until(lambda: actions(page) == [{"action": "pause"}])


def test_slow_motion(page):
    page.run("document.querySelector('#speed').focus()")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.text("#speed-shown") == "5/s"
    assert actions(page) == []
    page.click("#slow")
    wait_until(lambda: actions(page) == [{"action": "slow", "turns_per_second": 5}])
    page.show(control=control("slow", turns_per_second=5))
    wait_until(lambda: page.attribute("#slow", "aria-pressed") == "true")
    page.run("document.querySelector('#speed').focus()")
    page.press(Keys.ARROW_LEFT)
    wait_until(lambda: actions(page)[-1] == {"action": "slow", "turns_per_second": 4})
    page.click("#slow")
    wait_until(lambda: actions(page)[-1] == {"action": "resume"})


def test_recording(page):
    page.press("r")
    page.sees("dialog", "Data can be secret")
    page.fill("#payload", "64")
    page.click("dialog .primary")
    wait_until(lambda: actions(page) == [{"action": "record", "payload": 64}])
    page.show(control=control("running", recording={"turns": 1234, "size": 4096, "seconds": 3}))
    page.sees("#record", "Stop: 1,234 turns, 4.0 KiB")
    page.click("#record")
    wait_until(lambda: actions(page)[-1] == {"action": "stop_recording"})


def test_a_refusal_is_shown(page):
    page.expected = ["409"]
    page.server.refusal = "The loop is paused already."
    page.click("#pause")
    page.sees("#toast", "The loop is paused already.")


def test_only_a_new_mode_is_said(page):
    wait_until(lambda: page.run("return document.querySelector('#mode-said').textContent"))
    page.run(
        "window.said = [];"
        "new MutationObserver(() => said.push(document.querySelector('#mode-said').textContent))"
        ".observe(document.querySelector('#mode-said'), { childList: true })"
    )
    for second in range(5):
        page.server.patch({"loop": {"time": NOW + second}})
    page.show(control=control("paused"))
    wait_until(lambda: page.run("return said") == ["Paused after turn 123455"])


def test_the_connection_is_lost_and_comes_back(page):
    page.expected = ["503", "Too many viewers"]
    page.server.is_busy = True
    page.server.drop()
    page.sees("#banner", "Too many viewers")
    wait_until(lambda: page.mode == "lost")  # drawn with the next frame
    page.server.is_busy = False
    wait_until(lambda: page.mode == "running")
    assert not page.find("#banner").is_displayed()


def test_the_theme_is_remembered(page):
    def ground():
        return page.run("return getComputedStyle(document.body).backgroundColor")

    light = ground()
    page.click("#theme")
    page.click("#theme")
    assert page.text("#theme") == "☾ Dark"
    dark = ground()
    assert dark != light
    page.browser.refresh()
    page.sees("#title", "chat")
    assert ground() == dark
    page.click("#theme")
    assert ground() == light


def test_the_menu(page):
    page.server.state = document(control=control("running", recorded=True))
    page.server.show(page.server.state)
    page.click("#more")
    labels = page.texts(".menu [role=menuitem]")
    wait_until(lambda: page.texts(".menu [role=menuitem]"))
    assert "Save the turns for Perfetto" in labels
    page.press(Keys.END)
    assert page.run("return document.activeElement.getAttribute('href')") == "./loop.json"
    page.press(Keys.ESCAPE)
    wait_until(lambda: page.focused == "more")


@pytest.mark.parametrize("path", ["control", "loop.json"])
def test_a_token_in_the_address_is_passed_on(page, path):
    page.browser.get(f"{page.server.url}?token=abc")
    page.sees("#title", "chat")
    assert page.server.views[-1]["token"] == "abc"
    page.click("#more")
    assert page.run("return document.querySelector('.menu a:last-child').search") == "?token=abc"
