"""The demonstration page, which ``--protocol http`` serves without ``--root`` and ``--app``."""

from .page import demonstration

__all__ = ["demonstration"]
