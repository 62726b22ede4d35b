"""A chat server, clients, and a network between them that can break, all in virtual time."""

from functools import partial

from protocols.chat.client import ChatClient
from protocols.chat.datagrams import ChatDatagrams
from protocols.chat.hub import Hub
from protocols.chat.lines import LineServer
from reactor.testing import VirtualReactor

from ....tools.users import User

STEP = 0.05  # seconds
SERVER = ("192.0.2.2", 9555)
TOO_FAST = "*** You are sending too fast: lines are being dropped until you slow down"


class World:
    """A server, clients, and the network between them.

    The server and each client have separate reactors, so that one can be stopped while time passes
    for the others. ``lost(data)`` says which datagrams the network loses. ``sent``: what clients
    have sent over TCP, in lines.
    """

    def __init__(self, udp, address="127.0.0.1"):
        self.udp = udp
        self.address = address
        self.there = VirtualReactor()
        self.here = []
        self.attempts = 0
        self.lost = lambda data: False
        self.sent = []
        self._pairs = []  # (client's, server's) ends over TCP
        self._finished = []  # those of them that have sent everything
        self._links = {}  # the sockets of clients over UDP, by address
        self.running = False

    def start(self, flood=None, limits=None):
        """Start the server, or restart it."""
        self.hub = Hub(self.there, flood=flood, limits=limits)
        self.lines = LineServer(self.hub, self.there)
        if self.udp:
            self.server = self.there.datagram_socket(lambda: ChatDatagrams(self.hub, self.there))
        self.running = True

    def crash(self):
        """The server dies. Over UDP the clients do not notice."""
        self.running = False
        self.cut()

    def cut(self):
        """The connections break. The clients notice it at once, the server does not."""
        for client, _ in self._pairs:
            client.reset()
        self._pairs.clear()

    def fail(self, error):
        """The next call of each client's UDP socket fails with the error number ``error``."""
        for link in self._links.values():
            link.fail(error)

    def client(self, *, interactive=True, reconnect=False, **options):
        """A client, connected."""
        here = VirtualReactor(self.there.time())
        here.connect_tcp = partial(self._connect_tcp, here)
        here.connect_udp = partial(self._connect_udp, here)
        self.here.append(here)
        user = User(here, interactive)
        client = ChatClient(
            here, ("chat", 1), udp=self.udp, reconnect=reconnect, console=user, **options
        )
        client.connect()
        self.advance(1)
        return client

    def pipe(self, lines, **options):
        """A client whose input is a pipe with ``lines``."""
        client = self.client(interactive=False, **options)
        for line in lines:
            client.console.on_line(line)
        client.console.on_eof()
        return client

    def settle(self):
        while True:
            for reactor in (*self.here, self.there):
                reactor.settle()
            if not self._carry():
                return

    def advance(self, seconds):
        """Time passes for all."""
        self.settle()
        for _ in range(round(seconds / STEP)):
            for reactor in (*self.here, self.there):
                reactor.advance(STEP)
            self.settle()

    def stop_clients(self, seconds):
        """The clients' processes are stopped for ``seconds``. Only the server runs."""
        self.settle()
        self.there.advance(seconds)
        for here in self.here:
            here.stall(seconds)

    def stop_server(self, seconds):
        """The server's process is stopped for ``seconds``. What clients send waits for it."""
        for _ in range(round(seconds / STEP)):
            for reactor in self.here:
                reactor.advance(STEP)

    def names(self):
        return sorted(member.name for member in self.hub.members.values())

    def members(self):
        return sorted(f"{m.name}@{m.room.name}" for m in self.hub.members.values())

    def close(self):
        for reactor in (*self.here, self.there):
            reactor.close()

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
        for client, server in tuple(self._pairs):
            for one, other in ((client, server), (server, client)):
                if data := one.read():
                    other.send(data)
                    busy = True
                    if one is client:
                        self.sent += data.decode().splitlines()
                if one.eof_received and one not in self._finished:
                    self._finished.append(one)
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


class Stranger:
    """A member that neither reads nor leaves."""

    def deliver(self, batch, /):
        pass

    def close(self, reason, /):
        pass


def seen(client, *wanted):
    """Return whether the user saw these lines, in this order, perhaps among others."""
    lines = iter(client.console.shown)
    return all(line in lines for line in wanted)
