"""Default values in the signatures of the reference.

With ``autodoc_preserve_defaults`` they are shown as they are written: ``environ=os.environ``, and
not with all that is in the environment of the machine that builds the pages. But a constant would
hide what readers want to know. So the name of a number or a text becomes its value:
``timeout=30.0``, and not ``timeout=CONNECT_TIMEOUT``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def show_constants(function: Any) -> None:
    """Put the values of constants into the signature that autodoc has given ``function``."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    signature = getattr(function, "__signature__", None)
    if signature is None:
        return
    names = getattr(function, "__globals__", {})
    parameters = []
    for parameter in signature.parameters.values():
        value = names.get(repr(parameter.default))  # autodoc has put there what shows the source
        known = isinstance(value, (int, float, str, bytes))
        parameters.append(parameter.replace(default=value) if known else parameter)
    function.__signature__ = signature.replace(parameters=parameters)


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-before-process-signature", lambda app, obj, bound: show_constants(obj))
    return {"parallel_read_safe": True}
