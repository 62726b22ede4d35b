"""Echo over TCP and UDP, in memory and through the command line."""

import os
import socket
import subprocess
import sys

import pytest

from protocols.console.lineclient import UDP_ANSWER_TIMEOUT
from protocols.console.link import DatagramLink, StreamLink
from protocols.echo import Echo, EchoClient, EchoDatagrams
from reactor import StreamTransport
from reactor.testing import VirtualReactor

from ..tools.commands import ROOT, one_line
from ..tools.users import User
from ..tools.waiting import TIMEOUT


def test_echo_sends_back_what_it_receives():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Echo)
        peer.send(b"hello, world", chunk=1)
        reactor.settle()
        assert peer.received == b"hello, world"


def test_after_the_peers_end_echo_sends_the_rest_and_closes():
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
        assert peer.transport.get_write_buffer_size() <= 2 * 65536  # twice the high-water mark
        assert not peer.transport.is_reading()

        peer.resume()
        reactor.settle()
        assert peer.received == b"x" * 10_000_000


def test_each_datagram_goes_back_to_its_sender():
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
        client.settimeout(TIMEOUT)
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


@pytest.fixture
def make_client():
    with VirtualReactor() as reactor:
        yield lambda **options: EchoClient(reactor, ("s", 1), console=User(reactor), **options)


def test_over_tls_the_client_ends_when_all_lines_have_come_back(make_client, monkeypatch):
    monkeypatch.setattr(StreamTransport, "can_write_eof", lambda transport: False)
    client = make_client()
    peer = client.reactor.connect(lambda: StreamLink(client))
    client.typed("one")
    client.typed("two")
    client.finish()
    peer.send(b"one\ntw")
    client.reactor.settle()
    assert not client.ended

    peer.send(b"o\n")
    client.reactor.settle()

    assert client.ended


def test_over_tls_all_lines_may_have_come_back_before_the_end_of_input(make_client, monkeypatch):
    monkeypatch.setattr(StreamTransport, "can_write_eof", lambda transport: False)
    client = make_client()
    client.reactor.connect(lambda: StreamLink(client))
    client.finish()

    assert client.ended


def test_over_udp_the_client_waits_for_datagrams_and_counts_lost_ones(make_client):
    client = make_client(udp=True)
    peer = client.reactor.datagram_socket(lambda: DatagramLink(client))
    for number in range(100):
        client.typed(str(number))
    client.finish()
    while sent := peer.take():
        assert len(sent) <= 32
        for data in sent:
            if data not in {b"3", b"40", b"99"}:
                peer.send(data, None)
        client.reactor.settle()
    assert not client.ended

    client.reactor.advance(UDP_ANSWER_TIMEOUT)

    assert client.ended
    assert client.undelivered() == "3 lines were not confirmed by the server"


def test_lines_on_a_connection_that_broke_are_counted(make_client):
    client = make_client(reconnect=True)
    peer = client.reactor.connect(lambda: StreamLink(client))
    for line in ("one", "two", "three"):
        client.typed(line)
    peer.send(b"one\n")
    client.reactor.settle()
    peer.reset()
    client.reactor.settle()

    assert client.undelivered().startswith("2 lines were not confirmed by the server")


def test_the_client_works_in_a_pipe_over_tls(serve, run_reactor, certificate):
    tls = ("--tls-cert", certificate.chain, "--tls-key", certificate.key)
    server = serve("--protocol", "echo", "--port", "0", "--no-udp", *tls)
    lines = "".join(f"{number}\n" for number in range(5_000))
    address = f"localhost:{server.port}"
    piped = run_reactor(
        "--protocol", "echo", "--connect", address, "--tls-ca", certificate.ca, input=lines
    )

    assert (piped.returncode, piped.stdout, piped.stderr) == (0, lines, "")


def test_thousands_of_datagrams_come_back(serve, run_reactor):
    server = serve("--protocol", "echo", "--port", "0")
    lines = "".join(f"{number}\n" for number in range(5_000))
    address = f"127.0.0.1:{server.port}"
    piped = run_reactor("--protocol", "echo", "--connect", address, "--udp", input=lines)

    assert (piped.returncode, piped.stdout, piped.stderr) == (0, lines, "")


def test_an_untrusted_certificate_gives_a_one_line_error_that_names_the_option(
    serve, run_reactor, certificate
):
    tls = ("--tls-cert", certificate.chain, "--tls-key", certificate.key)
    server = serve("--protocol", "echo", "--port", "0", "--no-udp", *tls)
    address = f"127.0.0.1:{server.port}"

    result = run_reactor("--protocol", "echo", "--connect", address, "--tls", input="")

    assert result.returncode == 1
    assert result.stderr.startswith(
        f"reactor: cannot connect to {address}: its certificate is not trusted: "
    )
    assert result.stderr.endswith("(see --tls-ca)\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("protocol", "line", "complaint"),
    [
        ("chat", "hi", "cannot connect to {}: This port uses TLS: connect with --tls; "),
        # OpenSSL recognises a TLS record by its first five bytes.
        ("echo", "a longer line", "the connection to {} is lost: "),
        ("echo", "hi", "the connection to {} is lost: it uses TLS (see --tls); "),
    ],
)
def test_a_client_without_tls_is_told_that_the_server_uses_it(
    serve, run_reactor, certificate, protocol, line, complaint
):
    tls = ("--tls-cert", certificate.chain, "--tls-key", certificate.key)
    server = serve("--protocol", protocol, "--port", "0", "--no-udp", *tls)
    address = f"127.0.0.1:{server.port}"

    result = run_reactor("--protocol", protocol, "--connect", address, input=f"{line}\n")

    assert (result.returncode, result.stdout) == (1, "")
    assert one_line(result.stderr).startswith(f"reactor: {complaint.format(address)}")
    assert "--tls" in result.stderr


@pytest.mark.parametrize("protocol", ["chat", "time"])
def test_a_client_with_tls_is_told_that_the_server_does_not_use_it(serve, run_reactor, protocol):
    server = serve("--protocol", protocol, "--port", "0", "--no-udp")
    address = f"127.0.0.1:{server.port}"

    result = run_reactor("--protocol", "chat", "--connect", address, "--tls", input="")

    assert result.returncode == 1
    assert one_line(result.stderr) == f"reactor: cannot connect to {address}: it does not use TLS\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("lines", [1, 1000])
def test_output_that_cannot_be_written_is_an_error(serve, lines):
    server = serve("--protocol", "echo", "--port", "0", "--no-udp")
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "reactor", "--protocol", "echo",
             "--connect", f"127.0.0.1:{server.port}"],
            input="hello\n" * lines, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, text=True,
            timeout=TIMEOUT, check=False,
        )  # fmt: skip

    assert result.returncode == 1
    assert "cannot write to standard output: No space left on device" in one_line(result.stderr)
