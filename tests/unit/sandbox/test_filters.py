"""The system-call filters of both architectures, run by a small machine of our own."""

from __future__ import annotations

import errno

import pytest

from tests.unit.sandbox.kernel import ALLOWED, KILLED, run
from workers.sandbox.inside import filters
from workers.sandbox.inside.syscalls import ABSENT, ARCHITECTURES, NUMBERS, REFUSED, Architecture

X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
BOTH = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=lambda one: one.name)


def _number(architecture: Architecture, name: str) -> int:
    return NUMBERS[name][architecture.column]


@BOTH
def test_every_refused_call_is_refused_and_every_absent_one_absent(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    for name in REFUSED:
        assert run(program, architecture, _number(architecture, name)) == errno.EPERM, name
    for name in ABSENT:
        assert run(program, architecture, _number(architecture, name)) == errno.ENOSYS, name


@BOTH
@pytest.mark.parametrize(
    "x86_64_and_aarch64", [(0, 63), (1, 64), (59, 221), (257, 56), (231, 94), (9, 222), (202, 98)]
)
def test_ordinary_calls_are_allowed(architecture: Architecture, x86_64_and_aarch64: tuple[int, int]) -> None:
    number = x86_64_and_aarch64[architecture.column]
    assert run(filters.confinement(architecture, []), architecture, number) == ALLOWED
    assert run(filters.one_group(architecture), architecture, number) == ALLOWED


@BOTH
def test_sockets_are_those_of_the_given_families_alone(architecture: Architecture) -> None:
    given = [filters.AF_UNIX, filters.AF_INET, filters.AF_INET6]
    number = _number(architecture, "socket")
    for family in range(64):
        answer = run(filters.confinement(architecture, given), architecture, number, family)
        assert answer == (ALLOWED if family in given else errno.EAFNOSUPPORT), family
        assert run(filters.confinement(architecture, []), architecture, number, family) == errno.EAFNOSUPPORT


@BOTH
@pytest.mark.parametrize(
    "flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000], ids=hex
)
def test_no_clone_makes_a_namespace_and_threads_and_forks_are_made(
    architecture: Architecture, flag: int
) -> None:
    program, number = filters.confinement(architecture, []), _number(architecture, "clone")
    assert run(program, architecture, number, flag | 17) == errno.EPERM
    assert run(program, architecture, number, 17) == ALLOWED
    assert run(program, architecture, number, 0x003D0F00) == ALLOWED


@BOTH
def test_calls_of_another_architecture_end_the_process(architecture: Architecture) -> None:
    for program in (filters.confinement(architecture, []), filters.one_group(architecture)):
        assert run(program, architecture, 0, audit=0x40000003) == KILLED


def test_the_second_set_of_numbers_of_x86_ends_the_process() -> None:
    for program in (filters.confinement(X86_64, []), filters.one_group(X86_64)):
        assert run(program, X86_64, 0x40000000) == KILLED
        assert run(program, X86_64, 0x40000000 + 41) == KILLED


@BOTH
def test_leaving_the_group_succeeds_and_does_nothing(architecture: Architecture) -> None:
    program = filters.one_group(architecture)
    for name in ("setsid", "setpgid"):
        assert run(program, architecture, _number(architecture, name)) == 0
        assert (
            run(filters.confinement(architecture, []), architecture, _number(architecture, name)) == ALLOWED
        )


@BOTH
def test_limits_of_other_processes_and_the_death_signal_stay_as_they_are(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    assert run(program, architecture, _number(architecture, "prlimit64"), 0) == ALLOWED
    assert run(program, architecture, _number(architecture, "prlimit64"), 4711) == errno.EPERM
    assert run(program, architecture, _number(architecture, "prctl"), 1) == errno.EPERM
    assert run(program, architecture, _number(architecture, "prctl"), 15) == ALLOWED


@BOTH
def test_a_job_slows_down_itself_alone(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    for name in ("setpriority", "ioprio_set"):
        number = _number(architecture, name)
        assert run(program, architecture, number, 1, second=0) == ALLOWED
        assert run(program, architecture, number, 0, second=4711) == errno.EPERM
    for name in ("move_pages", "migrate_pages"):
        assert run(program, architecture, _number(architecture, name), 0) == ALLOWED
        assert run(program, architecture, _number(architecture, name), 4711) == errno.EPERM


@BOTH
def test_setting_the_size_of_a_sockets_buffer_succeeds_and_does_nothing(architecture: Architecture) -> None:
    program, number = filters.confinement(architecture, []), _number(architecture, "setsockopt")
    socket_level, tcp_level = 1, 6
    for option in range(64):
        answer = run(program, architecture, number, 5, second=socket_level, third=option)
        assert answer == (0 if option in (7, 8, 32, 33) else ALLOWED), option
        assert run(program, architecture, number, 5, second=tcp_level, third=option) == ALLOWED


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
