"""The reference shows default values as they are written, but those of constants as values."""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Mapping

from ..tools.commands import ROOT

TIMEOUT = 30.0
NAME = "reactor"
LIMITS = (1, 2)


class Written:
    """What autodoc puts in place of a default value: it is shown as in the source."""

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return self.source


def wait(
    environ: Mapping[str, str] = os.environ,
    timeout: float = TIMEOUT,
    name: str = NAME,
    limits: tuple[int, int] = LIMITS,
    text: str = "NAME",
) -> None:
    pass


def test_the_names_of_numbers_and_texts_become_their_values() -> None:
    path = ROOT / "docs" / "_extensions" / "signatures.py"
    spec = importlib.util.spec_from_file_location("signatures", path)
    assert spec is not None
    assert spec.loader is not None
    signatures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(signatures)

    signatures.show_constants(wait)  # without a signature of autodoc's, nothing changes
    assert inspect.signature(wait).parameters["environ"].default is os.environ

    sources = ["os.environ", "TIMEOUT", "NAME", "LIMITS", "'NAME'"]
    signature = inspect.signature(wait)
    parameters = [
        parameter.replace(default=Written(source))
        for parameter, source in zip(signature.parameters.values(), sources, strict=True)
    ]
    wait.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    signatures.show_constants(wait)
    shown = [repr(parameter.default) for parameter in inspect.signature(wait).parameters.values()]
    assert shown == ["os.environ", "30.0", "'reactor'", "LIMITS", "'NAME'"]
