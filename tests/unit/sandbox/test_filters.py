"""The system-call filters of both architectures, run by the interpreter of these tests."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.unit.sandbox.filter_interpreter import ALLOWED, KILLED, run
from workers.sandbox.guest import filters
from workers.sandbox.guest.syscalls import ALLOWED as CALLS
from workers.sandbox.guest.syscalls import ARCHITECTURES, STARTUP, Architecture

X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
BOTH = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=lambda one: one.name)
FAMILIES = [filters.AF_UNIX, filters.AF_INET, filters.AF_INET6]
STREAM, DATAGRAM, RAW, SEQPACKET = 1, 2, 3, 5
CLOEXEC_NONBLOCK = 0o2004000
MPTCP, TCP, UDP = 262, 6, 17


def _number(architecture: Architecture, name: str) -> int:
    number = {**CALLS, **STARTUP}[name][architecture.column]
    assert number is not None
    return number


@BOTH
@pytest.mark.parametrize(
    "x86_64_and_aarch64", [(0, 63), (1, 64), (59, 221), (257, 56), (231, 94), (9, 222), (202, 98)]
)
def test_ordinary_calls_are_allowed(architecture: Architecture, x86_64_and_aarch64: tuple[int, int]) -> None:
    number = x86_64_and_aarch64[architecture.column]
    for program in (
        filters.startup(architecture),
        filters.confinement(architecture, []),
        filters.one_group(architecture),
    ):
        assert run(program, architecture, number) == ALLOWED


@BOTH
def test_only_stream_sockets_of_the_given_families_are_allowed(architecture: Architecture) -> None:
    number = _number(architecture, "socket")
    program, none = filters.confinement(architecture, FAMILIES), filters.confinement(architecture, [])
    for family in range(64):
        decision = run(program, architecture, number, family, second=STREAM)
        assert decision == (ALLOWED if family in FAMILIES else errno.EAFNOSUPPORT), family
        assert run(none, architecture, number, family, second=STREAM) == errno.EAFNOSUPPORT
    for kind in range(16):
        decision = run(program, architecture, number, socket.AF_INET, second=kind | CLOEXEC_NONBLOCK)
        assert decision == (ALLOWED if kind == STREAM else errno.ESOCKTNOSUPPORT), kind
    for protocol in range(300):
        decision = run(program, architecture, number, socket.AF_INET6, second=STREAM, third=protocol)
        assert decision == (ALLOWED if protocol in (0, TCP) else errno.EPROTONOSUPPORT), protocol


@BOTH
def test_datagram_sockets_are_allowed_for_name_lookups_only(architecture: Architecture) -> None:
    number = _number(architecture, "socket")
    program = filters.confinement(architecture, FAMILIES, datagrams=True)
    for kind in range(16):
        decision = run(program, architecture, number, socket.AF_INET, second=kind)
        assert decision == (ALLOWED if kind in (STREAM, DATAGRAM) else errno.ESOCKTNOSUPPORT), kind
    assert run(program, architecture, number, socket.AF_INET, second=DATAGRAM, third=UDP) == ALLOWED
    assert (
        run(program, architecture, number, socket.AF_INET, second=STREAM, third=MPTCP)
        == errno.EPROTONOSUPPORT
    )


@BOTH
def test_socket_pairs_are_local_streams(architecture: Architecture) -> None:
    number = _number(architecture, "socketpair")
    for program in (filters.confinement(architecture, []), filters.confinement(architecture, FAMILIES)):
        assert run(program, architecture, number, filters.AF_UNIX, second=STREAM) == ALLOWED
        assert run(program, architecture, number, filters.AF_UNIX, second=SEQPACKET) == errno.ESOCKTNOSUPPORT
        for family in (filters.AF_INET, 16, 30, 40):
            assert run(program, architecture, number, family, second=STREAM) == errno.EAFNOSUPPORT


@BOTH
@pytest.mark.parametrize(
    "flag",
    [0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000],
    ids=hex,
)
def test_clone_creates_threads_and_forks_but_no_namespaces(architecture: Architecture, flag: int) -> None:
    for program in (filters.confinement(architecture, []), filters.startup(architecture)):
        number = _number(architecture, "clone")
        assert run(program, architecture, number, flag | 17) == errno.EPERM
        assert run(program, architecture, number, 17) == ALLOWED
        assert run(program, architecture, number, 0x003D0F00) == ALLOWED


@BOTH
def test_startup_filter_allows_changes_of_user_and_mounts_only(
    architecture: Architecture,
) -> None:
    startup, confined = filters.startup(architecture), filters.confinement(architecture, FAMILIES)
    new_mounts, new_users = 0x00020000, 0x10000000
    unshare = _number(architecture, "unshare")
    assert run(startup, architecture, unshare, new_mounts) == ALLOWED
    assert run(startup, architecture, unshare, new_users) == errno.EPERM
    assert run(startup, architecture, unshare, new_users | new_mounts) == errno.EPERM
    for name in STARTUP:
        assert run(confined, architecture, _number(architecture, name), new_mounts) == errno.ENOSYS, name
    for name in ("setresuid", "setgroups", "capset", "chroot", "landlock_restrict_self"):
        assert run(startup, architecture, _number(architecture, name)) == ALLOWED, name
    for name in ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"):
        assert run(confined, architecture, _number(architecture, name)) == ALLOWED, name


@BOTH
def test_confinement_allows_nothing_that_startup_forbids(architecture: Architecture) -> None:
    startup = filters.startup(architecture)
    for families in ([], FAMILIES):
        confined = filters.confinement(architecture, families, datagrams=True)
        for number in range(600):
            for arguments in ((0, 0, 0), (2, 1, 0), (1, 2, 0), (22, 0, 0), (1, 6, 31)):
                first, second, third = arguments
                if run(confined, architecture, number, first, second=second, third=third) == ALLOWED:
                    assert run(startup, architecture, number, first, second=second, third=third) == ALLOWED


@BOTH
def test_reader_filter_forbids_processes_and_changes(architecture: Architecture) -> None:
    program = filters.reader(architecture)
    for name in (
        "clone",
        "execve",
        "socket",
        "socketpair",
        "kill",
        "fchmod",
        "unlinkat",
        "truncate",
        "prctl",
    ):
        assert run(program, architecture, _number(architecture, name), 17, second=1) == errno.ENOSYS, name
    for name in ("read", "openat", "mmap", "write", "exit_group"):
        assert run(program, architecture, _number(architecture, name)) == ALLOWED, name


@BOTH
def test_calls_of_another_architecture_kill_the_process(architecture: Architecture) -> None:
    for program in (
        filters.startup(architecture),
        filters.confinement(architecture, []),
        filters.one_group(architecture),
    ):
        assert run(program, architecture, 0, audit=0x40000003) == KILLED


def test_x32_call_numbers_kill_the_process() -> None:
    for program in (filters.startup(X86_64), filters.confinement(X86_64, []), filters.one_group(X86_64)):
        assert run(program, X86_64, 0x40000000) == KILLED
        assert run(program, X86_64, 0x40000000 + 41) == KILLED


@BOTH
def test_leaving_the_process_group_is_ignored(architecture: Architecture) -> None:
    program = filters.one_group(architecture)
    for name in ("setsid", "setpgid"):
        assert run(program, architecture, _number(architecture, name)) == 0
        assert (
            run(filters.confinement(architecture, []), architecture, _number(architecture, name)) == ALLOWED
        )


@BOTH
def test_limits_of_other_processes_and_the_death_signal_are_protected(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    assert run(program, architecture, _number(architecture, "prlimit64"), 0) == ALLOWED
    assert run(program, architecture, _number(architecture, "prlimit64"), 4711) == errno.EPERM
    prctl = _number(architecture, "prctl")
    death_signal, name, memory_map, user_dispatch, core_scheduling = 1, 15, 35, 59, 62
    assert run(program, architecture, prctl, name) == ALLOWED
    for option in (death_signal, memory_map, user_dispatch, core_scheduling):
        assert run(program, architecture, prctl, option) == errno.EINVAL
    assert run(filters.startup(architecture), architecture, prctl, death_signal) == ALLOWED


@BOTH
def test_job_can_change_only_its_own_priority(architecture: Architecture) -> None:
    program = filters.confinement(architecture, [])
    for name, process in (("setpriority", 0), ("ioprio_set", 1)):
        number = _number(architecture, name)
        assert run(program, architecture, number, process, second=0) == ALLOWED
        assert run(program, architecture, number, process, second=4711) == errno.EPERM
        assert run(program, architecture, number, process + 1, second=0) == errno.EPERM


@BOTH
def test_socket_options_cannot_change_sizes_or_load_programs(architecture: Architecture) -> None:
    program, number = filters.confinement(architecture, []), _number(architecture, "setsockopt")
    socket_level, tcp_level, ip_level = 1, 6, 0
    expected = {**dict.fromkeys((7, 8, 32, 33), 0), **dict.fromkeys((26, 50, 51, 52), errno.EPERM)}
    for option in range(64):
        decision = run(program, architecture, number, 5, second=socket_level, third=option)
        assert decision == expected.get(option, ALLOWED), option
        decision = run(program, architecture, number, 5, second=tcp_level, third=option)
        assert decision == (errno.ENOPROTOOPT if option == 31 else ALLOWED), option
        assert run(program, architecture, number, 5, second=ip_level, third=option) == ALLOWED


@BOTH
def test_allocation_without_writing_and_terminal_input_are_rejected(
    architecture: Architecture,
) -> None:
    program, number = filters.confinement(architecture, []), _number(architecture, "ioctl")
    terminal_size, reserve, push_input = 0x5413, 0x4030582A, 0x5412
    assert run(program, architecture, number, 1, second=terminal_size) == ALLOWED
    properties, owner_of_namespace = 0x401C5820, 0xB701
    for command in (reserve, push_input, properties, reserve | 0xF << 32):
        assert run(program, architecture, number, 1, second=command) == errno.EOPNOTSUPP
    assert run(program, architecture, number, 1, second=owner_of_namespace) == errno.ENOTTY
    assert run(program, architecture, _number(architecture, "fallocate"), 1) == errno.EOPNOTSUPP


@BOTH
def test_extended_attributes_can_be_read_and_removed_but_not_set(architecture: Architecture) -> None:
    for program in (filters.startup(architecture), filters.confinement(architecture, [])):
        for name in ("setxattr", "lsetxattr", "fsetxattr"):
            assert run(program, architecture, _number(architecture, name), 1) == errno.EOPNOTSUPP, name
        for name in ("getxattr", "flistxattr", "lremovexattr"):
            assert run(program, architecture, _number(architecture, name), 1) == ALLOWED, name


@BOTH
def test_file_leases_and_directory_notifications_are_rejected(architecture: Architecture) -> None:
    duplicate, get_lock, set_lease, get_lease, notify, pipe_size = 0, 5, 1024, 1025, 1026, 1031
    for program in (
        filters.startup(architecture),
        filters.confinement(architecture, []),
        filters.reader(architecture),
    ):
        number = _number(architecture, "fcntl")
        for command in (set_lease, notify, set_lease | 1 << 32):
            assert run(program, architecture, number, 3, second=command) == errno.EINVAL, command
        for command in (duplicate, get_lock, get_lease, pipe_size):
            assert run(program, architecture, number, 3, second=command) == ALLOWED, command


@BOTH
def test_filters_are_within_the_limits_of_the_kernel(architecture: Architecture) -> None:
    for program in (
        filters.startup(architecture),
        filters.confinement(architecture, FAMILIES, datagrams=True),
    ):
        assert len(program) < 4096
        assert all(max(step.if_true, step.if_false) < 256 for step in program)
        assert len(filters.encode(program)) == 8 * len(program) < 65_536


def test_each_call_number_occurs_once_per_architecture() -> None:
    for column in (0, 1):
        numbers = [pair[column] for pair in {**CALLS, **STARTUP}.values() if pair[column] is not None]
        assert len(numbers) == len(set(numbers))
