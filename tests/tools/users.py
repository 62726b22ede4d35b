"""A user without a terminal, for the tests of clients."""

from protocols.console.base import Console


class User(Console):
    """A console that records what it shows.

    Attributes: ``shown``, the lines it has shown; ``reading``, whether it is asked for input;
    ``interactive``, whether the user is a person who types."""

    def __init__(self, reactor, interactive=False):
        super().__init__(reactor)
        self.interactive = interactive
        self.shown = []
        self.reading = False

    def show(self, lines):
        self.shown += lines

    def notice(self, text):
        self.shown.append(text)

    def resume(self):
        self.reading = True

    def pause(self):
        self.reading = False

    def said(self):
        """The chat lines among those shown, without the time."""
        return [line.partition("] ")[2] for line in self.shown if line.startswith("[")]
