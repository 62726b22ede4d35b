"""What servers need that show a page: its files, and a stream of server-sent events for it."""

from .events import EventStream
from .files import SECURITY, PageFiles

__all__ = ["SECURITY", "EventStream", "PageFiles"]
