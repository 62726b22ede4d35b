"""A ``top`` for the loop: an inspector's client for the terminal."""
