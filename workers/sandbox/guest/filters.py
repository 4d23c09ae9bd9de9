"""Define the seccomp programs, which decide the system calls that a confined process may make.

Up to four programs are stacked. `startup` is set by bubblewrap before the first instruction of the sandbox, and allows
only what our own code needs to confine itself. `reports_sockets` informs the worker. `confinement` is the narrow list
that code of a tenant runs under. `one_group` keeps a job in its process group. The kernel enforces the strictest answer
of all of them.

Calls whose arguments decide are compared first: the kernel remembers which of the others are always allowed, and runs
no program for them (Linux 5.11).
"""

from __future__ import annotations

import errno
import struct

from .lean import NamedTuple
from .syscalls import ALLOWED, READER, STARTUP, Architecture, Numbers

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Final

AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO, _REPORT = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FC00000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT, _ARGUMENT_BYTES = 0, 4, 16, 8

_CLONE_NEWNS: Final = 0x00020000
_NEW_NAMESPACES: Final = 0x7E020080
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}."""

_SOCK_TYPE_MASK, _SOCK_STREAM, _SOCK_DGRAM = 0xF, 1, 2
_DEFAULT_PROTOCOL, _IPPROTO_TCP, _IPPROTO_UDP = 0, 6, 17
_SOL_SOCKET: Final = 1
_BUFFER_SIZES: Final = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF and their forms for privileged processes."""
_SOCKET_PROGRAMS: Final = (26, 50, 51, 52)
"""SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_{C,E}BPF."""
_TCP_ULP: Final = 31
"""Moves TLS into the kernel."""

_PRIO_PROCESS: Final = 0
_IOPRIO_WHO_PROCESS: Final = 1
_PR_SET_PDEATHSIG: Final = 1
_PR_CAPBSET_DROP: Final = 24
_PRCTL_OPTIONS: Final = (
    *(2, 3, 4),  # PR_GET_PDEATHSIG, PR_{GET,SET}_DUMPABLE
    *(15, 16),  # PR_{SET,GET}_NAME
    *(21, 22, 23),  # PR_{GET,SET}_SECCOMP, PR_CAPBSET_READ
    *(29, 30),  # PR_{SET,GET}_TIMERSLACK
    *(36, 37, 38, 39),  # PR_{SET,GET}_CHILD_SUBREAPER, PR_{SET,GET}_NO_NEW_PRIVS
    *(41, 42),  # PR_{SET,GET}_THP_DISABLE
    47,  # PR_CAP_AMBIENT
    *(52, 53),  # PR_{GET,SET}_SPECULATION_CTRL
    0x53564D41,  # PR_SET_VMA, with which the C library names its memory
)

_IOCTL_REFUSED: Final = (
    *(0x5412, 0x541C),  # TIOCSTI, TIOCLINUX: type into a terminal
    # FS_IOC_{,UN}RESVSP{,64} and FS_IOC_ZERO_RANGE: what `fallocate` does
    *(0x40305828, 0x40305829, 0x4030582A, 0x4030582B, 0x40305839),
    0x401C5820,  # FS_IOC_FSSETXATTR: quotas and other properties of files
)
_FCNTL_REFUSED: Final = (1024, 1026)
"""F_SETLEASE, with which a process delays others that open a file, and F_NOTIFY, which reports changes of a folder."""
_IOCTL_KIND_MASK, _NAMESPACE_IOCTLS = 0xFF00, 0xB700


class Instruction(NamedTuple):
    """One step of a classic BPF program."""

    code: int
    if_true: int
    if_false: int
    value: int


Program = list[Instruction]


def startup(architecture: Architecture) -> Program:
    """Return the program for our own code before it confines itself.

    It may also change its user, leave the mount namespace, look up names over UDP and tie its life to its parent's.
    """
    by_argument = {
        **_by_argument([AF_UNIX, AF_INET, AF_INET6], datagrams=True),
        "prctl": _only([*_PRCTL_OPTIONS, _PR_SET_PDEATHSIG, _PR_CAPBSET_DROP], otherwise=errno.EINVAL),
        "unshare": _only([_CLONE_NEWNS], otherwise=errno.EPERM),
    }
    return _allowlist(architecture, {**ALLOWED, **STARTUP}, by_argument)


def confinement(architecture: Architecture, families: Sequence[int], *, datagrams: bool = False) -> Program:
    """Return the program for code of a tenant.

    Args:
        architecture: The architecture of this host.
        families: Address families of the sockets that may be made.
        datagrams: Whether sockets of these families may also be datagram sockets, which name lookups require.
    """
    return _allowlist(architecture, ALLOWED, _by_argument(families, datagrams=datagrams))


def reader(architecture: Architecture) -> Program:
    """Return the program for a process that reads one untrusted file and responds over a pipe."""
    bodies = _by_argument([], datagrams=False)
    return _allowlist(architecture, READER, {name: body for name, body in bodies.items() if name in READER})


def one_group(architecture: Architecture) -> Program:
    """Return the program of a job: leaving its process group has no effect, so one signal reaches the whole job."""
    return [
        *_preamble(architecture),
        *_when(architecture, "setsid", _answer(0)),
        *_when(architecture, "setpgid", _answer(0)),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def reports_sockets(architecture: Architecture) -> Program:
    """Return the program that reports each Unix socket, except for pairs, which connect no other process."""
    report = [_load(0), *_one_of([AF_UNIX], [Instruction(_RETURN, 0, 0, _REPORT)])]
    return [
        *_preamble(architecture),
        *_when(architecture, "socket", [*report, Instruction(_RETURN, 0, 0, _ALLOW)]),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def encode(program: Program) -> bytes:
    """Return the program as the kernel reads it."""
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _by_argument(families: Sequence[int], *, datagrams: bool) -> dict[str, Program]:
    """Return the instructions for calls that are allowed only with some arguments.

    Each body returns a decision.
    """
    types = [_SOCK_STREAM, *([_SOCK_DGRAM] if datagrams else [])]
    protocols = [_DEFAULT_PROTOCOL, _IPPROTO_TCP, *([_IPPROTO_UDP] if datagrams else [])]
    return {
        "ioctl": [
            _load(1),
            Instruction(_AND, 0, 0, _IOCTL_KIND_MASK),
            *_one_of([_NAMESPACE_IOCTLS], _answer(errno.ENOTTY)),
            *_refused(_IOCTL_REFUSED, errno.EOPNOTSUPP, argument=1),
        ],
        "fcntl": _refused(_FCNTL_REFUSED, errno.EINVAL, argument=1),
        "clone": [
            _load(0),
            Instruction(_ANY_BIT, 0, 1, _NEW_NAMESPACES),
            *_answer(errno.EPERM),
            Instruction(_RETURN, 0, 0, _ALLOW),
        ],
        # The type has flags in its upper bits. Multipath TCP is a separate protocol, and most of its code is
        # new.
        "socket": [
            *_required(families, errno.EAFNOSUPPORT, argument=0),
            *_required(types, errno.ESOCKTNOSUPPORT, argument=1, mask=_SOCK_TYPE_MASK),
            *_only(protocols, otherwise=errno.EPROTONOSUPPORT, argument=2),
        ],
        "socketpair": [
            *_required([AF_UNIX], errno.EAFNOSUPPORT, argument=0),
            *_required([_SOCK_STREAM], errno.ESOCKTNOSUPPORT, argument=1, mask=_SOCK_TYPE_MASK),
            Instruction(_RETURN, 0, 0, _ALLOW),
        ],
        "setsockopt": _socket_options(),
        # A sandbox must not outlive the worker, nor one job change the limits of another.
        "prctl": _only(_PRCTL_OPTIONS, otherwise=errno.EINVAL),
        "prlimit64": _only([0], otherwise=errno.EPERM),
        "setpriority": [
            *_required([_PRIO_PROCESS], errno.EPERM, argument=0),
            *_only([0], otherwise=errno.EPERM, argument=1),
        ],
        "ioprio_set": [
            *_required([_IOPRIO_WHO_PROCESS], errno.EPERM, argument=0),
            *_only([0], otherwise=errno.EPERM, argument=1),
        ],
        # Blocks without writes escape every counter; the C library then writes zeros, which are counted.
        "fallocate": _answer(errno.EOPNOTSUPP),
        # In `/dev/shm` the kernel keeps attributes in its own memory, outside of the size of the mount. Programs that
        # copy attributes ignore this error.
        **dict.fromkeys(("setxattr", "lsetxattr", "fsetxattr"), _answer(errno.EOPNOTSUPP)),
    }


def _socket_options() -> Program:
    """Decide on `setsockopt`: no programs for the kernel, no TLS in it, and buffers keep the size they are made with.

    What is in a socket is memory of no process, and the watchdog counts on that size.
    """
    of_sockets = [
        _load(2),
        *_one_of(_BUFFER_SIZES, _answer(0)),
        *_one_of(_SOCKET_PROGRAMS, _answer(errno.EPERM)),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]
    return [
        _load(1),
        Instruction(_EQUAL, 0, len(of_sockets), _SOL_SOCKET),
        *of_sockets,
        Instruction(_EQUAL, 1, 0, _IPPROTO_TCP),
        Instruction(_RETURN, 0, 0, _ALLOW),
        _load(2),
        *_one_of([_TCP_ULP], _answer(errno.ENOPROTOOPT)),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _allowlist(
    architecture: Architecture, calls: Mapping[str, Numbers], by_argument: Mapping[str, Program]
) -> Program:
    numbers = sorted(
        number
        for name, pair in calls.items()
        if name not in by_argument and (number := pair[architecture.column]) is not None
    )
    program = _preamble(architecture)
    for name, body in by_argument.items():
        program += _when(architecture, name, body)
    for first, last in _ranges(numbers):
        program += [
            Instruction(_AT_LEAST, 1, 0, first),
            Instruction(_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
            Instruction(_AT_LEAST, 1, 0, last + 1),
            Instruction(_RETURN, 0, 0, _ALLOW),
        ]
    return [*program, Instruction(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _preamble(architecture: Architecture) -> Program:
    program = [
        Instruction(_LOAD, 0, 0, _ARCHITECTURE_AT),
        Instruction(_EQUAL, 1, 0, architecture.audit),
        Instruction(_RETURN, 0, 0, _KILL),
        Instruction(_LOAD, 0, 0, _NUMBER_AT),
    ]
    if architecture.second_abi_bit is not None:
        program += [
            Instruction(_AT_LEAST, 0, 1, architecture.second_abi_bit),
            Instruction(_RETURN, 0, 0, _KILL),
        ]
    return program


def _when(architecture: Architecture, name: str, body: Program) -> Program:
    """Run `body`, which must return a decision, for this call; the accumulator contains the call's number."""
    number = {**ALLOWED, **STARTUP}[name][architecture.column]
    return [] if number is None else [Instruction(_EQUAL, 0, len(body), number), *body]


def _load(argument: int) -> Instruction:
    """Load the lower half of an argument, counted from 0: all that the kernel reads of numbers and flags."""
    return Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT + _ARGUMENT_BYTES * argument)


def _answer(number: int) -> Program:
    return [Instruction(_RETURN, 0, 0, _ERRNO | number)]


def _one_of(values: Collection[int], body: Program) -> Program:
    """Run `body`, which must return a decision, if the accumulator is one of the values.

    Otherwise continue after it.
    """
    last = len(values) - 1
    tests = [
        Instruction(_EQUAL, last - place, len(body) if place == last else 0, value)
        for place, value in enumerate(values)
    ]
    return [*tests, *body]


def _required(values: Collection[int], otherwise: int, *, argument: int, mask: int | None = None) -> Program:
    """Continue if an argument is one of the values; return an error otherwise."""
    masked = [] if mask is None else [Instruction(_AND, 0, 0, mask)]
    tests = [Instruction(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_load(argument), *masked, *tests, *_answer(otherwise)]


def _only(values: Collection[int], *, otherwise: int, argument: int = 0) -> Program:
    """Allow the call if an argument is one of the values."""
    return [*_required(values, otherwise, argument=argument), Instruction(_RETURN, 0, 0, _ALLOW)]


def _refused(values: Collection[int], error: int, *, argument: int) -> Program:
    """Return an error if an argument is one of the values."""
    return [_load(argument), *_one_of(values, _answer(error)), Instruction(_RETURN, 0, 0, _ALLOW)]
