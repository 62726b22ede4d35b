"""Testing protocols without sockets and without sleeping.

A ``VirtualReactor`` is a real ``Reactor`` with two parts replaced. Its clock is *virtual*: it
stands still while there is something to do, and then jumps to the next deadline. So an hour of
heartbeats passes in a millisecond, and identically in each run. Its connections are in *memory*:
the protocol has a real ``StreamTransport``, with its buffers, water marks and deadlines, but the
socket under it is a queue, and the test holds the other end.

    reactor = VirtualReactor()
    peer = reactor.connect(Echo)
    peer.send(b"hello", chunk=1)
    reactor.settle()
    assert peer.received == b"hello"
"""

from .virtual import THREAD_TIMEOUT, DatagramPeers, StreamPeer, VirtualReactor

__all__ = ["THREAD_TIMEOUT", "DatagramPeers", "StreamPeer", "VirtualReactor"]
