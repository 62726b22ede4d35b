"""Exercise 12: let coroutines run at the same time, and wait for all of them."""

from coroutines import Task  # noqa: F401 - you will need it


async def gather(reactor, *coroutines):
    """Return a list of what they return, in the order of ``coroutines``. If one of them raises an
    exception, raise it."""
    return [await coroutine for coroutine in coroutines]
