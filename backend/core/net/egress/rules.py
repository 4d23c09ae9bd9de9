"""The hosts that the `network:` of a skill allows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple

from backend.core.net.egress.errors import EgressDenied, Malformed
from backend.core.net.host_patterns import USUAL_PORTS, HostPattern, parse_host

_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,254})(?::([0-9]{1,5}))?\Z")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_MAX_CHARACTERS: Final = 253


class Target(NamedTuple):
    """The destination of a connection of a job."""

    host: str
    """A name in lower case without the dot at the end, or a literal address in its short form."""
    port: int
    is_address: bool

    @property
    def authority(self) -> str:
        """Return the target in the form of a `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rule:
    """The hosts that a gateway allows."""

    hosts: tuple[HostPattern, ...] | None
    """None for the whole internet."""

    @classmethod
    def of(cls, network: str | Sequence[str]) -> Rule:
        """Return the rule for a skill's `network: public`, or for its list of hosts.

        Raises:
            ValueError: An entry of the list is not a host.
        """
        if network == "public":
            return cls(None)
        if isinstance(network, str):
            raise ValueError(f"network {network!r} has no gateway")
        patterns = [parse_host(text) for text in network]
        if None in patterns:
            raise ValueError(f"network: {list(network)[patterns.index(None)]!r} is not a host")
        return cls(tuple(pattern for pattern in patterns if pattern is not None))

    def check(self, target: Target) -> None:
        """Check that the target is allowed.

        Raises:
            EgressDenied: The skill does not list the target, or its port is not 80 or 443.
        """
        entry = f"[{target.host}]" if ":" in target.host else target.host
        if self.hosts is None:
            if target.port not in USUAL_PORTS:
                raise EgressDenied(
                    "port_not_allowed",
                    f"network: public only allows ports 80 and 443: to reach {entry} on port {target.port}, list "
                    f"'{entry}:{target.port}' and every other host that the skill needs under network: in skill.yaml",
                )
            return
        if any(pattern.matches(target.host, target.port) for pattern in self.hosts):
            return
        if target.port not in USUAL_PORTS:
            raise EgressDenied(
                "port_not_allowed" if self._lists(target.host) else "host_not_listed",
                f"{entry}:{target.port} is not in this skill's list of hosts: add '{entry}:{target.port}' to network: "
                "in skill.yaml",
            )
        raise EgressDenied(
            "host_not_listed",
            f"{entry} is not in this skill's list of hosts: add '{target.host}' to network: in skill.yaml",
        )

    def _lists(self, host: str) -> bool:
        return any(pattern.matches(host, pattern.port or USUAL_PORTS[0]) for pattern in self.hosts or ())


def read_target(authority: str, *, default_port: int | None) -> Target:
    """Return the host and the port in `host:port`, in the normalized form that is compared and connected to.

    Raises:
        Malformed: It is not a host, or other programs could read it as another host.
    """
    found = _AUTHORITY.match(authority)
    if found is None:
        raise Malformed(
            "the host of the request is not a plain host name or address, without a user name and spaces"
        )
    port = int(found[2]) if found[2] else default_port
    if port is None or not 1 <= port <= 65_535:
        raise Malformed("the port of the request is not between 1 and 65535: write host:port")
    host = found[1].lower()
    if host.startswith("["):
        return Target(_short(host[1:-1]), port, is_address=True)
    host = host.removesuffix(".")
    if _NUMBER.match(host.rpartition(".")[2]):
        return Target(_short(host), port, is_address=True)
    return Target(_name(host), port, is_address=False)


def _name(host: str) -> str:
    labels = host.split(".")
    if len(host) > _MAX_CHARACTERS or not all(_LABEL.match(label) for label in labels):
        raise Malformed("the host of the request is not a name: letters, digits and '-' between single dots")
    return host


def _short(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise Malformed(
            "the address of the request is ambiguous: write it as 192.0.2.1 or [2001:db8::1]"
        ) from None
