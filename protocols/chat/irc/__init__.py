"""IRC as a way into the chat: RFC 1459 and 2812 as today's clients expect them, and IRCv3."""
