"""Lesson 11, on the reactor, which has the threads and the wake-up already."""

from server import look_up

from reactor import LineProtocol


class Names(LineProtocol):
    """Answers each line, the name of a host, with its address."""

    def line_received(self, line):
        call = self.transport.reactor.run_in_thread(look_up, line)
        call.add_done_callback(self.answer)

    def answer(self, call):
        self.send_line(call.result())


class Blocking(Names):
    """The same without a thread: a mistake."""

    def line_received(self, line):
        self.send_line(look_up(line))
