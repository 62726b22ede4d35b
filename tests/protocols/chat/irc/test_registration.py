"""How a client becomes a member, and what it is told first."""

from __future__ import annotations

import re

import pytest

from protocols.chat.irc.capabilities import OFFERED
from protocols.chat.limits import Limits
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse

ALL = (
    "CAP REQ :away-notify cap-notify echo-message extended-join message-tags multi-prefix"
    " server-time userhost-in-names"
)


def test_a_client_registers_with_nick_and_user(house: IRCHouse) -> None:
    client = house.client()
    client.sends("NICK alice", "USER al 0 * :Alice L")
    seen = client.sees()
    assert seen[:5] == [
        "001 alice :Welcome to the chat network, alice!~al@host",
        f"002 alice :Your host is irc.test, running version {_version(seen)}",
        "003 alice :This server was created 2023-11-14 22:13:20 UTC",
        seen[3],
        seen[4],
    ]
    assert re.fullmatch(r"004 alice irc.test reactor-\S+ \S+ biklmnostv bklov", seen[3])
    assert [line.split()[0] for line in seen[4:]] == [
        "005", "005", "251", "252", "253", "254", "255", "265", "266", "422",
    ]  # fmt: skip
    member = house.member("alice")
    assert (member.user, member.realname, member.rooms) == ("~al", "Alice L", ())


def _version(seen: list[str]) -> str:
    return seen[3].split()[3]


def test_user_may_come_before_nick_and_a_password_is_ignored(house: IRCHouse) -> None:
    client = house.client()
    client.sends("PASS secret", "USER al 8 * Alice", "NICK alice")
    assert client.sees()[0].startswith("001 alice")


def test_isupport_says_what_the_hub_allows(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(name_length=20, rooms_per_member=7, topic_length=99))
    client = house.client()
    client.sends("NICK alice", "USER al 0 * :A")
    lines = [line for line in client.hears() if line.command == "005"]
    tokens = [token for line in lines for token in line.params[1:-1]]
    assert all(len(line.params) <= 15 for line in lines)
    for token in ("NICKLEN=20", "CHANNELLEN=21", "CHANLIMIT=#:7", "TOPICLEN=99", "UTF8ONLY",
                  "CASEMAPPING=ascii", "PREFIX=(ov)@+", "CHANTYPES=#"):  # fmt: skip
        assert token in tokens
    assert [token for token in tokens if token.startswith("CHANMODES=b,k,l,")]


def test_lusers_counts(house: IRCHouse) -> None:
    house.typist("typist")
    alice, bob = house.users("alice", "bob")
    house.client()
    bob.sends("QUIT")
    seen = alice.asks("LUSERS")
    assert seen == [
        "251 alice :There are 2 users and 0 invisible on 1 servers",
        "252 alice 0 :operator(s) online",
        "253 alice 1 :unknown connection(s)",
        "254 alice 2 :channels formed",
        "255 alice :I have 2 clients and 0 servers",
        "265 alice 2 3 :Current local users 2, max 3",
        "266 alice 2 3 :Current global users 2, max 3",
    ]


def test_a_message_of_the_day(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, motd=("Welcome", "", "to " + 600 * "x"))
    alice = house.user("alice")
    seen = alice.asks("MOTD")
    assert seen[:3] == [
        "375 alice :- irc.test Message of the day -", "372 alice :- Welcome", "372 alice :- ",
    ]  # fmt: skip
    assert seen[3].startswith("372 alice :- to xxx")
    assert seen[4:] == ["376 alice :End of /MOTD command"]
    assert alice.asks("MOTD IRC.TEST") == seen
    assert alice.asks("MOTD elsewhere") == ["402 alice elsewhere :No such server"]


# What is wrong


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("NICK", "431 * :No nickname given"),
        ("NICK :", "431 * :No nickname given"),
        ("NICK a,b", "432 * a,b :Erroneous nickname"),
        ("NICK :a b", "432 * ab :Erroneous nickname"),
        ("NICK ::", "432 * * :Erroneous nickname"),
        (f"NICK {33 * 'x'}", f"432 * {33 * 'x'} :Erroneous nickname"),
        ("NICK BOB", "433 * BOB :Nickname is already in use"),
        ("USER a b c", "461 * USER :Not enough parameters"),
        ("USER a b c :", "461 * USER :Not enough parameters"),
        ("PASS", "461 * PASS :Not enough parameters"),
        ("JOIN :", "451 * :You have not registered"),
        ("PRIVMSG bob :hi", "451 * :You have not registered"),
        ("NONSENSE", "451 * :You have not registered"),
        ("CAP", "461 * CAP :Not enough parameters"),
        ("CAP X", "410 * X :Invalid CAP command"),
        ("PING", "409 * :No origin specified"),
        ("PING x", "PONG irc.test x"),
        ("%", "421 * * :Unknown command"),
        ("PING " + 600 * "x", "417 * :Input line was too long"),
        ("@" + 5000 * "x" + " PING", "417 * :Input line was too long"),
        ("PING " + 9000 * "x", "417 * :Input line was too long"),
    ],
)
def test_before_registration(house: IRCHouse, line: str, answer: str) -> None:
    house.user("bob")
    client = house.client()
    assert client.asks(line) == [answer]
    client.sends("NICK alice", "USER al 0 * :A")  # it is still connected
    assert client.sees()[0].startswith("001 alice")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("USER a b c d", "462 alice :You may not reregister"),
        ("PASS x", "462 alice :You may not reregister"),
        ("NICK", "431 alice :No nickname given"),
        ("NICK bob", "433 alice bob :Nickname is already in use"),
        ("NICK b*b", "432 alice b*b :Erroneous nickname"),
        ("NONSENSE x", "421 alice NONSENSE :Unknown command"),
        ("JOIN", "461 alice JOIN :Not enough parameters"),
        ("PING a b", "PONG irc.test a"),
    ],
)
def test_after_registration(house: IRCHouse, line: str, answer: str) -> None:
    alice, _ = house.users("alice", "bob")
    assert alice.asks(line) == [answer]


@pytest.mark.parametrize("line", ["PONG x", "PONG", "NICK alice", "CAP END", "", "   ", "@x"])
def test_some_lines_need_no_answer(house: IRCHouse, line: str) -> None:
    assert house.user("alice").asks(line) == []


def test_a_name_that_is_taken_meanwhile_can_be_changed(house: IRCHouse) -> None:
    slow, fast = house.client(), house.client()
    slow.sends("NICK alice")
    fast.sends("NICK alice", "USER f 0 * :F")
    slow.sends("USER s 0 * :S")
    assert slow.sees() == ["433 * alice :Nickname is already in use"]
    slow.sends("NICK bob")
    assert slow.sees()[0].startswith("001 bob")


def test_a_user_name_is_made_of_safe_characters(house: IRCHouse) -> None:
    client = house.client()
    client.sends("NICK alice", "USER a!b@c*d:\x02 0 * :\x02\x0304Alice\x07", "NICK bob")
    assert house.member("bob").mask.startswith("bob!~abcd@")
    assert house.member("bob").realname == "Alice"
    client = house.client()
    client.sends("NICK carol", "USER @@ 0 * :x")
    assert house.member("carol").user == "~user"


def test_a_full_chat_refuses_the_client(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(members=1))
    house.user("alice")
    bob = house.client()
    bob.sends("NICK bob", "USER b 0 * :B")
    assert bob.sees() == ["ERROR :Closing Link: bob (The chat is full: try again later)"]
    assert bob.peer.eof_received


# Capabilities


def test_capabilities_are_listed_and_registration_waits_for_the_end(house: IRCHouse) -> None:
    client = house.client()
    client.sends("CAP LS", "NICK alice", "USER al 0 * :A")
    [line] = client.sees()
    assert line.startswith("CAP * LS :away-notify ")
    assert "=" not in line
    assert client.asks("CAP LIST") == ["CAP alice LIST :"]
    assert client.asks("CAP END")[0].startswith("001 alice")


def test_request_alone_delays_registration_too(house: IRCHouse) -> None:
    client = house.client()
    client.sends("CAP REQ echo-message", "NICK alice", "USER al 0 * :A")
    assert client.sees() == ["CAP * ACK echo-message"]
    assert client.asks("CAP END")[0].startswith("001 alice")


def test_capabilities_are_turned_on_and_off_all_or_none(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert alice.asks(ALL) == [ALL.replace("CAP REQ", "CAP alice ACK")]
    listed = " ".join(sorted(ALL.removeprefix("CAP REQ :").split()))
    assert alice.asks("CAP LIST") == [f"CAP alice LIST :{listed}"]
    assert alice.asks("CAP REQ :-server-time nonsense") == ["CAP alice NAK :-server-time nonsense"]
    assert alice.asks("CAP REQ :-server-time -multi-prefix") == [
        "CAP alice ACK :-server-time -multi-prefix"
    ]
    assert "server-time" not in alice.asks("CAP LIST")[0]
    assert house.member("alice").echo
    alice.sends("CAP REQ -echo-message")
    assert not house.member("alice").echo


def test_version_302_includes_cap_notify(house: IRCHouse) -> None:
    alice = house.user("alice")
    alice.sends("CAP LS 302")
    assert alice.asks("CAP LIST") == ["CAP alice LIST cap-notify"]
    assert alice.asks("CAP REQ -cap-notify") == ["CAP alice NAK -cap-notify"]


def test_a_long_list_of_capabilities_takes_several_lines(
    house: IRCHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"example.org/{number:02}" for number in range(60)]
    for name in names:
        monkeypatch.setitem(OFFERED, name, "value")
    client = house.client()
    client.sends("CAP LS 302")
    lines = client.hears()
    assert len(lines) > 2
    assert all(line.params[:3] == ["*", "LS", "*"] for line in lines[:-1])
    assert len(lines[-1].params) == 3
    listed = " ".join(line.params[-1] for line in lines).split()
    assert listed == [f"{name}={value}" if value else name for name, value in OFFERED.items()]


def test_irssi_registers(house: IRCHouse) -> None:
    """It sends JOIN without a channel first, and asks about a channel when it has joined."""
    client = house.client()
    client.sends("CAP LS 302", "JOIN :", "NICK alice", "USER alice alice 127.0.0.1 :Alice L")
    listed, refused = client.sees()
    assert listed.startswith("CAP * LS :")
    assert refused == "451 * :You have not registered"
    wanted = "CAP REQ :multi-prefix extended-join away-notify"
    assert client.asks(wanted) == [wanted.replace("CAP REQ", "CAP alice ACK")]
    assert client.asks("CAP END")[0].startswith("001 alice")
    assert client.asks("JOIN #tea")[0] == ":alice!~alice@host JOIN #tea * :Alice L"
    for question in ("MODE #tea", "WHO #tea", "MODE #tea b"):
        assert client.asks(question), question


# Other names


def test_a_new_nick_is_told_to_all_who_share_a_channel(house: IRCHouse) -> None:
    alice, bob, carol = house.users("alice", "bob", "carol")
    carol.sends("PART #tea")
    house.look(alice, bob, carol)
    alice.sends("NICK al")
    assert alice.sees() == bob.sees() == [":alice!~alice@host NICK al"]
    assert carol.sees() == []


def test_a_new_nick_is_known_before_the_next_answer(house: IRCHouse) -> None:
    alice, _ = house.users("alice", "bob")
    alice.sends_bytes(b"NICK al\r\nNONSENSE\r\n")
    assert alice.sees() == [":alice!~alice@host NICK al", "421 al NONSENSE :Unknown command"]


def test_the_case_of_a_nick_can_be_changed(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert alice.asks("NICK Alice") == [":alice!~alice@host NICK Alice"]


# Leaving


def test_quit_is_answered_by_error(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("QUIT :\x02off I go", "PRIVMSG #tea :too late")
    assert alice.sees() == ["ERROR :Closing Link: alice (Quit: off I go)"]
    assert alice.peer.eof_received
    assert bob.sees() == [":alice!~alice@host QUIT :off I go", "MODE #tea +o bob"]


def test_quit_before_registration(house: IRCHouse) -> None:
    client = house.client()
    assert client.asks("QUIT") == ["ERROR :Closing Link: * (Client Quit)"]
    assert client.peer.eof_received
    assert house.server.unregistered == 0


def test_nobody_is_called_like_the_server(house: IRCHouse) -> None:
    alice, typist = house.user("alice"), house.typist("typist")
    assert alice.asks("NICK IRC.Test") == ["433 alice IRC.Test :Nickname is already in use"]
    assert house.client().asks("NICK irc.test")[0].startswith("433 * irc.test")
    typist.sends("/nick irc.test")
    assert house.member("typist").name == "typist"
