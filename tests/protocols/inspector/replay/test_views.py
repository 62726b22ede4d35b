"""What the table of descriptors shows, by views.json: it is the same in Python and, for a
recording, in JavaScript. js/table.test.js reads the same cases."""

from __future__ import annotations

import re
from typing import Any

import pytest

from protocols.inspector.table import Table, View

from .rows import VIEWS, loop_with_rows


@pytest.mark.parametrize("case", VIEWS["cases"], ids=lambda case: str(case["view"])[:60])
def test_a_view(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ValueError, match=f"^{re.escape(case['error'])}$"):
            View(**case["view"])
        return
    table = Table(*loop_with_rows()).document(View(**case["view"]))
    assert {name: table[name] for name in ("first", "matching", "order")} == case["shown"]


def test_rows() -> None:
    table = Table(*loop_with_rows()).document(View())
    assert table["rows"] == {str(row["fd"]): row for row in VIEWS["rows"]}
    assert table["kinds"] == VIEWS["kinds"]
    assert table["total"] == len(VIEWS["rows"])
