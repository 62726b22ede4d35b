"""The limits that the guide names as fixed are those of the code. The others are options, and the
generated tables have them."""

from __future__ import annotations

import re

import pytest

from protocols.ftp.commands.listings import MAX_STAT_LINES
from protocols.ftp.commands.login import MAX_WRONG_PASSWORDS
from protocols.ftp.dialogue import _MAX_WAITING
from protocols.mail import connection
from protocols.mail.pop3 import settings as pop3
from protocols.mail.smtp import limits as smtp
from protocols.mail.web import index, jobs, lists, options, parsing, streams, structure
from protocols.passwords import PasswordChecks
from reactor.testing import VirtualReactor

from ..tools.commands import ROOT

GUIDE = ROOT / "docs" / "guide"


@pytest.fixture(scope="module")
def fixed() -> dict[str, str]:
    """What the table in the page on mail says: the limit, by what it limits."""
    page = (GUIDE / "mail.rst").read_text(encoding="utf-8")
    table = page[page.index("\nLimits\n") :].partition("These limits are")[2]
    rows = [re.split(r" {2,}", line) for line in table.partition("Beyond it")[2].splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3}


def test_the_table_of_mail(fixed):
    with VirtualReactor() as reactor:
        minutes = PasswordChecks(reactor).wrong_window / 60

    connections = f"{options._CONNECTIONS}, {options._CONNECTIONS_PER_ADDRESS} of an address"
    assert minutes == 10
    assert smtp.Limits().wrong_passwords == pop3.POP3Limits().wrong_passwords
    assert fixed == {
        "Wrong passwords on a connection": f"{smtp.Limits().wrong_passwords}",
        "Wrong passwords of an address": f"{connection.MAX_WRONG} in ten minutes",
        "Failed commands of POP3": f"{pop3.POP3Limits().errors} on a connection",
        "Time until a password is checked": f"{connection.BUSY_TIMEOUT:g} s",
        "Mails in the list of the page": f"{index.MAX_MAILS:,}",
        "Pages that watch": f"{streams.MAX_STREAMS}, {streams.MAX_PER_ADDRESS} of an address",
        "Requests that wait for a mail": f"{lists.MAX_WAITING}",
        "Connections of the page": connections,
        "Large responses not read yet": f"{jobs.MAX_UNREAD >> 20} MiB",
        "Parts of a mail that are shown": f"{parsing.MAX_PARTS}, {structure.MAX_DEPTH} deep",
    }


def test_the_fixed_limits_of_ftp():
    page = (GUIDE / "ftp.rst").read_text(encoding="utf-8")
    ordinal = {3: "third"}[MAX_WRONG_PASSWORDS]

    assert f"the {ordinal} wrong password ends the connection" in page
    assert f"``STAT`` of a folder shows {MAX_STAT_LINES:,} lines" in page
    assert f"at most {_MAX_WAITING >> 10} KiB" in " ".join(page.split())
