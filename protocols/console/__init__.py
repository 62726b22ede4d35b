"""Line clients, and the consoles of their users: a terminal or a pipe."""
