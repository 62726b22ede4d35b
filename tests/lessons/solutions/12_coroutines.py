"""Exercise 12: coroutines that run at the same time."""

from coroutines import Task


async def gather(reactor, *coroutines):
    """Return a list of what they return, in the order of ``coroutines``. If one of them raises an
    exception, raise it."""
    tasks = [Task(reactor, coroutine) for coroutine in coroutines]
    return [await task for task in tasks]
