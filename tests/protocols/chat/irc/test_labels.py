"""Labels of commands and answers."""

from __future__ import annotations

import re

from protocols.chat.flood import FloodPolicy
from protocols.chat.irc.labels import in_batch, labelled, tagged
from protocols.passwords import PasswordHash, Passwords
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse

LABELS = "batch", "labeled-response"


def test_no_line_one_line_and_several() -> None:
    assert labelled("x", "1", "irc", b"") == b"@label=x :irc ACK\r\n"
    assert labelled("x", "1", "irc", b":irc PONG\r\n") == b"@label=x :irc PONG\r\n"
    assert labelled("x", "1", "irc", b"@a=b A\r\n") == b"@label=x;a=b A\r\n"
    assert labelled("x;y", "1", "irc", b"A\r\nB\r\n") == (
        b"@label=x\\:y :irc BATCH +1 labeled-response\r\n"
        b"@batch=1 A\r\n"
        b"@batch=1 B\r\n"
        b":irc BATCH -1\r\n"
    )


def test_a_batch_takes_the_label_itself() -> None:
    lines = b":irc BATCH +7 chathistory #a\r\n@batch=7;time=x A\r\n:irc BATCH -7\r\n"
    assert labelled("x", "8", "irc", lines) == b"@label=x " + lines
    empty = b":irc BATCH +7 chathistory #a\r\n:irc BATCH -7\r\n"
    assert labelled("x", "8", "irc", empty) == b"@label=x " + empty


def test_a_batch_inside_another_keeps_its_lines() -> None:
    lines = b":irc BATCH +7 chathistory #a\r\n@batch=7 A\r\n:irc BATCH -7\r\nB\r\n"
    assert in_batch("8", lines) == (
        b"@batch=8 :irc BATCH +7 chathistory #a\r\n"
        b"@batch=7 A\r\n"
        b"@batch=8 :irc BATCH -7\r\n"
        b"@batch=8 B\r\n"
    )
    assert tagged(b"A\r\n@b=1 B\r\n", ("a", "2")) == b"@a=2 A\r\n@a=2;b=1 B\r\n"


def test_answers_have_the_label_of_the_command(house: IRCHouse) -> None:
    alice = house.user("alice", *LABELS)
    assert alice.asks("@label=a PING 1") == ["@label=a PONG irc.test 1"]
    assert alice.asks("@label=b PONG 1") == ["@label=b ACK"]
    assert alice.asks("@label=c MAKE_TEA") == ["@label=c 421 alice MAKE_TEA :Unknown command"]
    seen = alice.asks("@label=d JOIN #tea")
    assert re.fullmatch(r"@label=d BATCH \+\d+ labeled-response", seen[0])
    batch = seen[0].split()[2].removeprefix("+")
    assert [line.split()[0] for line in seen[1:-1]] == [f"@batch={batch}"] * len(seen[1:-1])
    assert seen[1] == f"@batch={batch} :alice!~alice@host JOIN #tea"
    assert seen[-1] == f"BATCH -{batch}"


def test_without_the_capability_labels_mean_nothing(house: IRCHouse) -> None:
    alice = house.user("alice", "batch")
    assert alice.asks("@label=a PING 1") == ["PONG irc.test 1"]
    bob = house.user("bob", "labeled-response")
    assert bob.asks("@label=a PING 1") == ["PONG irc.test 1"]


def test_what_others_say_is_no_part_of_the_answer(house: IRCHouse) -> None:
    bob = house.user("bob", join="#tea")
    alice = house.user("alice", *LABELS, "echo-message", join="#tea")
    carol = house.user("carol", join="#tea")
    house.look(alice, bob, carol)
    bob.peer.send(b"PRIVMSG #tea :before\r\n")  # all three in one turn
    alice.peer.send(b"@label=a PRIVMSG #tea :mine\r\n")
    carol.peer.send(b"PRIVMSG #tea :after\r\n")
    assert alice.sees() == [
        ":bob!~bob@host PRIVMSG #tea :before",
        "@label=a :alice!~alice@host PRIVMSG #tea :mine",
        ":carol!~carol@host PRIVMSG #tea :after",
    ]
    assert bob.sees()[0] == ":alice!~alice@host PRIVMSG #tea :mine"


def test_a_message_to_oneself_has_the_label_once(house: IRCHouse) -> None:
    alice = house.user("alice", *LABELS, "echo-message")
    line = ":alice!~alice@host PRIVMSG alice :hm"
    assert sorted(alice.asks("@label=a PRIVMSG alice :hm")) == [line, f"@label=a {line}"]
    bob = house.user("bob", *LABELS)
    assert bob.asks("PRIVMSG bob :hm") == [":bob!~bob@host PRIVMSG bob :hm"]
    assert bob.asks("NOTICE bob :hm") == [":bob!~bob@host NOTICE bob :hm"]


def test_a_line_that_is_not_utf8_is_answered_with_its_label(house: IRCHouse) -> None:
    alice = house.user("alice", *LABELS)
    alice.sends_bytes(b"@label=a PRIVMSG #tea :\xff\r\n")
    (seen,) = alice.sees()
    assert seen.startswith("@label=a FAIL PRIVMSG INVALID_UTF8 :")


def test_an_answer_that_flood_control_delays_has_its_label(reactor: VirtualReactor) -> None:
    alice = IRCHouse(reactor, flood=FloodPolicy(rate=1, burst=1)).user("alice", *LABELS)
    reactor.advance(60)
    assert alice.asks("@label=a TIME")[0].startswith("@label=a 391")
    assert alice.asks("@label=b TIME") == []
    reactor.advance(2)
    assert alice.sees()[0].startswith("@label=b 391")


def test_an_answer_that_takes_longer_has_its_label(reactor: VirtualReactor) -> None:
    credentials = Passwords({"boss": PasswordHash.of("tea")})
    alice = IRCHouse(reactor, credentials=credentials).user("alice", *LABELS)
    alice.sends_bytes(b"@label=a OPER boss x\r\n@label=b PING 1\r\n")
    assert alice.sees() == [
        "@label=a 464 alice :Password incorrect",
        "@label=b PONG irc.test 1",
    ]


def test_quitting_with_a_label(house: IRCHouse) -> None:
    alice = house.user("alice", *LABELS)
    assert alice.asks("@label=a QUIT :bye") == ["ERROR :Closing Link: alice (Quit: bye)"]
    assert alice.peer.eof_received
