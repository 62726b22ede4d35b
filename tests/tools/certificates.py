"""Certificates for ``localhost``, from an authority made for the test run."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import trustme


@dataclass
class Certificate:
    """Files of a certificate for ``localhost`` and 127.0.0.1, and of its authority."""

    ca: str
    chain: str
    key: str


def write_certificate(folder: Path) -> Certificate:
    """Make a certificate and its authority, and write them to files in ``folder``."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "chain.pem", append=True)
    return Certificate(*(str(folder / name) for name in ("ca.pem", "chain.pem", "key.pem")))


@cache
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, for ``localhost`` and 127.0.0.1, and a client's that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    return server, client
