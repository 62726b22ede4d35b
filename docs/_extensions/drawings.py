"""The drawings of the lessons keep a size at which their text can be read. Where the page is too
narrow they scroll, instead of becoming smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_SCALE = 0.86  # of their own size: 12 pixels become a bit more than 10


class Drawings(SphinxTransform):
    """Puts each ``calls.svg`` into a container, which ``colours.css`` lets scroll."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        for image in list(self.document.findall(nodes.image)):
            if image["uri"] != "calls.svg":
                continue
            drawing = Path(self.document["source"]).with_name("calls.svg")
            width = float(ElementTree.parse(drawing).getroot().attrib["width"])
            image["width"] = f"{round(width * _SCALE)}px"
            frame = nodes.container(classes=["drawing"])
            image.replace_self(frame)
            frame += image


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(Drawings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
