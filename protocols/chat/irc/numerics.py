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
    ENDOFSTATS = "219"
    UMODEIS = "221"
    STATSUPTIME = "242"
    STATSOLINE = "243"
    LUSERCLIENT = "251"
    LUSEROP = "252"
    LUSERUNKNOWN = "253"
    LUSERCHANNELS = "254"
    LUSERME = "255"
    ADMINME = "256"
    ADMINLOC1 = "257"
    ADMINEMAIL = "259"
    TRYAGAIN = "263"
    LOCALUSERS = "265"
    GLOBALUSERS = "266"
    AWAY = "301"
    USERHOST = "302"
    ISON = "303"
    UNAWAY = "305"
    NOWAWAY = "306"
    WHOISUSER = "311"
    WHOISSERVER = "312"
    WHOISOPERATOR = "313"
    WHOWASUSER = "314"
    ENDOFWHO = "315"
    WHOISIDLE = "317"
    ENDOFWHOIS = "318"
    WHOISCHANNELS = "319"
    WHOISSPECIAL = "320"
    LISTSTART = "321"
    LIST = "322"
    LISTEND = "323"
    CHANNELMODEIS = "324"
    CREATIONTIME = "329"
    NOTOPIC = "331"
    TOPIC = "332"
    TOPICWHOTIME = "333"
    WHOISACTUALLY = "338"
    INVITELIST = "336"
    ENDOFINVITELIST = "337"
    INVITING = "341"
    VERSION = "351"
    WHOREPLY = "352"
    NAMREPLY = "353"
    WHOSPCRPL = "354"
    LINKS = "364"
    ENDOFLINKS = "365"
    ENDOFNAMES = "366"
    BANLIST = "367"
    ENDOFBANLIST = "368"
    ENDOFWHOWAS = "369"
    INFO = "371"
    MOTD = "372"
    ENDOFINFO = "374"
    MOTDSTART = "375"
    ENDOFMOTD = "376"
    YOUREOPER = "381"
    TIME = "391"

    NOSUCHNICK = "401"
    NOSUCHSERVER = "402"
    NOSUCHCHANNEL = "403"
    CANNOTSENDTOCHAN = "404"
    TOOMANYCHANNELS = "405"
    WASNOSUCHNICK = "406"
    TOOMANYTARGETS = "407"
    NOORIGIN = "409"
    INVALIDCAPCMD = "410"
    NORECIPIENT = "411"
    NOTEXTTOSEND = "412"
    TOOMANYMATCHES = "416"
    INPUTTOOLONG = "417"
    UNKNOWNCOMMAND = "421"
    NOMOTD = "422"
    NOADMININFO = "423"
    NONICKNAMEGIVEN = "431"
    ERRONEUSNICKNAME = "432"
    NICKNAMEINUSE = "433"
    BANONCHAN = "435"
    USERNOTINCHANNEL = "441"
    NOTONCHANNEL = "442"
    USERONCHANNEL = "443"
    SUMMONDISABLED = "445"
    USERSDISABLED = "446"
    NOTREGISTERED = "451"
    NEEDMOREPARAMS = "461"
    ALREADYREGISTERED = "462"
    PASSWDMISMATCH = "464"
    CHANNELISFULL = "471"
    UNKNOWNMODE = "472"
    INVITEONLYCHAN = "473"
    BANNEDFROMCHAN = "474"
    BADCHANNELKEY = "475"
    BADCHANMASK = "476"
    BANLISTFULL = "478"
    NOPRIVILEGES = "481"
    CHANOPRIVSNEEDED = "482"
    NOOPERHOST = "491"
    UMODEUNKNOWNFLAG = "501"
    USERSDONTMATCH = "502"
    HELPNOTFOUND = "524"
    WHOISSECURE = "671"
    INVALIDMODEPARAM = "696"
    HELPSTART = "704"
    HELPTXT = "705"
    ENDOFHELP = "706"


WORDS: Final[dict[Reply, str]] = {
    Reply.ENDOFNAMES: "End of /NAMES list",
    Reply.NOTOPIC: "No topic is set",
    Reply.UNAWAY: "You are no longer marked as being away",
    Reply.NOWAWAY: "You have been marked as being away",
    Reply.ENDOFMOTD: "End of /MOTD command",
    Reply.ENDOFSTATS: "End of /STATS report",
    Reply.WHOISOPERATOR: "is an operator of the server",
    Reply.ENDOFWHO: "End of /WHO list",
    Reply.ENDOFWHOIS: "End of /WHOIS list",
    Reply.LISTEND: "End of /LIST",
    Reply.ENDOFINVITELIST: "End of /INVITE list",
    Reply.ENDOFLINKS: "End of /LINKS list",
    Reply.ENDOFBANLIST: "End of channel ban list",
    Reply.ENDOFWHOWAS: "End of WHOWAS",
    Reply.ENDOFINFO: "End of /INFO list",
    Reply.YOUREOPER: "You are now an operator of the server",
    Reply.WHOISSECURE: "is using a secure connection",
    Reply.ENDOFHELP: "End of /HELP",
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
    Reply.WASNOSUCHNICK: "There was no such nickname",
    Reply.TOOMANYMATCHES: "Output too long, truncated",
    Reply.NOADMININFO: "No administrative info available",
    Reply.SUMMONDISABLED: "SUMMON has been disabled",
    Reply.USERSDISABLED: "USERS has been disabled",
    Reply.NOPRIVILEGES: "Permission denied: you're not an operator of the server",
    Reply.NOOPERHOST: "No operators are configured",
    Reply.UMODEUNKNOWNFLAG: "Unknown user mode",
    Reply.USERSDONTMATCH: "Cannot see or change the modes of others",
    Reply.HELPNOTFOUND: "There is no help on this subject",
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
    Reply.PASSWDMISMATCH: "Password incorrect",
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
