"""Options whose value is a number of bytes."""

import argparse

import pytest

from reactor.command import format_size, positive_size, size
from reactor.command.cli import main, make_parser
from reactor.command.registry import BUILT_IN, load_application

from ...tools.commands import one_line


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("65536", 65536),
        ("100B", 100),
        ("64K", 65536),
        ("64k", 65536),
        ("64KiB", 65536),
        ("64KB", 65536),
        ("10M", 10 << 20),
        ("10mib", 10 << 20),
        ("2G", 2 << 30),
    ],
)
def test_a_size_may_have_a_unit(text, number):
    assert size(text) == number


@pytest.mark.parametrize(
    "text", ["", "M", "-1", "1.5G", "10 M", "10T", "10iB", "10Mi", "10MM", "٣M", "10\u212a", "1M\n"]
)
def test_other_texts_are_no_sizes(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 65536, 64K, 10M or 1G, not"):
        size(text)


def test_a_size_that_must_not_be_0():
    assert positive_size("1K") == 1024
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1 byte"):
        positive_size("0M")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (512, "512"), (1536, "1536"), (65536, "64K"), (10 << 20, "10M"), (1 << 30, "1G")],
)
def test_a_default_is_shown_as_it_can_be_typed(number, text):
    assert format_size(number) == text
    assert size(text) == number


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_options_called_size_are_those_that_accept_units(name):
    for action in make_parser(load_application(name))._actions:
        assert (action.metavar == "SIZE") == (action.type in (size, positive_size)), action
        assert action.metavar not in ("BYTES", "MIB"), action


@pytest.mark.parametrize(
    ("protocol", "option", "attribute"),
    [
        ("ftp", "--quota", "quota"),
        ("ftp", "--upload-limit", "upload_limit"),
        ("mail", "--max-size", "max_size"),
        ("mail", "--max-memory", "max_memory"),
        ("http", "--max-body", "max_body"),
        ("http", "--max-spool", "max_spool"),
        ("echo", "--record-size", "record_size"),
    ],
)
def test_the_sizes_of_the_protocols(protocol, option, attribute):
    options = make_parser(load_application(protocol)).parse_args([option, "10M"])
    assert getattr(options, attribute) == 10 << 20


def test_a_size_from_the_environment(monkeypatch):
    monkeypatch.setenv("REACTOR_QUOTA", "1G")
    assert make_parser(load_application("ftp")).parse_args([]).quota == 1 << 30


def test_a_wrong_size_is_one_line(capsys):
    assert main(["--protocol", "ftp", "--quota", "10X"]) == 2
    assert "argument --quota: expected a size in bytes" in one_line(capsys.readouterr().err)
