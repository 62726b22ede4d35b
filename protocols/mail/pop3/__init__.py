"""POP3: reading the mail of a Maildir (RFC 1939, RFC 2449)."""
