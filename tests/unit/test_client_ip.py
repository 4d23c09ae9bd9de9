"""The IP address of a client: only trusted proxies may report another one."""

from __future__ import annotations

import pytest

from backend.core.http.client_ip import client_address, networks_of

PROXIES = networks_of("10.0.0.0/8, 2001:db8::/32, 192.0.2.1")


def address_of_request(peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return client_address({"type": "http", "client": (peer, 1), "headers": headers}, PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not a trusted proxy, so the header is ignored
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # the earlier entries are not trusted
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
def test_last_untrusted_address_of_the_list_is_used(peer: str, forwarded: list[str], address: str) -> None:
    assert address_of_request(peer, *forwarded) == address


def test_headers_are_ignored_without_trusted_proxies() -> None:
    scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"1.2.3.4")]}
    assert client_address(scope, ()) == "10.0.0.1"
    assert client_address({"type": "http", "headers": []}, PROXIES) == ""


@pytest.mark.parametrize("listed", ["localhost", "10.0.0.0/99", "10.0.0.1;10.0.0.2"])
def test_invalid_network_is_named(listed: str) -> None:
    with pytest.raises(ValueError, match=listed.split(";")[0]):
        networks_of(listed)
