"""Line clients, and the terminal or pipe that their user is at."""
