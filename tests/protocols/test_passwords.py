"""Hashes of passwords, and checks of them in threads."""

from __future__ import annotations

import queue
import subprocess
from collections.abc import Callable

import pytest

from protocols.passwords import PasswordChecks, PasswordHash, Passwords
from reactor import ThreadCall
from reactor.testing import VirtualReactor

from ..tools.commands import one_line

USERS = Passwords({"ada": PasswordHash.of("tea")})


def test_a_hash_matches_its_password_alone() -> None:
    made = PasswordHash.of("tea and biscuits")
    read = PasswordHash.parse(str(made))
    assert read == made
    assert read.matches("tea and biscuits")
    assert not read.matches("tea and biscuit")
    assert "tea" not in str(made)


def test_two_hashes_of_one_password_differ() -> None:
    assert PasswordHash.of("tea").digest != PasswordHash.of("tea").digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tea",
        "scrypt$16384$8$1$AAAA",
        "md5$16384$8$1$AAAA$AAAA",
        "scrypt$16384$8$one$AAAA$AAAA",
        "scrypt$16383$8$1$AAAA$AAAA",  # not a power of 2
        "scrypt$1048576$8$1$AAAA$AAAA",  # 1 GiB
        "scrypt$16384$8$1000000$AAAA$AAAA",
        "scrypt$16384$0$1$AAAA$AAAA",
        "scrypt$16384$8$1$AAAA$???",
        "scrypt$$8$1$AAAA$AAAA",
        "green$tea",
    ],
)
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no hash of a password|scrypt does not|base64|memory"):
        PasswordHash.parse(text)


class Guesser:
    """Checks passwords for one address, and keeps the results."""

    def __init__(self, reactor: VirtualReactor, checks: PasswordChecks, address: str) -> None:
        self.reactor, self.checks, self.address = reactor, checks, address
        self.results: list[bool] = []

    def guess(self, password: str, name: str = "ada") -> bool:
        def end(call: ThreadCall[bool]) -> None:
            self.results.append(call.result())

        self.checks.start(self.address, USERS, name, password, end)
        self.reactor.settle()
        return self.results[-1]


def test_a_check_runs_in_a_thread(reactor: VirtualReactor) -> None:
    guesser = Guesser(reactor, PasswordChecks(reactor), "here")
    assert guesser.guess("tea")
    assert not guesser.guess("coffee")
    assert not guesser.guess("tea", name="bob")


def test_wrong_passwords_count_for_a_while(reactor: VirtualReactor) -> None:
    checks = PasswordChecks(reactor, at_once_per_address=2, wrong_delay=3.0)
    here = Guesser(reactor, checks, "here")
    here.guess("1")
    assert not checks.is_busy("here")
    here.guess("2")
    assert checks.is_busy("here")
    assert not checks.is_busy("there")
    reactor.advance(3.0)
    assert not checks.is_busy("here")
    assert not checks


def test_a_right_password_counts_only_while_it_is_checked(reactor: VirtualReactor) -> None:
    checks = PasswordChecks(reactor, at_once_per_address=1)
    assert Guesser(reactor, checks, "here").guess("tea")
    assert not checks


def test_an_address_with_many_wrong_passwords_is_locked_out(reactor: VirtualReactor) -> None:
    checks = PasswordChecks(reactor, wrong_delay=1.0, max_wrong=3, wrong_window=60.0)
    here = Guesser(reactor, checks, "here")
    for _ in range(3):
        assert not checks.is_locked("here")
        here.guess("x")
    assert checks.is_locked("here")
    assert not checks.is_locked("there")
    reactor.advance(60.0)
    assert not checks.is_locked("here")
    here.guess("x")
    assert not checks.is_locked("here")


@pytest.mark.parametrize("error", [queue.Full, RuntimeError])
def test_a_check_waits_for_a_thread(
    reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def no_thread(*args: object) -> None:
        raise error

    checks = PasswordChecks(reactor, at_once=1)
    results = []
    with monkeypatch.context() as patch:
        patch.setattr(reactor, "run_in_thread", no_thread)
        checks.start("here", USERS, "ada", "tea", lambda call: results.append(call.result()))
        reactor.advance(10.0)
        assert checks.is_busy("there")
    reactor.advance(1.0)
    reactor.settle()
    assert results == [True]
    assert not checks


@pytest.mark.parametrize("typed", ["tea\n", "tea", "tea and biscuits\n"])
def test_the_command_prints_a_hash(
    typed: str, run_reactor: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    result = run_reactor("--hash-password", input=typed)
    assert (result.returncode, result.stderr) == (0, "")
    assert PasswordHash.parse(result.stdout.strip()).matches(typed.removesuffix("\n"))


@pytest.mark.parametrize("typed", ["", "\n", "x" * 201])
def test_the_command_refuses_other_lengths(
    typed: str, run_reactor: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    result = run_reactor("--hash-password", input=typed)
    assert result.returncode == 2
    assert one_line(result.stderr) == "reactor: a password has 1 to 200 characters\n"
