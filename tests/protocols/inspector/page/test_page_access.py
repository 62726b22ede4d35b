"""The page with the keyboard, with a screen reader, on a phone, in each of its colours."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from ....tools.tabs import wait_until
from .documents import LIMIT, NOW, block, connection, control, paused_steps, table

# The contrast of each text with what is behind it, as far as that is one colour (WCAG 2.2, 1.4.3).
_CONTRAST = """
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true });
const layersOf = (e) => {
  const layers = [];
  for (let at = e; at; at = at.parentElement) layers.push(getComputedStyle(at).backgroundColor);
  return layers.reverse();
};
const paint = (colours) => {
  context.clearRect(0, 0, 1, 1);
  for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
  const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
    const v = value / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const bad = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !e.checkVisibility()) continue;
  if (e.closest(".visually-hidden, .skip, noscript, script, [aria-disabled=true]")) continue;
  const ink = e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color;
  const layers = layersOf(e);
  const [high, low] = [paint(layers), paint([...layers, ink])].sort((a, b) => b - a);
  const contrast = (high + 0.05) / (low + 0.05);
  if (contrast < 4.5) bad.push([e.className?.baseVal ?? e.className, e.textContent, contrast]);
}
return bad;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(page, scheme):
    page.emulate(1280, 800, prefers_color_scheme=scheme)
    rows = [connection(8, queued=LIMIT, writing_paused=True, closing=True, reading_paused=True)]
    for changes in (
        {"blocked": {"total": 1, "recent": [block()]}, "descriptors": table(rows)},
        {"control": control("slow", turns_per_second=2)},
    ):
        page.show(**changes)
        wait_until(lambda: page.mode != "running")
        page.run("document.getAnimations().forEach((a) => a.finish && a.effect.getTiming()"
                 ".iterations !== Infinity && a.finish())")  # fmt: skip
        assert page.run(_CONTRAST) == []
    for state in paused_steps():
        page.server.show(state)
        page.stands_before(state["turn"]["step"])
        assert page.run(_CONTRAST) == []


def test_everything_has_a_role_and_a_name(page):
    tree = page.command("Accessibility.getFullAXTree")["nodes"]
    nodes = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored")
    }
    roles = {role for role, _ in nodes}
    assert {"main", "banner", "status", "alert", "table", "tablist", "columnheader"} <= roles
    for name in ("Steps", "Last minute", "Timers"):
        assert ("heading", name) in nodes
        assert ("region", name) in nodes
    assert ("searchbox", "Filter the descriptors") in nodes
    assert ("slider", "Turns a second in slow motion") in nodes
    assert any(role == "image" and name.startswith("The turn of the loop") for role, name in nodes)
    named = ("button", "searchbox", "link", "slider", "combobox", "tab", "image", "tabpanel")
    assert [role for role, name in nodes if role in named and not name] == []
    cells = {name for role, name in nodes if role == "cell"}
    assert "127.0.0.1:40008" in cells  # in a narrow page too:
    page.emulate(400, 900)
    wait_until(
        lambda: (
            page.run("return getComputedStyle(document.querySelector('.row')).display") == "grid"
        )
    )
    tree = page.command("Accessibility.getFullAXTree")["nodes"]
    assert "table" in {node["role"]["value"] for node in tree if not node.get("ignored")}


def test_the_keyboard_is_enough(page):
    page.run("document.querySelector('.skip').focus()")
    page.press(Keys.ENTER)
    assert page.focused == "controls"
    visited = []
    for _ in range(40):
        page.press(Keys.TAB)
        visited.append(
            page.run("const e = document.activeElement; return e.id || e.className || e.tagName")
        )
        if visited[-1] == "BODY":
            break
    expected = ["pause", "step", "turn", "slow", "speed", "record", "more", "theme", "help"]
    assert [name for name in visited if name in expected] == expected
    assert {"filter", "scroller", "tab-slowest", "slowest"} <= set(visited)
    page.run("document.querySelector('#tab-blocked').focus()")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.focused == "tab-errors"
    assert page.find("#errors").is_displayed()
    page.press(Keys.HOME)
    assert page.find("#blocked").is_displayed()
    assert not page.find("#errors").is_displayed()


def test_focus_stays_while_the_loop_is_stepped(page):
    states = list(paused_steps())
    page.server.show(states[0])
    page.sees("#pause", "Resume")
    page.click("#step")
    page.server.show(states[1])
    wait_until(lambda: page.text("#rate") == "2")
    assert page.focused == "step"


@pytest.mark.parametrize(("width", "height"), [(400, 900), (320, 256), (700, 500), (1000, 700)])
def test_no_screen_is_too_narrow(page, width, height):
    page.emulate(width, height)
    page.show(
        control=control("paused"),
        blocked={"total": 1, "recent": [block(going_on=False, line="x = " + "y" * 300)]},
        descriptors=table([connection(8, peer="[2001:db8:1111:2222:3333:4444:5555:6666]:40008")]),
    )
    page.sees("#pause", "Resume")
    assert page.run("return document.documentElement.scrollWidth") <= width
    small = """return [...document.querySelectorAll("button, a, select, input:not([type=file])")]
      .filter((e) => e.checkVisibility() && !e.closest(".skip"))
      .filter((e) => e.offsetWidth < 24 || e.offsetHeight < 14).map((e) => e.id || e.className)"""
    assert page.run(small) == []


def test_one_screen_shows_all(page):
    page.emulate(1280, 800)
    wait_until(lambda: page.run("return innerWidth") == 1280)
    root = page.run(
        "const { scrollWidth, scrollHeight } = document.documentElement;"
        "return [scrollWidth, scrollHeight]"
    )
    assert root == [1280, 800]
    outside = """return [...document.querySelectorAll(".panel")].filter((panel) => {
      const { top, bottom, left, right } = panel.getBoundingClientRect();
      return top < 0 || left < 0 || bottom > 800 || right > 1280;
    }).length"""
    assert page.run(outside) == 0


def test_less_motion(page):
    running = "return document.getAnimations().filter((a) => a.playState === 'running').length"
    wait_until(lambda: page.run(running) > 0)
    page.emulate(1280, 800, prefers_reduced_motion="reduce")
    page.server.patch({"loop": {"time": NOW + 1}})
    wait_until(lambda: page.run(running) == 0)


def test_forced_colours(page):
    page.emulate(1280, 800, forced_colors="active")
    page.server.show(list(paused_steps())[3])
    page.stands_before(4)
    system = "return getComputedStyle(document.querySelector('.part.current .track')).fill"
    other = "return getComputedStyle(document.querySelector('.part:not(.current) .track')).fill"
    assert page.run(system) != page.run(other)
