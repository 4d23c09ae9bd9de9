"""A network between two namespaces, created through netlink, without programs of the system."""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import ip_interface
from typing import Final

_NEWLINK, _NEWADDR, _NEWROUTE = 16, 20, 24
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 1, 4, 0x200, 0x400
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8
_NAME, _LINKINFO, _KIND, _DATA, _PEER, _NAMESPACE_OF = 3, 18, 1, 2, 1, 19
_DESTINATION_DEVICE: Final = 4
_UP: Final = 1
_NO_DUPLICATE_CHECK: Final = 0x02
_LINK_SCOPE, _GLOBAL_SCOPE, _UNICAST, _STATIC, _MAIN = 253, 0, 1, 4, 254


def join(name: str, peer: str, peer_pid: int) -> None:
    """Create a virtual link from this namespace to the namespace of another process."""
    other = (
        _link(0, 0) + _attribute(_NAME, _text(peer)) + _attribute(_NAMESPACE_OF, struct.pack("I", peer_pid))
    )
    info = _attribute(_KIND, b"veth") + _attribute(_DATA, _attribute(_PEER, other))
    _ask(
        _NEWLINK,
        _CREATE | _EXCLUSIVE,
        _link(0, 0) + _attribute(_NAME, _text(name)) + _attribute(_LINKINFO, info),
    )


def up(name: str) -> None:
    """Enable an interface."""
    _ask(_NEWLINK, 0, _link(socket.if_nametoindex(name), _UP))


def add_addresses(name: str, *interfaces: str) -> None:
    """Add IP addresses (`1.2.3.4/32`) to an interface."""
    index = socket.if_nametoindex(name)
    for text in interfaces:
        address = ip_interface(text)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        head = struct.pack(
            "BBBBI", family, address.network.prefixlen, _NO_DUPLICATE_CHECK, _GLOBAL_SCOPE, index
        )
        flags = _attribute(_FLAGS, struct.pack("I", _NO_DUPLICATE_CHECK))
        _ask(
            _NEWADDR,
            _CREATE,
            head + _attribute(_LOCAL, address.packed) + _attribute(_ADDRESS, address.packed) + flags,
        )


def set_default_route(name: str, *, six: bool) -> None:
    """Route all packets to other hosts through an interface."""
    index = struct.pack("I", socket.if_nametoindex(name))
    for family in (socket.AF_INET, *([socket.AF_INET6] if six else [])):
        head = struct.pack("BBBBBBBBI", family, 0, 0, 0, _MAIN, _STATIC, _LINK_SCOPE, _UNICAST, 0)
        _ask(_NEWROUTE, _CREATE, head + _attribute(_DESTINATION_DEVICE, index))


def _link(index: int, flags: int) -> bytes:
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _text(name: str) -> bytes:
    return name.encode() + b"\0"


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _ask(kind: int, flags: int, body: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(struct.pack("IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body)
        result = kernel.recv(65536)
    (error,) = struct.unpack_from("i", result, 16)
    if error:
        raise OSError(-error, f"netlink {kind}: {os.strerror(-error)}")
