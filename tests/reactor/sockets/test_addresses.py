"""Networks as options name them, and what counts as one subscriber."""

from __future__ import annotations

import pytest

from reactor.sockets import addresses
from reactor.sockets.addresses import LOOPBACK, AddressLimit, Networks, parse_network, subscriber


def test_networks_contain_their_addresses():
    networks = Networks(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])
    for address in ("10.255.0.1", "2001:db8:1::1", "192.0.2.7", "::ffff:10.0.0.1"):
        assert address in networks
    for address in ("11.0.0.1", "2001:db9::1", "192.0.2.8", "::ffff:11.0.0.1", "", "name"):
        assert address not in networks
    assert "fe80::1%eth0" in Networks(["fe80::/10"])


def test_loopback_is_this_machine():
    for address in ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"):
        assert address in Networks(LOOPBACK)
    for address in ("128.0.0.1", "::2", "::ffff:10.0.0.1", "192.0.2.1"):
        assert address not in Networks(LOOPBACK)


def test_a_bounded_number_of_look_ups_is_remembered(monkeypatch):
    networks = Networks(["10.0.0.0/8"])
    parsed = []
    parse_address = addresses.parse_address
    monkeypatch.setattr(
        addresses, "parse_address", lambda text: (parsed.append(text), parse_address(text))[1]
    )
    hosts = [f"192.0.{number // 256}.{number % 256}" for number in range(1025)]
    for host in hosts:
        assert host not in networks
    parsed.clear()

    assert hosts[-1] not in networks
    assert hosts[1] not in networks
    assert parsed == []
    assert hosts[0] not in networks
    assert parsed == hosts[:1]


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.0/33", "proxy.example", "10.0.0.1/8", "Unix"]
)
def test_text_that_is_no_network_raises_value_error(text):
    with pytest.raises(ValueError, match="network"):
        parse_network(text)
    with pytest.raises(ValueError, match="network"):
        Networks([text])


def test_the_message_about_host_bits_names_the_network():
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8 is not a network; 10\.0\.0\.0/8 is"):
        parse_network("10.0.0.1/8")


def test_a_subscriber_has_one_ipv4_address_or_64_bits_of_ipv6():
    assert subscriber("192.0.2.1") == subscriber("::ffff:192.0.2.1")
    assert subscriber("192.0.2.1") != subscriber("192.0.2.2")
    assert subscriber("2001:db8:0:1::1") == subscriber("2001:db8:0:1:ffff::2%eth0")
    assert subscriber("2001:db8:0:1::1") != subscriber("2001:db8:0:2::1")


def test_a_limit_forgets_addresses_without_connections():
    limit = AddressLimit(2)
    one, other = limit.key(("192.0.2.1", 1)), limit.key(("192.0.2.2", 1))
    for key in (one, one, other):
        assert not limit.is_reached(key)
        limit.add(key)
    assert (limit.is_reached(one), limit.is_reached(other), len(limit)) == (True, False, 2)

    limit.remove(other)
    limit.remove(one)
    assert (limit.is_reached(one), len(limit)) == (False, 1)
    limit.remove(one)
    assert len(limit) == 0


def test_a_limit_does_not_count_exempt_addresses_and_unix_sockets():
    limit = AddressLimit(2, exempt=lambda address: address.startswith("10."))
    assert limit.key(("10.0.0.1", 1)) is None
    assert limit.key("") is None
    assert limit.key(("192.0.2.1", 1)) == subscriber("192.0.2.1")
