"""The chat as people use it: real servers, and the clients that they have."""

import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from ...tools.waiting import TIMEOUT


class Talker:
    """A client program: the test can wait for its lines."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.lines = []

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self, ending):
        for raw in self.process.stdout:
            line = raw.decode().rstrip()
            self.lines.append(line)
            if line.endswith(ending):
                return line
        raise AssertionError(f"{ending!r} was not heard, but {self.lines}")

    def end_input(self):
        self.process.stdin.close()
        self.process.stdin = None

    def close(self):
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT)


@pytest.fixture
def talker():
    talkers = []

    def start(*command):
        if shutil.which(command[0]) is None:
            pytest.skip(f"there is no {command[0]} on this machine")
        talkers.append(Talker(*command))
        return talkers[-1]

    yield start
    for talker in talkers:
        talker.close()


@pytest.fixture
def chat(serve):
    return serve("--protocol", "chat", "--port", "0", "--udp-port", "0")


def client_command(address, *options):
    return [sys.executable, "-m", "reactor", "--protocol", "chat", "--connect", address, *options]


def test_nc_telnet_udp_and_the_client_meet_in_one_room(chat, talker):
    port, udp_port = str(chat.ports["tcp"]), str(chat.ports["udp"])
    nc = talker("nc", "127.0.0.1", port)
    nc.hear("You are guest1 in lobby")
    telnet = talker("telnet", "127.0.0.1", port)
    telnet.hear("You are guest2 in lobby")
    client = talker(*client_command(f"127.0.0.1:{port}"))
    client.hear("You are guest3 in lobby")
    datagrams = talker(*client_command(f"127.0.0.1:{udp_port}", "--udp"))
    datagrams.hear("You are guest4 in lobby")
    everyone = [nc, telnet, client, datagrams]

    for number, speaker in enumerate(everyone, 1):
        speaker.say(f"words of {number}")
        for listener in everyone:
            listener.hear(f"guest{number}: words of {number}")

    nc.say("/quit I am off")
    for listener in (telnet, client, datagrams):
        listener.hear("*** guest1 left the chat: I am off")
    nc.hear("*** Goodbye")
    nc.end_input()  # nc waits for this even though the server has closed
    assert nc.process.wait(TIMEOUT) == 0


class Student:
    """The first UDP client that a student writes: a fresh socket, and nothing about tokens."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(TIMEOUT)
        self.received = ""

    def sends(self, data):
        self.socket.sendto(data, self.server)

    def hears(self, text):
        while text not in self.received:
            self.received += self.socket.recv(65536).decode()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()


def test_the_first_udp_client_that_a_student_writes(chat, talker):
    witness = talker("nc", "127.0.0.1", str(chat.ports["tcp"]))
    witness.hear("You are guest1 in lobby")
    with Student(chat.ports["udp"]) as zed, Student(chat.ports["udp"]) as listener:
        listener.sends(b"HEARTBEAT")
        listener.hears("*** You are guest2 in lobby")
        zed.sends(b"zed: hello")
        zed.hears("guest3: zed: hello\r\n")
        for _ in range(3):
            zed.sends(b"HEARTBEAT")
        witness.say("good morning, zed")
        for student in (zed, listener):
            student.hears("guest1: good morning, zed\r\n")
        zed.sends(b"zed: good morning")
        listener.hears("guest3: zed: good morning\r\n")
        witness.hear("guest3: zed: good morning")
        assert "/hello" not in zed.received + listener.received + "".join(witness.lines)


def test_a_flood_of_joins_from_fresh_ports_keeps_no_newcomer_out(chat):
    junk = []
    try:
        for _ in range(100):  # not more: the system's buffer holds about 250
            junk.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            junk[-1].sendto(b"\x00\xff junk", ("127.0.0.1", chat.ports["udp"]))
        with Student(chat.ports["udp"]) as zed:
            zed.sends(b"zed: hello")
            zed.hears(" in lobby\r\n")
            zed.hears(": zed: hello\r\n")
    finally:
        for sock in junk:
            sock.close()


def test_only_the_tls_client_is_told_that_it_uses_the_plain_port(chat, talker):
    address = ("127.0.0.1", chat.ports["tcp"])
    witness = talker("nc", *map(str, address))
    witness.say("I have come")
    witness.hear("guest1: I have come")
    hello = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), hello, server_hostname="localhost"
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(address, timeout=TIMEOUT) as lost:
        lost.sendall(hello.read())
        answer = b"".join(iter(lambda: lost.recv(65536), b""))
    assert answer.endswith(b"*** This port speaks plain text, not TLS: connect without TLS\r\n")

    other = talker("nc", *map(str, address))
    other.hear("*** 2 in lobby: guest1, guest3")
    other.say("hello")
    witness.hear("guest3: hello")
    assert not [line for line in witness.lines if "guest2" in line]


def test_addresses_of_this_machine_can_be_asked_for_proof(serve):
    server = serve(
        *("--protocol", "chat", "--port", "0", "--udp-port", "0"),
        *("--udp-trust", "192.0.2.0/24,2001:db8::/32", "--udp-trust", "none"),
    )
    with Student(server.ports["udp"]) as zed:
        zed.sends(b"HEARTBEAT")
        zed.sends(b"zed: hello")
        zed.hears("*** Not sent. To join the chat, send: /hello ")
        assert zed.received.startswith("*** Not sent.")
        token = zed.received.split()[-1]
        zed.sends(f"zed: /hello {token}".encode())
        zed.hears("*** You are guest1 in lobby\r\n")


def test_a_vanished_udp_member_times_out_and_all_are_notified(serve, talker):
    server = serve(
        "--protocol", "chat", "--port", "0", "--udp-port", "0", "--heartbeat-timeout", "0.5"
    )
    witness = talker("nc", "127.0.0.1", str(server.ports["tcp"]))
    witness.hear("in lobby")
    quick = ("--udp", "--heartbeat-interval", "0.1")
    lost = talker(*client_command(f"127.0.0.1:{server.ports['udp']}", *quick))
    lost.hear("You are guest2 in lobby")
    witness.hear("*** guest2 joined lobby")

    lost.process.kill()  # it cannot say goodbye

    witness.hear("*** guest2 left the chat: timed out")


def test_a_killed_tcp_client_leaves(chat, talker):
    port = str(chat.ports["tcp"])
    witness = talker("nc", "127.0.0.1", port)
    witness.hear("in lobby")
    killed = talker(*client_command(f"127.0.0.1:{port}"))
    killed.hear("You are guest2 in lobby")
    killed.process.kill()

    witness.hear("*** guest2 left the chat")


def test_one_line_through_a_pipe(chat, run_reactor):
    address = f"127.0.0.1:{chat.ports['tcp']}"
    result = run_reactor("--protocol", "chat", "--connect", address, input="hi\n")

    assert result.returncode == 0
    assert result.stdout.splitlines()[-2].endswith("] guest1: hi")
    assert result.stdout.splitlines()[-1] == "*** Goodbye"
    assert result.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_a_client_without_standard_input_or_output_leaves_cleanly(chat, closed):
    command = client_command(f"127.0.0.1:{chat.ports['tcp']}")
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    done = subprocess.run(
        shell, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_client_that_is_interrupted_leaves_cleanly(chat, talker):
    client = talker(*client_command(f"127.0.0.1:{chat.ports['tcp']}"))
    client.hear("in lobby")
    client.process.send_signal(signal.SIGINT)

    assert client.process.wait(TIMEOUT) == 0


def test_members_are_told_that_the_server_stops(chat, talker):
    client = talker(*client_command(f"127.0.0.1:{chat.ports['tcp']}"))
    client.hear("in lobby")
    nc = talker("nc", "127.0.0.1", str(chat.ports["tcp"]))
    nc.hear("in lobby")

    assert chat.stop() == (0, "")

    nc.hear("*** The server is stopping")
    client.hear("lost: the server closed the connection")
    assert client.process.wait(TIMEOUT) == 1


def test_a_member_that_does_not_read_is_disconnected_and_delays_no_one(serve, talker):
    server = serve(
        "--protocol", "chat", "--port", "0", "--no-udp", "--flood-rate", "0", "--grace", "1"
    )
    address = ("127.0.0.1", server.ports["tcp"])
    reader = talker("nc", *map(str, address))
    reader.hear("You are guest1 in lobby")
    stopped = threading.Event()

    def talk_without_end(speaker):
        while not stopped.is_set():
            speaker.sendall(b"x" * 4000 + b"\n")

    with socket.create_connection(address) as deaf, socket.create_connection(address) as speaker:
        reader.hear("*** guest3 joined lobby")
        speaker.sendall(b"/echo off\n")
        thread = threading.Thread(target=talk_without_end, args=(speaker,))
        thread.start()
        try:
            reader.hear("left the chat: too slow to read")
        finally:
            stopped.set()
            thread.join()
        assert deaf.fileno() >= 0


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--heartbeat-timeout", "0", "--heartbeat-timeout must be more than 0"),
        ("--max-members", "-1", "expected a whole number"),
        ("--flood-rate", "fast", "expected a number"),
        ("--max-members-per-address", "many", "expected a whole number"),
        ("--udp-trust", "10.0.0.1/8", "10.0.0.1/8 is not a network; 10.0.0.0/8 is"),
        ("--udp-trust", "none,lan", "neither an address nor a network: 'lan'"),
    ],
)
def test_wrong_options_are_refused(run_reactor, option, value, complaint):
    result = run_reactor("--protocol", "chat", "--port", "0", option, value)

    assert result.returncode == 2
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
