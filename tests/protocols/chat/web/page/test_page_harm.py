"""What people write does the page no harm, and neither does how much."""

from __future__ import annotations

from .....tools.tabs import wait_until

MAX_LINES = 500  # of a room, in room.js


def test_text_is_never_markup(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    harmful = [
        '<script>document.title = "run"</script>',
        "<img src=x onerror=\"document.title='run'\">",
        "javascript:alert(1) data:text/html,x",
        "https://example.com/<b>?a=1&b=2.",
        "https://bank.example@elsewhere.example/",
        "x" * 4096,
    ]
    bob.types(*harmful)
    anna.sees(*harmful)
    bob.types("/topic <img src=x onerror=alert(1)>")
    wait_until(lambda: anna.text("#topic") == "<img src=x onerror=alert(1)>")
    assert anna.find_all("#main script, #main img, #log b") == []
    links = anna.run("return [...document.querySelectorAll('#log a')].map((a) => [a.href, a.rel])")
    assert links == [["https://example.com/", "noopener noreferrer"]]
    assert anna.title == "#lobby · Chat"
    assert anna.run(
        "return document.querySelector('#scroller').scrollWidth"
        " <= document.querySelector('#scroller').clientWidth"
    )


def test_characters_that_change_the_display_are_shown_as_numbers(site):
    anna = site.page("anna")
    # The server removes them, so they are put into the page's own function.
    shown = anna.front().execute_async_script(
        """const done = arguments[arguments.length - 1];
        import("/format.js").then(({ formatted }) => {
          const text = document.createElement("div");
          text.append(formatted("a\\u202eb\\u0007 https://example.com/\\u202e \\u200d"));
          done(text.textContent);
        })"""
    )
    assert (
        shown == "aU+202Eb\u202dU+0007".replace("\u202d", "") + " https://example.com/U+202E \u200d"
    )
    bidi = anna.run("return getComputedStyle(document.querySelector('#me bdi')).unicodeBidi")
    assert bidi == "isolate"


def test_ten_thousand_lines_in_a_row(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    for start in range(0, 10_000, 1000):  # more at a time than a room may say in one turn
        bob.types(*[f"line {number}" for number in range(start, start + 1000)])
        bob.sees(f"line {start + 999}")
    anna.sees("line 9998", "line 9999")
    assert len(anna.log()) == MAX_LINES
    assert anna.log()[0] == "line 9500"
    assert anna.text("#log .entry:first-child .who") == "bob"  # the first one got a head
    assert anna.run("return document.querySelectorAll('*').length") < 4000
    anna.types("still here")
    anna.sees("still here")


def test_what_is_read_further_up_does_not_move(site):
    anna, bob = site.page("anna"), site.netcat("bob")
    bob.types(*[f"line {number}" for number in range(MAX_LINES)])
    anna.sees(f"line {MAX_LINES - 1}")
    top = (
        "const top = document.querySelector('#scroller').getBoundingClientRect().top;"
        "const line = [...document.querySelectorAll('#log .text')]"
        ".find((e) => e.textContent === 'line 300');"
        "return line.getBoundingClientRect().top - top"
    )
    anna.run(
        "[...document.querySelectorAll('#log .text')]"
        ".find((e) => e.textContent === 'line 300').scrollIntoView()"
    )
    anna.wait_for("#jump:not([hidden])")
    before = anna.run(top)
    bob.types(*[f"more {number}" for number in range(200)])
    anna.sees("more 199")
    assert abs(anna.run(top) - before) < 2
    wait_until(lambda: anna.text("#jump").strip() == "200 new messages")
    assert anna.title.startswith("(200)")
    anna.click("#jump")
    wait_until(lambda: anna.title == "#lobby · Chat" and not anna.find("#jump").is_displayed())


def test_a_thousand_members(site):
    anna = site.page("anna")
    crowd = [site.netcat() for _ in range(1000)]
    wait_until(lambda: anna.text("#members-total") == "1,001")
    wait_until(lambda: anna.text("#members-more") == "and 851 more")
    assert len(anna.members()) == 150
    assert anna.run("return document.querySelectorAll('*').length") < 2000
    anna.find("#filter").send_keys("guest77")
    wait_until(lambda: anna.members()[0] == "guest77")
    assert len(crowd) == 1000
