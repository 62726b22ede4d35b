"""The demonstration page: what ``--protocol http`` serves if it is told nothing else."""

from .page import demonstration

__all__ = ["demonstration"]
