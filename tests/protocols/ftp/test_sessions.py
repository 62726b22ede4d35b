"""Logging in, limits and floods."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.ftp import FTPLimits
from protocols.ftp.accounts import AccountLine
from reactor.testing import VirtualReactor

from ...tools.ftp import HASH, FTPClient, FTPHouse

ADA = AccountLine("ada", HASH, None, False)
BOB = AccountLine("bob", HASH, "sub", True)


@pytest.fixture
def closed_house(reactor: VirtualReactor, root: Path) -> FTPHouse:
    """A server for two users."""
    return FTPHouse(reactor, root, users=(ADA, BOB), anonymous=False)


def test_users_have_their_own_folders_and_rights(closed_house: FTPHouse) -> None:
    ada, bob = closed_house.client().log_in("ada"), closed_house.client().log_in("bob")
    assert ada.fetch("NLST") == b"a.txt\r\nsub\r\n"
    assert bob.fetch("NLST") == b"b.bin\r\n"
    assert ada.code("MKD x") == 550
    assert bob.code("MKD x") == 257
    assert bob.code("SIZE ../a.txt") == 550
    assert (closed_house.root / "sub" / "x").is_dir()


def test_a_wrong_password_costs_a_second(closed_house: FTPHouse) -> None:
    client = closed_house.client()
    for name in ("ada", "nobody", "anonymous", "ftp"):
        assert client.code(f"USER {name}") == 331
        if name == "anonymous":
            client = closed_house.client()
            client.asks("USER anonymous")
        assert client.asks("PASS coffee") == []
        closed_house.reactor.advance(1.0)
        assert client.replies()[0] == "530 Wrong name or password"
        closed_house.reactor.advance(10.0)


def test_the_third_wrong_password_ends_the_connection(closed_house: FTPHouse) -> None:
    client = closed_house.client()
    for _ in range(3):
        client.asks("USER ada", "PASS coffee")
        closed_house.reactor.advance(2.0)
    assert client.replies()[-1] == "421 Too many wrong passwords"
    assert client.peer.eof_received


def test_rein_gives_no_more_passwords(closed_house: FTPHouse) -> None:
    client = closed_house.client()
    for _ in range(3):
        client.asks("REIN", "USER ada", "PASS coffee")
        closed_house.reactor.advance(2.0)
    assert client.replies()[-1] == "421 Too many wrong passwords"


def test_an_address_is_locked_out(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(
        reactor, root, users=(ADA,), anonymous=False, limits=FTPLimits(wrong_passwords=4)
    )
    for _ in range(4):
        client = house.client()
        client.asks("USER ada", "PASS coffee")
        reactor.advance(2.0)
    replies = house.client().asks("USER ada", "PASS tea")
    assert replies[-1].startswith("421 Too many wrong passwords from your address")
    house.client(("192.0.2.99", 1)).log_in("ada")
    reactor.advance(600.0)
    house.client().log_in("ada")


def test_checks_that_wait_are_locked_out_too(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(
        reactor, root, users=(ADA,), anonymous=False, limits=FTPLimits(wrong_passwords=4)
    )
    clients = [house.client() for _ in range(10)]
    for client in clients:
        client.sends("USER ada", "PASS coffee")
    reactor.advance(30.0)
    answers = [client.replies()[-1][:3] for client in clients]
    # Three are checked at a time, and the fourth wrong password locks the address.
    assert answers.count("530") < 7
    assert answers.count("530") + answers.count("421") == 10


def test_many_logins_from_one_address_wait_for_each_other(closed_house: FTPHouse) -> None:
    clients = [closed_house.client() for _ in range(12)]
    for client in clients:
        client.sends("USER ada", "PASS tea", "PWD")
    closed_house.reactor.advance(10.0)
    for client in clients:
        assert [line[:3] for line in client.replies()] == ["331", "230", "257"]


def test_the_password_is_not_in_the_log(
    closed_house: FTPHouse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = closed_house.client()
    client.asks("USER ada", "PASS coffee")
    assert "wrong password for the user 'ada', from 192.0.2.1" in caplog.messages
    assert "coffee" not in caplog.text


def test_commands_wait_for_the_password(closed_house: FTPHouse) -> None:
    client = closed_house.client()
    assert [line[:3] for line in client.asks("USER ada", "PASS tea", "PWD", "NOOP")] == [
        "331", "230", "257", "200",
    ]  # fmt: skip


def test_a_client_that_leaves_during_the_check_is_forgotten(closed_house: FTPHouse) -> None:
    client = closed_house.client()
    closed_house.reactor.thread_timeout = 0
    client.sends("USER ada", "PASS tea")
    closed_house.reactor.settle()
    client.peer.reset()
    closed_house.reactor.thread_timeout = 10
    closed_house.reactor.settle()
    assert closed_house.server.sessions == 0
    assert not closed_house.server.checks


# -- times -----------------------------------------------------------------------------------------


def test_a_client_that_does_not_log_in_is_closed(house: FTPHouse) -> None:
    client = house.client()
    house.reactor.advance(59.0)
    client.asks("USER anonymous", "NOOP")
    house.reactor.advance(1.0)
    assert client.replies() == ["421 No login within 60 s"]
    assert house.server.sessions == 0


def test_a_stall_takes_no_time_to_log_in_from_a_client(house: FTPHouse) -> None:
    client = house.client()
    client.sends("USER anonymous")
    house.reactor.stall(100.0)  # the client needs the answer before it can send the password
    assert client.replies() == ["331 Send any password"]
    house.reactor.advance(39.0)
    assert client.code("PASS x") == 230
    other = house.client()
    house.reactor.stall(100.0)
    house.reactor.advance(200.0)  # but only once
    assert other.replies() == ["421 No login within 60 s"]


def test_a_command_sent_during_a_stall_counts(user: FTPClient, house: FTPHouse) -> None:
    silent = house.user()
    user.sends("NOOP")
    house.reactor.stall(1000.0, waiting=True)
    assert user.replies() == ["200 OK"]
    assert silent.replies() == ["421 No command for 300 s"]  # it could have sent one


def test_an_idle_client_is_closed(user: FTPClient, house: FTPHouse) -> None:
    house.reactor.advance(299.0)
    assert user.code("NOOP") == 200
    house.reactor.advance(299.0)
    assert user.replies() == []
    house.reactor.advance(1.0)
    assert user.replies() == ["421 No command for 300 s"]


@pytest.mark.parametrize("data", [b"N", b"\xff\xf1"], ids=["a byte", "NOP of Telnet"])
def test_bytes_that_are_no_command_do_not_keep_a_client(
    user: FTPClient, house: FTPHouse, data: bytes
) -> None:
    for _ in range(5):
        house.reactor.advance(50.0)
        user.peer.send(data)
    house.reactor.advance(49.0)
    assert user.replies() == []
    house.reactor.advance(1.0)
    assert user.replies() == ["421 No command for 300 s"]


def test_a_client_is_not_idle_during_a_transfer(user: FTPClient, house: FTPHouse) -> None:
    peer = user.begin("STOR new")
    for _ in range(20):
        peer.send(b"x")
        house.reactor.advance(30.0)
    peer.send_eof()
    assert user.replies() == ["226 Transfer complete"]
    house.reactor.advance(299.0)
    assert user.code("NOOP") == 200


def test_rein_needs_a_new_login(user: FTPClient, house: FTPHouse) -> None:
    user.code("REIN")
    house.reactor.advance(60.0)
    assert user.replies() == ["421 No login within 60 s"]


# -- numbers ---------------------------------------------------------------------------------------


def test_connections_are_limited(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, max_connections=2)
    one, two = house.user(), house.user()
    three = house.client()
    assert three.greeting == ["421 There are too many connections: try again later"]
    assert three.peer.eof_received
    one.code("QUIT")
    reactor.settle()
    house.user()
    assert two.code("NOOP") == 200


def test_connections_of_an_address_are_limited(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, max_connections_per_address=1)
    house.user()
    assert house.client().greeting[0][:3] == "421"
    house.client(("192.0.2.9", 1)).log_in()
    for _ in range(3):
        house.client(("127.0.0.1", 1)).log_in()  # this machine has no such limit


# -- attacks ---------------------------------------------------------------------------------------


def test_a_long_line_is_refused_once(user: FTPClient, house: FTPHouse) -> None:
    user.peer.send(b"CWD " + b"x" * 1_000_000, 50_000)
    user.peer.send(b"\r\nNOOP\r\n")
    assert user.replies() == ["500 A command has at most 4096 bytes", "200 OK"]


def test_the_longest_line(user: FTPClient) -> None:
    assert user.code("NOOP" + " " * 4092) == 200
    assert user.code("NOOP" + " " * 4093) == 500


def test_a_flood_of_commands_is_answered_in_turns(user: FTPClient, house: FTPHouse) -> None:
    number = 20_000
    user.peer.send(b"NOOP\r\n" * number)
    turns = house.reactor.stats.turns
    assert user.replies() == ["200 OK"] * number
    assert house.reactor.stats.turns - turns > number / 17


def test_who_does_not_read_replies_gets_no_more(user: FTPClient, house: FTPHouse) -> None:
    user.peer.stall()
    for _ in range(30):
        user.peer.send(b"FEAT\r\n" * 10_000)
    house.reactor.settle()
    assert user.peer.transport.get_write_buffer_size() < 200_000
    assert not user.peer.transport.is_reading()
    user.peer.resume()
    house.reactor.settle()
    assert user.peer.read().count(b"211 End\r\n") == 300_000


def test_who_does_not_read_replies_is_idle(user: FTPClient, house: FTPHouse) -> None:
    user.peer.stall()
    user.peer.send(b"FEAT\r\n" * 10_000)
    house.reactor.advance(300.0)
    assert house.server.sessions == 1  # the last reply has 30 s
    house.reactor.advance(30.0)
    assert house.server.sessions == 0


def test_stat_of_a_path_waits_for_the_transfer(user: FTPClient, house: FTPHouse) -> None:
    peer = user.begin("STOR new")
    # RFC 959 section 4.1.3. Otherwise one client could fill the queue of the threads.
    assert user.asks(*["STAT /"] * 10) == []
    assert user.asks("STAT")[-1] == "211 End"
    peer.send_eof()
    replies = user.replies()
    assert replies[0] == "226 Transfer complete"
    assert replies.count("212 End") == 10


def test_a_flood_of_urgent_commands(user: FTPClient, house: FTPHouse) -> None:
    peer = user.begin("STOR new")
    user.peer.stall()
    user.peer.send(b"STAT\r\n" * 100_000)
    house.reactor.settle()
    assert user.peer.transport.get_write_buffer_size() < 200_000
    user.peer.resume()
    turns = house.reactor.stats.turns
    house.reactor.settle()
    assert house.reactor.stats.turns - turns > 1000
    user.peer.send(b"ABOR\r\n")
    house.reactor.settle()
    assert user.peer.read().decode().splitlines()[-2:] == [
        "426 The transfer was aborted",
        "226 Nothing is being transferred now",
    ]
    assert peer.closed


def test_abor_after_a_thousand_commands(user: FTPClient, house: FTPHouse) -> None:
    peer = user.begin("STOR new")
    for _ in range(10):
        assert user.asks(*["NOOP"] * 100) == []
    assert user.asks("ABOR") == [
        "426 The transfer was aborted",
        "226 Nothing is being transferred now",
        *["200 OK"] * 1000,
    ]
    assert peer.closed


def test_abor_that_came_before_the_transfer(user: FTPClient) -> None:
    replies = user.asks("PASV", "STOR new", *["NOOP"] * 1000, "ABOR", "PASV", "STOR new")
    assert [line[:3] for line in replies[:4]] == ["227", "150", "426", "226"]
    assert [line[:3] for line in replies[4:]] == [*["200"] * 1000, "227", "150"]


def test_commands_that_wait_have_a_bound(user: FTPClient, house: FTPHouse) -> None:
    peer = user.begin("STOR new")
    line = b"SIZE " + b"x" * 4000 + b"\r\n"
    for _ in range(100):
        user.peer.send(line)
        house.reactor.settle()
    transport = user.peer.transport
    assert not transport.is_reading()
    peer.send_eof()
    assert [reply[:3] for reply in user.replies()] == ["226", *["550"] * 100]
    assert transport.is_reading()


def test_lines_that_are_no_commands_end_the_connection(user: FTPClient) -> None:
    replies = user.asks(*["GET / HTTP/1.1", "Host: x"] * 20)
    assert replies[:24] == ["500 No such command"] * 24
    assert replies[24:] == ["421 Too many lines that are no commands"]


def test_lines_that_are_too_long_end_the_connection(user: FTPClient) -> None:
    long = "x" * 5000
    replies = user.asks(*[long, "XYZZY"] * 10, "NOOP", *[long, "XYZZY"] * 20)
    too_long, unknown = "500 A command has at most 4096 bytes", "500 No such command"
    assert replies[:20] == [too_long, unknown] * 10
    assert replies[20:45] == ["200 OK", *[too_long, unknown] * 12]
    assert replies[45:] == ["421 Too many lines that are no commands"]


def test_a_peer_that_half_closes_gets_its_answers(user: FTPClient) -> None:
    user.sends("PWD", "SIZE a.txt", "PASV", "NLST", "NOOP")
    user.peer.send_eof()
    assert [line[:3] for line in user.replies()] == ["257", "213", "227", "150", "226", "200"]
    assert user.peer.eof_received


def test_an_error_of_ours_costs_one_connection(
    house: FTPHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    user, other = house.user(), house.user()

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("protocols.ftp.commands.listings.check_folder", fail)
    user.sends("CWD sub")
    with pytest.raises(MemoryError):
        house.reactor.settle()
    house.reactor.settle()
    assert user.peer.closed
    assert "MemoryError" in caplog.text
    assert other.code("NOOP") == 200


def test_transfers_are_logged(reactor: VirtualReactor, root: Path, tmp_path: Path) -> None:
    from protocols.ftp.transferlog import TransferLog

    log = TransferLog(reactor, str(tmp_path / "log"))
    house = FTPHouse(reactor, root, users=(ADA,), writable=True, log=log)
    user = house.user()
    user.fetch("RETR a.txt", "A")
    user.fetch("LIST")
    ada = house.client().log_in("ada")
    ada.store("STOR x", b"123")
    ada.begin("STOR y").reset()
    ada.replies()
    log.close()
    lines = [line.split(None, 5)[5] for line in (tmp_path / "log").read_text().splitlines()]
    assert lines == [
        "0 192.0.2.1 10 /a.txt a _ o a anonymous ftp 0 * c",
        "0 192.0.2.1 3 /x b _ i r ada ftp 0 * c",
        "0 192.0.2.1 0 /y b _ i r ada ftp 0 * i",
    ]
