"""SMTP: the server's CPU time for each mail stored in a Maildir, compared with aiosmtpd.

aiosmtpd stores with its Mailbox handler, which uses Python's ``mailbox``. Both are measured with
fsync, and with an fsync that does nothing. Each connection sends MAIL, RCPT and DATA in one piece,
then the mail, and waits for the reply."""

import argparse
import importlib.util
import tempfile

from .common import (
    Result,
    goal,
    interleave,
    measured,
    median,
    print_table,
    python_server,
    ratio,
    run_load,
)

SMOKE = {"connections": 2, "rounds": 1, "seconds": 0.2}
MOST = 0.4  # of aiosmtpd's CPU time

_SYNCS = {"fsync": "with fsync", "none": "without fsync"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--bytes", type=int, default=4096, help="size of a mail")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")


def run(options: argparse.Namespace) -> bool:
    # The mails of all runs stay until the end: after many files were deleted, ext4 takes up to a
    # millisecond of CPU time to create one (it does not reuse the inodes for some seconds).
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        results = [_run(options, sync, text, folder) for sync, text in _SYNCS.items()]
    return all(results)


def _run(options: argparse.Namespace, sync: str, text: str, folder: str) -> bool:
    servers = ["reactor"]
    if importlib.util.find_spec("aiosmtpd") is not None:
        servers.append("aiosmtpd")

    def measure(names: list[str]) -> Result:
        maildir = tempfile.mkdtemp(dir=folder) + "/mail"
        command = python_server("smtp", names[0], maildir, sync)
        return run_load(command, "smtp_load", options.connections, options.bytes, options.seconds)

    results = interleave(measured({name: [name] for name in servers}, options), options, measure)
    ours = results["reactor"]

    def cpu(result: Result) -> float:
        return result.microseconds

    print_table(
        f"SMTP {text}, {options.connections} connections, {options.bytes} bytes,"
        f" {options.rounds} rounds of {options.seconds:g} s, medians",
        ["", "CPU us/mail", "best", "reactor is", "mails/s", "p50", "p99"],
        [
            [
                name,
                f"{median(rounds, cpu):.1f}",
                f"{min(map(cpu, rounds)):.1f}",
                f"{ratio(ours, rounds, cpu):.2f} x",
                f"{median(rounds, lambda r: r.rate):,.0f}",
                f"{median(rounds, lambda r: r.details['p50_us']):,.0f} us",
                f"{median(rounds, lambda r: r.details['p99_us']):,.0f} us",
            ]
            for name, rounds in results.items()
        ],
        chart="CPU us/mail",
    )
    met = True
    if rounds := results.get("aiosmtpd"):
        share = ratio(ours, rounds, cpu)
        met = goal(f"CPU per mail {text} at most {MOST} x aiosmtpd's: {share:.2f} x", share <= MOST)
    print()
    return met
