"""The drawings of the lessons keep a size at which their text can be read. Where the page is too
narrow they scroll, instead of becoming smaller; a click shows them alone."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SCALE = 0.86  # of their own size: 12 pixels become a bit more than 10


def frame(document: nodes.document) -> None:
    """Put each ``calls.svg`` of the page into a container, which ``colours.css`` lets scroll."""
    for image in list(document.findall(nodes.image)):
        if PurePosixPath(image["uri"]).name != "calls.svg":
            continue
        drawing = Path(document["source"]).with_name("calls.svg")
        width = float(ElementTree.parse(drawing).getroot().attrib["width"])
        image["width"] = f"{round(width * _SCALE)}px"
        container = nodes.container(classes=["drawing"])
        image.replace_self(container)
        container += image


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", lambda app, document: frame(document))
    return {"parallel_read_safe": True}
