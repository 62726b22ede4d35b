"""SMTP servers that store mail in a Maildir. Usage: smtp SERVER FOLDER SYNC

SERVER is "reactor" or "aiosmtpd". SYNC is "fsync", or "none": then fsync does nothing."""

import os
import sys
from typing import Any

from .loops import announce


def serve_reactor(folder: str) -> None:
    from protocols.mail import Limits, Maildir, MailServer, MailStore, Settings
    from reactor import Reactor

    reactor = Reactor()
    store = MailStore(reactor, Maildir(folder), "localhost")
    limits = Limits(messages=1_000_000)  # a connection of the load sends more than the default
    server = MailServer(store.deliver, Settings(hostname="localhost", limits=limits))
    announce(reactor.listen_tcp(server, "127.0.0.1", 0).addresses[0][1])
    reactor.run()


def serve_aiosmtpd(folder: str) -> None:
    import asyncio

    from aiosmtpd.handlers import Mailbox
    from aiosmtpd.smtp import SMTP

    handler = Mailbox(folder)

    def make() -> Any:
        return SMTP(handler, hostname="localhost", enable_SMTPUTF8=True)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        announce(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def main() -> None:
    server, folder, sync = sys.argv[1:]
    if sync == "none":
        os.fsync = lambda fd: None
        os.posix_fadvise = lambda *arguments: None  # begins to write for fsync
    {"reactor": serve_reactor, "aiosmtpd": serve_aiosmtpd}[server](folder)


main()
