"""The grammar of typed lines: which of a member's methods a line calls.

A line that begins with a slash is a command. ``QUIT`` alone, in any case, is one too. Everything
else is said to the room. To say a line that begins with a slash, a member types two.

The way in passes the name of the room where a line was typed. Commands act on this room, and their
replies are about it. Over lines and datagrams, members are in one room at a time, so no name is
needed, and ``/join`` and ``/part`` are a ``move``. For members that may be in several rooms, or in
none (``Member.needs_room`` is False), ``/join`` adds a room, and ``/part`` leaves one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from protocols.text import clean_text

from . import moderation
from .lists import describe_rooms
from .member import Member
from .messages import ChatError, ErrorCode, Kind
from .modes import FLAGS, Ban, Mode
from .room import Room

# What peers send from time to time over a way in that cannot see a connection break. It is not a
# command, and is never said to a room: the way in passes it to ``conversation.heartbeat``.
HEARTBEAT = "HEARTBEAT"

# The first line for members that type commands.
HINT = "/help lists what you can do, /quit leaves"

GOODBYE = "Goodbye"  # the last line

MAX_OPERATORS_SHOWN = 20

_MODES = {mode.value: mode for mode in Mode}
_CLEARED = frozenset({Mode.KEY, Mode.LIMIT})  # these need no value to be cleared

_LONGEST_PING = 32  # characters; a longer line costs too much to count as a ping


class Context(NamedTuple):
    """Who typed a line, and in which room: None for the member's only one."""

    member: Member
    room: str | None

    @property
    def place(self) -> Room:
        """The room. Raises ChatError if the member is not in it."""
        place = self.member.where(self.room)
        if place not in self.member.rooms:
            raise ChatError(f"You are not in {place.name}", ErrorCode.NOT_IN_ROOM)
        return place

    def reply(self, *lines: str) -> None:
        """Answer the member, about the room."""
        self.member.tell(Kind.REPLY, *lines, room=self.room)


class Command(NamedTuple):
    """A command. ``run`` is called with the context and all that was typed after the command."""

    usage: str
    summary: str
    run: Callable[[Context, str], object]


def execute(member: Member, line: str, room: str | None = None) -> None:
    """Clean ``line``, and do what it asks for. Raises ChatError if that cannot be done.

    ``room``: the name of the room where it was typed; None for the member's only one. A blank line
    asks for nothing, and so does a heartbeat that is one only after cleaning.
    """
    line = clean_text(line)
    if line == HEARTBEAT:
        return
    line = line.rstrip()
    if not line.startswith("/"):
        if len(line) == 4 and line.upper() == "QUIT":
            member.dismiss("", GOODBYE)
        elif line:
            member.say(line, room)
        return
    if line.startswith("//"):
        member.say(line[1:], room)
        return
    word, _, rest = line[1:].partition(" ")
    command = COMMANDS.get(word.lower())
    if command is None:
        raise ChatError(
            f"There is no command /{word[:20]}: /help lists them, // says a line that begins with /"
        )
    command.run(Context(member, room), rest.strip())


def is_ping(line: str) -> bool:
    """Return whether ``line`` is a ``/ping``, and short: flood control has a limit of its own for
    them."""
    return len(line) <= _LONGEST_PING and line[:6].rstrip().lower() == "/ping"


def commands_for(member: Member) -> dict[str, Command]:
    """Return the commands, by name, as they work for ``member``."""
    return COMMANDS if member.needs_room else _ROAMING


def move(member: Member, room: str, key: str = "") -> None:
    """Have ``member`` leave where it is, and go to the room called ``room``; or stay, if it cannot
    go there."""
    member.require_present()
    member.hub.check_entry(member, room, key)
    for place in member.rooms:
        member.part(place.name)
    member.join(room, key)


def _nick(context: Context, rest: str) -> None:
    context.member.rename(_one_word("nick", rest))


def _join(context: Context, rest: str) -> None:
    room, _, key = rest.partition(" ")
    if not room or " " in key.strip():
        raise _wrong_usage("join")
    room, key = room.removeprefix("#"), key.strip()  # people know "#room" from IRC
    if context.member.needs_room:
        move(context.member, room, key)
    else:
        context.member.join(room, key, welcome=False)


def _part(context: Context, rest: str) -> None:
    member, lobby = context.member, context.member.hub.lobby
    if not member.needs_room:
        member.part(rest.removeprefix("#") or context.room)
    elif member.room is lobby:
        raise ChatError(f"You are in {lobby.name} already: /quit leaves the chat")
    else:
        move(member, lobby.name)


def _rooms(context: Context, _: str) -> None:
    context.reply(describe_rooms(context.member))


def _who(context: Context, _: str) -> None:
    context.reply(context.place.roster(context.member))


def _msg(context: Context, rest: str) -> None:
    name, _, text = rest.partition(" ")
    context.member.whisper(name, _required("msg", text.strip()))


def _me(context: Context, rest: str) -> None:
    context.member.act(_required("me", rest), context.room)


def _topic(context: Context, rest: str) -> None:
    if rest:
        context.member.set_topic(rest, context.room)
        return
    room = context.place
    if room.topic:
        context.reply(f"Topic of {room.name}: {room.topic}")
    else:
        context.reply(f"{room.name} has no topic: /topic TEXT sets one")


def _away(context: Context, rest: str) -> None:
    context.member.set_away(rest)


def _ignore(context: Context, rest: str) -> None:
    if rest:
        name = _one_word("ignore", rest)
        context.member.ignore(name)
        context.reply(f"You hear nothing more of {name}: /unignore {name} ends this")
    else:
        personal = context.member.personal
        names = ", ".join(personal.ignored) if personal is not None else ""
        context.reply(f"You ignore {names or 'nobody'}")


def _unignore(context: Context, rest: str) -> None:
    name = _one_word("unignore", rest)
    context.member.unignore(name)
    context.reply(f"You hear {name} again")


def _kick(context: Context, rest: str) -> None:
    name, _, reason = _required("kick", rest).partition(" ")
    moderation.kick(context.member, name, reason.strip(), context.room)


def _ban(context: Context, rest: str) -> None:
    if rest:
        moderation.ban(context.member, _one_word("ban", rest), context.room)
    else:
        room = context.place
        lines = [_described(ban) for ban in room.rules.bans.values()]
        context.reply(*(lines or [f"Nobody is banned from {room.name}"]))


def _unban(context: Context, rest: str) -> None:
    moderation.unban(context.member, _one_word("unban", rest), context.room)


def _invite(context: Context, rest: str) -> None:
    name = _one_word("invite", rest)
    moderation.invite(context.member, name, context.room)
    context.reply(f"You have invited {name} into {context.place.name}")


def _mode(context: Context, rest: str) -> None:
    if not rest:
        context.reply(_described_modes(context.place))
        return
    change, _, value = rest.partition(" ")
    value = value.strip()
    mode = _MODES.get(change[1:])
    if mode is None or change[0] not in "+-" or " " in value:
        raise _wrong_usage("mode")
    on = change[0] == "+"
    if (mode not in FLAGS) != bool(value) and (on or mode not in _CLEARED):
        raise _wrong_usage("mode")
    moderation.set_mode(context.member, mode, on=on, value=value, room=context.room)


def _described(ban: Ban) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(ban.time))
    name = f"{ban.name} ({ban.mask})" if ban.name else ban.mask
    return f"{name} is banned: {ban.setter}, {when}"


def _described_modes(room: Room) -> str:
    listed = [member for member in room.members if member in room.operators]
    names = ", ".join([member.name for member in listed[:MAX_OPERATORS_SHOWN]])
    return f"Modes of {room.name}: {room.rules.describe()}; " + (
        f"operators: {names}" if names else "it has no operators"
    )


def _echo(context: Context, rest: str) -> None:
    choice = {"on": True, "off": False}.get(rest.lower())
    if choice is None:
        raise _wrong_usage("echo")
    context.member.set_echo(choice)
    context.reply("You see your own lines" if choice else "You do not see your own lines any more")


def _ping(context: Context, _: str) -> None:
    context.reply("pong")


def _help(context: Context, rest: str) -> None:
    commands = commands_for(context.member)
    if rest:
        command = commands.get(rest.removeprefix("/").lower())
        if command is None:
            raise ChatError(f"There is no command {rest[:20]}: /help lists them all")
        context.reply(f"{command.usage}: {command.summary}")
    else:
        width = max(len(command.usage) for command in commands.values())
        context.reply(
            *[f"{command.usage:<{width}}  {command.summary}" for command in commands.values()],
            f"{'//TEXT':<{width}}  say a line that begins with a slash",
        )


def _quit(context: Context, rest: str) -> None:
    context.member.dismiss(rest, GOODBYE)


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
    "join": Command(
        "/join ROOM",
        "go to ROOM, which is created if needed; /join ROOM KEY, if it has a key",
        _join,
    ),
    "part": Command("/part", "go back to the lobby", _part),
    "rooms": Command("/rooms", "list the rooms", _rooms),
    "who": Command("/who", "list who is in the room", _who),
    "msg": Command("/msg NAME TEXT", "say TEXT to NAME alone", _msg),
    "me": Command("/me TEXT", 'say what you do: "* alice waves"', _me),
    "topic": Command("/topic [TEXT]", "show the room's topic, or set it", _topic),
    "away": Command("/away [TEXT]", "tell others that you are away, or back", _away),
    "ignore": Command("/ignore [NAME]", "hear nothing of NAME, or list whom you ignore", _ignore),
    "unignore": Command("/unignore NAME", "hear NAME again", _unignore),
    "invite": Command("/invite NAME", "invite NAME into the room", _invite),
    "kick": Command("/kick NAME [TEXT]", "as operator: put NAME out of the room", _kick),
    "ban": Command("/ban [NAME]", "as operator: keep NAME out; or list who is kept out", _ban),
    "unban": Command("/unban NAME", "as operator: let NAME in again", _unban),
    "mode": Command(
        "/mode [+LETTER|-LETTER [VALUE]]",
        "show the modes and operators, or change one: o NAME operator, v NAME voice, m moderated,"
        " t topic by operators, i invited only, s secret, k KEY, l LIMIT",
        _mode,
    ),
    "echo": Command("/echo on|off", "show or hide your own lines", _echo),
    "ping": Command("/ping", "get an answer", _ping),
    "help": Command("/help [COMMAND]", "list the commands, or explain COMMAND", _help),
    "quit": Command("/quit [TEXT]", "leave the chat, with TEXT as your last words", _quit),
}

# For members that may be in several rooms.
_ROAMING = COMMANDS | {
    "join": Command(
        "/join ROOM",
        "enter ROOM, which is created if needed; /join ROOM KEY, if it has a key",
        _join,
    ),
    "part": Command("/part [ROOM]", "leave this room, or ROOM", _part),
}
