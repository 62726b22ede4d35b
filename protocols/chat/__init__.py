"""Chat: a hub of rooms that knows no socket, a way in over TCP and one over UDP, and a client."""
