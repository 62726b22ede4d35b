"""Echo over TCP and UDP, in memory and through the command line."""

import socket

from protocols.echo import Echo, EchoDatagrams
from reactor.testing import VirtualReactor
from reactor.writing import HIGH_WATER


def test_what_comes_goes_back():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Echo)
        peer.send(b"hello, world", chunk=1)
        reactor.settle()
        assert peer.received == b"hello, world"


def test_the_peers_end_is_answered_with_all_of_its_data_and_our_end():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Echo)
        peer.stall()
        peer.send(b"x" * 1000)
        peer.send_eof()
        reactor.settle()
        assert not peer.closed

        peer.resume()
        reactor.settle()
        assert peer.received == b"x" * 1000
        assert peer.closed


def test_a_peer_that_never_reads_does_not_grow_our_memory():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Echo)
        peer.stall()
        peer.send(b"x" * 10_000_000, chunk=65536)
        reactor.settle()
        assert peer.transport.get_write_buffer_size() <= 2 * HIGH_WATER
        assert not peer.transport.is_reading()

        peer.resume()
        reactor.settle()
        assert peer.received == b"x" * 10_000_000


def test_datagrams_go_back_to_whom_they_came_from():
    with VirtualReactor() as reactor:
        peers = reactor.datagram_socket(EchoDatagrams)
        peers.send(b"one", ("192.0.2.1", 5000))
        peers.send(b"", ("192.0.2.9", 6000))
        reactor.settle()
        assert peers.sent == [(b"one", ("192.0.2.1", 5000)), (b"", ("192.0.2.9", 6000))]


def test_the_server_echoes_over_tcp_and_udp_on_one_port_number(serve):
    server = serve("--protocol", "echo", "--port", "0")
    assert server.ports["tcp"] == server.ports["udp"]

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"hello", ("127.0.0.1", server.port))
        assert client.recv(100) == b"hello"


def test_the_client_works_in_a_pipe(serve, run_reactor):
    server = serve("--protocol", "echo", "--port", "0")
    lines = "".join(f"{number}\n" for number in range(50_000))
    address = f"127.0.0.1:{server.port}"

    piped = run_reactor("--protocol", "echo", "--connect", address, input=lines)
    datagrams = run_reactor("--protocol", "echo", "--connect", address, "--udp", input="a\nb")

    assert (piped.returncode, piped.stdout, piped.stderr) == (0, lines, "")
    assert (datagrams.returncode, datagrams.stdout, datagrams.stderr) == (0, "a\nb\n", "")
