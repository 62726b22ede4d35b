"""Static files: the handler of ``--root``."""
