"""The command, with real sockets, TLS and clients, and killed while mail arrives."""

from __future__ import annotations

import contextlib
import os
import poplib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from protocols.mail import Maildir
from protocols.passwords import PasswordHash

from ...tools.commands import Command
from ...tools.waiting import TIMEOUT, wait_until

USER = f"ada:{PasswordHash.of('green-tea')}"


@pytest.fixture
def start(serve, tmp_path):
    """Start ``--protocol smtp`` with more options."""

    def start(*options: str) -> Command:
        folder = str(tmp_path / "mail")
        return serve("--protocol", "smtp", "--port", "0", "--maildir", folder, *options)

    return start


@pytest.fixture
def stored(tmp_path):
    """The mails in the Maildir."""

    def stored() -> list[bytes]:
        maildir = Maildir(tmp_path / "mail")
        return [maildir.read(mail.identity) for mail in maildir.mails()]

    return stored


def message(text: str = "hello\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ada@example.com", "bob@example.org", "tea"
    mail.set_content(text)
    return mail


def client_context(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.ca)


def tls(certificate) -> tuple[str, ...]:
    return "--tls-cert", certificate.chain, "--tls-key", certificate.key


# -- TLS -------------------------------------------------------------------------------------------


def test_starttls_and_auth(start, stored, certificate):
    server = start(*tls(certificate), "--user", USER, "--auth-required", "--log-level", "error")
    with smtplib.SMTP("localhost", server.ports["smtp"], timeout=TIMEOUT) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        client.starttls(context=client_context(certificate))
        client.ehlo()
        assert not client.has_extn("starttls")
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.send_message(message())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("ada", "black-tea")
        client.login("ada", "green-tea")
        client.send_message(message())
    (mail,) = stored()
    assert re.search(rb"with ESMTPSA id", mail)
    assert b"(using TLSv1.3 " in mail


def test_implicit_tls(start, stored, certificate):
    server = start(*tls(certificate), "--implicit-tls")
    context = client_context(certificate)
    port = server.ports["smtps"]
    with smtplib.SMTP_SSL("localhost", port, timeout=TIMEOUT, context=context) as client:
        assert not client.has_extn("starttls")
        client.send_message(message())
    assert b"with ESMTPS id" in stored()[0]


def test_commands_sent_with_starttls_are_discarded(start, stored, certificate):
    server = start(*tls(certificate))
    with socket.create_connection(("localhost", server.ports["smtp"]), TIMEOUT) as plain:
        file = plain.makefile("rb")
        file.readline()
        plain.sendall(b"EHLO a\r\n")
        while file.readline()[3:4] == b"-":
            pass
        plain.sendall(b"MAIL FROM:<before@example.com>\r\n")
        assert file.readline().startswith(b"250")
        plain.sendall(b"STARTTLS\r\nRCPT TO:<smuggled@example.com>\r\nNOOP\r\n")
        assert file.readline().startswith(b"220")
        with client_context(certificate).wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(
                b"NOOP 1\r\nRCPT TO:<bob@example.org>\r\nMAIL FROM:<ada@example.com>\r\n"
            )
            received = b""
            while received.count(b"\r\n") < 3:
                received += secure.recv(65536)
            # The envelope and the greeting from before are forgotten too.
            assert [line[:3] for line in received.splitlines()] == [b"250", b"503", b"503"]
            secure.sendall(b"STARTTLS\r\n")
            assert secure.recv(65536).startswith(b"503")


def greeting(address: tuple[str, int], data: bytes) -> bytes:
    """The first line on a new connection. Then ``data`` is sent, and everything else is read."""
    with socket.create_connection(address, TIMEOUT) as sock, sock.makefile("rb") as file:
        line = file.readline()
        if line.startswith(b"220"):
            sock.sendall(b"EHLO a\r\n")
            while file.readline()[3:4] == b"-":
                pass
            sock.sendall(b"STARTTLS\r\n")
            assert file.readline().startswith(b"220")
            sock.sendall(data)
            with contextlib.suppress(ConnectionResetError):
                assert file.read() == b""
        return line


def test_a_failed_handshake_ends_the_connection_and_frees_its_place(start, certificate):
    server = start(*tls(certificate), "--max-connections", "1")
    address = "localhost", server.ports["smtp"]
    assert greeting(address, b"NOOP\r\n" * 10).startswith(b"220")
    wait_until(lambda: greeting(address, b"NOOP\r\n" * 10).startswith(b"220"), 0.05)


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        (["--host", ""], 2, "--domain is required"),
        (["--host", "0.0.0.0"], 2, "--domain is required"),
        (["--implicit-tls"], 2, "requires --tls-cert"),
        (["--auth-required"], 2, "requires --user"),
        (["--auth-any"], 2, "cannot authenticate without --tls-cert or --auth-insecure"),
        (["--user", "ada:green-tea"], 2, "expected NAME:HASH"),
        (["--domain", "a b"], 2, "expected a domain"),
        (["--domain", "a..b"], 2, "expected a domain"),
        (["--domain", ".example.org"], 2, "expected a domain"),
        (["--domain", f"{'a' * 64}.example"], 2, "expected a domain"),
        (["--domain", f"{'ü' * 60}.example"], 2, "expected a domain"),
        (["--domain=-a.example"], 2, "expected a domain"),
        (["--max-size", "1001", "--max-memory", "1000"], 2, "--max-memory is below --max-size"),
        (["--hostname", "a b"], 2, "not a host name"),
        (["--users", "/nonexistent", "--auth-insecure"], 1, "cannot read /nonexistent"),
        (["--user", USER, "--user", USER, "--auth-insecure"], 2, "the user ada is there twice"),
        (["--maildir", "/proc/mail"], 1, "cannot use the Maildir /proc/mail"),
    ],
)
def test_wrong_usage(options, status, text, run_reactor, tmp_path):
    result = run_reactor("--protocol", "smtp", "--port", "0", *options, cwd=tmp_path)
    assert result.returncode == status
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_of_users_has_lines_as_the_option_has_them(start, tmp_path):
    users = tmp_path / "users"
    users.write_text(f"# who sends\n\ncyd:{PasswordHash.of('cocoa')}\n")
    server = start("--user", USER, "--users", str(users), "--auth-insecure")
    for name, password in (("ada", "green-tea"), ("cyd", "cocoa")):
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=TIMEOUT) as client:
            client.login(name, password)


@pytest.mark.parametrize(
    ("line", "text"),
    [("cyd:cocoa", "users, line 2: expected NAME:HASH"), (USER, "the user ada is there twice")],
)
def test_a_wrong_file_of_users(line, text, run_reactor, tmp_path):
    (tmp_path / "users").write_text(f"{USER}\n{line}\n")
    options = ("--protocol", "smtp", "--port", "0", "--users", "users", "--auth-insecure")
    result = run_reactor(*options, cwd=tmp_path)
    assert result.returncode == 2
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_domains(start):
    server = start(
        "--domain", "example.org", "--domain", "example.net.", "--domain", "bücher.example"
    )
    with smtplib.SMTP("localhost", server.ports["smtp"], timeout=TIMEOUT) as client:
        client.ehlo("a")
        client.mail("ada@example.com")
        assert client.rcpt("bob@example.net")[0] == 250
        assert client.rcpt("bob@xn--bcher-kva.example")[0] == 250
        assert client.rcpt("bob@example.com") == (
            550,
            b"5.7.1 This server does not deliver for that domain",
        )


def test_a_class_of_ones_own(serve, tmp_path):
    (tmp_path / "picky.py").write_text(
        "from protocols.mail import Reply, SMTPProtocol\n"
        "class Picky(SMTPProtocol):\n"
        "    def recipient_given(self, address):\n"
        "        if address.local_part != 'bob':\n"
        "            return Reply(550, '5.1.1', 'No such user')\n"
    )
    server = serve("--protocol", "picky:Picky", "--port", "0", cwd=tmp_path)
    with smtplib.SMTP("localhost", server.port, timeout=TIMEOUT) as client:
        assert client.sendmail("", ["eve@example.org", "bob@example.org"], "x") == {
            "eve@example.org": (550, b"5.1.1 No such user")
        }


def test_lmtp(start, stored):
    server = start("--lmtp")
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as client:
        client.send_message(message())
    assert b"with LMTP id" in stored()[0]


# -- clients ---------------------------------------------------------------------------------------


def run_client(*command: str, given: bytes = b"", environment: dict[str, str] | None = None) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    result = subprocess.run(
        command,
        input=given,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    output = (result.stdout + result.stderr).decode()
    assert result.returncode == 0, output
    return output


def test_smtplib_with_utf8_addresses_and_a_large_mail(start, stored):
    server = start()
    mail = message("line\n" * 200_000 + ".\n..\n")
    with smtplib.SMTP("localhost", server.ports["smtp"], timeout=TIMEOUT) as client:
        client.sendmail(
            "jürgen@example.com",
            ["björn@example.org"],
            mail.as_bytes(policy=SMTP),
            mail_options=["SMTPUTF8", "BODY=8BITMIME"],
        )
    (data,) = stored()
    assert data.endswith(b"line\r\n.\r\n..\r\n")
    assert "Delivered-To: björn@example.org\r\n".encode() in data
    assert b"with UTF8SMTP id" in data


def test_curl(start, stored, certificate):
    server = start(*tls(certificate), "--user", USER)
    run_client(
        *("curl", "-sS", "--url", f"smtp://localhost:{server.ports['smtp']}"),
        *("--mail-from", "ada@example.com", "--mail-rcpt", "bob@example.org"),
        *("--upload-file", "-", "--ssl-reqd", "--cacert", certificate.ca),
        *("--user", "ada:green-tea"),
        given=bytes(message().as_bytes().replace(b"\n", b"\r\n")),
    )
    assert stored()[0].endswith(b"\r\n\r\nhello\r\n")


def test_swaks(start, stored, certificate):
    server = start(*tls(certificate), "--user", USER)
    output = run_client(
        *("swaks", "--server", "127.0.0.1", "--port", str(server.ports["smtp"])),
        *("--from", "ada@example.com", "--to", "bob@example.org,eve@example.org"),
        *("--tls", "--auth", "LOGIN", "--auth-user", "ada", "--auth-password", "green-tea"),
        *("--pipeline", "--body", "hello"),
    )
    assert "235 2.7.0" in output
    assert b"Delivered-To: eve@example.org\r\n" in stored()[0]


def test_msmtp(start, stored, certificate, tmp_path):
    server = start(*tls(certificate), "--user", USER)
    run_client(
        *("msmtp", "--host=localhost", f"--port={server.ports['smtp']}", "--from=ada@example.com"),
        *("--tls=on", f"--tls-trust-file={certificate.ca}", "--auth=plain", "--user=ada"),
        *("--passwordeval=echo green-tea", "bob@example.org"),
        given=message().as_bytes(),
        environment={"HOME": str(tmp_path)},
    )
    assert stored()[0].endswith(b"\r\n\r\nhello\r\n")


def test_nodemailer(start, stored):
    # npm installs into the first of these, Debian's packages into the second.
    folders = os.environ.get("NODE_PATH", "/usr/local/lib/node_modules:/usr/share/nodejs")
    found = any(Path(folder, "nodemailer").is_dir() for folder in folders.split(":"))
    if shutil.which("node") is None or not found:
        pytest.skip("nodemailer is not installed: apt-get install nodejs node-nodemailer")
    server = start("--user", USER, "--auth-insecure")
    script = f"""
        const transport = require("nodemailer").createTransport({{
            host: "127.0.0.1", port: {server.ports["smtp"]}, pool: true,
            auth: {{user: "ada", pass: "green-tea"}}, ignoreTLS: true}});
        const mail = {{from: "ada@example.com", to: "bob@example.org", text: "hello",
                       attachments: [{{filename: "a.bin", content: Buffer.alloc(100000)}}]}};
        Promise.all([1, 2, 3].map(() => transport.sendMail(mail))).then(() => transport.close());
    """
    run_client("node", "-e", script, environment={"NODE_PATH": folders})
    assert len(stored()) == 3


def test_smtp_source(start, stored):
    server = start("--max-connections-per-address", "50")
    program = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("smtp-source (of postfix) is not installed")
    run_client(
        *(program, "-s", "20", "-m", "200", "-l", "4096", "-f", "ada@example.com"),
        *("-t", "bob@example.org", f"inet:127.0.0.1:{server.ports['smtp']}"),
    )
    assert len(stored()) == 200


# -- a disk that fills up --------------------------------------------------------------------------

# Runs a program that has a small disk of its own at $DISK.
SMALL_DISK = """#!/bin/sh
exec unshare --map-root-user --mount \\
    sh -c 'mount -t tmpfs -o size=300k none "$DISK" && exec "$@"' sh {python} "$@"
"""


def test_a_full_disk_gives_452_until_there_is_room(serve, tmp_path, monkeypatch):
    script, disk = tmp_path / "with-small-disk", tmp_path / "disk"
    script.write_text(SMALL_DISK.format(python=sys.executable))
    script.chmod(0o700)
    disk.mkdir()
    monkeypatch.setenv("DISK", str(disk))
    works = subprocess.run(
        [script, "-c", "pass"], stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False
    )
    if works.returncode:
        pytest.skip("this user cannot mount a disk")
    folder = str(disk / "mail")
    server = serve(
        *("--protocol", "mail", "--port", "0", "--maildir", folder, "--no-web"),
        executable=str(script),
    )
    with (
        smtplib.SMTP("localhost", server.ports["smtp"], timeout=TIMEOUT) as client,
        contextlib.closing(poplib.POP3("localhost", server.ports["pop3"], TIMEOUT)) as reader,
    ):
        accepted = 0
        with contextlib.suppress(smtplib.SMTPDataError):
            while accepted < 20:
                client.send_message(message(f"{accepted}\n" * 10_000))
                accepted += 1
        assert 0 < accepted < 20
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.send_message(message("20\n" * 10_000))
        assert refused.value.smtp_code == 452
        reader.user("ada")
        reader.pass_("x")
        for number in range(1, accepted + 1):
            assert reader.retr(number)[1][-1] == b"%d" % (number - 1)
        with pytest.raises(poplib.error_proto):
            reader.retr(accepted + 1)
        reader.dele(1)
        reader.quit()
        client.send_message(message())
    assert "No space left on device" in server.stop()[1]


# -- killed ----------------------------------------------------------------------------------------


class Sender(threading.Thread):
    """Sends numbered mails on one connection until it breaks. ``acknowledged``: their numbers."""

    def __init__(self, port: int, first: int) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self._port = port
        self._next = first

    def run(self) -> None:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client = smtplib.SMTP("127.0.0.1", self._port, timeout=TIMEOUT)
            while True:
                number = self._next
                self._next += 1
                body = f"Subject: {number}\r\n\r\n" + f"{number}\r\n" * 1000
                client.sendmail("ada@example.com", ["bob@example.org"], body)
                self.acknowledged.append(number)


def test_kill_9_loses_no_acknowledged_mail_and_shows_no_half_written_one(tmp_path, stored):
    folder = tmp_path / "mail"
    acknowledged: list[int] = []
    for turn in range(6):
        server = Command("--protocol", "smtp", "--port", "0", "--maildir", str(folder))
        server.wait_until_serving()
        base = turn * 1_000_000
        senders = [Sender(server.ports["smtp"], base + n * 10_000) for n in range(8)]
        for sender in senders:
            sender.start()
        deadline = time.monotonic() + TIMEOUT
        while sum(len(sender.acknowledged) for sender in senders) < 20 + 7 * turn:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        server.process.send_signal(signal.SIGKILL)
        server.process.communicate(timeout=TIMEOUT)
        for sender in senders:
            sender.join(TIMEOUT)
            acknowledged += sender.acknowledged
    mails = stored()
    numbers = []
    for mail in mails:
        head, _, body = mail.partition(b"\r\n\r\n")
        number = int(re.search(rb"^Subject: (\d+)", head, re.MULTILINE)[1])
        assert body == b"%d\r\n" % number * 1000
        numbers.append(number)
    assert len(set(numbers)) == len(numbers)
    assert set(acknowledged) <= set(numbers)
    assert len(acknowledged) >= 6 * 20
