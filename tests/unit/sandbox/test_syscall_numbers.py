"""The numbers of the system calls against the kernel's own headers, and the filters over every number there is."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from tests.unit.sandbox.kernel import ALLOWED, KILLED, run
from workers.sandbox.inside import filters
from workers.sandbox.inside.syscalls import ABSENT, ARCHITECTURES, NUMBERS, REFUSED, Architecture

X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": (
        "/usr/include/aarch64-linux-gnu/asm/unistd_64.h",
        "/usr/aarch64-linux-gnu/include/asm/unistd_64.h",
        "/usr/include/asm-generic/unistd.h",  # aarch64 takes its numbers from here
    ),
}
YOUNG = {"open_tree_attr": 467, "memfd_secret": 447}  # younger than some distributions' headers
NEWEST = 600  # no kernel has as many calls
AUDIT_I386, AUDIT_ARM, AUDIT_X86_64, AUDIT_AARCH64 = 0x40000003, 0x40000028, 0xC000003E, 0xC00000B7
DECIDED_BY_ARGUMENT = (
    *("clone", "socket", "prctl", "prlimit64"),
    *("move_pages", "migrate_pages", "setpriority", "ioprio_set"),
)

BOTH = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=lambda one: one.name)


@BOTH
def test_every_number_is_the_one_that_the_kernels_headers_give(architecture: Architecture) -> None:
    header = next((path for path in map(Path, HEADERS[architecture.name]) if path.exists()), None)
    if header is None:
        pytest.skip(f"the headers of {architecture.name} are not here (package linux-libc-dev)")
    theirs = _numbers(header)
    ours = {name: pair[architecture.column] for name, pair in NUMBERS.items()}
    missing = {name for name in ours if name not in theirs}
    assert missing <= set(YOUNG), missing
    assert {name: ours[name] for name in missing} == {name: YOUNG[name] for name in missing}
    assert {name: number for name, number in ours.items() if name in theirs} == {
        name: theirs[name] for name in ours if name in theirs
    }


@BOTH
def test_of_all_numbers_exactly_the_named_ones_are_decided(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    expected = {
        **{NUMBERS[name][architecture.column]: errno.EPERM for name in REFUSED},
        **{NUMBERS[name][architecture.column]: errno.ENOSYS for name in ABSENT},
        NUMBERS["fallocate"][architecture.column]: errno.EOPNOTSUPP,
    }
    by_argument = {NUMBERS[name][architecture.column] for name in DECIDED_BY_ARGUMENT}
    for number in range(NEWEST):
        if number not in by_argument:
            assert run(program, architecture, number) == expected.get(number, ALLOWED), number


@BOTH
def test_both_programs_end_whoever_comes_through_another_entry(architecture: Architecture) -> None:
    for program in (filters.confinement(architecture, [1, 2, 10]), filters.one_group(architecture)):
        for audit in {AUDIT_I386, AUDIT_ARM, AUDIT_X86_64, AUDIT_AARCH64, 0} - {architecture.audit}:
            for number in range(NEWEST):
                assert run(program, architecture, number, audit=audit) == KILLED


def test_no_number_of_x32_passes_and_all_of_aarch64_are_looked_at() -> None:
    for program in (filters.confinement(X86_64, [1, 2, 10]), filters.one_group(X86_64)):
        for number in (*range(NEWEST), 0x3FFFFFFF):
            assert run(program, X86_64, 0x40000000 | number) == KILLED
        assert run(program, X86_64, 0xFFFFFFFF) == KILLED  # -1, which a tracer sets to skip a call
    assert run(filters.one_group(AARCH64), AARCH64, 0x40000000) == ALLOWED  # not a call: the kernel says so


@BOTH
def test_clone3_is_absent_whatever_it_asks_for(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    for argument in (0, 1 << 12, (1 << 64) - 1):
        assert run(program, architecture, 435, argument) == errno.ENOSYS


@BOTH
def test_upper_halves_of_arguments_do_not_hide_what_the_kernel_reads(architecture: Architecture) -> None:
    """The kernel takes a socket's family and a clone's flags from the lower 32 bits alone, and so does the filter."""
    program = filters.confinement(architecture, [filters.AF_UNIX])
    socket, clone = (NUMBERS[name][architecture.column] for name in ("socket", "clone"))
    high = 0xFFFF << 32
    assert run(program, architecture, socket, high | 16) == errno.EAFNOSUPPORT
    assert run(program, architecture, clone, high | 0x10000000) == errno.EPERM
    assert run(program, architecture, socket, high | filters.AF_UNIX) == ALLOWED


def _numbers(header: Path) -> dict[str, int]:
    """Name and number of every call that a header defines."""
    text = header.read_text(encoding="utf-8")
    plain = re.findall(r"^#define\s+__NR(?:3264)?_(\w+)\s+(\d+)\s*$", text, re.MULTILINE)
    numbers = {name: int(number) for name, number in plain}
    for name, of in re.findall(r"^#define\s+__NR_(\w+)\s+__NR3264_(\w+)\s*$", text, re.MULTILINE):
        if of in numbers:
            numbers.setdefault(name, numbers[of])
    return numbers
