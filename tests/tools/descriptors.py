"""The descriptors of this process."""

from __future__ import annotations

import os


def open_descriptors() -> int:
    """How many descriptors are open. Includes the one that reads the list."""
    return len(os.listdir("/dev/fd"))
