"""The command line: what it prints, its exit status, and its messages for wrong usage."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from reactor.command.application import Application, CommandError
from reactor.command.cli import main, make_parser
from reactor.command.registry import BUILT_IN, load_application

from ...tools.commands import ROOT, environment, one_line
from ...tools.waiting import TIMEOUT


def test_it_prints_one_line_per_address_with_the_real_port(serve):
    server = serve("--protocol", "echo", "--port", "0", "--udp-port", "0")

    assert server.printed == [
        f"echo: tcp://127.0.0.1:{server.ports['tcp']}",
        f"echo: udp://127.0.0.1:{server.ports['udp']}",
        "Press Ctrl+C to stop",
    ]
    assert 0 not in server.ports.values()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["2>/dev/full", "2>&-"])
def test_a_standard_error_that_cannot_be_written_changes_no_exit_status(arguments):
    complaining = (
        "from reactor.command.logs import complain; complain('x'); complain('y'); print('went on')"
    )
    result = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {arguments}', sys.executable, complaining],
        stdout=subprocess.PIPE, cwd=ROOT, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, "went on\n")


def test_announcing_to_a_reader_that_has_exited_is_not_an_error():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [sys.executable, "-c", "from reactor.command.cli import announce; announce(['x'])"],
            stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, text=True, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(serve, signum):
    server = serve("--protocol", "echo", "--port", "0", "--udp-port", "0")

    assert server.stop(signum) == (0, "")


@pytest.mark.parametrize("poller", ["poll", "select"])
def test_the_poller_can_be_chosen(serve, poller):
    server = serve("--protocol", "echo", "--port", "0", "--no-udp", "--poller", poller)

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"


def test_a_port_in_use_is_one_line_and_status_1(run_reactor):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_reactor("--protocol", "echo", "--port", str(port))

    assert result.returncode == 1
    assert one_line(result.stderr) == (
        f"reactor: cannot listen on tcp://127.0.0.1:{port}: Address already in use"
        " (--port N takes another one)\n"
    )


def test_a_udp_port_in_use_is_one_line_that_names_its_option(run_reactor):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = run_reactor("--protocol", "echo", "--port", "0", "--udp-port", str(port))

    assert one_line(result.stderr) == (
        f"reactor: cannot listen on udp://127.0.0.1:{port}: Address already in use"
        " (--udp-port N takes another one, --no-udp none)\n"
    )


def test_an_address_of_another_machine_gets_no_hint_about_the_port(run_reactor):
    result = run_reactor("--protocol", "echo", "--host", "192.0.2.1", "--port", "0")

    assert "cannot listen on tcp://192.0.2.1:0: " in one_line(result.stderr)
    assert "--port" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "choose with --protocol: chat, echo, ftp, http, inspect, mail, smtp, time, or"),
        (["--protocol", "nothing"], "no protocol 'nothing'"),
        (["--protocol", "no_such_module:Class"], "there is no module 'no_such_module'"),
        (["--protocol", ":Class"], "not of the form module:Class"),
        (["--protocol", "reactor.command.cli:main"], "'main' is not a protocol class"),
        (["--protocol", "reactor.loop:missing"], "'reactor.loop' has no 'missing'"),
        (["--protocol", "reactor:Protocol.missing"], "'reactor' has no 'Protocol.missing'"),
        (
            ["--protocol", "reactor.loop.deeper:Class"],
            "as 'reactor.loop' is not a package but ",
        ),
        (
            ["--protocol", "reactor.command.cli.py:Class"],
            "no module 'reactor.command.cli.py': leave out '.py'",
        ),
        (["--protocol", "sys.deeper:Class"], "as 'sys' is not a package but a part of Python"),
        (["--protocol", ".relative:Class"], "not of the form module:Class"),
        (["--protocol", "folder/shout.py:Shout"], "not of the form module:Class"),
        (["--protocol", "reactor:"], "not of the form module:Class"),
        (["--protocol", "echo", "--port", "65536"], "a port is a number from 0 to 65535"),
        (["--protocol", "echo", "--port", "٣"], "a port is a number from 0 to 65535"),
        (["--protocol", "echo", "--grace", "-1"], "expected a number of seconds"),
        (["--protocol", "echo", "--grace", "soon"], "expected a number of seconds"),
        (["--protocol", "chat", "--flood-rate", "-3"], "expected a number, not '-3'"),
        (["--protocol", "echo", "--udp"], "--udp requires --connect"),
        (["--protocol", "chat", "--udp"], "--udp requires --connect"),
        (["--protocol", "chat", "--udp", "--tls", "--connect", "h:1"], "cannot be combined"),
        (["--protocol", "echo", "--poller", "magic"], "invalid choice: 'magic'"),
        (["--protocol", "echo", "--connect", "nowhere"], "expected HOST:PORT"),
        (["--protocol", "echo", "--unknown"], "unrecognized arguments: --unknown"),
        (["--protocol", "echo", "--unknown"], "(see reactor --protocol echo --help)"),
        (["--unknown"], "(see reactor --help)"),
        (["--protocol", "echo", "--tls-key", "key.pem"], "--tls-key requires --tls-cert"),
        (["--protocol", "echo", "--tls"], "--tls requires --connect; a server takes --tls-cert"),
        (["--protocol", "echo", "--tls-ca=ca.pem"], "--tls-ca requires --connect"),
        (["--protocol", "echo", "--reconnect"], "--reconnect requires --connect"),
        (["--protocol", "chat", "--reconnect"], "--reconnect requires --connect"),
        (["--protocol", "chat", "--heartbeat-interval", "5"], "--heartbeat-interval requires"),
        (["--protocol", "echo", "--connect", "h:1", "--tls-cert", "c"], "--tls-cert is a server's"),
        (["--protocol", "echo", "--connect", "h:1", "--tls-key=k"], "--tls-key is a server's"),
        (["--protocol", "echo", "--connect", "h:1", "--port", "1"], "--port is a server's option"),
        (["--protocol", "echo", "--connect", "h:1", "--host", "h"], "--host is a server's option"),
        (["--protocol", "echo", "--connect", "h:1", "--no-udp"], "--no-udp is a server's option"),
        (["--protocol", "echo", "--connect", "h:1", "--udp-port=1"], "--udp-port is a server's"),
        (["--protocol", "chat", "--connect", "h:1", "--max-members", "9"], "cannot be combined"),
        (["--protocol", "chat", "--max-members", "0"], "expected a number of at least 1"),
        (["--protocol", "chat", "--max-rooms", "0"], "expected a number of at least 1"),
        (["--protocol", "chat", "--flood-burst", "0"], "expected a number of at least 1"),
        (["--protocol", "http", "--max-connections", "0"], "expected a number of at least 1"),
        (["--protocol", "http", "--workers", "0"], "expected a number of at least 1"),
        (["--protocol", "time", "--connect", "127.0.0.1:13"], "time has no client"),
        (
            ["--protocol", "echo", "--host", "127.0.0.1:80"],
            "expected a name or an address, without",
        ),
        (
            ["--protocol", "time", "--no-udp", "--udp-port=1"],
            "--udp-port cannot be combined with --no-udp",
        ),
        (
            ["--protocol", "chat", "--no-udp", "--udp-port", "1"],
            "--udp-port cannot be combined",
        ),
        (
            ["--protocol", "chat", "--no-udp", "--udp-trust", "none"],
            "--udp-trust cannot be combined",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(capsys, arguments, complaint):
    assert main(arguments) == 2
    assert complaint in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_line_and_status_1(capsys, host):
    assert main(["--protocol", "echo", "--host", host, "--port", "0"]) == 1
    assert f"cannot listen on tcp://{host}:0: " in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_certificate_is_one_line_and_status_1(capsys, tmp_path, content):
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)

    assert main(["--protocol", "echo", "--tls-cert", str(path)]) == 1
    complaint = one_line(capsys.readouterr().err)
    assert f"cannot use the certificate in {path}: " in complaint
    assert "_ssl.c" not in complaint


def test_an_authority_without_a_certificate_is_one_line_and_status_1(capsys, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")

    assert main(["--protocol", "echo", "--connect", "127.0.0.1:1", "--tls-ca", str(path)]) == 1
    complaint = one_line(capsys.readouterr().err)
    assert complaint == (
        f"reactor: cannot use the certificate in {path}: no certificate or crl found\n"
    )


def test_a_certificate_without_its_key_is_reported(capsys, certificate):
    assert main(["--protocol", "echo", "--tls-cert", str(certificate.chain)]) == 1
    assert one_line(capsys.readouterr().err).endswith(": no certificate with its private key\n")


def test_a_datagram_protocol_is_not_served_without_tls_if_tls_is_requested(capsys, certificate):
    arguments = ["--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key)]
    assert main(["--protocol", "reactor:DatagramProtocol", *arguments]) == 2
    assert "serves datagrams, which cannot use TLS" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("given", "host"), [("[::1]", "::1"), ("fe80::1%lo", "fe80::1%lo"), ("", "")]
)
def test_the_host_may_have_brackets_as_in_urls(monkeypatch, given, host):
    assert make_parser(None).parse_args(["--host", given]).host == host
    monkeypatch.setenv("REACTOR_HOST", given)
    assert make_parser(None).parse_args([]).host == host


def test_a_refused_connection_is_one_line_and_status_1(run_reactor):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = unused.getsockname()[1]
        result = run_reactor("--protocol", "echo", "--connect", f"127.0.0.1:{port}")

    assert result.returncode == 1
    assert one_line(result.stderr).endswith(f"127.0.0.1:{port}: Connection refused\n")


def test_options_override_the_environment_which_overrides_defaults(monkeypatch):
    assert make_parser(None).parse_args([]).grace == 5
    monkeypatch.setenv("REACTOR_GRACE", "7")
    assert make_parser(None).parse_args([]).grace == 7
    assert make_parser(None).parse_args(["--grace", "3"]).grace == 3


def test_the_protocol_and_its_options_may_come_from_the_environment(run_reactor):
    too_high = {"REACTOR_PROTOCOL": "echo", "REACTOR_PORT": "70000"}

    assert "REACTOR_PORT: a port is a number" in run_reactor(**too_high).stderr
    assert "--connect: expected" in run_reactor("--connect", "x", REACTOR_PROTOCOL="echo").stderr


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("REACTOR_NO_UDP", "perhaps", "REACTOR_NO_UDP must be yes or no, not 'perhaps'"),
        ("REACTOR_POLLER", "magic", "REACTOR_POLLER must be one of"),
        ("REACTOR_GRACE", "long", "REACTOR_GRACE: expected a number of seconds"),
    ],
)
def test_a_wrong_variable_is_named(capsys, monkeypatch, variable, value, complaint):
    monkeypatch.setenv(variable, value)

    assert main(["--protocol", "echo"]) == 2
    assert complaint in one_line(capsys.readouterr().err)


def test_flags_can_be_set_in_the_environment(serve, monkeypatch):
    monkeypatch.setenv("REACTOR_NO_UDP", "yes")
    monkeypatch.setenv("REACTOR_RECONNECT", "no")
    monkeypatch.setenv("REACTOR_PORT", "0")

    assert list(serve("--protocol", "echo").ports) == ["tcp"]


def test_the_log_level_may_be_in_capitals(run_reactor):
    # The log level is accepted: the message is about the next option.
    result = run_reactor("--log-level", "DEBUG", "--protocol", "echo", "--tls")
    assert "--tls requires" in one_line(result.stderr)


def test_the_version_is_that_of_the_distribution(run_reactor):
    import reactor

    assert run_reactor("--version").stdout == f"select-reactor {reactor.__version__}\n"


def test_help_shows_the_options_of_the_protocol_that_is_given(run_reactor):
    assert "--udp-port" not in run_reactor("--help").stdout
    assert "--udp-port" in run_reactor("--protocol", "time", "--help").stdout


@pytest.mark.parametrize(
    ("name", "has_client"),
    [("echo", True), ("chat", True), ("time", False), ("http", False), ("reactor:Protocol", False)],
)
def test_help_shows_the_client_options_only_where_there_is_a_client(name, has_client):
    shown = make_parser(load_application(name)).format_help()
    for option in ("--connect", "--tls ", "--tls-ca"):
        assert (option in shown) == has_client
    assert "--tls-cert" in shown


def test_options_without_effect_are_ignored_in_the_environment(serve, monkeypatch):
    monkeypatch.setenv("REACTOR_UDP_PORT", "1")
    server = serve("--protocol", "echo", "--port", "0", "--no-udp")

    assert server.printed == [f"echo: tcp://127.0.0.1:{server.port}", "Press Ctrl+C to stop"]


def test_a_protocol_class_of_the_user_can_be_served(serve, tmp_path):
    (tmp_path / "shout.py").write_text(
        "from reactor import Protocol\n"
        "class Shout(Protocol):\n"
        "    def data_received(self, data):\n"
        "        self.transport.write(data.upper())\n"
    )
    server = serve("--protocol", "shout:Shout", "--port", "0", cwd=tmp_path)

    assert server.printed[0] == f"shout:Shout: tcp://127.0.0.1:{server.port}"
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"


def test_a_datagram_protocol_of_the_user_is_served_over_udp(serve, tmp_path):
    (tmp_path / "shout.py").write_text(
        "from reactor import DatagramProtocol\n"
        "class Shout(DatagramProtocol):\n"
        "    def datagram_received(self, data, addr):\n"
        "        self.transport.sendto(data.upper(), addr)\n"
    )
    server = serve("--protocol", "shout:Shout", "--port", "0", cwd=tmp_path)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        client.sendto(b"hello", ("127.0.0.1", server.ports["udp"]))
        assert client.recv(100) == b"HELLO"


@pytest.mark.parametrize("name", ["protocols", "echo", "http", "chat", "lineclient"])
@pytest.mark.parametrize("protocol", ["echo", "http"])
def test_modules_in_the_current_folder_do_not_replace_ours(serve, tmp_path, name, protocol):
    (tmp_path / f"{name}.py").write_text("raise SystemExit('this is another one')\n")

    assert serve("--protocol", protocol, "--port", "0", cwd=tmp_path).ports


def test_a_protocol_may_be_in_a_module_called_protocols(serve, tmp_path):
    (tmp_path / "protocols.py").write_text("from reactor import Protocol as Mine\n")
    server = serve("--protocol", "protocols:Mine", "--port", "0", cwd=tmp_path)

    assert server.printed[0].startswith("protocols:Mine: tcp://")


def test_the_environment_may_hold_options_of_both_sides(serve, run_reactor, monkeypatch):
    for name, value in (("UDP", "yes"), ("RECONNECT", "yes"), ("TLS_CA", "nowhere.pem")):
        monkeypatch.setenv(f"REACTOR_{name}", value)
    server = serve("--protocol", "echo", "--port", "0", "--udp-port", "0")

    client = {"REACTOR_TLS_CERT": "no.pem", "REACTOR_TLS_KEY": "no.pem", "REACTOR_MAX_MEMBERS": "9"}
    monkeypatch.undo()
    address = f"127.0.0.1:{server.port}"
    result = run_reactor("--protocol", "echo", "--connect", address, input="hi\n", **client)
    assert (result.returncode, result.stdout, result.stderr) == (0, "hi\n", "")


def test_a_module_that_fails_keeps_its_traceback(run_reactor, tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")

    result = run_reactor("--protocol", "broken:Class", cwd=tmp_path)

    assert "Traceback" in result.stderr
    assert "no_such_module_anywhere" in result.stderr


def test_it_runs_in_a_folder_that_was_removed(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    result = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m reactor --protocol echo --connect 127.0.0.1:x',
         sys.executable],
        cwd=gone, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip

    assert result.returncode == 2
    assert "expected HOST:PORT" in one_line(result.stderr)


def test_an_entry_point_adds_a_name(monkeypatch):
    point = type("Point", (), {"name": "mine", "value": "protocols.echo:app"})()
    monkeypatch.setattr("reactor.command.registry.metadata.entry_points", lambda group: [point])

    assert isinstance(load_application("mine"), Application)


def test_an_application_class_is_made_into_an_application(monkeypatch):
    found = load_application("reactor.command.application:Application")

    assert found.name == "reactor.command.application:Application"
    with pytest.raises(CommandError, match="has no server"):
        found.serve(None, None)


def test_tls_is_served_and_verified(serve, run_reactor, certificate):
    server = serve(
        "--protocol", "echo", "--port", "0", "--no-udp",
        "--tls-cert", certificate.chain, "--tls-key", certificate.key,
    )  # fmt: skip
    assert server.printed[0].startswith("echo: tls://127.0.0.1:")
    address = f"localhost:{server.port}"

    trusting = run_reactor(
        "--protocol", "echo", "--connect", address, "--tls-ca", certificate.ca, input="hello\n"
    )
    doubting = run_reactor("--protocol", "echo", "--connect", address, "--tls", input="hello\n")

    assert (trusting.returncode, trusting.stdout) == (0, "hello\n")
    assert doubting.returncode == 1
    assert "certificate" in one_line(doubting.stderr).lower()


def test_interrupted_before_the_loop_runs_is_status_130(monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("reactor.command.cli.load_application", interrupted)

    assert main(["--protocol", "echo"]) == 130


def test_the_module_and_the_function_are_the_same_command():
    result = subprocess.run(
        [sys.executable, "-m", "reactor"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2


def test_the_guide_has_the_options_of_every_protocol():
    page = (ROOT / "docs" / "guide" / "command-line.rst").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. command-options::(?: (\w+))?$", page, re.MULTILINE)

    assert shown[0] == ""
    assert sorted(shown[1:]) == sorted(BUILT_IN)
