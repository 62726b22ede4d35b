"""The chat's client for a terminal or a pipe: ``ChatClient``."""

from .session import ChatClient

__all__ = ["ChatClient"]
