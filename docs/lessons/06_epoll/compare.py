"""Compares select, poll and epoll: one descriptor of many is ready. How long does a wait take?"""

import os
import resource
import select
import timeit

CALLS, ROUNDS = 100, 5  # the best round counts: in the others, something else ran as well


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle, _ = os.pipe()
    ready, other_end = os.pipe()
    os.write(other_end, b"something to read")
    print("descriptors    select      poll     epoll")
    watched = [ready]
    for number in (10, 100, 1_000, 10_000):
        if number + 100 > hard:
            print(f"this system allows {hard} open files")
            break
        while len(watched) < number:
            watched.append(os.dup(idle))
        waits = [wait(watched) for wait in (select_wait, poll_wait, epoll_wait)]
        print(f"{number:11}", *(microseconds(wait) for wait in waits))


def select_wait(watched):
    if max(watched) >= 1024:
        return None
    return lambda: select.select(watched, [], [])


def poll_wait(watched):
    poll = select.poll()
    for fd in watched:
        poll.register(fd, select.POLLIN)
    return poll.poll


def epoll_wait(watched):
    epoll = select.epoll()
    for fd in watched:
        epoll.register(fd, select.EPOLLIN)
    return epoll.poll


def microseconds(wait):
    if wait is None:
        return f"{'-':>9}"
    best = min(timeit.repeat(wait, number=CALLS, repeat=ROUNDS))
    return f"{best / CALLS * 1e6:6.1f} µs"


if __name__ == "__main__":
    main()
