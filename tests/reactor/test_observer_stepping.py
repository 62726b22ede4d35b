"""Pausing a loop, running it by turns and steps, and slow motion."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from reactor import IdleTimer, Protocol, Reactor, Stepper, Traffic
from reactor.testing import VirtualReactor

from ..tools.commands import environment
from ..tools.threads import raised_in_thread
from ..tools.waiting import TIMEOUT, wait_until


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


@contextmanager
def stepped(**options) -> Iterator[tuple[Reactor, Stepper]]:
    """A reactor that another thread runs."""
    with Reactor(debug=False, **options) as reactor:
        stepper = Stepper()
        reactor.add_observer(stepper)
        thread = threading.Thread(target=reactor.run)
        thread.start()
        try:
            yield reactor, stepper
        finally:
            stepper.resume()
            reactor.call_soon_threadsafe(reactor.stop)
            thread.join(TIMEOUT)


def pause(stepper: Stepper) -> None:
    stepper.pause()
    wait_until(lambda: stepper.is_paused)


def go(stepper: Stepper, method: str) -> tuple[int, int]:
    """Go on, and wait for the next pause. Returns where that is."""
    before = stepper._position
    getattr(stepper, method)()
    wait_until(lambda: stepper.is_paused and stepper._position != before)
    return stepper._position


def test_a_waiting_loop_pauses_before_the_next_turn():
    with stepped() as (_, stepper):
        pause(stepper)
        assert stepper.turn.step == 1


def test_eight_steps_are_a_turn():
    with stepped() as (reactor, stepper):
        pause(stepper)
        number = stepper.turn.number
        reactor.call_soon_threadsafe(lambda: None)  # so that step 2 does not wait
        steps = [go(stepper, "step") for _ in range(8)]

        assert steps == [(number, step) for step in range(2, 9)] + [(number + 1, 1)]


def test_a_line_that_waits_becomes_a_delivery_step_by_step():
    with stepped() as (reactor, stepper):
        one, other = socket.socketpair()
        other.setblocking(False)
        stepper.run(lambda: reactor.connect_socket(Echo, one))
        wait_until(lambda: len(reactor._open) == 1)
        pause(stepper)
        other.send(b"hello")
        seen = []
        while not seen or seen[-1][0] != 1:
            turn = stepper.turn
            seen.append((go(stepper, "step")[1], len(turn.calls), len(turn.flushes)))
        assert {step: (calls, flushes) for step, calls, flushes in seen} == {
            2: (0, 0),
            3: (0, 0),
            4: (0, 0),
            5: (1, 0),
            6: (1, 0),
            7: (1, 0),
            8: (1, 1),
            1: (1, 1),
        }
        assert other.recv(10) == b"hello"
        other.close()


def test_run_turn_pauses_before_the_next_turn():
    with stepped() as (reactor, stepper):
        pause(stepper)
        number = stepper.turn.number
        reactor.call_soon_threadsafe(lambda: None)
        assert go(stepper, "run_turn") == (number + 1, 1)


def test_a_paused_loop_runs_nothing_and_then_everything():
    with stepped() as (reactor, stepper):
        ran = threading.Event()
        pause(stepper)
        turns = reactor.stats.turns
        reactor.call_soon_threadsafe(ran.set)
        stepper.run(lambda: None)
        assert (ran.is_set(), reactor.stats.turns) == (False, turns)
        stepper.resume()
        assert ran.wait(TIMEOUT)


def test_functions_run_in_the_loops_thread_also_during_a_pause():
    with stepped() as (reactor, stepper):
        threads = []
        stepper.run(lambda: threads.append(threading.get_ident()))
        wait_until(lambda: len(threads) == 1)
        pause(stepper)
        stepper.run(lambda: threads.append(threading.get_ident()))
        wait_until(lambda: len(threads) == 2)
        assert stepper.is_paused
        assert threads == [reactor._guard.thread] * 2


def test_a_function_that_fails_is_reported_and_the_pause_continues():
    with stepped() as (reactor, stepper):
        errors = []
        reactor.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        pause(stepper)
        stepper.run(lambda: 1 / 0)
        wait_until(lambda: errors)
        assert stepper.is_paused
        assert type(errors[0]) is ZeroDivisionError


def test_removing_the_stepper_ends_the_pause():
    with stepped() as (reactor, stepper):
        pause(stepper)
        stepper.run(lambda: reactor.remove_observer(stepper))
        wait_until(lambda: not stepper.is_paused)
        ran = threading.Event()
        reactor.call_soon_threadsafe(ran.set)
        assert ran.wait(TIMEOUT)
        with pytest.raises(RuntimeError, match="observes no loop"):
            stepper.run(lambda: None)


def test_stopping_the_loop_ends_the_pause():
    with stepped() as (reactor, stepper):
        pause(stepper)
        stepper.run(reactor.stop)
        wait_until(lambda: not reactor.is_running())


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("grace", [(), (5,)])
@pytest.mark.parametrize("way", ["plain", "partial", "after others", "before the pause"])
def test_a_stop_that_is_queued_gets_through_a_pause(way, grace, debug):
    """Once, it waited for the end of the pause."""
    with Reactor(debug=debug) as reactor:
        stepper, ran = Stepper(), []
        reactor.add_observer(stepper)
        stop = partial(reactor.stop, *grace) if way == "partial" else reactor.stop
        arguments = grace if way != "partial" else ()
        stepper.pause()
        thread = threading.Thread(target=reactor.run)
        if way == "before the pause":
            reactor.call_soon(stop, *arguments)
        thread.start()
        if way != "before the pause":
            wait_until(lambda: stepper.is_paused)
            if way == "after others":
                for number in range(1000):
                    reactor.call_soon_threadsafe(ran.append, number)
            reactor.call_soon_threadsafe(stop, *arguments)
        thread.join(TIMEOUT)
        assert not reactor.is_running()
        assert not stepper.is_paused
        assert ran == list(range(1000) if way == "after others" else [])


def test_a_stop_gets_through_the_pause_before_it_runs():
    """The first callback of step 6 is not in the queue any more when that step begins."""
    with stepped() as (reactor, stepper):
        pause(stepper)
        stepper.run(lambda: reactor.call_later(0, reactor.call_soon, reactor.stop))
        while go(stepper, "step")[1] != 5:
            pass
        stepper.step()
        wait_until(lambda: not reactor.is_running())


def test_the_program_is_told_of_pauses():
    told = []
    with VirtualReactor() as reactor:
        stepper = Stepper(lambda: told.append(stepper.is_paused))
        reactor.add_observer(stepper)
        stepper.pause()
        stepper.run(stepper.resume)
        reactor.run_once(0)
    assert told == [True, False]


def test_a_command_given_while_a_pause_begins_ends_it():
    with stepped() as (_, stepper):
        told = []
        stops_at = stepper._stops_at

        def resumed_meanwhile(position, until):
            stops = stops_at(position, until)
            if stops:
                # This thread waits for the lock, and gets it before the pause has begun to wait.
                threading.Thread(target=stepper.resume, daemon=True).start()
            return stops

        stepper._stops_at = resumed_meanwhile
        stepper._notify = lambda: told.append(stepper.is_paused)
        stepper.pause()
        wait_until(lambda: told == [True, False])


def test_resuming_twice_and_a_late_pause_do_not_lock_the_loop():
    with stepped() as (reactor, stepper):
        for _ in range(50):
            stepper.pause()
            stepper.resume()
            stepper.resume()
        ran = threading.Event()
        reactor.call_soon_threadsafe(ran.set)
        assert ran.wait(TIMEOUT)


def test_any_thread_resumes_what_another_one_has_paused():
    with stepped() as (reactor, stepper):
        controller = threading.Thread(target=stepper.pause)
        controller.start()
        controller.join()  # it is gone
        wait_until(lambda: stepper.is_paused)
        another = threading.Thread(target=stepper.resume)
        another.start()
        wait_until(lambda: not stepper.is_paused)
        ran = threading.Event()
        reactor.call_soon_threadsafe(ran.set)
        assert ran.wait(TIMEOUT)
        another.join()


@pytest.mark.parametrize("traffic", [False, True])
def test_it_can_be_added_and_removed_while_the_loop_works(traffic):
    with Reactor(debug=False) as reactor:
        other = Traffic()
        if traffic:
            reactor.add_observer(other)
        pairs = [socket.socketpair() for _ in range(20)]
        transports = [reactor.connect_socket(Echo, ours) for ours, _ in pairs]
        classes = {type(transport) for transport in transports}
        thread = threading.Thread(target=reactor.run)
        thread.start()
        stepper = Stepper()
        for number in range(10):
            reactor.call_soon_threadsafe(reactor.add_observer, stepper)
            for _, theirs in pairs:
                theirs.send(b"%d" % number)
            wait_until(lambda: stepper._loop is reactor)
            pause(stepper)
            stepper.run(lambda: reactor.remove_observer(stepper))
            for _, theirs in pairs:
                theirs.settimeout(TIMEOUT)
                assert theirs.recv(10) == b"%d" % number
            wait_until(lambda: stepper._loop is None and not stepper.is_paused)
        reactor.call_soon_threadsafe(reactor.stop)
        thread.join(TIMEOUT)
        assert {type(transport) for transport in transports} == classes
        for transport, (_, theirs) in zip(transports, pairs, strict=True):
            transport.abort()
            theirs.close()


# -- time ------------------------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def paused_for(reactor, stepper, clock, seconds):
    """One turn, with a pause before it."""

    def pass_time():
        clock.now += seconds
        stepper.resume()

    stepper.pause()
    stepper.run(pass_time)
    reactor.run_once(0)


def test_the_clock_stands_still_during_a_pause():
    clock = Clock()
    with Reactor(clock=clock, debug=False) as reactor:
        stepper = Stepper()
        reactor.add_observer(stepper)
        expired = []
        reactor.call_later(10, expired.append, "timer")
        IdleTimer(reactor, 10, expired.append, "idle timer")
        clock.now += 9
        reactor.run_once(0)
        paused_for(reactor, stepper, clock, 3600)
        reactor.run_once(0)

        assert (expired, reactor.time()) == ([], 109)
        assert reactor.stats.stalled_time == pytest.approx(0, abs=10)
        # It continues from there, also without the stepper.
        reactor.remove_observer(stepper)
        assert reactor.time() == 109
        clock.now += 11
        reactor.run_once(0)
        reactor.run_once(0)
        assert sorted(expired) == ["idle timer", "timer"]


def test_other_threads_see_the_clock_stand_still():
    clock = Clock()
    with Reactor(clock=clock, debug=False) as reactor:
        stepper = Stepper()
        reactor.add_observer(stepper)
        seen = []

        def look():
            clock.now += 50
            seen.append(raised_in_thread(lambda: seen.append(reactor.time())))
            stepper.resume()

        stepper.pause()
        stepper.run(look)
        reactor.run_once(0)
    assert seen == [100.0, None]


def test_everything_that_has_arrived_is_read_before_timers_run():
    with VirtualReactor(debug=False) as reactor:
        stepper = Stepper()
        reactor.add_observer(stepper)
        reactor.max_events = 1  # a poller that reports only one of three
        expired = []

        class Member(Protocol):
            def connection_made(self, transport):
                super().connection_made(transport)
                self.timer = IdleTimer(reactor, 10, expired.append, self)

            def data_received(self, data):
                self.timer.touch()
                reactor.stall(0.015)  # so that the deadline passes after one of the three

        peers = [reactor.connect(Member) for _ in range(3)]
        reactor.advance(9.99)

        def arrive():
            for peer in peers:
                peer.send(b"heartbeat")
            stepper.resume()

        stepper.pause()
        stepper.run(arrive)
        reactor.run_once(0)
        reactor.advance(1)
        assert expired == []


def test_slow_motion_runs_every_step_and_expires_nobody():
    with stepped() as (reactor, stepper):
        ran = threading.Event()
        stepper.slow_motion(50)
        reactor.call_soon_threadsafe(ran.set)
        assert ran.wait(TIMEOUT)
        wait_until(lambda: stepper._delay)
        assert not stepper.is_paused
        pause(stepper)
        assert stepper._position[1] == 1


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_slow_motion_needs_a_rate(rate):
    with pytest.raises(ValueError, match="more than 0"):
        Stepper().slow_motion(rate)


# -- signals ---------------------------------------------------------------------------------------

PAUSED = """
from reactor import Protocol, Reactor, Stepper
stepper = Stepper(lambda: print("paused" if stepper.is_paused else "goes on", flush=True))
with Reactor(grace=1) as reactor:
    reactor.add_observer(stepper)
    stepper.pause()
    reactor.run()
print("stopped")
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_paused_loop(signum):
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "paused\n"
    os.kill(process.pid, signum)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert (output, errors, process.returncode) == ("goes on\nstopped\n", "", 0)


OWN_HANDLER = PAUSED.replace(
    "    stepper.pause()\n",
    "    import signal\n"
    "    reactor.add_signal_handler(signal.SIGTERM, reactor.stop)\n"
    "    stepper.pause()\n",
)


def test_a_stop_signal_that_the_program_handles_ends_the_pause():
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_HANDLER],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "paused\n"
    os.kill(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert (output, errors, process.returncode) == ("goes on\nstopped\n", "", 0)
