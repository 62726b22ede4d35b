"""``--protocol mail`` and ``--protocol smtp``: receiving mail into a Maildir, and reading it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from reactor import KeepAlive, Protocol, Reactor
from reactor.command import Application, CommandError, listen_tcp, reason, refuse_unused, tcp_urls

from .connection import VISITORS
from .maildir import Maildir
from .options import (
    POP3_LIMIT_OPTIONS,
    add_options,
    add_pop3_options,
    check_options,
    pop3_settings_of,
    settings_of,
)
from .pop3.connection import POP3Connection
from .pop3.settings import POP3Shared
from .smtp.server import MailServer
from .store import MailStore
from .web.options import add_web_options, serve_web


class SMTPApplication(Application):
    """A server of SMTP, or LMTP, that stores mail."""

    name = "smtp"
    default_port = 2525  # the standard port, 25, requires root
    connections_option = "--max-connections"

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_options(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        check_options(options)
        return self.serve_smtp(reactor, options, open_store(reactor, options))

    def serve_smtp(
        self, reactor: Reactor, options: argparse.Namespace, store: MailStore
    ) -> list[str]:
        """Serve SMTP, storing mail in ``store``; returns the URLs. Raises ``CommandError``."""
        settings = settings_of(options)
        server = MailServer(store.deliver, settings)
        scheme = "lmtp" if options.lmtp else "smtp"
        return _listen(reactor, server, options, options.port, scheme)


class MailApplication(SMTPApplication):
    """Receives mail, and lets clients and browsers read it."""

    name = "mail"

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        super().add_arguments(parser)
        add_pop3_options(parser)
        add_web_options(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        check_options(options)
        store = open_store(reactor, options)
        return [
            *self.serve_smtp(reactor, options, store),
            *self.serve_pop3(reactor, options, store),
            *serve_web(reactor, options, store),
        ]

    def serve_pop3(
        self, reactor: Reactor, options: argparse.Namespace, store: MailStore
    ) -> list[str]:
        """Serve POP3, unless there is ``--no-pop3``; returns the URLs. Raises ``CommandError``."""
        if options.no_pop3:
            names = "--pop3-port", "--pop3-lock", *(name for name, *_ in POP3_LIMIT_OPTIONS)
            refuse_unused(options, names, "cannot be combined with --no-pop3")
            return []
        settings = pop3_settings_of(options)
        shared = POP3Shared(store, settings)
        connection = partial(POP3Connection, shared)
        remedy = "--pop3-port N takes another one, --no-pop3 none"
        return _listen(reactor, connection, options, options.pop3_port, "pop3", remedy=remedy)


def _listen(
    reactor: Reactor,
    factory: Callable[[], Protocol],
    options: argparse.Namespace,
    port: int,
    scheme: str,
    **listen_options: Any,
) -> list[str]:
    """Listen at ``port``; returns the URLs. ``listen_options``: more for ``listen_tcp``. Raises
    ``CommandError``."""
    tls = options.tls if options.implicit_tls else None
    place = argparse.Namespace(host=options.host, port=port, tls=tls)
    most = options.max_connections + VISITORS
    listener = listen_tcp(
        reactor, factory, place, max_connections=most, keepalive=KeepAlive(), **listen_options
    )
    return tcp_urls(listener, tls, scheme)


def open_store(reactor: Reactor, options: argparse.Namespace) -> MailStore:
    """Open the Maildir that the options name. Raises ``CommandError``."""
    try:
        maildir = Maildir(options.maildir)
    except OSError as exc:
        raise CommandError(f"cannot use the Maildir {options.maildir}: {reason(exc)}") from exc
    return MailStore(reactor, maildir, options.hostname)


app = MailApplication()
smtp = SMTPApplication()
