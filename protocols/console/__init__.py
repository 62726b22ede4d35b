"""Line clients, and their consoles: a terminal or a pipe."""
