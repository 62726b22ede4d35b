"""Lesson 12: async and await on the reactor, in less than 80 lines. server.py uses them."""

from reactor import Protocol


class Future:  # a result that comes later
    def __init__(self):
        self.done, self.value, self.error, self.callbacks = False, None, None, []

    def set_result(self, value=None, error=None):
        self.done, self.value, self.error = True, value, error
        while self.callbacks:
            self.callbacks.pop(0)(self)

    def result(self):
        if self.error is not None:
            raise self.error
        return self.value

    def __await__(self):
        if not self.done:
            yield self  # to Task.step, which comes back here when there is a result
        return self.result()


class Task(Future):  # a coroutine that runs; its result is what it returns
    def __init__(self, reactor, coroutine):
        super().__init__()
        self.reactor, self.coroutine = reactor, coroutine
        reactor.call_soon(self.step)

    def step(self):
        try:
            future = self.coroutine.send(None)  # runs to the next await that has to wait
            future.callbacks.append(lambda _: self.reactor.call_soon(self.step))
        except StopIteration as end:
            self.set_result(end.value)
        except Exception as error:
            self.set_result(error=error)


async def sleep(reactor, seconds):
    future = Future()
    reactor.call_later(seconds, future.set_result)
    await future


class Stream(Protocol):  # a connection; talk() of a subclass is the coroutine that uses it
    def __init__(self):
        self.buffer, self.ended, self.changed = b"", False, Future()

    def connection_made(self, transport):
        self.transport, self.write, self.reactor = transport, transport.write, transport.reactor
        Task(self.reactor, self.talk()).callbacks.append(self.finish)

    def finish(self, task):
        self.transport.close()
        task.result()  # raises what the coroutine has raised, so that the reactor logs it

    def data_received(self, data):
        self.transport.pause_reading()  # until readline needs more
        self.buffer += data
        self.changed.set_result()

    def eof_received(self, error=None):
        self.ended = True
        self.changed.set_result()
        return True  # keep the connection: the coroutine may still write

    connection_lost = eof_received

    async def readline(self, limit=4096):
        while b"\n" not in self.buffer and len(self.buffer) < limit and not self.ended:
            self.changed = Future()
            self.transport.resume_reading()
            await self.changed
        end = self.buffer.find(b"\n") + 1 or len(self.buffer)
        line, self.buffer = self.buffer[:end], self.buffer[end:]
        return line
