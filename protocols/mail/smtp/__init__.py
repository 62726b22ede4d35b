"""SMTP and LMTP: the dialogue in which a server receives mail."""
