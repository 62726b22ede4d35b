"""Serves a protocol class on the loop that the command line names: asyncio, uvloop or reactor."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any


def announce(port: int) -> None:
    print(f"tcp://127.0.0.1:{port}", flush=True)


async def serve_asyncio(factory: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, backlog=1024)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def serve(factory: Callable[[], Any]) -> None:
    name = sys.argv[1]
    if name == "asyncio":
        asyncio.run(serve_asyncio(factory))
    elif name == "uvloop":
        import uvloop

        uvloop.run(serve_asyncio(factory))
    else:
        from reactor import Reactor

        reactor = Reactor()
        announce(reactor.listen_tcp(factory, "127.0.0.1", 0).addresses[0][1])
        reactor.run()
