"""Lesson 12: a countdown for each client, written as if it were the only one."""

from coroutines import Stream, sleep

from reactor import Reactor


class Countdown(Stream):
    async def talk(self):
        self.write(b"From which number?\n")
        number = int(await self.readline() or 0)  # nothing comes from a client that has left
        for i in range(number, 0, -1):
            self.write(b"%d\n" % i)
            await sleep(self.reactor, 0.5)
        self.write(b"Lift-off!\n")


if __name__ == "__main__":
    with Reactor() as reactor:
        reactor.listen_tcp(Countdown, "127.0.0.1", 8007)
        print("listening on port 8007")
        reactor.run()
