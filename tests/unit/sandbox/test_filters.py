"""The system-call filters of both architectures, run by a small machine of our own."""

from __future__ import annotations

import errno
import struct

import pytest

from workers.sandbox.inside import filters
from workers.sandbox.inside.syscalls import ABSENT, ARCHITECTURES, NUMBERS, REFUSED, Architecture

ALLOWED, KILLED = "allowed", "killed"
X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
BOTH = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=lambda one: one.name)


def _run(
    program: filters.Program,
    architecture: Architecture,
    number: int,
    argument: int = 0,
    audit: int | None = None,
) -> str | int:
    """What the kernel would do with this call: allowed, killed, or the number of an error."""
    data = struct.pack("<IIQ6Q", number, audit or architecture.audit, 0, argument, 0, 0, 0, 0, 0)
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x15:
            at += if_true if accumulator == value else if_false
        elif code == 0x35:
            at += if_true if accumulator >= value else if_false
        elif code == 0x45:
            at += if_true if accumulator & value else if_false
        else:
            assert code == 0x06
            break
    return ALLOWED if value == 0x7FFF0000 else KILLED if value == 0x80000000 else value & 0xFFFF


def _number(architecture: Architecture, name: str) -> int:
    return NUMBERS[name][architecture.column]


@BOTH
def test_every_refused_call_is_refused_and_every_absent_one_absent(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    for name in REFUSED:
        assert _run(program, architecture, _number(architecture, name)) == errno.EPERM, name
    for name in ABSENT:
        assert _run(program, architecture, _number(architecture, name)) == errno.ENOSYS, name


@BOTH
@pytest.mark.parametrize(
    "x86_64_and_aarch64", [(0, 63), (1, 64), (59, 221), (257, 56), (231, 94), (9, 222), (202, 98)]
)
def test_ordinary_calls_are_allowed(architecture: Architecture, x86_64_and_aarch64: tuple[int, int]) -> None:
    number = x86_64_and_aarch64[architecture.column]
    assert _run(filters.confinement(architecture, []), architecture, number) == ALLOWED
    assert _run(filters.one_group(architecture), architecture, number) == ALLOWED


@BOTH
def test_sockets_are_those_of_the_given_families_alone(architecture: Architecture) -> None:
    given = [filters.AF_UNIX, filters.AF_INET, filters.AF_INET6]
    number = _number(architecture, "socket")
    for family in range(64):
        answer = _run(filters.confinement(architecture, given), architecture, number, family)
        assert answer == (ALLOWED if family in given else errno.EAFNOSUPPORT), family
        assert _run(filters.confinement(architecture, []), architecture, number, family) == errno.EAFNOSUPPORT


@BOTH
@pytest.mark.parametrize(
    "flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000], ids=hex
)
def test_no_clone_makes_a_namespace_and_threads_and_forks_are_made(
    architecture: Architecture, flag: int
) -> None:
    program, number = filters.confinement(architecture, []), _number(architecture, "clone")
    assert _run(program, architecture, number, flag | 17) == errno.EPERM
    assert _run(program, architecture, number, 17) == ALLOWED
    assert _run(program, architecture, number, 0x003D0F00) == ALLOWED


@BOTH
def test_calls_of_another_architecture_end_the_process(architecture: Architecture) -> None:
    for program in (filters.confinement(architecture, []), filters.one_group(architecture)):
        assert _run(program, architecture, 0, audit=0x40000003) == KILLED


def test_the_second_set_of_numbers_of_x86_ends_the_process() -> None:
    for program in (filters.confinement(X86_64, []), filters.one_group(X86_64)):
        assert _run(program, X86_64, 0x40000000) == KILLED
        assert _run(program, X86_64, 0x40000000 + 41) == KILLED


@BOTH
def test_leaving_the_group_succeeds_and_does_nothing(architecture: Architecture) -> None:
    program = filters.one_group(architecture)
    for name in ("setsid", "setpgid"):
        assert _run(program, architecture, _number(architecture, name)) == 0
        assert (
            _run(filters.confinement(architecture, []), architecture, _number(architecture, name)) == ALLOWED
        )


@BOTH
def test_limits_of_other_processes_and_the_death_signal_stay_as_they_are(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    assert _run(program, architecture, _number(architecture, "prlimit64"), 0) == ALLOWED
    assert _run(program, architecture, _number(architecture, "prlimit64"), 4711) == errno.EPERM
    assert _run(program, architecture, _number(architecture, "prctl"), 1) == errno.EPERM
    assert _run(program, architecture, _number(architecture, "prctl"), 15) == ALLOWED


@BOTH
def test_programs_fit_into_the_kernels_limits(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [1, 2, 10])
    assert len(program) < 4096
    assert all(max(step.if_true, step.if_false) < 256 for step in program)
    assert len(filters.encode(program)) == 8 * len(program)


def test_every_number_is_named_once_per_architecture() -> None:
    for column in (0, 1):
        numbers = [pair[column] for pair in NUMBERS.values()]
        assert len(numbers) == len(set(numbers))
