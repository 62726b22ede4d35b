"""The page for the mail, in a real browser, with a real server."""

from __future__ import annotations

import smtplib
import socket
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from protocols.mail import Maildir

from .....tools.tabs import wait_until
from .....tools.waiting import TIMEOUT
from ..mails import fill, hostile, mail, with_html


class Page:
    """A tab with the page. ``maildir``: what it shows."""

    def __init__(self, browser, serve, folder) -> None:
        self.browser = browser
        self.maildir = Maildir(folder)
        self._serve = serve
        browser.get_log("browser")  # of the tests before
        browser.switch_to.new_window("tab")
        browser.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.emulate(1280, 800)

    def open(self, *mails) -> Page:
        fill(self.maildir, *mails)
        self.serve("0")
        self.url = f"http://127.0.0.1:{self.server.ports['http']}/"
        self.browser.get(self.url)
        wait_until(lambda: "mail" in self.text("#counts"))
        return self

    def serve(self, web_port: str) -> None:
        options = ("--port", "0", "--web-port", web_port, "--no-pop3")
        folder = str(self.maildir.path)
        self.server = self._serve("--protocol", "mail", *options, "--maildir", folder)

    def send(self, message) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.ports["smtp"], timeout=TIMEOUT) as client:
            client.send_message(message)

    def emulate(self, width: int, height: int, scheme: str = "light") -> None:
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def texts(self, selector: str) -> list[str]:
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility()).map((e) => e.innerText.trim())",
            selector,
        )

    def text(self, selector: str) -> str:
        return " ".join(self.texts(selector))

    def subjects(self) -> list[str]:
        return self.texts(".row-subject bdi")

    def lists(self, *subjects: str) -> None:
        wait_until(lambda: self.subjects() == list(subjects))

    def click(self, selector: str) -> None:
        wait_until(lambda: self.browser.find_elements(By.CSS_SELECTOR, selector))[0].click()

    def press(self, *keys: str) -> None:
        self.browser.switch_to.active_element.send_keys(*keys)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]


@pytest.fixture
def page(browser, serve, tmp_path):
    page = Page(browser, serve, tmp_path / "mail")
    yield page
    browser.switch_to.default_content()
    browser.close()
    browser.switch_to.window(browser.window_handles[0])


def test_mails_appear_and_vanish_by_themselves(page):
    page.open(mail("one"))
    page.lists("one")
    page.send(mail("two"))
    page.lists("two", "one")
    assert page.text("#counts") == "2 mails, 2 unread"
    page.click(".row")
    wait_until(lambda: page.text("#subject") == "two")
    assert page.text("#view") == "The water boils."
    wait_until(lambda: page.text("#counts") == "2 mails, 1 unread")
    page.click("#delete")
    page.lists("one")
    page.click("#delete-all")
    page.click('dialog button[value="yes"]')
    page.lists()
    wait_until(lambda: page.text("#empty-text") == "No mail has come yet.")
    assert page.maildir.mails() == []
    assert page.complaints() == []


def test_the_page_does_not_call_a_mailbox_empty_before_it_knows(page):
    page.open()
    script = "window.asked = 0; window.fetch = () => { asked++; return new Promise(() => {}); };"
    added = page.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": script}
    )
    page.browser.refresh()
    wait_until(lambda: page.run("return asked"))
    assert page.texts("#empty-text") == []

    page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    page.browser.refresh()
    wait_until(lambda: page.text("#empty-text") == "No mail has come yet.")


def test_mails_that_come_together_are_in_order(page):
    page.open(mail("one"))
    page.lists("one")
    # As another program delivers them: the page hears of all at once.
    fill(page.maildir, *(mail(f"new {number}") for number in range(1, 5)))
    page.lists(*(f"new {number}" for number in (4, 3, 2, 1)), "one")


def test_search_and_keys(page):
    page.open(mail("tea"), mail("coffee", "beans\n"), mail("more tea"))
    page.lists("more tea", "coffee", "tea")
    page.press("/")
    page.press("beans", Keys.ENTER)
    page.lists("coffee")
    page.press("/")
    page.press(Keys.CONTROL, "a")
    page.press("tea", Keys.ENTER)
    page.lists("more tea", "tea")
    page.press("j", "j")
    wait_until(lambda: page.text("#subject") == "tea")
    page.press("#")
    page.lists("more tea")
    page.press(Keys.ESCAPE)
    wait_until(lambda: page.text("#subject") == "")
    page.press("/", Keys.ESCAPE)
    page.lists("more tea", "coffee")
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    wait_until(lambda: page.text("#subject") == "more tea")
    page.press(Keys.TAB, Keys.TAB, Keys.TAB, Keys.ARROW_RIGHT)
    assert page.run("return document.activeElement.id") == "tab-headers"
    assert "bob@example.org" in page.text("#view")
    assert page.complaints() == []


def test_what_a_screen_reader_says(page):
    page.open(*(mail(f"mail {number}") for number in range(30)), with_html("x"))
    page.click(".row")
    wait_until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "iframe"))
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names: dict[str, list[str]] = {}
    for node in tree:
        if not node["ignored"]:
            names.setdefault(node["role"]["value"], []).append(node["name"]["value"])
    first, *others = names["option"]
    assert first.startswith("Ada, with HTML, with attachments, ")
    assert all(name.startswith("Unread, Ada, mail ") for name in others)
    assert names["tab"] == ["HTML", "Text", "Headers", "Source"]
    assert names["Iframe"] == ["The mail as HTML"]
    for role in ("button", "link", "searchbox", "listbox", "region", "tabpanel"):
        assert all(names[role]), role


def test_a_long_list(page):
    page.open(*(mail(f"mail {number}") for number in range(600)))
    wait_until(lambda: page.subjects()[:1] == ["mail 599"])

    def scroll_to_end() -> bool:
        page.run("document.querySelector('#list').scrollTop = 1e9")
        return page.subjects()[-1:] == ["mail 0"]

    wait_until(scroll_to_end)
    # Only those in sight are there.
    assert page.subjects() == [f"mail {number}" for number in reversed(range(len(page.subjects())))]
    assert len(page.subjects()) < 60
    page.press("j")
    page.browser.find_element(By.CSS_SELECTOR, "#list").send_keys(Keys.HOME)
    wait_until(lambda: page.text("#subject") == "mail 599")
    page.press(Keys.END, Keys.ARROW_UP)
    wait_until(lambda: page.text("#subject") == "mail 1")
    # What is in sight stays when others come.
    place = "return document.querySelector('[aria-selected=true]').getBoundingClientRect().top"
    before = page.run(place)
    page.send(mail("new"))
    wait_until(lambda: page.text("#counts").startswith("601 mails"))
    wait_until(lambda: page.run("return document.querySelector('.row').ariaSetSize") == "601")
    assert abs(page.run(place) - before) <= 1
    assert page.complaints() == []


def test_all_views_of_a_mail(page):
    page.open(with_html('<p>Hi <a href="https://example.com/x">there</a></p>'))
    page.click(".row")
    wait_until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "iframe"))
    page.click("#tab-text")
    assert page.text("#view") == "The text."
    page.click("#tab-links")
    assert page.texts("#view a") == ["https://example.com/x"]
    page.click("#tab-headers")
    assert "bob@example.org" in page.text("#view")
    page.click("#tab-source")
    wait_until(lambda: "Content-Type: text/html" in page.text("#view"))
    assert page.texts(".file bdi") == ["part.png", "tea.html", "Tëe 1.csv"]
    assert page.complaints() == []


CLICKED = (
    "#submit", "#top", "#blank", "#script", "#plain", "#animated", "#xlink", "#math", "#data",
    "#parent", "#ping", "#own",
)  # fmt: skip


def test_hostile_html_does_nothing(page):
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.5)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        page.open(with_html(hostile(url), "hostile"))
        page.click(".row")
        frame = wait_until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "iframe"))[0]
        assert "not loaded" in page.text(".note")
        tabs = page.browser.window_handles
        page.browser.switch_to.frame(frame)
        wait_until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#inside"))
        inside = page.browser.find_element(By.CSS_SELECTOR, "#inside")
        wait_until(lambda: inside.get_property("naturalWidth") == 1)
        for selector in CLICKED:
            page.browser.find_element(By.CSS_SELECTOR, selector).click()
        page.browser.switch_to.default_content()
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert page.browser.window_handles == tabs
    assert "hacked" not in page.browser.title
    assert page.run("return window.hacked ?? null") is None
    assert page.text("#subject") == "hostile"


def test_the_list_begins_again_after_a_lost_connection(page):
    page.open(*(mail(f"mail {number}") for number in range(100)))

    def scroll_to_end(last: str) -> bool:
        page.run("document.querySelector('#list').scrollTop = 1e9")
        return page.subjects()[-1:] == [last]

    wait_until(lambda: scroll_to_end("mail 0"))
    page.server.stop()
    wait_until(lambda: page.text("#banner") == "The connection is lost. Trying again…")
    # No event tells of this one; and it is not among the newest, which the page asks for again.
    oldest, *_ = page.maildir.mails()
    page.maildir.delete([oldest.identity])
    page.serve(str(page.server.ports["http"]))
    wait_until(lambda: page.text("#counts") == "99 mails, 99 unread")
    assert page.text("#banner") == ""
    wait_until(lambda: scroll_to_end("mail 1"))


def test_hostile_html_as_a_page_of_its_own_does_nothing(page):
    """Somebody may open the frame's address in a tab."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.5)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        page.open(with_html(hostile(url), "hostile"))
        (stored,) = page.maildir.mails()
        page.browser.get(f"{page.url}api/messages/{stored.identity}/html")
        wait_until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "#inside"))
        for selector in CLICKED:
            page.browser.find_element(By.CSS_SELECTOR, selector).click()
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert "hacked" not in page.browser.title
    # A script that the driver runs is not the page's: it sees what a page's script would get.
    assert page.run("return window.origin") == "null"


def test_attachments_are_never_opened(page):
    page.open(with_html("x"))
    (stored,) = page.maildir.mails()
    page.run(f"location.href = 'api/messages/{stored.identity}/parts/2'")
    page.send(mail("two"))
    page.lists("two", "with HTML")  # the page is still there


def test_many_tabs(page):
    """A browser opens six connections to a server, for all tabs together."""
    page.open(mail("one"))
    first = page.browser.current_window_handle
    tabs = []
    try:
        for _ in range(7):
            page.browser.switch_to.new_window("tab")
            tabs.append(page.browser.current_window_handle)
            page.browser.get(page.url)
            page.lists("one")
        page.browser.switch_to.window(first)
        page.send(mail("two"))
        for tab in (first, *tabs):
            page.browser.switch_to.window(tab)
            page.lists("two", "one")
        page.browser.switch_to.window(first)
        page.browser.close()  # it has the stream
        page.browser.switch_to.window(tabs[0])
        page.send(mail("three"))
        for tab in tabs:
            page.browser.switch_to.window(tab)
            page.lists("three", "two", "one")
    finally:
        for tab in tabs[:-1]:
            page.browser.switch_to.window(tab)
            page.browser.close()
        page.browser.switch_to.window(tabs[-1])


def test_links_in_a_text_can_be_followed(page):
    page.open(mail("confirm", "Go to https://app.example.com/confirm?token=1. Now.\n"))
    page.click(".row")
    wait_until(lambda: page.texts("#view a") == ["https://app.example.com/confirm?token=1"])
    assert page.text("#view") == "Go to https://app.example.com/confirm?token=1. Now."
    link = page.browser.find_element(By.CSS_SELECTOR, "#view a")
    assert (link.get_attribute("target"), link.get_attribute("rel")) == (
        "_blank",
        "noopener noreferrer",
    )


def test_a_sender_who_looks_like_another(page):
    page.open(mail(sender='"ada@bank.example" <eve@\u0430pple.com>'))
    page.lists("tea")
    assert page.texts(".row .from") == ["eve@\u0430pple.com"]
    page.click(".row")
    wait_until(lambda: "xn--pple-43d.com" in page.text(".people"))


def test_a_mail_that_is_deleted_while_it_is_read(page):
    page.open(mail("one"), mail("two"))
    page.click(".row")
    wait_until(lambda: page.text("#subject") == "two")
    folder = page.maildir.path
    for path in [*folder.glob("new/*"), *folder.glob("cur/*")]:
        path.unlink()
    page.lists()
    wait_until(lambda: "No mail is selected." in page.text("#message"))
    assert page.complaints() == []


def test_a_narrow_page_shows_the_list_or_the_mail(page):
    page.emulate(400, 800)
    page.open(mail("one"))
    page.lists("one")
    assert page.text("#message") == ""
    page.click(".row")
    wait_until(lambda: page.text("#subject") == "one")
    assert page.subjects() == []
    page.click(".message-tools .narrow-only")
    page.lists("one")
    assert page.text("#message") == ""
    assert page.run("return document.documentElement.scrollWidth") <= 400
