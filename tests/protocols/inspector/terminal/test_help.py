"""The help of the terminal's screen."""

from __future__ import annotations

from protocols.inspector.terminal.cells import width_of
from protocols.inspector.terminal.help import help_lines


def test_every_line_fits_a_terminal_of_eighty_columns():
    assert [line for line in help_lines() if width_of(line) > 80] == []
