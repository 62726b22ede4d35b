"""A single-threaded event loop: it waits on epoll, kqueue, poll or select, and calls the methods of
protocols.

    from reactor import Protocol, Reactor

    class Echo(Protocol):
        def data_received(self, data):
            self.transport.write(data)

    reactor = Reactor()
    reactor.listen_tcp(Echo, "127.0.0.1", 8007)
    reactor.run()

The names here are public, and so are four modules: ``reactor.testing`` (virtual time),
``reactor.command`` (what ``python -m reactor`` needs of an application), ``reactor.errors`` (which
exceptions end the loop) and ``reactor.sockets.addresses`` (networks and IP addresses).
"""

from .descriptors import describe_descriptor, list_descriptors, sort_key, watched
from .loop import Loop
from .observed_loop import current_turn
from .observer import STEPS, Call, Flush, Observer, RecentTurns, Turn
from .pollers import ERROR, HANGUP, READ, WRITE, Poller
from .protocol import DatagramProtocol, LineProtocol, Protocol
from .reactor import Reactor
from .recording import Recorder, read_recording
from .snapshots import list_callbacks, list_timers, pending, snapshot
from .sockets.binding import KeepAlive
from .sockets.connector import Connector
from .sockets.listener import Listener
from .sockets.wildcard import PeerAddress
from .stats import Stats
from .stepping import Stepper
from .threads import ThreadCall, ThreadPool
from .timers import Deadline, Handle, IdleTimer, Timer
from .traffic import DescriptorTraffic, SampledTraffic, Traffic
from .transports.datagram import DatagramTransport
from .transports.stream import StreamTransport
from .transports.tls import TLSTransport
from .transports.write_queue import WriteBufferOverflow

#: The version of the distribution.
__version__ = "0.1.0"

__all__ = [
    "ERROR",
    "HANGUP",
    "READ",
    "STEPS",
    "WRITE",
    "Call",
    "Connector",
    "DatagramProtocol",
    "DatagramTransport",
    "Deadline",
    "DescriptorTraffic",
    "Flush",
    "Handle",
    "IdleTimer",
    "KeepAlive",
    "LineProtocol",
    "Listener",
    "Loop",
    "Observer",
    "PeerAddress",
    "Poller",
    "Protocol",
    "Reactor",
    "RecentTurns",
    "Recorder",
    "SampledTraffic",
    "Stats",
    "Stepper",
    "StreamTransport",
    "TLSTransport",
    "ThreadCall",
    "ThreadPool",
    "Timer",
    "Traffic",
    "Turn",
    "WriteBufferOverflow",
    "__version__",
    "current_turn",
    "describe_descriptor",
    "list_callbacks",
    "list_descriptors",
    "list_timers",
    "pending",
    "read_recording",
    "snapshot",
    "sort_key",
    "watched",
]
