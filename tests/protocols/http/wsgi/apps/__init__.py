"""Applications as the users of frameworks write them. None of them is written for this server."""
