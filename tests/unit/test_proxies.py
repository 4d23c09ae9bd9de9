"""Whose request it is: what trusted proxies say is believed, and nobody else."""

from __future__ import annotations

import pytest

from backend.core.http.client_ip import client_address, networks_of

PROXIES = networks_of("10.0.0.0/8, 2001:db8::/32, 192.0.2.1")


def asked(peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return client_address({"type": "http", "client": (peer, 1), "headers": headers}, PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not a proxy of ours: anybody may write that
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # what stands before is made up
        ("10.0.0.1", ["198.51.100.1, 10.1.1.1, 192.0.2.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),  # two headers are one list
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense, 10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ['"[2001:db9::7]:4711"'], "2001:db9::7"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8::1", ["2001:db9::7"], "2001:db9::7"),
        ("192.0.2.1", ["198.51.100.1\r\nSet-Cookie: a"], "192.0.2.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_list_is_read_from_its_end_as_far_as_it_is_trusted(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert asked(peer, *forwarded) == address


def test_without_proxies_nothing_is_believed() -> None:
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"1.2.3.4")]}
    assert client_address(scope, ()) == "10.0.0.1"
    assert client_address({"type": "http", "headers": []}, PROXIES) == ""


@pytest.mark.parametrize("listed", ["localhost", "10.0.0.0/99", "10.0.0.1;10.0.0.2"])
def test_what_is_no_network_is_named(listed: str) -> None:
    with pytest.raises(ValueError, match=listed.split(";")[0]):
        networks_of(listed)
