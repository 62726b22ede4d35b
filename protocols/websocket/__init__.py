"""WebSocket (RFC 6455) for the HTTP server::

    from protocols.http import HTTPServer
    from protocols.websocket import WebSocket, accept
    from reactor import Reactor

    class Echo(WebSocket):
        def message_received(self, message):
            self.send(message)

    reactor = Reactor()
    reactor.listen_tcp(HTTPServer(lambda request: accept(request, Echo)), "127.0.0.1", 8080)
    reactor.run()

Frames are parsed by the sans-I/O core of the library ``websockets``.
"""

from .frames import Message
from .handshake import accept
from .limits import Limits
from .websocket import WebSocket

__all__ = ["Limits", "Message", "WebSocket", "accept"]
