"""System-call numbers compared with the headers of the kernel, and the filters for every number."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from tests.unit.sandbox.filter_interpreter import ALLOWED, KILLED, run
from workers.sandbox.guest import filters
from workers.sandbox.guest.syscalls import ALLOWED as CALLS
from workers.sandbox.guest.syscalls import ARCHITECTURES, STARTUP, Architecture

X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": (
        "/usr/include/aarch64-linux-gnu/asm/unistd_64.h",
        "/usr/aarch64-linux-gnu/include/asm/unistd_64.h",
        "/usr/include/asm-generic/unistd.h",  # aarch64 takes its numbers from here
    ),
}
NAMED = {**CALLS, **STARTUP}
NEW_CALLS = {"fchmodat2": 452, "epoll_pwait2": 441}  # newer than the headers of some distributions
MAX_ALLOWED = 260
END_OF_NUMBERS = 600  # larger than every call number
AUDIT_I386, AUDIT_ARM, AUDIT_X86_64, AUDIT_AARCH64 = 0x40000003, 0x40000028, 0xC000003E, 0xC00000B7
DECIDED_BY_ARGUMENT = (
    *("clone", "socket", "socketpair", "setsockopt", "ioctl", "fcntl"),
    *("prctl", "prlimit64", "setpriority", "ioprio_set"),
)
UNSUPPORTED = ("fallocate", "setxattr", "lsetxattr", "fsetxattr")

BOTH = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=lambda one: one.name)


@BOTH
def test_call_numbers_match_the_kernel_headers(architecture: Architecture) -> None:
    header = next((path for path in map(Path, HEADERS[architecture.name]) if path.exists()), None)
    if header is None:
        pytest.skip(f"the headers of {architecture.name} are not installed (package linux-libc-dev)")
    in_header = _numbers(header)
    ours = {name: number for name, pair in NAMED.items() if (number := pair[architecture.column]) is not None}
    for name in NAMED.keys() - ours.keys():
        assert name not in in_header, f"{name} is listed as missing on {architecture.name}"
    missing = {name for name in ours if name not in in_header}
    assert missing <= set(NEW_CALLS), missing
    assert {name: ours[name] for name in missing} == {name: NEW_CALLS[name] for name in missing}
    assert {name: number for name, number in ours.items() if name in in_header} == {
        name: in_header[name] for name in ours if name in in_header
    }


@BOTH
def test_only_listed_call_numbers_are_allowed(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    by_argument = {CALLS[name][architecture.column] for name in DECIDED_BY_ARGUMENT}
    allowed = {pair[architecture.column] for pair in CALLS.values()} - {None} - by_argument
    unsupported = {CALLS[name][architecture.column] for name in UNSUPPORTED}
    for number in set(range(END_OF_NUMBERS)) - by_argument:
        expected = ALLOWED if number in allowed else errno.ENOSYS
        decision = run(program, architecture, number)
        assert decision == (errno.EOPNOTSUPP if number in unsupported else expected), number


@BOTH
def test_number_of_allowed_calls_is_limited(architecture: Architecture) -> None:
    """Calls that depend on an argument count with the argument that is allowed most often."""
    program = filters.confinement(architecture, [filters.AF_UNIX])
    arguments = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0))
    allowed = {
        number
        for number in range(END_OF_NUMBERS)
        for first, second, third in arguments
        if run(program, architecture, number, first, second=second, third=third) == ALLOWED
    }
    assert len(allowed) <= MAX_ALLOWED
    named = sum(pair[architecture.column] is not None for pair in CALLS.values())
    assert len(allowed) == named - len(UNSUPPORTED)


@BOTH
def test_filters_kill_calls_through_another_architecture(architecture: Architecture) -> None:
    for program in (
        filters.startup(architecture),
        filters.confinement(architecture, [1, 2, 10]),
        filters.one_group(architecture),
    ):
        for audit in {AUDIT_I386, AUDIT_ARM, AUDIT_X86_64, AUDIT_AARCH64, 0} - {architecture.audit}:
            for number in range(END_OF_NUMBERS):
                assert run(program, architecture, number, audit=audit) == KILLED


def test_x32_numbers_are_killed_and_aarch64_numbers_are_checked() -> None:
    for program in (
        filters.startup(X86_64),
        filters.confinement(X86_64, [1, 2, 10]),
        filters.one_group(X86_64),
    ):
        for number in (*range(END_OF_NUMBERS), 0x3FFFFFFF):
            assert run(program, X86_64, 0x40000000 | number) == KILLED
        assert run(program, X86_64, 0xFFFFFFFF) == KILLED  # -1, which a tracer sets to skip a call
    assert (
        run(filters.one_group(AARCH64), AARCH64, 0x40000000) == ALLOWED
    )  # not a call: the kernel rejects it


@BOTH
def test_clone3_is_not_implemented_for_any_argument(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    for argument in (0, 1 << 12, (1 << 64) - 1):
        assert run(program, architecture, 435, argument) == errno.ENOSYS


@BOTH
def test_upper_halves_of_arguments_are_ignored(architecture: Architecture) -> None:
    """The kernel and the filter read the family of a socket and the flags of a clone from the lower 32 bits only."""
    program = filters.confinement(architecture, [filters.AF_UNIX])
    socket, clone = (CALLS[name][architecture.column] or 0 for name in ("socket", "clone"))
    high = 0xFFFF << 32
    assert run(program, architecture, socket, high | 16, second=1) == errno.EAFNOSUPPORT
    assert run(program, architecture, clone, high | 0x10000000) == errno.EPERM
    assert run(program, architecture, socket, high | filters.AF_UNIX, second=high | 1) == ALLOWED
    assert run(program, architecture, socket, filters.AF_UNIX, second=high | 2) == errno.ESOCKTNOSUPPORT


def _numbers(header: Path) -> dict[str, int]:
    """Return the name and number of every call that a header defines."""
    text = header.read_text(encoding="utf-8")
    plain = re.findall(r"^#define\s+__NR(?:3264)?_(\w+)\s+(\d+)\s*$", text, re.MULTILINE)
    numbers = {name: int(number) for name, number in plain}
    for name, of in re.findall(r"^#define\s+__NR_(\w+)\s+__NR3264_(\w+)\s*$", text, re.MULTILINE):
        if of in numbers:
            numbers.setdefault(name, numbers[of])
    return numbers
