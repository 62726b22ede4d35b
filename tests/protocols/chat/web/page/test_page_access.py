"""The page with the keyboard alone, with a screen reader, on a phone, in the dark."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from .....tools.tabs import wait_until


def test_the_keyboard_is_enough(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    wait_until(lambda: "bob" in anna.members())
    assert anna.focused == "text"
    anna.press(Keys.CONTROL, "k")
    anna.wait_for("dialog.switcher")
    anna.press("b")
    anna.press(Keys.ENTER)
    wait_until(lambda: anna.room == "bob")
    assert anna.focused == "text"
    anna.press("h")  # the field behind the dialog takes keys at once
    anna.press(Keys.ENTER)
    bob.sees("anna -> bob: h")
    anna.press(Keys.ALT, Keys.ARROW_UP)
    wait_until(lambda: anna.room == "lobby")
    first = "return document.querySelector('a, button, input, textarea, [tabindex]').className"
    assert anna.run(first) == "skip"
    anna.run("document.querySelector('.skip').focus()")
    anna.press(Keys.ENTER)
    assert anna.focused == "text"
    anna.press(Keys.SHIFT, Keys.TAB)
    assert anna.focused == "scroller"
    anna.press("x")  # who types means the field
    assert anna.focused == "text"
    assert anna.field == "x"
    visited = set()
    for _ in range(18):
        anna.press(Keys.TAB)
        visited.add(anna.run("const e = document.activeElement; return e.id || e.className"))
    assert {
        "send",
        "go",
        "browse",
        "place",
        "leave",
        "me",
        "topic",
        "members-open",
        "member",
    } <= visited


def test_everything_has_a_role_and_a_name(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    bob.types("hello", "/msg anna psst")
    wait_until(anna.unread)
    tree = anna.command("Accessibility.getFullAXTree")["nodes"]
    nodes = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree}
    roles = {role for role, _ in nodes}
    assert {"log", "status", "alert", "navigation", "main", "complementary"} <= roles
    assert ("log", "Messages: lobby") in nodes
    assert ("textbox", "Message to lobby") in nodes
    assert ("button", "bob , 1 unread message, for you") in nodes
    unnamed = [role for role, name in nodes if role in ("button", "textbox", "link") and not name]
    assert unnamed == []
    assert ("heading", "Chat") in nodes
    assert ("button", "anna connected Settings") in nodes
    assert anna.run("return document.querySelector('#log').getAttribute('aria-live')") == "polite"


def test_a_narrow_screen_has_drawers(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    anna.types("/join build")
    wait_until(lambda: anna.room == "build")
    anna.emulate(360, 640)
    assert anna.run("return document.documentElement.scrollWidth") == 360
    wait_until(lambda: not anna.find("#side").is_displayed())
    anna.click("#side-open")
    wait_until(lambda: anna.find("#browse").is_displayed() and anna.focused == "side-close")
    anna.open("lobby")
    wait_until(lambda: not anna.find("#side").is_displayed())
    anna.click("#members-open")
    wait_until(lambda: "bob" in anna.text("#members") and anna.find("#members").is_displayed())
    anna.press(Keys.ESCAPE)
    wait_until(lambda: not anna.find("#members").is_displayed())
    bob.types("x" * 500)
    anna.sees("x" * 500)
    assert anna.run("return document.documentElement.scrollWidth") == 360
    small = """return [...document.querySelectorAll(".main button:not(.who), .side button")]
      .filter((e) => e.checkVisibility({ visibilityProperty: true }))
      .filter((e) => e.offsetWidth < 24 || e.offsetHeight < 24).map((e) => e.className)"""
    assert anna.run(small) == []  # WCAG 2.2, 2.5.8
    anna.click("#side-open")
    anna.wait_for(".side-lists .leave")
    assert anna.run(small) == []
    anna.press(Keys.ESCAPE)
    anna.emulate(320, 256)  # 1280 by 1024 at 400 % (WCAG 2.2, 1.4.10)
    assert anna.run("return document.documentElement.scrollWidth") == 320
    assert anna.find("#text").is_displayed()


def test_dark_and_light(site):
    anna = site.page("anna")

    def ground() -> str:
        return anna.run("return getComputedStyle(document.body).backgroundColor")

    anna.emulate(1280, 800, scheme="light")
    light = ground()
    anna.emulate(1280, 800, scheme="dark")
    dark = ground()
    assert light != dark
    anna.click("#me")
    anna.wait_for(".themes label:nth-of-type(2) input").click()
    assert ground() == light
    anna.front().refresh()
    anna.wait_until_connected()
    assert ground() == light


def test_names_have_steady_colours_with_contrast(site):
    anna = site.page("anna")
    worst = """
        const canvas = document.createElement("canvas");
        const context = canvas.getContext("2d", { willReadFrequently: true });
        const luminance = (colour) => {
          context.fillStyle = colour;
          context.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
            const v = value / 255;
            return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const who = document.createElement("span");
        who.className = "who";
        document.querySelector("#log").append(who);
        const ground = luminance(getComputedStyle(document.body).backgroundColor);
        let worst = 21;
        for (let hue = 0; hue < 360; hue += 15) {
          who.style.setProperty("--hue", hue);
          const ink = luminance(getComputedStyle(who).color);
          const [high, low] = ink > ground ? [ink, ground] : [ground, ink];
          worst = Math.min(worst, (high + 0.05) / (low + 0.05));
        }
        who.remove();
        return worst"""
    for scheme in ("light", "dark"):
        anna.emulate(1280, 800, scheme=scheme)
        assert anna.run(worst) > 4.5  # WCAG 2.2, 1.4.3
