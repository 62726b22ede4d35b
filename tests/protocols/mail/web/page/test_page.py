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
        browser.switch_to.new_window("tab")
        browser.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.emulate(1280, 800)

    def open(self, *mails) -> Page:
        fill(self.maildir, *mails)
        options = ("--port", "0", "--web-port", "0", "--no-pop3")
        folder = str(self.maildir.path)
        self.server = self._serve("--protocol", "mail", *options, "--maildir", folder)
        self.browser.get(f"http://127.0.0.1:{self.server.ports['http']}/")
        wait_until(lambda: "mail" in self.text("#counts"))
        return self

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
    wait_until(lambda: page.text(".list-pane .empty") == "No mail has come yet.")
    assert page.maildir.mails() == []
    assert page.complaints() == []


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
    assert page.complaints() == []


def test_a_list_grows_when_it_is_scrolled(page):
    page.open(*(mail(f"mail {number}") for number in range(120)))
    wait_until(lambda: len(page.subjects()) == 50)
    for number in (100, 120):
        page.run("document.querySelector('#list').scrollTop = 1e9")
        wait_until(lambda n=number: len(page.browser.find_elements(By.CSS_SELECTOR, ".row")) == n)
    rows = page.run("return [...document.querySelectorAll('.row-subject')].map(e => e.textContent)")
    assert rows == [f"mail {number}" for number in reversed(range(120))]


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
        for selector in ("#submit", "#top", "#blank", "#script", "#plain"):
            page.browser.find_element(By.CSS_SELECTOR, selector).click()
        page.browser.switch_to.default_content()
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert page.browser.window_handles == tabs
    assert "hacked" not in page.browser.title
    assert page.run("return window.hacked ?? null") is None
    assert page.text("#subject") == "hostile"


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
