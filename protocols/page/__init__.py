"""What servers need that show a page: its files, and a stream of server-sent events for it."""

from .events import EventStream
from .files import SECURITY, SECURITY_WITH_FRAMES, PageFiles, security_fields

__all__ = ["SECURITY", "SECURITY_WITH_FRAMES", "EventStream", "PageFiles", "security_fields"]
