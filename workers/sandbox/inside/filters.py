"""Seccomp programs: which system calls a sandboxed process may make.

Every test is "load, compare, answer": no long jumps that could be counted wrong.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from .syscalls import ABSENT, NUMBERS, REFUSED, Architecture

AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_PR_SET_PDEATHSIG = 1
_SOL_SOCKET = 1
_SIZES_OF_BUFFERS: Final = (7, 8, 32, 33)  # SO_{SND,RCV}BUF and their forms for the privileged


class Instruction(NamedTuple):
    """One step of a classic BPF program."""

    code: int
    if_true: int
    if_false: int
    value: int


Program = list[Instruction]


def confinement(architecture: Architecture, families: Sequence[int]) -> Program:
    """The program of a sandbox: sockets of `families` only, no new namespaces, no way to other processes' memory."""
    return [
        *_preamble(architecture),
        *(step for name in REFUSED for step in _when(architecture, name, _answer(errno.EPERM))),
        *(step for name in ABSENT for step in _when(architecture, name, _answer(errno.ENOSYS))),
        # Blocks without writes escape every counter; the C library then writes zeros, which are counted.
        *_when(architecture, "fallocate", _answer(errno.EOPNOTSUPP)),
        *_when(architecture, "clone", _refused_if_any_bit(_NEW_NAMESPACES)),
        *_when(architecture, "socket", _only(families, otherwise=errno.EAFNOSUPPORT)),
        # A sandbox must not outlive the worker, nor one job change the limits of another.
        *_when(architecture, "prctl", _refused_if_equal(_PR_SET_PDEATHSIG)),
        # What lies in a socket is memory of no process; the watchdog counts on the size that they are made with.
        *_when(architecture, "setsockopt", _ignored(_SOL_SOCKET, _SIZES_OF_BUFFERS)),
        *_when(architecture, "prlimit64", _only([0], otherwise=errno.EPERM)),
        *_when(architecture, "move_pages", _only([0], otherwise=errno.EPERM)),
        *_when(architecture, "migrate_pages", _only([0], otherwise=errno.EPERM)),
        *_when(architecture, "setpriority", _only([0], otherwise=errno.EPERM, argument=1)),
        *_when(architecture, "ioprio_set", _only([0], otherwise=errno.EPERM, argument=1)),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def one_group(architecture: Architecture) -> Program:
    """The program of a job: leaving its process group "succeeds" and does nothing, so one signal reaches them all."""
    return [
        *_preamble(architecture),
        *_when(architecture, "setsid", _answer(0)),
        *_when(architecture, "setpgid", _answer(0)),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def encode(program: Program) -> bytes:
    """The program as the kernel reads it."""
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


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
    """Run `body`, which must answer, for this call; the accumulator holds the call's number."""
    return [Instruction(_EQUAL, 0, len(body), NUMBERS[name][architecture.column]), *body]


def _answer(number: int) -> Program:
    return [Instruction(_RETURN, 0, 0, _ERRNO | number)]


def _refused_if_any_bit(bits: int) -> Program:
    return [
        Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        Instruction(_ANY_BIT, 0, 1, bits),
        *_answer(errno.EPERM),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _refused_if_equal(value: int) -> Program:
    return [
        Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        Instruction(_EQUAL, 0, 1, value),
        *_answer(errno.EPERM),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _ignored(first: int, seconds: Sequence[int]) -> Program:
    """Let the call "succeed" and do nothing if its second argument is `first` and its third one of `seconds`."""
    tests = [Instruction(_EQUAL, len(seconds) - place, 0, value) for place, value in enumerate(seconds)]
    return [
        Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT + 8),
        Instruction(_EQUAL, 0, 1 + len(tests), first),
        Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT + 16),
        *tests,
        Instruction(_RETURN, 0, 0, _ALLOW),
        *_answer(0),
    ]


def _only(values: Sequence[int], *, otherwise: int, argument: int = 0) -> Program:
    """Allow the call if one of its arguments, counted from 0, is one of `values`."""
    tests = [Instruction(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [
        Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT_AT + 8 * argument),
        *tests,
        *_answer(otherwise),
        Instruction(_RETURN, 0, 0, _ALLOW),
    ]
