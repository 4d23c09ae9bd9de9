"""Hosts in the lists of skills, and targets in the requests of clients."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.net.egress.connector import Connector
from backend.core.net.egress.errors import EgressDenied, Malformed
from backend.core.net.egress.rules import Rule, Target, read_target
from backend.core.net.host_patterns import parse_host

LISTED = [
    "api.example.org",
    "*.example.com",
    "db.example.net:5432",
    "1.1.1.1",
    "8.8.8.8:53",
    "[2606:4700::1]:853",
]


@pytest.mark.parametrize(
    "authority",
    ["api.example.org:443", "API.Example.ORG.:80", "a.example.com:443", "a.b.example.com:80", "db.example.net:5432",
     "1.1.1.1:443", "8.8.8.8:53", "[2606:4700:0::1]:853"],
)  # fmt: skip
def test_listed_hosts_are_allowed_in_every_spelling(authority: str) -> None:
    Rule.of(LISTED).check(read_target(authority, default_port=80))


@pytest.mark.parametrize(
    ("authority", "reason", "expected"),
    [
        ("example.org:443", "host_not_listed", "add 'example.org' to network: in skill.yaml"),
        ("evil-api.example.org:443", "host_not_listed", "evil-api.example.org is not in"),
        ("api.example.org.evil.net:443", "host_not_listed", "not in this skill's list"),
        ("example.com:443", "host_not_listed", "add 'example.com'"),
        ("evilexample.com:443", "host_not_listed", "add 'evilexample.com'"),
        ("api.example.org:22", "port_not_allowed", "add 'api.example.org:22' to network:"),
        ("db.example.net:443", "host_not_listed", "add 'db.example.net'"),
        ("8.8.8.8:443", "host_not_listed", "add '8.8.8.8'"),
        ("1.1.1.2:443", "host_not_listed", "add '1.1.1.2'"),
        ("other.net:5432", "host_not_listed", "add 'other.net:5432'"),
    ],
)
def test_other_hosts_and_ports_are_denied_with_the_entry_to_add(
    authority: str, reason: str, expected: str
) -> None:
    with pytest.raises(EgressDenied, match="network: in skill") as denied:
        Rule.of(LISTED).check(read_target(authority, default_port=80))
    assert denied.value.reason == reason
    assert expected in denied.value.detail


def test_public_allows_every_host_on_web_ports() -> None:
    rule = Rule.of("public")
    for port in (80, 443):
        rule.check(Target("anything.example.org", port, is_address=False))
    for port in (22, 25, 5432, 6379, 8000, 8443):
        with pytest.raises(EgressDenied, match=f"list 'db.example.org:{port}'"):
            rule.check(Target("db.example.org", port, is_address=False))


@pytest.mark.parametrize(
    "authority",
    ["", ":80", "a b.org:80", "user@example.org:80", "user:word@example.org:80", "example.org:80@evil.net:80",
     "example.org\t:80", "example.org\r\nX: y:80", "exa mple.org:80", "example..org:80", ".example.org:80",
     "example.org..:80", "-x.example.org:80", "x-.example.org:80", f"{'a' * 64}.org:80", f"{'a.' * 127}org:80",
     "2130706433:80", "0x7f000001:80", "0x7f.0.0.1:80", "0177.0.0.1:80", "127.1:80", "127.0.0.01:80", "1.2.3.4.5:80",
     "1.2.3.0x4:80", "127.0.0.0x:80", "[::1:80", "::1:80", "[fe80::1%eth0]:80",
     "[v1.x]:80", "[1.2.3.4]x:80", "example.org:0",
     "example.org:65536", "example.org:+80", "example.org:８０", "ex\u00e4mple.org:80",
     "example.org\\@evil.net:80", "%31%32.org:80",
     "example.org%00.evil.net:80", "example.org#evil.net:80", "example.org?:80"],
)  # fmt: skip
def test_invalid_hosts_are_malformed(authority: str) -> None:
    with pytest.raises(Malformed):
        read_target(authority, default_port=80)


@pytest.mark.parametrize(
    "authority", ["localhost:80", "LOCALHOST.:80", "db:5432", "redis:80", "host_docker_internal:80", "10.0.0.1:80",
                  "169.254.169.254:80", "[::1]:80", "[::ffff:10.0.0.1]:443", "127.0.0.1.:80"],
)  # fmt: skip
def test_private_hosts_are_denied_before_rules_are_checked(authority: str) -> None:
    with pytest.raises(EgressDenied, match="only reach the public internet") as denied:
        Connector().screen(read_target(authority, default_port=80))
    assert denied.value.reason == "address_not_public"


def test_tunnel_requires_a_port() -> None:
    with pytest.raises(Malformed, match="host:port"):
        read_target("example.org", default_port=None)


@pytest.mark.parametrize(
    "text",
    ["example.org:0", "example.org:65536", "*.org", "*", "*.1.1.1.1", "*.[2606:4700::1]", "10.0.0.1", "127.0.0.1:80",
     "::1", "fe80::1%eth0", "http://x.org", "x.org/path", "user@x.org", "localhost", "x_y", "", " x.org", "224.0.0.1",
     "2606:4700::1:x", "[2606:4700::1", "1.1.1.1:port"],
)  # fmt: skip
def test_invalid_list_entries_are_rejected(text: str) -> None:
    assert parse_host(text) is None
    with pytest.raises(ValueError, match="is not a host"):
        Rule.of(["example.org", text])


@given(st.text(max_size=60))
def test_parsed_target_is_normalized_and_parses_to_itself(text: str) -> None:
    try:
        target = read_target(text, default_port=80)
    except EgressDenied as denied:
        assert denied.detail.isascii()
        assert denied.detail.isprintable()
        return
    assert target.host.isascii()
    assert target.host == target.host.lower()
    assert read_target(target.authority, default_port=80) == target
