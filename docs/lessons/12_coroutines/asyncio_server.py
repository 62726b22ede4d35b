"""Lesson 12: the same countdown, with asyncio."""

import asyncio


async def countdown(reader, writer):
    writer.write(b"From which number?\n")
    number = int(await reader.readline() or 0)
    for i in range(number, 0, -1):
        writer.write(b"%d\n" % i)
        await asyncio.sleep(0.5)
    writer.write(b"Lift-off!\n")
    writer.close()


async def main():
    server = await asyncio.start_server(countdown, "127.0.0.1", 8007)
    print("listening on port 8007")
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
