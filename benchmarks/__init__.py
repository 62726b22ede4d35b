"""Side by side with other loops and servers: see ``python -m benchmarks --help``."""
