"""The inspector: an event loop at work, seen in a browser or a terminal."""
