"""The numeric replies of IRC: their names, and the words of those that always say the same.

The names are those of RFC 2812 section 5 and of the "Modern IRC Client Protocol".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ..messages import ErrorCode


class Reply(StrEnum):
    """A numeric, by its name. The value is what is sent: ``Reply.WELCOME`` is ``"001"``."""

    WELCOME = "001"
    YOURHOST = "002"
    CREATED = "003"
    MYINFO = "004"
    ISUPPORT = "005"
    LUSERCLIENT = "251"
    LUSEROP = "252"
    LUSERUNKNOWN = "253"
    LUSERCHANNELS = "254"
    LUSERME = "255"
    TRYAGAIN = "263"
    LOCALUSERS = "265"
    GLOBALUSERS = "266"
    AWAY = "301"
    UNAWAY = "305"
    NOWAWAY = "306"
    NOTOPIC = "331"
    TOPIC = "332"
    TOPICWHOTIME = "333"
    INVITING = "341"
    NAMREPLY = "353"
    ENDOFNAMES = "366"
    MOTD = "372"
    MOTDSTART = "375"
    ENDOFMOTD = "376"

    NOSUCHNICK = "401"
    NOSUCHSERVER = "402"
    NOSUCHCHANNEL = "403"
    CANNOTSENDTOCHAN = "404"
    TOOMANYCHANNELS = "405"
    TOOMANYTARGETS = "407"
    NOORIGIN = "409"
    INVALIDCAPCMD = "410"
    NORECIPIENT = "411"
    NOTEXTTOSEND = "412"
    INPUTTOOLONG = "417"
    UNKNOWNCOMMAND = "421"
    NOMOTD = "422"
    NONICKNAMEGIVEN = "431"
    ERRONEUSNICKNAME = "432"
    NICKNAMEINUSE = "433"
    BANONCHAN = "435"
    USERNOTINCHANNEL = "441"
    NOTONCHANNEL = "442"
    USERONCHANNEL = "443"
    NOTREGISTERED = "451"
    NEEDMOREPARAMS = "461"
    ALREADYREGISTERED = "462"
    CHANNELISFULL = "471"
    INVITEONLYCHAN = "473"
    BANNEDFROMCHAN = "474"
    BADCHANNELKEY = "475"
    BADCHANMASK = "476"
    BANLISTFULL = "478"
    CHANOPRIVSNEEDED = "482"


WORDS: Final[dict[Reply, str]] = {
    Reply.ENDOFNAMES: "End of /NAMES list",
    Reply.NOTOPIC: "No topic is set",
    Reply.UNAWAY: "You are no longer marked as being away",
    Reply.NOWAWAY: "You have been marked as being away",
    Reply.ENDOFMOTD: "End of /MOTD command",
    Reply.NOSUCHNICK: "No such nick/channel",
    Reply.NOSUCHSERVER: "No such server",
    Reply.NOSUCHCHANNEL: "No such channel",
    Reply.CANNOTSENDTOCHAN: "Cannot send to channel",
    Reply.TOOMANYCHANNELS: "You have joined too many channels",
    Reply.TOOMANYTARGETS: "Too many targets",
    Reply.NOORIGIN: "No origin specified",
    Reply.INVALIDCAPCMD: "Invalid CAP command",
    Reply.NORECIPIENT: "No recipient given",
    Reply.NOTEXTTOSEND: "No text to send",
    Reply.INPUTTOOLONG: "Input line was too long",
    Reply.UNKNOWNCOMMAND: "Unknown command",
    Reply.NOMOTD: "There is no message of the day",
    Reply.NONICKNAMEGIVEN: "No nickname given",
    Reply.ERRONEUSNICKNAME: "Erroneous nickname",
    Reply.NICKNAMEINUSE: "Nickname is already in use",
    Reply.BANONCHAN: "Cannot change nickname while banned",
    Reply.USERNOTINCHANNEL: "They aren't on that channel",
    Reply.NOTONCHANNEL: "You're not on that channel",
    Reply.USERONCHANNEL: "is already on channel",
    Reply.NOTREGISTERED: "You have not registered",
    Reply.NEEDMOREPARAMS: "Not enough parameters",
    Reply.ALREADYREGISTERED: "You may not reregister",
    Reply.CHANNELISFULL: "Cannot join channel (+l)",
    Reply.INVITEONLYCHAN: "Cannot join channel (+i)",
    Reply.BANNEDFROMCHAN: "Cannot join channel (+b)",
    Reply.BADCHANNELKEY: "Cannot join channel (+k)",
    Reply.BADCHANMASK: "Bad channel name",
    Reply.BANLISTFULL: "Channel list is full",
    Reply.CHANOPRIVSNEEDED: "You're not a channel operator",
}

# For an error of the hub: its numeric, and what stands in it: the nick and the channel that the
# command was about.
NICK: Final = "nick"
CHANNEL: Final = "channel"
COMMAND: Final = "command"
ERRORS: Final[dict[ErrorCode, tuple[Reply, tuple[str, ...]]]] = {
    ErrorCode.BAD_NAME: (Reply.ERRONEUSNICKNAME, (NICK,)),
    ErrorCode.NAME_IN_USE: (Reply.NICKNAMEINUSE, (NICK,)),
    ErrorCode.NO_SUCH_MEMBER: (Reply.NOSUCHNICK, (NICK,)),
    ErrorCode.NO_SUCH_ROOM: (Reply.NOSUCHCHANNEL, (CHANNEL,)),
    ErrorCode.NOT_IN_ROOM: (Reply.NOTONCHANNEL, (CHANNEL,)),
    ErrorCode.MEMBER_NOT_IN_ROOM: (Reply.USERNOTINCHANNEL, (NICK, CHANNEL)),
    ErrorCode.MEMBER_IN_ROOM_ALREADY: (Reply.USERONCHANNEL, (NICK, CHANNEL)),
    ErrorCode.NOT_OPERATOR: (Reply.CHANOPRIVSNEEDED, (CHANNEL,)),
    ErrorCode.CANNOT_SPEAK: (Reply.CANNOTSENDTOCHAN, (CHANNEL,)),
    ErrorCode.NO_TEXT: (Reply.NOTEXTTOSEND, ()),
    ErrorCode.TOO_LONG: (Reply.INPUTTOOLONG, ()),
    ErrorCode.BANNED: (Reply.BANNEDFROMCHAN, (CHANNEL,)),
    ErrorCode.INVITE_ONLY: (Reply.INVITEONLYCHAN, (CHANNEL,)),
    ErrorCode.WRONG_KEY: (Reply.BADCHANNELKEY, (CHANNEL,)),
    ErrorCode.ROOM_FULL: (Reply.CHANNELISFULL, (CHANNEL,)),
    ErrorCode.TOO_MANY_ROOMS: (Reply.TOOMANYCHANNELS, (CHANNEL,)),
    ErrorCode.LIST_FULL: (Reply.BANLISTFULL, (CHANNEL,)),
    ErrorCode.BUSY: (Reply.TRYAGAIN, (COMMAND,)),
}
