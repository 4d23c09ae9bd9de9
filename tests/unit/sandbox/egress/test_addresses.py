"""Public addresses of the internet: all others are rejected, in every spelling that a resolver could return."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from puras import _http

from backend.core.net.host_patterns import parse_host
from backend.core.net.public_addresses import is_own, is_public, rejection_reason
from backend.core.net.public_urls import may_be_public

INSIDE = [
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "::93.184.215.14"),
    *("64:ff9b::7f00:1", "64:ff9b::5db8:d70e", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:5db8:d70e::1"),
    *("3ffe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"),
    *("2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:10.0.0.1", "fe80::1%eth0", "", "localhost", "1.2.3"),
    *("2606:4700:4700::1111%eth0", "2001:470:1::200:5efe:7f00:1", "::7f00:1", "::ffff:0:7f00:1"),
    *("127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "[::1]"),
]
OUTSIDE = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1",
           "2606:4700:4700::1111", "2a00:1450:4001::8a", "2001:200::1"]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_outside_of_the_internet_are_rejected(address: str) -> None:
    assert not is_public(address)
    assert rejection_reason(address) == "address_not_public"


@pytest.mark.parametrize("address", OUTSIDE)
def test_internet_addresses_are_public(address: str) -> None:
    assert is_public(address)


def literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", [one for one in INSIDE if "." in one or ":" in one])
def test_host_parsers_reject_addresses_that_are_not_public(address: str) -> None:
    """Webhooks, provider URLs, `network:` of a skill and the kit use these parsers."""
    assert not may_be_public(address)
    assert parse_host(literal(address)) is None
    assert parse_host(address) is None


@pytest.mark.parametrize("address", OUTSIDE)
def test_host_parsers_accept_public_addresses(address: str) -> None:
    assert may_be_public(address)
    assert parse_host(literal(address)) is not None


def test_kit_and_instance_use_the_same_function() -> None:
    assert _http.is_public is is_public


@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_public_addresses_are_global_and_contain_no_ipv4_address(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast
        if isinstance(address, IPv6Address):
            assert (address.ipv4_mapped, address.sixtofour, address.teredo) == (None, None, None)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_translated_ipv4_addresses_are_not_public(address: IPv4Address) -> None:
    number = int(address)
    for base in ("::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::"):
        assert not is_public(str(IPv6Address(int(ip_address(base)) + number)))
    assert not is_public(str(IPv6Address((0x2002 << 112) + (number << 80) + 1)))
    assert not is_public(str(IPv6Address((0x20010000 << 96) + (number ^ 0xFFFFFFFF))))


def test_own_addresses_of_the_host_are_detected() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("192.0.2.77")
