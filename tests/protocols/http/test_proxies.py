"""Trusted proxies name their clients; fields from other peers are ignored."""

from __future__ import annotations

import pytest

from protocols.http import HTTPServer, Response
from protocols.http.proxies import Origin, TrustedProxies
from reactor.testing import VirtualReactor

PROXY = "192.0.2.1"


def origin(
    *fields: str,
    trusted: tuple[str, ...] = (PROXY,),
    peer: object = (PROXY, 50000),
    **options: bool,
) -> Origin:
    """The origin of a request with ``fields`` that comes from ``peer``."""
    seen: list[Origin] = []

    def handler(request):
        seen.append(request.origin)
        assert server.proxies.client(request) == request.origin.client
        return Response()

    server = HTTPServer(handler, proxies=TrustedProxies(trusted, **options))
    with VirtualReactor() as reactor:
        connection = reactor.connect(server, peer)
        lines = ["GET / HTTP/1.1", "Host: here", *fields]
        connection.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        reactor.settle()
    [found] = seen
    return found


DIRECT = Origin(PROXY, "http", "here")


def test_fields_from_a_peer_that_is_not_trusted_are_ignored():
    fields = ("X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil",
              "Forwarded: for=9.9.9.9;proto=https;host=evil")  # fmt: skip
    assert origin(*fields, trusted=()) == DIRECT
    assert origin(*fields, trusted=("192.0.2.2",)) == DIRECT
    assert origin(*fields, trusted=("192.0.2.2",), forwarded=True) == DIRECT
    assert origin(*fields, trusted=("unix",)) == DIRECT
    assert origin(*fields, peer=None) == Origin("", "http", "here")


def test_a_trusted_proxy_names_the_client():
    assert origin(
        "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: HTTPS", "X-Forwarded-Host: shop:8443"
    ) == Origin("198.51.100.7", "https", "shop:8443")
    assert origin(
        "Forwarded: for=198.51.100.7;proto=https;host=\"shop:8443\"", forwarded=True
    ) == Origin("198.51.100.7", "https", "shop:8443")  # fmt: skip


def test_a_proxy_that_sends_no_field_is_the_client_itself():
    assert origin() == DIRECT
    assert origin(forwarded=True) == DIRECT


def test_only_the_kind_of_field_that_the_proxy_sends_counts():
    fields = ("X-Forwarded-For: 198.51.100.7", "Forwarded: for=203.0.113.9")
    assert origin(*fields).client == "198.51.100.7"
    assert origin(*fields, forwarded=True).client == "203.0.113.9"
    assert origin(fields[1]) == DIRECT
    assert origin(fields[0], forwarded=True) == DIRECT


def test_unix_stands_for_all_clients_of_the_unix_socket():
    field = "X-Forwarded-For: 198.51.100.7"
    assert origin(field, trusted=("unix",), peer=None).client == "198.51.100.7"
    assert origin(field, trusted=(PROXY,), peer=None).client == ""


@pytest.mark.parametrize("kind", ["X-Forwarded-For: {}", "Forwarded: for={}"])
@pytest.mark.parametrize(
    ("nodes", "client"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["9.9.9.9", "198.51.100.7"], "198.51.100.7"),  # the client itself sent the first
        (["198.51.100.7", "10.1.2.3", "10.9.9.9"], "198.51.100.7"),  # two more trusted proxies
        (["10.1.2.3", "10.9.9.9"], "10.1.2.3"),  # the client's address is a trusted proxy's
        (["unknown"], ""),
        (["9.9.9.9", "_hidden", "10.1.2.3"], ""),
        (["9.9.9.9", "no-address", "10.1.2.3"], "10.1.2.3"),
        (["9.9.9.9", "256.1.1.1"], PROXY),
        (['"198.51.100.7:4711"'], "198.51.100.7"),
        (['"[2001:DB8::17]"'], "2001:db8::17"),
        (['"[2001:db8::17]:4711"'], "2001:db8::17"),
        (['"[::ffff:198.51.100.7]"'], "198.51.100.7"),
        (['"[fe80::1%eth0]"'], PROXY),
        (['"[]"'], PROXY),
        (['""'], PROXY),
    ],
)
def test_the_client_is_the_nearest_hop_that_is_not_trusted(kind, nodes, client):
    name, _, value = kind.partition(" ")
    if name == "X-Forwarded-For:":
        nodes = [node.strip('"') for node in nodes]
        if nodes == [""]:
            nodes = [" , "]
    field = f"{name} " + ", ".join(value.format(node) for node in nodes)
    found = origin(field, trusted=(PROXY, "10.0.0.0/8"), forwarded=name == "Forwarded:")
    assert found.client == client


def test_fields_of_one_name_are_one_list():
    found = origin(
        "X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 198.51.100.7, 10.1.1.1",
        trusted=(PROXY, "10.0.0.0/8"),
    )  # fmt: skip
    assert found.client == "198.51.100.7"
    found = origin("Forwarded: for=9.9.9.9", "Forwarded: for=198.51.100.7", forwarded=True)
    assert found.client == "198.51.100.7"


def test_scheme_and_host_are_those_of_the_same_hop_as_the_client():
    trusted = (PROXY, "10.0.0.0/8")
    for fields, forwarded in (
        (("X-Forwarded-For: 9.9.9.9, 198.51.100.7, 10.1.1.1",
          "X-Forwarded-Proto: http, https, http", "X-Forwarded-Host: evil, shop, inner"), False),
        (("Forwarded: for=9.9.9.9;host=evil, for=198.51.100.7;proto=https;host=shop,"
          " for=10.1.1.1;proto=http;host=inner",), True),
    ):  # fmt: skip
        found = origin(*fields, trusted=trusted, forwarded=forwarded)
        assert found == Origin("198.51.100.7", "https", "shop")
    one_for_all = origin(
        "X-Forwarded-For: 198.51.100.7, 10.1.1.1", "X-Forwarded-Proto: https", trusted=trusted
    )
    assert one_for_all.scheme == "https"


@pytest.mark.parametrize(
    "value",
    [
        "for=198.51.100.7;for=203.0.113.1",  # twice
        'for="198.51.100.7',
        'for="198.51.100.7\\"',
        "for = 198.51.100.7",
        "for=198.51.100.7 proto=http",
        "for=2001:db8::1",  # a colon needs quotation marks
        "for",
        "=198.51.100.7",
        "for=198.51.100.7, \"",
        "for=198.51.100.7;host=a b",
    ],
)  # fmt: skip
def test_after_a_syntax_error_in_forwarded_the_client_is_unknown(value):
    for field in (value, f"{value}, for=203.0.113.1"):
        assert origin(f"Forwarded: {field}", forwarded=True) == Origin("", "http", "here")


@pytest.mark.parametrize(
    "value",
    [
        'FOR="198.51.100.\\7"',
        ", for=198.51.100.7 ,,",
        "for=198.51.100.7;;by=10.0.0.1;secret=_x",
        'x="a, for=9.9.9.9; \\" b" ; for=198.51.100.7',
    ],
)
def test_unusual_forwarded_fields_are_understood(value):
    assert origin(f"Forwarded: {value}", forwarded=True).client == "198.51.100.7"


@pytest.mark.parametrize("scheme", ["ftp", "javascript", "http, x", "https:"])
@pytest.mark.parametrize("host", ["a b", "user@a", "a/b", "a:99999", "a%00", "<script>"])
def test_an_invalid_scheme_or_host_is_ignored(scheme, host):
    x = (
        "X-Forwarded-For: 198.51.100.7",
        f"X-Forwarded-Proto: {scheme}",
        f"X-Forwarded-Host: {host}",
    )
    rfc = f'Forwarded: for=198.51.100.7;proto="{scheme}";host="{host}"'
    assert origin(*x) == origin(rfc, forwarded=True) == Origin("198.51.100.7", "http", "here")


@pytest.mark.parametrize("forwarded", [False, True])
def test_hops_beyond_the_limit_are_ignored(forwarded):
    name, one = ("Forwarded", "for=10.1.1.1") if forwarded else ("X-Forwarded-For", "10.1.1.1")
    trusted = (PROXY, "10.0.0.0/8")
    far = origin(
        f"{name}: {one.replace('10.1.1.1', '9.9.9.9')}" + f",{one}" * 32, trusted=trusted,
        forwarded=forwarded,
    )  # fmt: skip
    assert far.client == "10.1.1.1"
    long = origin(f"{name}: {one}" + f",{one}" * 400, trusted=trusted, forwarded=forwarded)
    assert long.client == ("" if forwarded else "10.1.1.1")
