"""The chat's client and a real hub in virtual time, with a network between them that can break."""

import errno
from functools import partial

import pytest

from protocols.chat.client import ChatClient
from protocols.chat.datagrams import CHALLENGE, ChatDatagrams
from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub, Limits
from protocols.chat.lines import LineServer
from protocols.console.link import DatagramLink
from reactor.testing import VirtualReactor

from ...tools.users import User

STEP = 0.05  # seconds
TOO_FAST = "*** You are sending too fast: lines are being dropped until you slow down"
SERVER = ("192.0.2.2", 9555)


class World:
    """A server, clients, and the network between them. Each has a reactor of its own, as one of
    them may be stopped while time passes for the others."""

    def __init__(self, udp, address="127.0.0.1"):
        self.udp = udp
        self.address = address
        self.there = VirtualReactor()
        self.here = []
        self.attempts = 0
        self.lost = lambda data: False
        self._pairs = []  # (client's, server's) ends over TCP
        self._ended = []  # those of them that have sent all
        self._links = {}  # the sockets of clients over UDP, by address
        self.running = False

    def start(self, flood=None, limits=None):
        """Start the server, or start it again."""
        self.hub = Hub(self.there, flood=flood, limits=limits)
        self.lines = LineServer(self.hub, self.there)
        if self.udp:
            self.server = self.there.datagram_socket(lambda: ChatDatagrams(self.hub, self.there))
        self.running = True

    def crash(self):
        """The server dies. Over UDP nobody is told."""
        self.running = False
        for client, _ in self._pairs:
            client.reset()
        self._pairs.clear()

    def client(self, *, interactive=True, reconnect=False, **options):
        here = VirtualReactor(self.there.time())
        here.connect_tcp = partial(self._connect_tcp, here)
        here.connect_udp = partial(self._connect_udp, here)
        self.here.append(here)
        user = User(here, interactive)
        client = ChatClient(
            here, ("chat", 1), udp=self.udp, reconnect=reconnect, console=user, **options
        )
        client._connect()
        self.advance(1)
        return client

    def cut(self):
        """The connections break. The clients notice it at once, the server does not."""
        for client, _ in self._pairs:
            client.reset()
        self._pairs.clear()

    def settle(self):
        while True:
            for reactor in (*self.here, self.there):
                reactor.settle()
            if not self._carry():
                return

    def advance(self, seconds):
        self.settle()
        for _ in range(round(seconds / STEP)):
            for reactor in (*self.here, self.there):
                reactor.advance(STEP)
            self.settle()

    def stop_clients(self, seconds):
        """Time passes, and only the server sees it."""
        self.settle()
        self.there.advance(seconds)
        for here in self.here:
            here._virtual_now += seconds

    def names(self):
        return sorted(member.name for member in self.hub.members.values())

    def members(self):
        return sorted(f"{m.name}@{m.room.name}" for m in self.hub.members.values())

    def _connect_tcp(self, here, factory, host, port, *, on_failure, tls):
        self.attempts += 1
        if self.running:
            server = self.there.connect(self.lines.connection)
            self._pairs.append((here.connect(factory), server))
        else:
            here.call_soon(on_failure, ConnectionRefusedError(111, "Connection refused"))

    def _connect_udp(self, here, factory, host, port, *, on_failure):
        self.attempts += 1
        self._links[(self.address, 40000 + self.attempts)] = here.datagram_socket(factory)

    def _carry(self):
        """Carry what was sent to the other side. Return whether there was anything."""
        busy = False
        for pair in tuple(self._pairs):
            for one, other in (pair, pair[::-1]):
                if data := one.read():
                    other.send(data)
                    busy = True
                if one.eof_received and one not in self._ended:
                    self._ended.append(one)
                    other.send_eof()
                    busy = True
        for addr, link in self._links.items():
            for data in link.take():
                busy = True
                if not self.running:
                    link.fail()
                elif not self.lost(data):
                    self.server.send(data, addr)
            for data in self.server.take(addr) if self.running else ():
                busy = True
                if not self.lost(data):
                    link.send(data, SERVER)
        return busy


def sent_by(client):
    """A list that fills with the lines that ``client`` sends."""
    lines = []
    send = client._link.send
    client._link.send = lambda line: (lines.append(line), send(line))
    return lines


def client_of_the_test(world):
    """A client over UDP, and the network around it: the test plays the server."""
    client = ChatClient(world.there, ("chat", 1), udp=True, console=User(world.there, True))
    return client, world.there.datagram_socket(lambda: DatagramLink(client))


class Stranger:
    """A member who neither listens nor leaves."""

    def deliver(self, batch, /):
        pass

    def close(self, reason, /):
        pass


def seen(client, *wanted):
    """Whether the user saw these lines, in this order, perhaps among others."""
    lines = iter(client.console.shown)
    return all(line in lines for line in wanted)


@pytest.fixture
def make_world():
    worlds = []

    def make(udp=False, **options):
        worlds.append(World(udp, **options))
        worlds[-1].start()
        return worlds[-1]

    yield make
    for world in worlds:
        for reactor in (*world.here, world.there):
            reactor.close()


@pytest.fixture(params=["tcp", "udp", "udp from elsewhere"])
def world(request, make_world):
    if request.param == "tcp":
        return make_world()
    return make_world(
        udp=True, address="192.0.2.7" if "elsewhere" in request.param else "127.0.0.1"
    )


def test_the_client_says_hello_and_what_is_typed(world):
    client = world.client()
    client.typed("hello")
    world.settle()

    assert client.console.shown[:2] == ["*** You are guest1 in lobby", "*** 1 in lobby: guest1"]
    assert client.console.said() == ["guest1: hello"]
    assert not [line for line in client.console.shown if "HEARTBEAT" in line or "/ping" in line]


def test_name_and_room_are_those_that_the_server_confirmed(world):
    other = world.client()
    other.typed("/nick bob")
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/nick bob", "/nick no good", "/join cellar", "/join #attic"):
        client.typed(line)
    world.advance(1)
    assert world.members() == ["ada@attic", "bob@lobby"]

    world.crash()
    world.advance(1)
    world.start()
    world.advance(10)

    assert "ada@attic" in world.members()
    assert seen(client, "*** You are ada in attic")


def test_a_room_that_the_user_left_is_not_entered_again(world):
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/join cellar", "/part"):
        client.typed(line)
    world.advance(1)
    world.crash()
    world.advance(1)
    world.start()
    world.advance(40)

    assert world.members() == ["ada@lobby"]


def test_the_name_is_taken_back_when_the_old_connection_expires(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    world.advance(1)
    before = len(client.console.shown)

    world.cut()
    world.advance(5)
    assert world.members() == ["ada@cellar", "guest2@cellar"]
    world.advance(25)

    assert world.members() == ["ada@cellar"]
    told = client.console.shown[before:]
    assert sum("for now" in line for line in told) == 1
    assert not [line for line in told if "Somebody else is called" in line]
    assert told.index("*** guest2 is now ada") > 0


def test_the_name_is_asked_for_politely_and_not_for_ever(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.typed("/nick ada")
    world.advance(1)
    world.crash()
    world.start()
    world.hub.join(Stranger(), name="ada")
    world.advance(10)
    asked = sent_by(client)
    world.advance(320)

    assert 30 <= asked.count("/nick ada") <= 90
    assert TOO_FAST not in client.console.shown
    assert sum("for now" in line for line in client.console.shown) == 1
    assert client.console.shown[-1].startswith("*** you stay guest")
    asked.clear()
    world.advance(60)
    assert "/nick ada" not in asked


def test_a_room_that_there_is_no_place_for_is_entered_later(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.typed("/join cellar")
    world.advance(1)
    world.crash()
    world.start(limits=Limits(rooms=1))
    world.advance(5)
    before = len(client.console.shown)
    assert client.console.shown[-1].startswith("*** you are guest1 in lobby for now")
    asked = sent_by(client)
    world.hub.limits = Limits()
    world.advance(10)

    assert world.members() == ["guest1@cellar"]
    assert client.console.shown[before:] == [
        "*** You are guest1 in cellar",
        "*** 1 in cellar: guest1",
    ]
    at = asked.index("/join cellar")
    assert asked[at : at + 2] == ["/join cellar", "/help ping"]  # lines wait for the room's history


def test_another_name_that_the_user_chooses_ends_the_asking(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.typed("/nick ada")
    world.advance(1)
    world.cut()
    world.advance(3)
    client.typed("/nick ada")
    world.advance(0.5)
    assert client.console.shown[-1] == "*** Somebody else is called ada"  # an answer to the user
    client.typed("/nick eve")
    world.advance(60)

    assert world.names() == ["eve"]


def test_the_name_may_be_gone_and_the_user_is_told_at_once(world):
    client = world.client(reconnect=True)
    client.typed("/nick ada")
    world.advance(1)
    world.crash()
    world.start()
    world.hub.join(Stranger(), name="ada")
    world.advance(10)

    assert [line for line in client.console.shown if line.startswith("*** you are guest")]


def test_what_is_typed_while_disconnected_is_shown_and_sent_once_under_the_old_name(world):
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    world.advance(1)
    world.crash()
    world.advance(6)
    assert not client._confirmed
    for line in ("one", "two", "/me waits"):
        client.typed(line)
        assert client.console.shown[-1] == (
            f"*** not connected: this line waits to be sent: {line}"
        )
    world.start()
    world.advance(40)
    client.typed("three")
    world.advance(1)

    assert client.console.said() == ["ada: one", "ada: two", "* ada waits", "ada: three"]


def test_what_waits_is_bounded_and_the_user_is_told(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.max_waiting = 3
    world.crash()
    world.advance(0.1)
    for number in range(5):
        client.typed(str(number))

    assert [line for line in client.console.shown if "not sent, as" in line] == [
        "*** not sent, as 3 lines wait already: 3",
        "*** not sent, as 3 lines wait already: 4",
    ]
    client.end()
    assert client._undelivered() == "3 lines were not sent"


def test_a_full_server_is_not_hammered(world):
    world.start(limits=Limits(members=1))
    world.client()
    attempts = world.attempts
    client = world.client(reconnect=True)
    world.advance(120)

    assert 5 <= world.attempts - attempts <= 14
    assert "*** connected again" not in client.console.shown
    assert client.console.shown[-1].startswith(
        "*** cannot connect to chat:1: The chat is full: try again later; trying again in "
    )


def test_a_server_that_is_full_is_an_error_without_reconnect(world):
    world.start(limits=Limits(members=1))
    world.client()
    client = world.client()

    assert client._error == "cannot connect to chat:1: The chat is full: try again later"


def test_a_full_server_has_room_again(world):
    world.start(limits=Limits(members=1))
    first = world.client()
    second = world.client(reconnect=True)
    first.typed("/quit")
    world.advance(60)

    assert second._confirmed


def test_quit_ends_at_once(world):
    client = world.client()
    client.typed("/quit")
    world.settle()

    assert client._ended
    assert client._error is None
    assert client.console.shown[-1] == "*** Goodbye"


def test_quit_while_disconnected_ends_at_once(world):
    client = world.client(reconnect=True)
    world.crash()
    world.advance(7)
    client.typed("/quit")

    assert client._ended


def test_a_sentence_that_begins_with_quit_is_no_quit(world):
    client = world.client()
    client.typed("quit smoking")
    world.advance(20)

    assert client.console.said() == ["guest1: quit smoking"]
    assert not client._ended


# Over UDP


@pytest.fixture(params=["127.0.0.1", "192.0.2.7"])
def udp(request, make_world):
    return make_world(udp=True, address=request.param)


def test_after_a_stop_the_client_is_who_it_was(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    udp.stop_clients(20)
    assert udp.names() == []
    client.reactor.call_soon(client.typed, "am I still ada?")  # before anything has been read
    udp.advance(3)

    assert udp.members() == ["ada@cellar"]
    assert client.console.said() == ["ada: am I still ada?"]
    assert not client._ended


def test_keys_come_before_timers_when_a_stopped_client_goes_on(udp):
    client = udp.client()
    udp.stop_clients(20)
    client.reactor.now += 20  # as at the beginning of the turn in which the keys are read
    client.typed("hello")

    assert list(client.outbox.waiting) == ["hello"]


def test_a_long_stop_is_not_the_servers_silence(udp):
    client = udp.client()
    udp.stop_clients(600)
    udp.advance(10)

    assert not client._ended
    assert len(udp.names()) == 1


def test_a_server_that_was_started_again_between_two_heartbeats(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    udp.start()
    udp.advance(7)

    assert udp.members() == ["ada@cellar"]
    assert client.console.shown[-1]
    assert seen(client, "*** You are guest1 in lobby", "*** You are ada in cellar")


def test_lines_meet_a_server_that_was_started_again(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    udp.start()
    client.typed("first")
    client.typed("second")
    udp.advance(10)

    said = client.console.said()
    assert [line.partition(": ")[2] for line in said] == ["first", "second"]
    assert said[1] == "ada: second"
    assert udp.members() == ["ada@cellar"]


def test_a_lost_answer_does_not_make_the_client_somebody_else(udp):
    client = udp.client()
    udp.lost = lambda data: b" is now " in data
    client.typed("/nick ada")
    udp.advance(1)
    udp.lost = lambda data: False
    client.lines_received(["*** You are ada in lobby"])  # the answer to /hello
    assert client.identity.name == client.identity.kept_name == "ada"
    udp.start()
    udp.advance(10)

    assert udp.names() == ["ada"]


def test_a_command_that_meets_a_server_that_was_started_again(udp):
    client = udp.client()
    client.typed("/nick ada")
    udp.advance(1)
    udp.crash()
    udp.start()
    listener = udp.client()
    listener.typed("/join cellar")
    for line in ("/join cellar", "one", "two"):
        client.typed(line)
    udp.advance(3)

    assert udp.members() == ["ada@cellar", "guest1@cellar"]
    assert listener.console.said() == ["ada: one", "ada: two"]


def test_a_lost_welcome_of_a_server_that_was_started_again_is_noticed(udp):
    welcomes = []

    def lost(data):
        if b"You are guest2 in lobby" in data and not welcomes:
            welcomes.append(data)
        return data in welcomes

    client = udp.client()
    for line in ("/nick ada", "/join cellar", "one"):
        client.typed(line)
    udp.advance(1)
    udp.crash()
    udp.start()
    listener = udp.client()
    udp.lost = lost
    for number in range(20):
        client.typed(str(number))
        udp.advance(1)

    assert welcomes
    assert udp.members() == ["ada@cellar", "guest1@lobby"]
    assert len(listener.console.said()) <= 1  # by a guest


def test_a_lost_line_is_told(udp):
    client = udp.client()
    udp.lost = lambda data: data == b"vanishing"
    client.typed("vanishing")
    client.typed("staying")
    udp.advance(5)

    assert client.console.said() == ["guest1: staying"]
    assert "*** not confirmed by the server, perhaps lost: vanishing" in client.console.shown


def test_a_user_who_asks_who_it_is_has_an_answer(udp):
    client = udp.client()
    before = len(client.console.shown)
    udp.advance(20)  # our own questions are not shown
    assert client.console.shown[before:] == []
    client.typed("/help ping")
    udp.advance(1)

    assert client.console.shown[before:] == ["*** /ping: have an answer"]


def test_a_server_that_takes_the_user_for_a_newcomer_is_told_who_it_is(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    client.lines_received(["*** You are guest9 in lobby"])  # as a server does that trusts us

    assert client.console.shown[-2:] == [
        "*** You are guest9 in lobby",
        "*** the server has taken you for a newcomer: asking for ada in cellar again",
    ]
    client.lines_received(["*** You are ada already", "*** You are ada in cellar"])
    assert client.identity.missing() == []


def test_a_challenge_that_says_not_sent_has_the_line_sent_again(make_world, monkeypatch):
    monkeypatch.setattr("protocols.chat.client.CHALLENGE", "*** Not sent. To join: /hello ")
    world = make_world(udp=True)
    client, link = client_of_the_test(world)
    for data in (b"*** You are ada in lobby", b"*** /ping: have an answer"):
        link.send(data, SERVER)
        world.there.settle()
    client.typed("hi")
    assert link.take() == [b"/hello", b"/help ping", b"hi"]

    link.send(b"*** Not sent. To join: /hello token7", SERVER)
    world.there.settle()
    assert link.take() == [b"/hello token7"]
    for data in (b"*** You are ada in lobby", b"*** /ping: have an answer"):
        link.send(data, SERVER)
        world.there.settle()

    assert link.take() == [b"/help ping", b"hi"]


def test_a_server_that_was_started_again_is_given_its_proof_at_once(make_world):
    world = make_world(udp=True)
    _, link = client_of_the_test(world)
    link.take()
    for token in (b"first", b"second"):
        link.send(CHALLENGE.encode() + token, SERVER)
        world.there.settle()
        assert link.take() == [b"/hello " + token]
        link.send(b"*** You are ada in lobby", SERVER)
        world.there.settle()
        link.take()


@pytest.mark.parametrize(
    "why",
    [
        "The chat is full: try again later",
        "There are 256 members at your address already",
        "The server is stopping",
    ],
)
def test_over_udp_a_refusal_is_a_failure(make_world, why):
    world = make_world(udp=True)
    client, link = client_of_the_test(world)
    link.send(f"*** {why}\r\n".encode(), SERVER)
    world.there.settle()

    assert client._error == f"cannot connect to chat:1: {why}"


# From a pipe


def pipe(world, lines, **options):
    client = world.client(interactive=False, **options)
    for line in lines:
        client.console.on_line(line)
    client.console.on_eof()
    return client


def test_a_pipe_keeps_to_the_servers_pace(world):
    listener = world.client()
    lines = [str(number) for number in range(500)]
    client = pipe(world, lines)
    world.advance(110)

    assert client._ended
    assert (client._error, client._undelivered()) == (None, None)
    assert listener.console.said() == [f"guest2: {line}" for line in lines]
    assert TOO_FAST not in client.console.shown


def test_commands_in_a_pipe_are_in_order(world):
    listener = world.client()
    listener.typed("/join cellar")
    client = pipe(world, ["/nick ada", "/join cellar", "", "hi", "hi", "//x", "/me waves", "/who"])
    world.advance(20)

    assert client._ended
    assert client._undelivered() is None
    assert listener.console.said() == ["ada: hi", "ada: hi", "ada: /x", "* ada waves"]
    assert "*** 2 in cellar: guest1, ada" in client.console.shown


def test_without_an_echo_the_pace_is_kept_as_well(world):
    listener = world.client()
    lines = [str(number) for number in range(100)]
    client = pipe(world, ["/echo off", *lines])
    world.advance(60)

    assert client._undelivered() is None
    assert listener.console.said() == [f"guest2: {line}" for line in lines]


def test_the_last_lines_of_a_room_are_no_answers(world):
    world.client().typed("/join cellar")
    client = pipe(
        world, ["/nick ada", "/join cellar", "same", "/part", "/join cellar"] + ["same"] * 30
    )
    listener = world.client()
    listener.typed("/join cellar")
    world.advance(30)

    assert client._undelivered() is None
    assert TOO_FAST not in client.console.shown


def test_lines_that_a_stricter_server_drops_are_counted(world):
    world.start(flood=FloodPolicy(burst=5, queue=0))
    listener = world.client()
    client = pipe(world, [str(number) for number in range(40)])
    world.advance(120)

    said = len(listener.console.said())
    assert client._ended
    assert 0 < said < 40
    assert client._undelivered() == f"{40 - said} lines were not confirmed by the server"


def test_a_line_that_the_server_refuses_is_counted(world):
    client = pipe(world, ["one", "x" * 5000, "two"])
    world.advance(20)

    assert client._undelivered() == "1 line was not confirmed by the server"


@pytest.mark.parametrize("long", ["x" * 5000, "\u20ac" * 2000, "/me " + "x" * 5000])
def test_lines_that_are_too_long_do_not_hold_up_the_rest(world, long):
    listener = world.client()
    client = pipe(world, [long, "one", long, long, "/who", "two"])
    world.advance(4)

    assert client._ended
    assert listener.console.said() == ["guest2: one", "guest2: two"]
    assert client._undelivered() == "3 lines were not confirmed by the server"


def test_a_line_that_no_datagram_holds_is_counted_and_the_rest_is_said(udp):
    client = udp.client(interactive=False)
    client._link.error_received(OSError(errno.EMSGSIZE, "Message too long"))
    client.typed("two")
    udp.advance(1)

    assert client.console.said() == ["guest1: two"]


def test_an_answer_that_came_twice_loses_no_line(udp):
    client = udp.client()
    client.typed("/who")
    udp.advance(1)
    client.typed("one")
    client.heard(["*** /ping: have an answer"])
    udp.advance(1)

    assert client.outbox.lost == 0


def test_a_server_that_is_stopped_for_a_while_is_waited_for(make_world):
    world = make_world()
    listener = world.client()
    client = pipe(world, [str(number) for number in range(60)])
    for _ in range(500):  # 25 s; what is sent waits for the server
        for reactor in world.here:
            reactor.advance(STEP)
    world.advance(30)

    assert client._ended
    assert listener.console.said() == [f"guest2: {number}" for number in range(60)]
    assert client._undelivered() == "16 lines were not confirmed by the server"


def test_the_name_is_free_when_a_stopped_server_goes_on(udp):
    client = udp.client(reconnect=True)
    client.typed("/nick ada")
    udp.advance(1)
    for _ in range(800):  # 40 s; what is sent waits for the server
        for reactor in udp.here:
            reactor.advance(STEP)
    client.typed("back")
    udp.advance(5)

    assert udp.names() == ["ada"]
    assert client.console.said() == ["ada: back"]


def test_datagrams_that_are_lost_are_counted(udp):
    listener = udp.client()
    udp.lost = lambda data: data in {b"3", b"7"}
    client = pipe(udp, [str(number) for number in range(10)])
    udp.advance(20)

    assert [line[-1] for line in listener.console.said()] == list("01245689")
    assert client._undelivered() == "2 lines were not confirmed by the server"


def test_a_server_that_is_lost_leaves_lines_unsent(make_world):
    world = make_world()
    client = pipe(world, [str(number) for number in range(100)])
    world.crash()
    world.advance(1)

    assert client._error.startswith("the connection to chat:1 is lost")
    said = client.console.said()
    waiting, lost = len(client.outbox.waiting), client.outbox.lost
    assert len(said) + lost + waiting == 100
    assert client._undelivered() == (
        f"{waiting} lines were not sent, {lost} lines were not confirmed by the server"
    )


def test_with_reconnect_a_pipe_goes_on_after_a_restart(world):
    client = pipe(world, [str(number) for number in range(100)], reconnect=True)
    world.advance(3)
    world.crash()
    world.advance(2)
    world.start()
    world.advance(60)

    assert client._ended
    assert client._error is None
    assert len(client.console.said()) + client.outbox.lost == 100
    assert client.outbox.lost <= 16
    assert not client.outbox.waiting


def test_a_pipe_is_read_no_faster_than_lines_go_out(make_world):
    world = make_world()
    client = world.client(interactive=False)
    client.max_waiting = 50
    assert client.console.reading
    for number in range(100):
        client.console.on_line(str(number))
    assert not client.console.reading

    world.advance(20)

    assert client.console.reading


def test_a_paste_of_hundreds_of_lines_loses_none(world):
    client = world.client()
    for number in range(300):
        client.typed(str(number))
    world.advance(70)

    assert client.console.said() == [f"guest1: {number}" for number in range(300)]


def test_members_cannot_speak_for_the_server(world):
    client = world.client()
    client.typed("/nick ada")
    liar = world.client()
    for line in (
        "*** You are eve in hell",
        "/me *** ada is now eve",
        "/topic *** ada is now eve",
        "/nick ***",
        "/msg ada *** You are eve in hell",
        "\r\n*** ada is now eve",
        "/quit *** ada is now eve",
    ):
        liar.typed(line)
    world.advance(5)

    assert (client.identity.kept_name, client.identity.kept_room) == ("ada", "lobby")
