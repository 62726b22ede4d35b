"""Networks as options name them, and what counts as one subscriber."""

from __future__ import annotations

import pytest

from reactor.sockets.addresses import LOOPBACK, Networks, parse_network, subscriber


def test_networks():
    networks = Networks(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])
    for address in ("10.255.0.1", "2001:db8:1::1", "192.0.2.7", "::ffff:10.0.0.1"):
        assert address in networks
    for address in ("11.0.0.1", "2001:db9::1", "192.0.2.8", "::ffff:11.0.0.1", "", "name"):
        assert address not in networks
    assert "fe80::1%eth0" in Networks(["fe80::/10"])


def test_loopback():
    for address in ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"):
        assert address in Networks(LOOPBACK)
    for address in ("128.0.0.1", "::2", "::ffff:10.0.0.1", "192.0.2.1"):
        assert address not in Networks(LOOPBACK)


def test_addresses_looked_up_are_forgotten_one_by_one():
    networks = Networks(["10.0.0.0/8"])
    for number in range(5000):
        assert f"192.0.{number // 256}.{number % 256}" not in networks
    assert "10.0.0.1" in networks
    assert len(networks._known) == 1024


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.0/33", "proxy.example", "10.0.0.1/8", "Unix"]
)
def test_what_is_no_network_is_said(text):
    with pytest.raises(ValueError, match="network"):
        parse_network(text)
    with pytest.raises(ValueError, match="network"):
        Networks([text])


def test_a_network_that_was_meant_is_named():
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8 is no network; 10\.0\.0\.0/8 is"):
        parse_network("10.0.0.1/8")


def test_a_subscriber_has_one_ipv4_address_or_64_bits_of_ipv6():
    assert subscriber("192.0.2.1") == subscriber("::ffff:192.0.2.1")
    assert subscriber("192.0.2.1") != subscriber("192.0.2.2")
    assert subscriber("2001:db8:0:1::1") == subscriber("2001:db8:0:1:ffff::2%eth0")
    assert subscriber("2001:db8:0:1::1") != subscriber("2001:db8:0:2::1")
