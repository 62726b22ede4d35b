"""The figures of a run, which can be kept and drawn later: ``--results FILE``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a benchmark. ``chart``: the column that charts show, or nothing."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    chart: str = ""

    @property
    def names(self) -> list[str]:
        """What has been measured, from the first column."""
        return [row[0] for row in self.rows]

    def column(self, name: str) -> list[str]:
        index = list(self.head).index(name)
        return [row[index] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Results:
    """All tables of a run. ``machine``: where it ran; ``date``: when, as in 2026-11-22.
    ``benchmarks``: the tables of each benchmark."""

    machine: str
    date: str
    benchmarks: dict[str, list[Table]]

    def save(self, path: str | Path) -> None:
        """Write a file of JSON. Raises ``OSError``."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what ``save`` has written. Raises ``OSError``, or ``ValueError`` if it is something
        else."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            benchmarks = {
                name: [Table(**table) for table in tables]
                for name, tables in values["benchmarks"].items()
            }
            return cls(values["machine"], values["date"], benchmarks)
        except (AttributeError, KeyError, TypeError) as exc:
            raise ValueError("these are no results") from exc
