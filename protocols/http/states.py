"""The states of a connection, and the allowed transitions.

The state is what a connection is doing. Facts are independent of it: each is a bit, so that not
every combination needs a state.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """What a connection is doing."""

    IDLE = "waits for a request, of which nothing has arrived"
    HEAD = "a part of a request's head has arrived"
    HANDLING = "the handler has the request, and no response has begun"
    RESPONDING = "the head of a response is sent, its body is being written"
    DISCARDING = "the response is complete, the rest of the request's body is read and dropped"
    CLOSING = "the last bytes are being sent, nothing more is read"
    TAKEN_OVER = "another protocol has the transport"
    CLOSED = "the connection is lost"


IDLE: Final = State.IDLE
HEAD: Final = State.HEAD
HANDLING: Final = State.HANDLING
RESPONDING: Final = State.RESPONDING
DISCARDING: Final = State.DISCARDING
CLOSING: Final = State.CLOSING
TAKEN_OVER: Final = State.TAKEN_OVER
CLOSED: Final = State.CLOSED

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    IDLE: frozenset(
        {
            HEAD,
            HANDLING,  # a whole head arrived, or invalid input, which is answered too
            CLOSING,  # too late, or the client has finished, or the server stops
            CLOSED,
        }
    ),
    HEAD: frozenset({HANDLING, CLOSING, CLOSED}),  # as above
    HANDLING: frozenset(
        {
            IDLE,  # a whole response was sent
            RESPONDING,
            DISCARDING,  # a whole response was sent before the request's body had arrived
            CLOSING,  # it was the last response; or the client finished within the body
            TAKEN_OVER,
            CLOSED,
        }
    ),
    RESPONDING: frozenset(
        {
            IDLE,
            DISCARDING,
            CLOSING,  # it was the last response, or it cannot be completed
            CLOSED,
        }
    ),
    DISCARDING: frozenset(
        {
            IDLE,
            CLOSING,  # the body is too long, too slow or not valid, or the server stops
            CLOSED,
        }
    ),
    CLOSING: frozenset({CLOSED}),
    TAKEN_OVER: frozenset(),
    CLOSED: frozenset(),
}

# Facts. If there are none and the state is IDLE, a request takes the shortest path through
# connection.py.
WRITING_PAUSED: Final = 1  # the client does not read what is sent: no new request is begun
LAST_RESPONSE: Final = 2  # the connection closes after this response
CLIENT_FINISHED: Final = 4  # the client sends no more
READING: Final = 8  # HTTPConnection.read_on() is running: not called again from inside
QUEUED: Final = 16  # input waits for another turn of the loop, see turns.py
