"""Testing protocols without sockets and without sleeping.

A ``VirtualReactor`` is a real ``Reactor`` with two things replaced. Its clock is *virtual*: it
stands still while anything is to be done, and then jumps to the next deadline, so an hour of
heartbeats passes in a millisecond, and passes alike each time. Its connections are in *memory*: the
protocol has a real ``StreamTransport``, with its buffers, water marks and deadlines, but what lies
under it is a queue whose other end the test holds.

    reactor = VirtualReactor()
    peer = reactor.connect(Echo)
    peer.send(b"hello", chunk=1)
    reactor.settle()
    assert peer.received == b"hello"
"""

from .virtual import THREAD_TIMEOUT, DatagramPeers, StreamPeer, VirtualReactor

__all__ = ["THREAD_TIMEOUT", "DatagramPeers", "StreamPeer", "VirtualReactor"]
