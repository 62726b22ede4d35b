"""WebSockets on our server and on other libraries. Usage: websocket echo|room|idle LIBRARY"""

import sys
from contextlib import suppress
from typing import Any

from .loops import announce


def serve_reactor(kind: str) -> None:
    from protocols.http import HTTPServer
    from protocols.websocket import Message, WebSocket, accept
    from reactor import Reactor

    members: set[WebSocket] = set()

    class Echo(WebSocket):
        def message_received(self, message: str | bytes) -> None:
            self.send(message)

    class Member(WebSocket):
        def opened(self) -> None:
            members.add(self)

        def message_received(self, message: str | bytes) -> None:
            said = Message(message)
            for member in members:
                member.send(said)

        def closed(self, code: int, reason: str) -> None:
            members.discard(self)

    factory = Member if kind == "room" else Echo
    reactor = Reactor()
    server = HTTPServer(lambda request: accept(request, factory))
    announce(reactor.listen_tcp(server, "127.0.0.1", 0).addresses[0][1])
    reactor.run()


async def serve_websockets(kind: str) -> None:
    from websockets.asyncio.server import ServerConnection, broadcast, serve
    from websockets.exceptions import ConnectionClosedError

    members: set[ServerConnection] = set()

    async def echo(websocket: ServerConnection) -> None:
        with suppress(ConnectionClosedError):  # the load just goes
            async for message in websocket:
                await websocket.send(message)

    async def member(websocket: ServerConnection) -> None:
        members.add(websocket)
        with suppress(ConnectionClosedError):
            async for message in websocket:
                broadcast(members, message)
        members.discard(websocket)

    handler = member if kind == "room" else echo
    async with serve(handler, "127.0.0.1", 0, backlog=1024) as server:
        announce(next(iter(server.sockets)).getsockname()[1])
        await server.serve_forever()


async def serve_picows(kind: str) -> None:
    import picows

    class Echo(picows.WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.disconnect()
            else:
                transport.send(frame.msg_type, frame.get_payload_as_bytes())

    server = await picows.ws_create_server(lambda _: Echo(), "127.0.0.1", 0)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


kind, library = sys.argv[1:]
if library == "reactor":
    serve_reactor(kind)
else:
    import uvloop

    uvloop.run(serve_websockets(kind) if library == "websockets" else serve_picows(kind))
