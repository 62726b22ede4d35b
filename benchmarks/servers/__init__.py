"""The servers and loops to measure, as programs: ``python -m benchmarks.servers.NAME``."""
