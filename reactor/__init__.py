"""A single-threaded event loop: it waits on epoll, kqueue, poll or select, and tells protocols what
happened.

    from reactor import Protocol, Reactor

    class Echo(Protocol):
        def data_received(self, data):
            self.transport.write(data)

    reactor = Reactor()
    reactor.listen_tcp(Echo, "127.0.0.1", 8007)
    reactor.run()
"""

from .connector import Connector
from .datagram import DatagramTransport
from .endpoints import Reactor
from .listener import Listener
from .loop import Loop
from .pollers import ERROR, HANGUP, READ, WRITE, Poller
from .protocol import DatagramProtocol, LineProtocol, Protocol, WriteBufferOverflow
from .sockets import KeepAlive
from .stats import Stats
from .threads import ThreadCall
from .timers import Handle, IdleTimer, Timer
from .tls import TLSTransport
from .transport import StreamTransport
from .wildcard import PeerAddress

__version__ = "0.1.0"

__all__ = [
    "ERROR",
    "HANGUP",
    "READ",
    "WRITE",
    "Connector",
    "DatagramProtocol",
    "DatagramTransport",
    "Handle",
    "IdleTimer",
    "KeepAlive",
    "LineProtocol",
    "Listener",
    "Loop",
    "PeerAddress",
    "Poller",
    "Protocol",
    "Reactor",
    "Stats",
    "StreamTransport",
    "TLSTransport",
    "ThreadCall",
    "Timer",
    "WriteBufferOverflow",
]
