"""The texts of HELP. In most clients, users type the same commands after a slash."""

from __future__ import annotations

from typing import Final

# By command: its parameters, and what it does.
_COMMANDS: Final = {
    "ADMIN": ("", "Who runs this server."),
    "AWAY": ("[text]", "Tell others that you are away, and why; without text, that you are back."),
    "CAP": (
        "LS [version] | LIST | REQ :capabilities | END",
        "Which extensions of IRCv3 there are, and which of them your client uses.",
    ),
    "CHATHISTORY": (
        "LATEST | BEFORE | AFTER | AROUND | BETWEEN #channel point [point] limit",
        "What was said in a channel; CHATHISTORY TARGETS point point limit lists channels.",
    ),
    "HELP": ("[command]", "Explain a command, or list all."),
    "INFO": ("", "About this server."),
    "INVITE": ("nick #channel", "Let somebody into a channel once. Alone: where you are invited."),
    "ISON": ("nick [nick...]", "Which of these are here."),
    "JOIN": (
        "#channel[,#channel...] [key[,key...]]",
        "Enter channels; one that does not exist is made. JOIN 0 leaves all.",
    ),
    "KICK": ("#channel nick[,nick...] [text]", "As channel operator: put somebody out."),
    "KILL": ("nick [text]", "As operator of the server: disconnect somebody."),
    "LINKS": ("", "The servers of this network: there is one."),
    "LIST": (
        "[conditions]",
        "The channels. LIST *tea* lists those with such a name, LIST >5 those with more than five"
        " users, LIST T<60 those whose topic was set within the hour.",
    ),
    "LUSERS": ("", "How many users and channels there are."),
    "MODE": (
        "#channel [changes [value...]] | nick [changes]",
        "Modes of a channel: o nick (operator), v nick (voice), b mask (ban), k key, l limit, i"
        " (only invited), m (moderated), n (nothing from outside), s (secret), t (topic by"
        " operators). Your own: i (invisible), w (get WALLOPS).",
    ),
    "MOTD": ("", "The message of the day."),
    "NAMES": ("#channel[,#channel...]", "Who is in a channel."),
    "NICK": ("nick", "Change your name."),
    "NOTICE": ("target text", "Like PRIVMSG, but no program answers it."),
    "OPER": ("name password", "Become an operator of the server."),
    "PART": ("#channel[,#channel...] [text]", "Leave channels."),
    "PING": ("text", "Get an answer."),
    "PRIVMSG": ("target[,target...] text", "Say something to channels or users."),
    "QUIT": ("[text]", "Leave."),
    "SETNAME": ("text", "Change your real name."),
    "STATS": ("u | o", "u: how long the server has been running; o: its operators."),
    "TAGMSG": ("target[,target...]", "Send tags without text, for programs."),
    "TIME": ("", "What time it is here."),
    "TOPIC": ("#channel [text]", "Show the topic of a channel, or set it."),
    "USERHOST": ("nick [nick...]", "Where up to five users come from."),
    "VERSION": ("", "Which program this is, and what it supports."),
    "WALLOPS": ("text", "As operator of the server: tell all who have mode +w."),
    "WHO": ("[mask [o]]", "Users of a channel, or whose names match a mask; o: operators only."),
    "WHOIS": ("nick[,nick...]", "Details about users."),
    "WHOWAS": ("nick [count]", "Who had this name and has left."),
}

# By command: the lines of its help. The first has the usage.
HELP: Final[dict[str, tuple[str, ...]]] = {
    name: (f"{name} {usage}".rstrip(), text) for name, (usage, text) in _COMMANDS.items()
}


def _rows(words: list[str], count: int) -> list[str]:
    return [" ".join(words[start : start + count]) for start in range(0, len(words), count)]


INDEX: Final[tuple[str, ...]] = (
    "Commands (HELP COMMAND explains one)",
    *_rows(sorted(_COMMANDS), 8),
    "Members who use other ways in are in the same channels.",
)
