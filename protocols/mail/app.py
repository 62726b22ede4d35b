"""``--protocol mail`` and ``--protocol smtp``: receiving mail into a Maildir."""

from __future__ import annotations

import argparse

from reactor import KeepAlive, Reactor
from reactor.command import Application, CommandError, listen_tcp, reason, tcp_urls

from .maildir import Maildir
from .options import add_options, check_options, settings_of
from .smtp.protocol import listener_limit
from .smtp.server import MailServer
from .store import MailStore


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
        place = argparse.Namespace(
            host=options.host,
            port=options.port,
            tls=options.tls if options.implicit_tls else None,
        )
        listener = listen_tcp(
            reactor,
            MailServer(store.deliver, settings),
            place,
            max_connections=listener_limit(settings),
            keepalive=KeepAlive(),
        )
        scheme = "lmtp" if options.lmtp else "smtp"
        return [
            url.replace("tcp:", f"{scheme}:").replace("tls:", f"{scheme}s:")
            for url in tcp_urls(listener, place.tls)
        ]


def open_store(reactor: Reactor, options: argparse.Namespace) -> MailStore:
    """Open the Maildir that the options name. Raises ``CommandError``."""
    try:
        maildir = Maildir(options.maildir)
    except OSError as exc:
        raise CommandError(f"cannot use the Maildir {options.maildir}: {reason(exc)}") from exc
    return MailStore(reactor, maildir, options.hostname)


app = SMTPApplication()
