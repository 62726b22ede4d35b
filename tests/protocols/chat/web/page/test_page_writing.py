"""The message field: completion, previous lines, drafts, limits."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from .....tools.tabs import wait_until


def test_completion(site):
    anna = site.page("anna")
    bob, bert = site.netcat("bob"), site.netcat("bert")
    wait_until(lambda: len(anna.members()) == 3)
    field = anna.find("#text")
    field.send_keys("/wh")
    assert anna.texts("#suggestions .label") == ["/who"]
    chosen = field.get_attribute("aria-activedescendant")
    assert anna.run("return document.getElementById(arguments[0]).ariaSelected", chosen) == "true"
    field.send_keys(Keys.ESCAPE)
    assert not anna.find("#suggestions").is_displayed()
    anna.fill("")
    field.send_keys("/msg b", Keys.ARROW_DOWN, Keys.ENTER, "hi", Keys.ENTER)
    bob.sees("anna -> bob: hi")
    anna.open("lobby")
    bert.types("I speak last")
    anna.sees("I speak last")
    field.send_keys("b", Keys.TAB)  # two are possible, and the one who spoke last comes first
    assert anna.texts("#suggestions .label") == ["bert", "bob"]
    field.send_keys(Keys.TAB, "yes", Keys.ENTER)
    anna.sees("bert: yes")


def test_previous_lines_and_drafts(site):
    anna = site.page("anna")
    anna.types("one", "two", "/join build")
    wait_until(lambda: anna.room == "build")
    field = anna.find("#text")
    field.send_keys("a draft")
    anna.press(Keys.ALT, Keys.ARROW_UP)
    wait_until(lambda: anna.room == "lobby" and anna.field == "")
    seen = []
    for key in (Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_DOWN):
        field.send_keys(key)
        seen.append(anna.field)
    assert seen == ["/join build", "two", "one", "two"]
    field.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert anna.field == ""
    anna.press(Keys.ALT, Keys.ARROW_DOWN)
    wait_until(lambda: anna.field == "a draft")


def test_several_lines_are_sent_in_order_and_too_much_is_refused(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    wait_until(lambda: "bob" in anna.members())
    anna.find("#text").send_keys("one", Keys.SHIFT, Keys.ENTER, Keys.NULL, "two")
    anna.press(Keys.ENTER)
    bob.sees("anna: one")
    bob.sees("anna: two")
    anna.fill("\n".join(f"line {number}" for number in range(30)))
    anna.press(Keys.ENTER)
    anna.sees("two", *[f"line {number}" for number in range(30)])
    longest = "é" * 4095 + "x"
    anna.fill(longest)
    anna.press(Keys.ENTER)
    bob.sees(longest)
    anna.sees(longest)
    anna.fill(longest + "y")
    assert anna.text("#counter") == "4,097 / 4,096"
    anna.press(Keys.ENTER)
    assert "at most 4,096 characters" in anna.text("#warning")
    assert anna.field == longest + "y"
    anna.fill("x\n" * 101)
    anna.press(Keys.ENTER)
    assert "101 lines are too many" in anna.text("#warning")
