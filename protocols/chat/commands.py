"""The grammar of typed lines: which of a member's methods a line calls.

A line that begins with a slash is a command. ``QUIT`` alone, in any case, is one too. Everything
else is said to the room. To say a line that begins with a slash, a member types two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from protocols.text import clean_text

from .member import Member
from .messages import ChatError, Kind

# What peers send from time to time over a way in that cannot see a connection break. It is not a
# command, and is never said to a room: the way in passes it to ``conversation.heartbeat``.
HEARTBEAT = "HEARTBEAT"

_LONGEST_PING = 32  # characters; a longer line costs too much to count as a ping


class Command(NamedTuple):
    """A command. ``run`` is called with the member and all that was typed after the command."""

    usage: str
    summary: str
    run: Callable[[Member, str], object]


def execute(member: Member, line: str) -> None:
    """Clean ``line``, and do what it asks for. Raises ChatError if that cannot be done.

    A blank line asks for nothing, and so does a heartbeat that is one only after cleaning.
    """
    line = clean_text(line)
    if line == HEARTBEAT:
        return
    line = line.rstrip()
    if not line.startswith("/"):
        if len(line) == 4 and line.upper() == "QUIT":
            _quit(member, "")
        elif line:
            member.say(line)
        return
    if line.startswith("//"):
        member.say(line[1:])
        return
    word, _, rest = line[1:].partition(" ")
    command = COMMANDS.get(word.lower())
    if command is None:
        raise ChatError(
            f"There is no command /{word[:20]}: /help lists them, // says a line that begins with /"
        )
    command.run(member, rest.strip())


def is_ping(line: str) -> bool:
    """Return whether ``line`` is a ``/ping``, and short: flood control has a limit of its own for
    them."""
    return len(line) <= _LONGEST_PING and line[:6].rstrip().lower() == "/ping"


def _nick(member: Member, rest: str) -> None:
    member.rename(_one_word("nick", rest))


def _join(member: Member, rest: str) -> None:
    member.join(_one_word("join", rest).removeprefix("#"))  # people know "#room" from IRC


def _part(member: Member, _: str) -> None:
    member.part()


def _rooms(member: Member, _: str) -> None:
    member.tell(Kind.REPLY, member.hub.describe_rooms())


def _who(member: Member, _: str) -> None:
    member.tell(Kind.REPLY, member.room.roster(member))


def _msg(member: Member, rest: str) -> None:
    name, _, text = rest.partition(" ")
    member.whisper(name, _required("msg", text.strip()))


def _me(member: Member, rest: str) -> None:
    member.act(_required("me", rest))


def _topic(member: Member, rest: str) -> None:
    room = member.room
    if rest:
        member.set_topic(rest)
    elif room.topic:
        member.tell(Kind.REPLY, f"Topic of {room.name}: {room.topic}")
    else:
        member.tell(Kind.REPLY, f"{room.name} has no topic: /topic TEXT sets one")


def _echo(member: Member, rest: str) -> None:
    choice = {"on": True, "off": False}.get(rest.lower())
    if choice is None:
        raise _wrong_usage("echo")
    member.set_echo(choice)
    member.tell(
        Kind.REPLY, "You see your own lines" if choice else "You do not see your own lines any more"
    )


def _ping(member: Member, _: str) -> None:
    member.tell(Kind.REPLY, "pong")


def _help(member: Member, rest: str) -> None:
    if rest:
        command = COMMANDS.get(rest.removeprefix("/").lower())
        if command is None:
            raise ChatError(f"There is no command {rest[:20]}: /help lists them all")
        member.tell(Kind.REPLY, f"{command.usage}: {command.summary}")
    else:
        width = max(len(command.usage) for command in COMMANDS.values())
        member.tell(
            Kind.REPLY,
            *[f"{command.usage:<{width}}  {command.summary}" for command in COMMANDS.values()],
            f"{'//TEXT':<{width}}  say a line that begins with a slash",
        )


def _quit(member: Member, rest: str) -> None:
    member.dismiss(rest, "Goodbye")


def _one_word(name: str, rest: str) -> str:
    if not rest or " " in rest:
        raise _wrong_usage(name)
    return rest


def _required(name: str, text: str) -> str:
    if not text:
        raise _wrong_usage(name)
    return text


def _wrong_usage(name: str) -> ChatError:
    return ChatError(f"Usage: {COMMANDS[name].usage}")


COMMANDS = {
    "nick": Command("/nick NAME", "change your name to NAME", _nick),
    "join": Command("/join ROOM", "go to ROOM, which is created if needed", _join),
    "part": Command("/part", "go back to the lobby", _part),
    "rooms": Command("/rooms", "list the rooms", _rooms),
    "who": Command("/who", "list who is in the room", _who),
    "msg": Command("/msg NAME TEXT", "say TEXT to NAME alone", _msg),
    "me": Command("/me TEXT", 'say what you do: "* alice waves"', _me),
    "topic": Command("/topic [TEXT]", "show the room's topic, or set it", _topic),
    "echo": Command("/echo on|off", "show or hide your own lines", _echo),
    "ping": Command("/ping", "get an answer", _ping),
    "help": Command("/help [COMMAND]", "list the commands, or explain COMMAND", _help),
    "quit": Command("/quit [TEXT]", "leave the chat, with TEXT as your last words", _quit),
}
