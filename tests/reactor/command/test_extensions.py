"""Extensions of the command: how they are found, what they may do, and when they are imported."""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager

import pytest

from reactor.command import CommandError, Extension, server_option
from reactor.command.cli import _serve_in_this_process, main, make_parser
from reactor.command.registry import EXTENSIONS, all_extensions, extensions_with, load_application

from ...tools.commands import one_line, run_script


class Hello(Extension):
    """Announces what ``--hello`` says, or does something else than to serve."""

    def __init__(self) -> None:
        self.happened = []

    def add_arguments(self, parser):
        server_option(parser, "--hello", metavar="WHO", help="greet WHO")
        parser.add_argument("--hello-instead", action="store_true", help="greet, and exit")

    def check(self, options):
        if options.hello == "nobody":
            raise CommandError("there is nobody to greet", 2)

    def run(self, options):
        return 7 if options.hello_instead else None

    @contextmanager
    def attached(self, reactor, options):
        self.happened.append("entered")
        reactor.call_soon(reactor.stop)
        try:
            yield [f"hello: {options.hello}"]
        finally:
            self.happened.append("closed" if reactor.is_closed() else "exited")


@pytest.fixture
def hello(monkeypatch):
    """An extension of another distribution."""
    extension = Hello()
    module = type(sys)("greetings")
    module.extension = extension
    monkeypatch.setitem(sys.modules, "greetings", module)
    point = type("Point", (), {"name": "hello", "value": "greetings:extension"})()
    monkeypatch.setattr(
        "reactor.command.registry.metadata.entry_points",
        lambda group: [point] if group == "reactor.extensions" else [],
    )
    return extension


ECHO = ("--protocol", "echo", "--port", "0", "--no-udp")


def test_its_lines_follow_those_of_the_application(capsys, hello):
    assert main([*ECHO, "--hello", "world"]) == 0

    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("echo: tcp://")
    assert (second, last) == ("hello: world", "Press Ctrl+C to stop")


def test_it_is_exited_before_the_reactor_is_closed(capsys, hello):
    assert main([*ECHO, "--hello", "world"]) == 0
    assert hello.happened == ["entered", "exited"]


def test_it_is_exited_if_the_application_cannot_start(capsys, hello):
    assert main([*ECHO[:2], "--host", "192.0.2.1", "--port", "0", "--hello", "world"]) == 1
    assert hello.happened == ["entered", "exited"]


def test_its_option_may_come_from_the_environment(capsys, hello, monkeypatch):
    monkeypatch.setenv("REACTOR_HELLO", "you")
    assert main(ECHO) == 0
    assert "hello: you\n" in capsys.readouterr().out


def test_without_its_options_it_does_not_take_part(capsys, hello, monkeypatch):
    monkeypatch.setattr("reactor.Reactor.run", lambda reactor: None)
    assert main(ECHO) == 0
    assert hello.happened == []


def test_it_may_run_instead_of_a_protocol(hello):
    assert main(["--hello-instead"]) == 7
    assert main(["--protocol", "echo", "--hello-instead"]) == 7
    assert hello.happened == []


def test_it_may_refuse_options(capsys, hello):
    assert main([*ECHO, "--hello", "nobody"]) == 2
    assert one_line(capsys.readouterr().err) == "reactor: there is nobody to greet\n"


def test_its_options_of_servers_are_refused_with_connect(capsys, hello):
    assert main(["--protocol", "echo", "--connect", "h:1", "--hello", "x"]) == 2
    assert "--hello is a server's option" in one_line(capsys.readouterr().err)


def test_an_option_that_only_begins_alike_is_not_its_own(capsys, hello):
    assert main([*ECHO, "--helloes"]) == 2
    assert "unrecognized arguments: --helloes" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--protocol", "echo", "--help"]])
def test_the_help_shows_all_extensions(capsys, hello, arguments):
    with pytest.raises(SystemExit):
        main(arguments)
    shown = capsys.readouterr().out
    assert "--hello WHO" in shown
    assert "--inspect [HOST:]PORT" in shown


def test_an_installed_extension_that_is_broken_does_not_hide_the_help(capsys, hello, monkeypatch):
    monkeypatch.delattr(sys.modules["greetings"], "extension")
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    shown = capsys.readouterr()
    assert "--inspect [HOST:]PORT" in shown.out
    assert one_line(shown.err) == "reactor: --hello: 'greetings' has no 'extension'\n"


def test_what_is_no_extension_is_one_line(capsys, monkeypatch):
    monkeypatch.setitem(EXTENSIONS, "wrong", "protocols.echo:app")
    assert main([*ECHO, "--wrong"]) == 1
    assert "'protocols.echo:app' is no extension" in one_line(capsys.readouterr().err)


def test_a_class_is_made_into_an_extension(monkeypatch):
    monkeypatch.setitem(EXTENSIONS, "wrong", "reactor.command:Extension")
    (found,) = extensions_with({"--wrong-way"})
    assert type(found) is Extension
    assert found.run(argparse.Namespace()) is None


def test_every_extension_of_ours_has_the_option_of_its_name():
    for name in EXTENSIONS:
        parser = make_parser(None)
        (found,) = extensions_with([f"--{name}"])
        assert found in all_extensions()
        before = set(parser._option_string_actions)
        found.add_arguments(parser)
        new = set(parser._option_string_actions) - before
        assert f"--{name}" in new
        assert all(option == f"--{name}" or option.startswith(f"--{name}-") for option in new)


def test_an_extension_is_not_imported_unless_it_is_used():
    script = """
import sys
from reactor.command.cli import main
status = main(sys.argv[1:])
print(status, sorted(name for name in sys.modules if "inspector" in name))
"""
    unused = run_script(script, "--protocol", "echo", "--host", "192.0.2.1")
    assert unused[0] == "1 []\n"
    used = run_script(script, "--protocol", "echo", "--inspect", "0", "--workers", "2")
    assert used[0].startswith("2 ['protocols.inspector'")


def test_extensions_are_attached_in_order(capsys):
    application = load_application("echo")
    options = make_parser(application).parse_args(["--port", "0", "--no-udp"])
    options.hello, options.tls = "x", None
    both = [Hello(), Hello()]
    announced = []
    assert _serve_in_this_process(application, both, options, announced.extend) == 0
    assert [line for line in announced if line.startswith("hello")] == ["hello: x"] * 2
