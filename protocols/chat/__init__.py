"""Chat: a hub of rooms that knows no socket, and one small module for each way in."""
