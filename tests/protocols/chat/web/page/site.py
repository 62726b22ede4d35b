"""A chat, and the pages and other members that take part in it."""

from __future__ import annotations

from selenium import webdriver

from .....tools.chat_server import ChatServer
from .....tools.tabs import Netcat, Tab


class Site:
    """A chat and those who are in it. A page's origin has the port in it, so each site's pages
    have a storage of their own."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser
        self.server = ChatServer()
        self.url = f"http://127.0.0.1:{self.server.ports['http']}/"
        self.tabs: list[Tab] = []
        self.others: list[Netcat] = []
        self.expects_failures = False  # whether the browser may fail to connect

    def page(self, name: str | None) -> Tab:
        """A tab with the page, and a member called ``name``."""
        self.tabs.append(Tab(self.browser, self.url, name))
        return self.tabs[-1]

    def netcat(self, name: str | None = None) -> Netcat:
        """A member that types lines over TCP, as with ``nc``."""
        self.others.append(Netcat(self.server.port, name))
        return self.others[-1]

    def kill(self) -> None:
        """The server is gone, without a word to anybody."""
        self.expects_failures = True
        self.server.kill()

    def restart(self) -> None:
        """There is a new server at the same address."""
        self.server = ChatServer(self.server.ports["http"])

    def close(self) -> None:
        """Check that neither the browser nor the server had anything to complain about."""
        complaints = [entry["message"] for entry in self.browser.get_log("browser")]
        for tab in self.tabs:
            tab.close()
        for other in self.others:
            other.close()
        if self.expects_failures:
            complaints = [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text]
        assert complaints == []
        assert self.server.stop() == (0, "")
