"""The program at the terminal: keys change what is shown and control the loop, and each change of
the document draws the screen."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from protocols.console.terminal import Control, Key, LineEditor
from reactor import Reactor, Timer
from reactor.command import CommandError, reason

from .cells import Line, Look, draw
from .client import InspectorClient
from .descriptors import MAX_FILTER, MAX_ROWS, View
from .documents import Document, find, number, text
from .feed import Feed
from .help import help_lines, keys_line
from .layout import most_table_rows, picture
from .remote import Remote, faster, slower
from .screen import Screen

SCROLL_DELAY: Final = 0.1  # seconds; a key that is held down should not open a stream each time
TYPING_DELAY: Final = 0.3  # seconds
MESSAGE_TIME: Final = 6.0  # seconds for which a message is shown
RESUME_TIMEOUT: Final = 1.0  # seconds for the loop to resume when we leave
CLOSE_GRACE: Final = 1.0  # seconds for the terminal to take what was drawn


class Top:
    """Shows an inspector's documents until the user leaves.

    ``view``: what the table shows at first. ``interval``: seconds between two pictures, if no key
    is pressed. ``screen``: None for the terminal.

    Read-only: ``ended``; ``error``, the reason for the end, None if the user wanted it."""

    def __init__(
        self,
        reactor: Reactor,
        client: InspectorClient,
        view: View,
        *,
        interval: float,
        look: Look,
        screen: Screen | None = None,
    ) -> None:
        self._reactor = reactor
        self._view = view
        self._interval = interval
        self._idle_interval = max(1.0, interval)
        self._look = look
        self._screen = Screen(reactor) if screen is None else screen
        self._screen.on_key = self._pressed
        self._screen.on_resize = self._resized
        self._screen.on_ready = self._draw
        self._screen.on_eof = self._end
        self._screen.on_output_lost = lambda exc: self._end()
        self._feed = Feed(reactor, client)
        self._feed.on_document = self._document_changed
        self._feed.on_refused = self._show_message
        self._feed.on_lost = self._draw
        self._feed.on_failed = self._end
        self._remote = Remote(client, self._show_message)
        self._stack = ExitStack()
        self._is_open = False
        self._expected: tuple[str, float] | None = None  # the mode that our action will bring
        self._wants_recording = False  # it is being stopped
        self._message = ""
        self._help = False
        self._editor: LineEditor | None = None  # of the filter, while it is typed
        self._filter_before = ""
        self._page = 1  # rows of the table on the screen
        self._drawn = 0.0  # when, in seconds of our loop
        self._draw_timer: Timer | None = None
        self._message_timer: Timer | None = None
        self._commands = self._make_commands()
        self._leaving = False
        self.ended = False
        self.error: str | None = None
        self._failure: BaseException | None = None

    def run(self) -> int:
        """Run the reactor until the user leaves. Return 0.

        Raises ``CommandError`` if the inspector cannot be asked at all, or not any more for a
        reason that will stay."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(signum) in (signal.SIG_DFL, signal.default_int_handler):
                # Until the reactor closes, so that the terminal is always restored.
                self._reactor.add_signal_handler(signum, self._leave)
        self._reactor.set_exception_handler(self._failed)
        with self._stack:
            self.start()
            self._reactor.run()
        for path in self._remote.saved:
            print(f"saved {path}")
        if self._failure is not None:
            raise self._failure
        if self.error is not None:
            raise CommandError(self.error)
        return 0

    def start(self) -> None:
        """Connect. ``run()`` calls this; call it yourself if you run the reactor."""
        self._view = replace(self._view, count=self._rows_wanted())
        self._feed.ask(self._view)

    def _failed(self, reactor: Any, context: dict[str, Any]) -> None:
        """An error of ours: restore the terminal before the traceback is shown."""
        self._failure = context.get("exception") or RuntimeError(context.get("message"))
        self._end()

    def _end(self, error: str | None = None) -> None:
        if not self.ended:
            self.ended = True
            self.error = error
            self._feed.close()
            self._remote.close()
            self._reactor.stop(CLOSE_GRACE)

    def _leave(self) -> None:
        """The user leaves. The second time this ends the program at once."""
        if self._remote.holds and self._feed.is_connected and not self._leaving:
            self._leaving = True
            # Otherwise the clients of the watched loop would wait until it resumes by itself.
            self._remote.perform({"action": "resume"}, self._end)
            self._reactor.call_later(RESUME_TIMEOUT, self._end)
        else:
            self._end()

    # -- the connection ----------------------------------------------------------------------------

    def _document_changed(self, is_new: bool) -> None:
        feed = self._feed
        self._remote.token = text(feed.hello, "token")
        if not self._remote.busy:
            self._expected = None
        if not self._is_open:
            self._open_screen()
        if self._wants_recording and find(feed.state, "control", "recording") is None:
            self._wants_recording = False
            self._remote.save_recording(int(number(feed.hello, "pid") or 0))
        self._stay_in_table()
        if is_new:
            self._draw()
        else:
            self._draw_soon()

    def _open_screen(self) -> None:
        try:
            self._stack.enter_context(self._screen.opened())
        except OSError as exc:
            self._end(f"cannot use the terminal: {reason(exc)}")
        else:
            self._is_open = True

    # -- what is shown -----------------------------------------------------------------------------

    def _rows_wanted(self) -> int:
        return min(MAX_ROWS, most_table_rows(self._screen.size[1]))

    def _look_at(self, view: View, delay: float = SCROLL_DELAY) -> None:
        self._view = view
        self._feed.ask(view, delay)
        self._draw()

    def _stay_in_table(self) -> None:
        """Rows may have gone since: do not show a page of nothing."""
        matching = int(number(self._feed.state, "descriptors", "matching") or 0)
        last = max(0, matching - self._page)
        if self._view.first > last and self._feed.is_settled:
            self._look_at(replace(self._view, first=last))

    def _scroll(self, rows: int) -> None:
        matching = int(number(self._feed.state, "descriptors", "matching") or 0)
        first = max(0, min(self._view.first + rows, matching - self._page))
        if first != self._view.first:
            self._look_at(replace(self._view, first=first))

    def _resized(self) -> None:
        self._look_at(replace(self._view, count=self._rows_wanted()))

    def _show_message(self, message: str) -> None:
        self._message = message
        if self._message_timer is not None:
            self._message_timer.cancel()
        self._message_timer = self._reactor.call_later(MESSAGE_TIME, self._hide_message)
        self._draw()

    def _hide_message(self) -> None:
        self._message = ""
        self._draw()

    def _mode(self) -> tuple[str, float]:
        """What the loop does, or will do after our action."""
        if self._expected is not None:
            return self._expected
        speed = number(self._feed.state, "control", "turns_per_second") or 0.0
        return text(self._feed.state, "control", "mode"), speed

    def _draw_soon(self) -> None:
        """Draw at the interval; at once if the user looks at single steps."""
        wait = self._drawn + self._interval - self._reactor.time()
        if wait <= 0 or self._mode()[0] in ("paused", "slow"):
            self._draw()
        elif self._draw_timer is not None:
            self._draw_timer.reschedule(wait)

    def _draw(self) -> None:
        if not self._is_open or self.ended:
            return
        self._drawn = self._reactor.time()
        # Ages go on, although nothing that the server sends has changed.
        if self._draw_timer is None:
            self._draw_timer = self._reactor.call_later(self._idle_interval, self._draw)
        else:
            self._draw_timer.reschedule(self._idle_interval)
        columns, rows = self._screen.size
        shown = picture(
            self._feed.hello,
            self._feed.state,
            self._view,
            (columns, rows),
            now=self._loop_time(),
            look=self._look,
            lost=not self._feed.is_connected,
        )
        self._page = max(1, shown.table_rows)
        lines = help_lines() if self._help else shown.lines
        lines = [*lines, *[[]] * rows][: max(0, rows - 1)]
        cursor = b""
        if self._editor is not None:
            self._editor.columns = columns
            cursor = b"\x1b[%d;1H\x1b[0m%b" % (rows, self._editor.redraw())
            bottom: Line = []
        else:
            bottom = self._bottom()
        self._screen.draw([draw(line, columns, self._look) for line in [*lines, bottom]], cursor)

    def _loop_time(self) -> float | None:
        at = number(self._feed.state, "loop", "time")
        if (
            at is None
            or not self._feed.is_connected
            or text(self._feed.state, "control", "mode") != "running"
        ):
            return at
        return at + self._reactor.time() - self._feed.received

    def _bottom(self) -> Line:
        if self._feed.lost:
            return [(f" {self._feed.lost} ", "alarm")]
        if self._message:
            return [(f" {self._message} ", "caution")]
        return keys_line(self._screen.size[0])

    # -- keys --------------------------------------------------------------------------------------

    def _pressed(self, key: Key | str) -> None:
        if self._editor is not None:
            self._typed(self._editor, key)
        elif key is Key.INTERRUPT:
            signal.raise_signal(signal.SIGINT)
        elif self._help:
            self._help = False
            self._draw()
        else:
            self._command(key)

    def _command(self, key: Key | str) -> None:
        command = self._commands.get(key)
        if command is not None:
            command()
        elif isinstance(key, str):
            self._control(key)

    def _make_commands(self) -> dict[Key | str, Callable[[], object]]:
        def look_at(**changes: Any) -> None:
            self._look_at(replace(self._view, first=0, **changes))

        def sort(step: int) -> None:
            self._look_at(self._view.sorted_by_next(step))

        commands: dict[tuple[Key | str, ...], Callable[[], object]] = {
            ("q", "Q", Key.DELETE_OR_EOF): self._leave,
            (Key.UP, "k"): lambda: self._scroll(-1),
            (Key.DOWN, "j", Key.ENTER): lambda: self._scroll(1),
            (Key.PAGE_UP,): lambda: self._scroll(-self._page),
            (Key.PAGE_DOWN,): lambda: self._scroll(self._page),
            (Key.HOME, "g"): lambda: self._scroll(-self._view.first),
            (Key.END, "G"): lambda: self._scroll(1 << 40),
            (">", ".", "s", Key.RIGHT): lambda: sort(1),
            ("<", ",", Key.LEFT): lambda: sort(-1),
            ("i",): lambda: look_at(descending=not self._view.descending),
            ("c", Key.ESCAPE): lambda: look_at(filter=""),
            ("/",): self._edit_filter,
            ("?", "h"): self._show_help,
            (Key.CLEAR_SCREEN,): self._redraw,
        }
        return {key: command for keys, command in commands.items() for key in keys}

    def _show_help(self) -> None:
        self._help = True
        self._draw()

    def _redraw(self) -> None:
        self._screen.redraw()
        self._draw()

    def _control(self, key: str) -> None:
        mode, speed = self._mode()
        action: Document | None = None
        match key:
            case " ":
                action = {"action": "resume" if mode == "paused" else "pause"}
            case "n":
                action = {"action": "step"}
            case "t":
                action = {"action": "turn"}
            case "+" | "=":
                action = faster(mode, speed)
            case "-":
                action = slower(mode, speed)
            case "r":
                self._record()
                return
        if action is None:
            return
        if not self._feed.is_connected:
            self._show_message("there is no connection")
            return
        modes = {"pause": "paused", "resume": "running", "slow": "slow"}
        if action["action"] in modes:
            speed = float(action.get("turns_per_second", 0))
            self._expected = modes[action["action"]], speed
        self._remote.perform(action)

    def _record(self) -> None:
        if find(self._feed.state, "control", "recording") is None:
            self._remote.perform(
                {"action": "record", "payload": 0},
                lambda: self._show_message("recording; r again stops and saves it"),
            )
        else:
            self._remote.perform({"action": "stop_recording"}, self._stopped_recording)

    def _stopped_recording(self) -> None:
        # The loop writes the last turns first. The document shows when it is done.
        self._wants_recording = True

    def _edit_filter(self) -> None:
        self._filter_before = self._view.filter
        self._editor = LineEditor(80, "filter: ", max_line_bytes=MAX_FILTER)
        self._editor.replace(self._view.filter)
        self._draw()

    def _typed(self, editor: LineEditor, key: Key | str) -> None:
        if key is Key.ESCAPE:
            self._editor = None
            self._look_at(replace(self._view, filter=self._filter_before, first=0), 0.0)
            return
        event = editor.press(key)
        if event is Control.INTERRUPT:
            signal.raise_signal(signal.SIGINT)
        elif event is not None and not isinstance(event, Control):
            self._editor = None
            self._look_at(replace(self._view, filter=event.text.strip(), first=0), 0.0)
        elif event is None and editor.text.strip() != self._view.filter:
            self._look_at(replace(self._view, filter=editor.text.strip(), first=0), TYPING_DELAY)
        else:
            self._draw()
