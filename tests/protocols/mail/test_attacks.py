"""What hostile, slow and broken clients get: a clear reply, and a bound on what they cost."""

from __future__ import annotations

import base64
import gc
import tracemalloc
import weakref

import pytest

from protocols.mail import Limits, MailServer, Message, Reply, SMTPProtocol
from protocols.mail.smtp.data import Content, DataReader, Memory
from protocols.mail.smtp.limits import COMMAND_LINE
from protocols.passwords import PasswordHash, Passwords
from reactor.testing import VirtualReactor

from .world import SMTPWorld, codes

MAIL = b"MAIL FROM:<ada@example.com>\r\n"
RCPT = b"RCPT TO:<bob@example.org>\r\n"
HELLO = b"EHLO client.example\r\n"


def test_talking_before_the_greeting_is_refused(reactor):
    world = SMTPWorld(reactor, greeting_delay=2.0)
    peer = reactor.connect(world.server)
    reactor.advance(1)
    peer.send(HELLO)
    reactor.advance(5)
    assert codes(peer.received.decode()) == ["554"]
    assert peer.eof_received


def test_without_a_delay_what_was_sent_with_the_connection_is_refused(reactor):
    peer = reactor.connect(SMTPWorld(reactor).server)
    peer.send(HELLO)
    reactor.advance(0)
    assert codes(peer.received.decode()) == ["554"]
    assert peer.eof_received


@pytest.mark.parametrize("command", [b"EHLO a\r\n", b"HELO a\r\n", b"DATA\r\n"])
def test_commands_that_need_a_reply_first_end_a_pipeline(command, reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    world.ask(peer, HELLO)
    world.ask(peer, MAIL)
    world.ask(peer, RCPT)
    assert codes(world.ask(peer, command + b"QUIT\r\n")) == ["554"]
    assert peer.eof_received
    assert world.messages == []


def test_errors_are_limited(reactor):
    world = SMTPWorld(reactor, limits=Limits(errors=3))
    peer = world.connect()
    assert codes(world.ask(peer, b"FROB\r\n" * 1000)) == ["500", "500", "500", "421"]
    assert peer.eof_received


def test_commands_without_a_message_are_limited(reactor):
    world = SMTPWorld(reactor, limits=Limits(commands=5))
    peer = world.connect()
    assert codes(world.ask(peer, b"NOOP\r\n" * 1000)) == ["250"] * 5 + ["421"]


def test_a_flood_of_recipients_is_refused_for_a_while_and_then_disconnected(reactor):
    world = SMTPWorld(reactor, limits=Limits(recipients=5))
    peer = world.connect()
    world.ask(peer, HELLO)
    replies = codes(world.ask(peer, MAIL + RCPT * 500))
    assert replies == ["250"] * 6 + ["452"] * 50 + ["421"]
    assert peer.eof_received


def test_a_hundred_recipients_are_accepted(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    world.ask(peer, HELLO)
    assert codes(world.ask(peer, MAIL + RCPT * 101)) == ["250"] * 101 + ["452"]
    world.ask(peer, b"DATA\r\n")
    assert world.ask(peer, b"x\r\n.\r\n").startswith("250")
    assert len(world.messages[0].envelope.recipients) == 100


def test_messages_on_a_connection_are_limited(reactor):
    world = SMTPWorld(reactor, limits=Limits(messages=2))
    peer = world.connect()
    world.ask(peer, HELLO)
    assert codes(world.ask(peer, (MAIL + b"RSET\r\n") * 3)) == ["250", "250", "250", "250", "421"]


def test_a_command_without_an_end_uses_no_memory(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    peer.send(b"x" * 1_000_000, 1000)
    reactor.settle()
    dialogue = peer.transport.get_protocol()._dialogue
    assert len(dialogue._unread) <= COMMAND_LINE
    assert codes(world.ask(peer, b"\r\nNOOP\r\n")) == ["500", "250"]


def test_a_message_that_is_too_large_is_discarded_and_refused(reactor):
    world = SMTPWorld(reactor, limits=Limits(size=10_000))
    peer = world.begin()
    world.ask(peer, b"x" * 500 + b"\r\n")
    assert world.server.shared.memory.used == 502
    assert world.ask(peer, (b"x" * 500 + b"\r\n") * 30) == ""
    assert world.server.shared.memory.used == 0
    assert codes(world.ask(peer, b".\r\nNOOP\r\n")) == ["552", "250"]


def test_a_client_that_ignores_the_limit_is_disconnected(reactor):
    world = SMTPWorld(reactor, limits=Limits(size=10_000))
    peer = world.begin()
    assert codes(world.ask(peer, (b"x" * 500 + b"\r\n") * 50)) == ["552"]
    assert peer.eof_received


def test_all_messages_together_are_limited(reactor):
    world = SMTPWorld(reactor, limits=Limits(memory=2000))
    first, second = world.begin(), world.begin()
    world.ask(first, b"x" * 900 + b"\r\n")
    world.ask(second, b"y" * 900 + b"\r\n")
    assert world.ask(first, b"x" * 900 + b"\r\n") == ""  # it began first
    assert world.server.shared.memory.used == 902
    assert codes(world.ask(second, b".\r\n")) == ["250"]
    assert codes(world.ask(first, b".\r\n")) == ["452"]
    assert world.server.shared.memory.used == 0


def test_clients_that_fill_the_memory_and_then_are_slow_do_not_keep_others_out(reactor):
    world = SMTPWorld(reactor, limits=Limits(memory=10_000))
    slow = [world.begin() for _ in range(10)]
    for peer in slow:
        world.ask(peer, b"x" * 900 + b"\r\n")
    for _ in range(5):
        assert codes(world.ask(world.begin(), b"Subject: tea\r\n" * 100 + b".\r\n")) == ["250"]
        for peer in slow:
            world.ask(peer, b"x" * 90 + b"\r\n")
        assert world.server.shared.memory.used <= 10_000
    refused, *_ = slow
    assert codes(world.ask(refused, b".\r\nNOOP\r\n")) == ["452", "250"]


def test_a_message_that_is_being_stored_is_not_given_up_for_another(reactor):
    class Storing:
        def add_done_callback(self, callback):
            self.done = callback

        def result(self):
            return None

    storing = Storing()
    world = SMTPWorld(reactor, lambda _: storing, limits=Limits(memory=1000))
    first, second = world.begin(), world.begin()
    assert world.ask(first, b"x" * 900 + b"\r\n.\r\n") == ""
    assert codes(world.ask(second, b"y" * 900 + b"\r\n.\r\n")) == ["452"]
    storing.done(storing)
    reactor.settle()
    assert codes(first.read().decode()) == ["250"]
    assert world.server.shared.memory.used == 0


def test_a_message_in_chunks_is_given_up_between_two_of_them(reactor):
    world = SMTPWorld(reactor, limits=Limits(memory=1000))
    first, second = world.connect(), world.begin()
    world.ask(first, HELLO)
    world.ask(first, MAIL + RCPT)
    world.ask(second, b"y\r\n")
    assert codes(world.ask(first, b"BDAT 802\r\n" + b"x" * 800 + b"\r\n")) == ["250"]
    third = world.begin()
    world.ask(third, b"z" * 500 + b"\r\n")  # the second goes first, as it began first
    assert codes(world.ask(first, b"BDAT 0 LAST\r\nNOOP\r\n")) == ["452", "250"]
    assert codes(world.ask(second, b".\r\n")) == ["452"]
    assert codes(world.ask(third, b".\r\n")) == ["250"]


def test_a_lost_connection_frees_its_message(reactor):
    world = SMTPWorld(reactor)
    peer = world.begin()
    world.ask(peer, b"x\r\n" * 100)
    peer.reset()
    reactor.settle()
    assert world.server.shared.memory.used == 0
    assert world.server.shared.connections == 0
    assert world.messages == []


def test_a_message_in_tiny_chunks_is_given_up(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    world.ask(peer, HELLO)
    world.ask(peer, MAIL + RCPT)
    assert codes(world.ask(peer, b"BDAT 1\r\nx" * 5000)) == ["250"] * 100 + ["421"]
    assert world.server.shared.memory.used == 0


def test_a_message_in_many_chunks_arrives(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    world.ask(peer, HELLO)
    world.ask(peer, MAIL + RCPT)
    chunk = b"x" * 598 + b"\r\n"
    replies = codes(world.ask(peer, (b"BDAT 600\r\n" + chunk) * 500 + b"BDAT 0 LAST\r\n"))
    assert replies == ["250"] * 501
    assert world.messages[0].content == chunk * 500


# -- time ------------------------------------------------------------------------------------------


def test_a_silent_client_is_told_and_disconnected(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    reactor.advance(299)
    assert peer.received == b""
    reactor.advance(2)
    assert codes(peer.received.decode()) == ["421"]
    assert peer.eof_received


def test_a_command_that_arrives_byte_by_byte_is_not_waited_for_for_ever(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    for _ in range(40):
        peer.send(b"x")
        reactor.advance(10)
    assert codes(peer.received.decode()) == ["421"]


def test_a_message_that_arrives_too_slowly_is_given_up(reactor):
    world = SMTPWorld(reactor)
    peer = world.begin()
    for _ in range(40):
        peer.send(b"x" * 100 + b"\r\n")  # every 10 seconds; the limit is 100 bytes a second
        reactor.advance(10)
    assert codes(peer.received.decode()) == ["421"]
    assert world.messages == []


def test_a_slow_message_within_the_limit_arrives(reactor):
    world = SMTPWorld(reactor)
    peer = world.begin()
    for _ in range(100):
        peer.send(b"x" * 990 + b"\r\n" + b"x" * 100 + b"\r\n")
        reactor.advance(10)
    assert codes(world.ask(peer, b".\r\n")) == ["250"]
    assert len(world.messages[0].content) == 100 * 1094


def test_a_client_that_ends_the_data_with_lf_gets_its_reply_soon(reactor):
    world = SMTPWorld(reactor)
    peer = world.begin()
    assert world.ask(peer, b"Subject: tea\n\nhello\n.\n" + b"x" * 1000) == ""
    reactor.advance(9)
    assert peer.received == b""
    reactor.advance(2)
    assert codes(peer.read().decode()) == ["550"]
    assert peer.eof_received


def test_a_client_that_does_not_read_replies_is_not_read_from(reactor):
    world = SMTPWorld(reactor, limits=Limits(commands=10**6))
    peer = world.connect()
    peer.stall()
    for _ in range(100):
        peer.send(b"HELP\r\n" * 500)
    reactor.settle()
    protocol = peer.transport.get_protocol()
    assert protocol._dialogue.paused
    assert peer.transport.get_write_buffer_size() < 200_000
    reactor.advance(301)
    assert peer.closed


def test_a_client_that_reads_slowly_gets_all_replies(reactor):
    world = SMTPWorld(reactor, limits=Limits(commands=10**6))
    peer = world.connect()
    peer.stall()
    peer.send(b"HELP\r\n" * 5000)
    reactor.settle()
    peer.resume()
    reactor.settle()
    assert codes(peer.read().decode()) == ["214"] * 5000


def test_after_a_stall_of_ours_a_client_whose_command_waits_is_served(reactor):
    world = SMTPWorld(reactor)
    waiting, silent = world.connect(), world.connect()
    reactor.advance(200)
    waiting.send(b"NOOP\r\n")
    reactor.stall(10_000, waiting=True)
    reactor.settle()
    assert codes(waiting.read().decode()) == ["250"]
    assert silent.received == b""
    reactor.advance(601)  # the stall counts once, as a command's time
    assert codes(waiting.read().decode()) == ["421"]
    assert codes(silent.read().decode()) == ["421"]


def test_after_a_stall_of_ours_a_client_has_time_to_answer_our_reply(reactor):
    world = SMTPWorld(reactor)
    peer = world.connect()
    peer.send(b"NOOP\r\n")
    reactor.call_soon(reactor.stall, 400)  # in the turn that replies
    reactor.settle()
    assert codes(peer.read().decode()) == ["250"]
    reactor.advance(0.05)
    assert codes(world.ask(peer, b"NOOP\r\n")) == ["250"]


def test_stalls_of_ours_do_not_make_a_message_too_slow(reactor):
    world = SMTPWorld(reactor)
    peer = world.begin()
    world.ask(peer, b"x\r\n")
    reactor.stall(1000, waiting=True)
    reactor.advance(100)
    assert codes(world.ask(peer, b".\r\n")) == ["250"]


@pytest.mark.parametrize("last", [b"", b"QUIT\r\n"])
def test_a_client_that_never_reads_is_given_up(last, reactor):
    world = SMTPWorld(reactor, limits=Limits(commands=10**6))
    peer = world.connect()
    peer.stall()
    peer.send(b"HELP\r\n" * 100 + last)
    reactor.advance(700)
    assert peer.closed
    assert world.server.shared.connections == 0


# -- connections -----------------------------------------------------------------------------------


def test_connections_are_limited(reactor):
    world = SMTPWorld(reactor, limits=Limits(connections=2))
    first, _ = world.connect("192.0.2.1"), world.connect("192.0.2.2")
    third = reactor.connect(world.server, ("192.0.2.3", 50000))
    reactor.advance(0)
    assert codes(third.received.decode()) == ["421"]
    assert third.eof_received
    first.close()
    reactor.settle()
    world.connect("192.0.2.3")


def test_connections_of_an_address_are_limited_but_not_of_this_machine(reactor):
    world = SMTPWorld(reactor, limits=Limits(connections_per_address=1))
    first = world.connect("192.0.2.1")
    second = reactor.connect(world.server, ("192.0.2.1", 50001))
    reactor.advance(0)
    assert codes(second.received.decode()) == ["421"]
    for _ in range(3):
        world.connect("127.0.0.1")
    first.close()
    reactor.settle()
    world.connect("192.0.2.1")


# -- stopping --------------------------------------------------------------------------------------


def test_a_stopping_server_says_so_and_finishes_messages(reactor):
    world = SMTPWorld(reactor)
    idle, busy = world.connect(), world.begin()
    reactor.call_soon(reactor.stop, 60.0)
    reactor.call_later(1.0, busy.send, b"x\r\n.\r\n")
    reactor.run()
    assert codes(idle.received.decode()) == ["421"]
    assert codes(busy.received.decode()) == ["250", "421"]
    assert len(world.messages) == 1


# -- programs that fail ----------------------------------------------------------------------------


def test_a_program_that_raises_has_not_accepted_the_message(reactor):
    def fail(message: Message) -> None:
        raise ZeroDivisionError

    world = SMTPWorld(reactor, fail)
    peer = world.begin()
    peer.send(b"x\r\n.\r\n")
    with pytest.raises(ZeroDivisionError):
        reactor.settle()
    assert codes(peer.read().decode()) == ["451"]
    assert codes(world.ask(peer, b"NOOP\r\n")) == ["250"]


@pytest.mark.parametrize("in_thread", [False, True])
def test_the_log_names_the_client_whose_message_failed(in_thread, reactor, caplog):
    def fail(*_: Message) -> None:
        raise ZeroDivisionError

    world = SMTPWorld(reactor, (lambda _: reactor.run_in_thread(fail)) if in_thread else fail)
    peer = world.begin()
    peer.send(b"x\r\n.\r\n")
    with pytest.raises(ZeroDivisionError):
        reactor.settle()
    assert codes(peer.read().decode()) == ["451"]
    (record,) = caplog.records
    assert "192.0.2.1" in record.getMessage()


def test_a_program_may_work_in_a_thread_while_the_client_waits(reactor):
    def slow(message: Message):
        return reactor.run_in_thread(lambda: Reply(550, "5.7.1", "I do not like it"))

    world = SMTPWorld(reactor, slow)
    peer = world.begin()
    peer.send(b"x\r\n.\r\nNOOP\r\n")
    peer.send_eof()
    reactor.settle()
    assert codes(peer.read().decode()) == ["550", "250"]
    assert peer.eof_received


def test_a_subclass_decides_about_addresses():
    class Picky(SMTPProtocol):
        def sender_given(self, address):
            return Reply(550, "5.7.1", "No bounces") if not address.domain else None

        def recipient_given(self, address):
            return None if address.local_part == "bob" else Reply(550, "5.1.1", "No such user")

    with VirtualReactor() as reactor:
        peer = reactor.connect(MailServer(protocol=Picky))
        reactor.advance(0)
        peer.send(HELLO)
        reactor.settle()
        peer.read()
        peer.send(
            b"MAIL FROM:<>\r\n" + MAIL + b"RCPT TO:<eve@example.org>\r\n" + RCPT + b"DATA\r\n"
        )
        reactor.settle()
        assert codes(peer.read().decode()) == ["550", "250", "550", "250", "354"]


def test_lmtp_can_answer_each_recipient_differently(reactor):
    def one_of_two(message: Message):
        bob, eve = message.envelope.recipients
        return {bob: Reply(250, "2.0.0", "OK"), eve: Reply(452, "4.2.2", "Mailbox full")}

    world = SMTPWorld(reactor, one_of_two, lmtp=True)
    peer = world.connect()
    world.ask(peer, b"LHLO a\r\n")
    world.ask(peer, MAIL + RCPT + b"RCPT TO:<eve@example.org>\r\nDATA\r\n")
    assert codes(world.ask(peer, b"x\r\n.\r\n")) == ["250", "452"]


def test_a_message_in_tiny_pieces_needs_little_more_memory_than_its_bytes():
    content = Content(1 << 20, 1000, Memory(1 << 20))
    reader = DataReader(content, 1000)
    sent = b""
    tracemalloc.start()
    try:
        for number in range(10_000):
            line = b"%d\r\n" % (number % 10)
            if number % 1000 == 0:
                line = b"x" * 990 + b"\r\n"
            sent += line
            assert reader.feed(line) is None
        before = tracemalloc.get_traced_memory()[0]
        whole = content.whole()
        content.release()
        assert before - len(sent) < 2 * len(sent)
    finally:
        tracemalloc.stop()
    assert whole == sent


# -- passwords -------------------------------------------------------------------------------------


def encoded(text: str) -> bytes:
    return base64.b64encode(text.encode())


PASSWORDS = Passwords({"ada": PasswordHash.of("green-tea")})
AUTH = {"passwords": PASSWORDS, "auth_insecure": True}


def login(reactor, *lines: bytes, **settings) -> list[str]:
    """The codes of the replies to ``lines``, sent after EHLO one by one."""
    world = SMTPWorld(reactor, **{**AUTH, **settings})
    peer = world.connect()
    world.ask(peer, HELLO)
    return [code for line in lines for code in codes(world.ask(peer, line + b"\r\n"))]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"AUTH PLAIN " + encoded("\0ada\0green-tea")], ["235"]),
        ([b"auth plain " + encoded("ada\0ada\0green-tea")], ["235"]),
        ([b"AUTH PLAIN", encoded("\0ada\0green-tea")], ["334", "235"]),
        ([b"AUTH LOGIN", encoded("ada"), encoded("green-tea")], ["334", "334", "235"]),
        ([b"AUTH LOGIN " + encoded("ada"), encoded("green-tea")], ["334", "235"]),
        ([b"AUTH PLAIN " + encoded("\0ada\0black-tea")], ["535"]),
        ([b"AUTH PLAIN " + encoded("\0eve\0green-tea")], ["535"]),
        ([b"AUTH PLAIN " + encoded("eve\0ada\0green-tea")], ["535"]),
        ([b"AUTH PLAIN", b"*", b"NOOP"], ["334", "501", "250"]),
        ([b"AUTH LOGIN", b"*", b"NOOP"], ["334", "501", "250"]),
        ([b"AUTH PLAIN ===="], ["501"]),
        ([b"AUTH PLAIN ="], ["501"]),
        ([b"AUTH PLAIN " + encoded("ada")], ["501"]),
        ([b"AUTH PLAIN /////w=="], ["501"]),
        ([b"AUTH CRAM-MD5"], ["504"]),
        ([b"AUTH"], ["504"]),
        ([b"AUTH PLAIN " + encoded("\0ada\0green-tea")] * 2, ["235", "503"]),
        ([MAIL.strip(), b"AUTH PLAIN"], ["250", "503"]),
        ([b"AUTH PLAIN", b"A" * 12_300, b"NOOP"], ["334", "500", "250"]),
    ],
)
def test_auth(lines, expected, reactor):
    assert login(reactor, *lines) == expected


def test_auth_needs_tls(reactor):
    line = b"AUTH PLAIN " + encoded("\0ada\0green-tea")
    assert login(reactor, line, auth_insecure=False) == ["538"]


def test_three_wrong_passwords_end_the_connection(reactor):
    wrong = b"AUTH PLAIN " + encoded("\0ada\0x")
    world = SMTPWorld(reactor, **AUTH)
    peer = world.connect()
    replies = codes(world.ask(peer, HELLO))
    for _ in range(4):
        replies += codes(world.ask(peer, wrong + b"\r\n"))
        reactor.advance(2)
    assert replies == ["250", "535", "535", "535", "421"]


def test_a_connection_that_has_logged_in_leaves_no_reference_cycle(reactor):
    world = SMTPWorld(reactor, **AUTH)
    peer = world.connect()
    world.ask(peer, HELLO)
    line = b"AUTH PLAIN " + encoded("\0ada\0green-tea") + b"\r\n"
    gc.disable()
    try:
        assert codes(world.ask(peer, line)) == ["235"]
        protocol = weakref.ref(peer.transport.get_protocol())
        peer.reset()
        reactor.advance(2)
        del peer
        assert protocol() is None
    finally:
        gc.enable()


def test_any_name_and_password(reactor):
    line = b"AUTH PLAIN " + encoded("\0x\0y")
    assert login(reactor, line, passwords=Passwords(), auth_any=True) == ["235"]


def test_mail_only_after_authentication(reactor):
    good = b"AUTH PLAIN " + encoded("\0ada\0green-tea")
    assert login(reactor, MAIL.strip(), good, MAIL.strip(), auth_required=True) == [
        "530",
        "235",
        "250",
    ]
