"""Chat: a hub of rooms, independent of sockets; ways in over TCP and UDP; and a client."""
