"""Send messages between a worker, a zygote and its children.

`control` (SOCK_SEQPACKET, worker ↔ parent) carries one JSON object a message, some with descriptors.
`private` (SOCK_STREAM, worker ↔ child) carries one frame to the child (its job) and JSON lines back. The last of them
is the response; lines before it that start with `REQUEST` are requests of the kit, and each answer is a JSON line.
`events` (SOCK_SEQPACKET, child → worker) carries JSON lines of the kit. Output goes through two pipes.
"""

from __future__ import annotations

import _socket as socket  # without the enumerations of `socket`
import struct
import sys

from . import json_text
from .lean import NamedTuple

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Any, Final

CONTROL_TYPE: Final = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
MAX_CONTROL_BYTES: Final = 64 * 1024
PRIVATE_FD: Final = 3
EVENTS_FD: Final = 4
REQUEST: Final = b'{"type":"request",'
"""How each request starts, with its spaces, so that the worker recognizes it without decoding the line."""
MUTE: Final = 86
"""Exit code of a child whose function closed `private`, so that it cannot send its response."""
INPUTS: Final = "_inputs.json"
TEMPORARY: Final = "tmp"
"""Entries of the folder of each job."""
PATTERNS: Final = "links"
"""The folder with the links of every job, next to the folders of jobs, none of which has this name."""
HOST: Final = "/host"
"""Contains the folders of all projects in a prepared sandbox, until the sandbox is assigned to one project."""
DESCRIPTORS_OF_A_CHILD: Final = 4  # private, stdout, stderr, events
_FIRST_BYTES: Final = 16 << 10
_READ_BYTES: Final = 1 << 20
_LENGTH: Final = struct.Struct("!Q")
_INT_BYTES: Final = struct.calcsize("i")


class Message(NamedTuple):
    """One message of a control socket."""

    body: dict[str, Any]
    """Empty if the other side has disconnected or did not send an object."""
    descriptors: list[int]
    closed: bool
    pid: int | None
    """The process ID of the sender, as the kernel reports it, if requested."""


def send(control: socket.socket, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
    """Send one message, with descriptors of which the other process gets copies."""
    ancillary = (
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(descriptors)}i", *descriptors))]
        if descriptors
        else []
    )
    control.sendmsg([json_text.write_ascii(body).encode()], ancillary)


def send_exit(control: socket.socket, number: int, status: int) -> None:
    """Report how a child ended; encoding JSON costs a zygote more than the rest of the report."""
    control.send(b'{"type":"exit","id":%d,"status":%d}' % (number, status))


def receive(control: socket.socket, *, max_descriptors: int = 0) -> Message:
    """Read one message; the kernel closes unexpected descriptors.

    Raises:
        BlockingIOError: there is no message now.
    """
    space = socket.CMSG_SPACE(_INT_BYTES * max_descriptors) if max_descriptors else 0
    credentials = (
        socket.CMSG_SPACE(_CREDENTIALS.size) if control.getsockopt(socket.SOL_SOCKET, _PASSCRED) else 0
    )
    data, ancillary, _, _ = control.recvmsg(MAX_CONTROL_BYTES, space + credentials, _CLOSE_ON_EXEC)
    descriptors, pid = _unpack(ancillary)
    return Message(_object(data), descriptors, not data, pid)


def frame(body: bytes) -> bytes:
    """Return the length as bytes, then the body."""
    return _LENGTH.pack(len(body)) + body


def read_frames(stream: socket.socket) -> tuple[bytes, bytes] | None:
    """Wait for two frames, after which nothing follows, and read them; none if the other side has disconnected."""
    data: bytes | bytearray = stream.recv(_FIRST_BYTES)  # nearly always all of it
    while not (end := _end_of_frames(data)):
        more = stream.recv(_READ_BYTES)
        if not more:
            return None
        data = bytearray(data) if isinstance(data, bytes) else data
        data += more
    return bytes(data[_LENGTH.size : end]), bytes(data[end + _LENGTH.size :])


def _end_of_frames(data: bytes | bytearray) -> int:
    """Return where the first of two frames ends; 0 if the second was not received completely yet."""
    first = second = _LENGTH.size
    if len(data) < second:
        return 0
    first += int.from_bytes(data[:second], "big")
    second += first
    if len(data) < second:
        return 0
    return first if len(data) >= second + int.from_bytes(data[first:second], "big") else 0


def sender_pid(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """Return the process ID of the sender as the kernel reports it, if requested."""
    return _unpack(ancillary)[1]


_PASSCRED: Final = getattr(socket, "SO_PASSCRED", 0x10)
_CREDENTIALS: Final = struct.Struct("3i")
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def _unpack(ancillary: list[tuple[int, int, bytes]]) -> tuple[list[int], int | None]:
    descriptors: list[int] = []
    pid = None
    for level, kind, data in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_RIGHTS:
            count = len(data) // _INT_BYTES
            descriptors += struct.unpack_from(f"{count}i", data)
        elif kind == getattr(socket, "SCM_CREDENTIALS", -1):
            pid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
    return descriptors, pid


def _object(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode()
        body, end = json_text.read(text) if text else ({}, 0)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) and end == len(text) else {}


class Plan(NamedTuple):
    """The skill of one zygote, the paths of its sandbox, and how it is confined. Never in a command line."""

    skill_dir: str
    file: str
    function: str
    """Empty when each job names one, as the tools of agents do."""
    declared_inputs: list[str]
    jobs: str
    """Folder in which every job gets its own."""
    inputs: str
    """Folder in memory with the files of the inputs, to which the folders of jobs link; empty if there is none."""
    deployment: str
    drive: str
    """Empty if each job has a staged drive, which the worker moves into its folder."""
    kit: str
    """Folder that holds the package `puras`."""
    environment: dict[str, str]
    """Variables of all jobs of this zygote: the skill's secrets and the platform's own."""
    readable: list[str]
    writable: list[str]
    limits: dict[str, int]
    """Resource limits of the import, and the maximum for jobs."""
    uid: int | None
    """User to become before any tenant data is read."""
    prefix: str
    """Folder of the environment of packages whose interpreter the process becomes; empty for none."""
    cold: bool
    """Import in each child instead of here."""
    landlock: bool
    seccomp: bool
    families: list[int]
    namespaced: bool
    """It runs in its own namespaces: only then there is a loopback for gateways, and code may be imported."""
    egress: bool
    """There is a gateway to the internet in addition to the one to the API."""
    reports_sockets: bool
    """The kernel reports the creation of Unix sockets to the worker."""

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Plan:
        """Return the plan as the worker sent it."""
        return cls(**body)
