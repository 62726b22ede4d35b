"""A recording replays to the state that the living loop showed: a chat with a slow reader, a pause,
timers, a slow turn, an error and departures is seen at each step of each turn and recorded. The
recording is replayed in node, and both documents are compared field by field.

``unknown`` says what is not compared, because a recording cannot know it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .node import node_folder
from .scenes import END, Watched, chat, connections, slow_reader

Documents = dict[tuple[int, int], dict[str, Any]]  # by turn and step

DISPATCH, FLUSH = 4, 7


@pytest.fixture
def replay(tmp_path: Path) -> Callable[[Watched], Documents]:
    """``replay(watched)`` returns the replayed documents."""

    def replayed(watched: Watched) -> Documents:
        run = node_folder(tmp_path)
        view = {"count": watched.camera.view.count}
        moments = [
            [index, step, view]
            for index in range(len(watched.camera.turns))
            for step in range(1, 10)
        ]
        result = run("states.js", str(watched.path), input=json.dumps(moments))
        assert result.returncode == 0, result.stderr
        _, *lines = map(json.loads, result.stdout.splitlines())
        turns = watched.camera.turns
        return {
            (turns[index], step): line
            for (index, step, _), line in zip(moments, lines, strict=True)
        }

    return replayed


def unknown(document: dict[str, Any], step: int) -> dict[str, Any]:
    """``document`` without what a recording cannot know."""
    # The time of day is written once; in virtual time it does not fit.
    del document["loop"]["wall"]
    # The living inspector adds up the turns between two looks.
    del document["steps"]
    # The watchdog is another source: it has samples. A recording has the turns only.
    del document["blocked"]
    # Which timers are set, moved and cancelled is known from the snapshots only.
    for name in ("next", "total", "idle", "cancelled"):
        del document["timers"][name]
    # What a handler will queue, write or close is known when it runs.
    del document["callbacks"]
    pending = document["pending"]
    for name in ("timers", "callbacks", "closes"):
        del pending[name]
    # At the end of a turn, the replay shows what the next one will handle.
    if step == END:
        document["pending"] = None
    # A name can be that of another method when a descriptor is only ready for writing.
    for handler in pending["handlers"].values():
        del handler["handler"]
    for opened in document["turn"].get("opened", ()):
        for name in set(opened) - {"fd", "kind", "protocol", "peer"}:
            del opened[name]
    if step == DISPATCH:
        del document["stats"]["stalled_time"]  # counted in step 3, recorded with the turn
    if DISPATCH < step < FLUSH:
        # What the handlers have changed is recorded at the end of the turn, not of which of them.
        for name in ("descriptors", "stats", "pending"):
            del document[name]
        for name in ("flushes", "opened", "errors"):
            document["turn"].pop(name, None)
    if step == FLUSH:
        # The turn's handlers may change what is watched, and so may its flush.
        for row in document["descriptors"]["rows"].values():
            for name in ("interest", "reading_paused"):
                row.pop(name, None)
    return document


@pytest.mark.parametrize("play", [chat, slow_reader], ids=["chat", "slow reader"])
def test_the_replayed_state_is_the_one_that_the_loop_showed(
    play: Callable[[Watched], None],
    tmp_path: Path,
    replay: Callable[[Watched], Documents],
) -> None:
    watched = Watched(tmp_path / "turns")
    play(watched)
    watched.end()

    replayed = replay(watched)
    assert replayed.keys() == watched.camera.documents.keys()
    found = [
        difference
        for (turn, step), document in watched.camera.documents.items()
        for difference in differences(
            unknown(document, step), unknown(replayed[turn, step], step), f"turn {turn} step {step}"
        )
    ]
    assert found == []


def test_real_connections(tmp_path: Path, replay: Callable[[Watched], Documents]) -> None:
    watched = Watched(tmp_path / "turns", real=True)
    connections(watched)
    watched.end()

    replayed = replay(watched)
    found = [
        difference
        for turn in watched.camera.turns
        for name in ("descriptors", "closed", "errors", "turn")
        for difference in differences(
            watched.camera.documents[turn, END][name], replayed[turn, END][name], f"turn {turn}"
        )
    ]
    counters = ("accepted", "connections", "lingering", "bytes_received", "bytes_sent", "turns")
    last = watched.camera.turns[-1], END
    for name in (*counters, "datagrams_received", "datagrams_sent", "writes_dropped"):
        assert watched.camera.documents[last]["stats"][name] == replayed[last]["stats"][name], name
    assert found == []


def differences(expected: Any, actual: Any, where: str) -> Iterator[str]:
    """Where two documents differ. Moments may by a millisecond: those of a recording are rounded to
    microseconds first."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in sorted(expected.keys() | actual.keys()):
            inner = expected.get(name, "nothing"), actual.get(name, "nothing")
            yield from differences(*inner, f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, inner in enumerate(zip(expected, actual, strict=True)):
            yield from differences(*inner, f"{where}[{index}]")
    elif isinstance(expected, float) and isinstance(actual, float | int):
        if abs(expected - actual) > 0.0011:
            yield f"{where}: {expected} is not {actual}"
    elif expected != actual:
        yield f"{where}: {expected!r} is not {actual!r}"
