"""The figures of a run, which can be kept and drawn later: ``--results FILE``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


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
    """The tables of a benchmark. ``machine``: where it ran; ``date``: when, as in 2026-11-22."""

    machine: str
    date: str
    tables: Sequence[Table]


def save(path: str | Path, results: Mapping[str, Results]) -> None:
    """Write the results of each benchmark as JSON. Those of other benchmarks that the file already
    has stay, so that a single one can be measured again. Raises ``OSError``, or ``ValueError`` if
    the file is something else."""
    path = Path(path)
    stored = (load(path) if path.exists() else {}) | dict(results)
    values = {name: asdict(of_one) for name, of_one in stored.items()}
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: str | Path) -> dict[str, Results]:
    """Read what ``save`` has written. Raises ``OSError``, or ``ValueError`` if it is something
    else."""
    try:
        return {
            name: Results(
                values["machine"], values["date"], [Table(**table) for table in values["tables"]]
            )
            for name, values in json.loads(Path(path).read_text(encoding="utf-8")).items()
        }
    except (AttributeError, KeyError, TypeError) as exc:
        raise ValueError("these are no results of benchmarks") from exc
