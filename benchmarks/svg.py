"""Pictures as SVG, for the charts and for the drawings in ``docs/tools``."""

from __future__ import annotations

from xml.etree import ElementTree

Element = ElementTree.Element


def new_picture(width: float, height: float, title: str, description: str, style: str) -> Element:
    """Return the root of a picture. ``title`` and ``description`` are for screen readers, ``style``
    is CSS."""
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width:g} {height:g}",
            "width": f"{width:g}",
            "height": f"{height:g}",
            "role": "img",
        },
    )
    add(root, "title", {}, title)
    if description:
        add(root, "desc", {}, description)
    add(root, "style", {}, style)
    return root


def add(parent: Element, tag: str, attributes: dict[str, str], text: str = "") -> Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text or None
    return element


def add_text(
    parent: Element, kind: str, x: float, y: float, text: str, anchor: str = "start"
) -> None:
    """``kind``: the classes of the text."""
    place = {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    add(parent, "text", place, text)


def as_text(root: Element) -> str:
    return ElementTree.tostring(root, encoding="unicode") + "\n"
