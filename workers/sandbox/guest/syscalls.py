"""List the system calls that a confined process may make, with their numbers on each architecture."""

from __future__ import annotations

from .lean import NamedTuple

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Final


class Architecture(NamedTuple):
    """A processor family as seccomp sees it."""

    name: str
    audit: int
    """`AUDIT_ARCH_…`, which the kernel puts into every call."""
    column: int
    """Index of this family's number in `ALLOWED` and `STARTUP`."""
    second_abi_bit: int | None
    """Calls with this bit belong to a second, unfiltered set of numbers (x32)."""


Numbers = tuple[int | None, int | None]
"""Numbers of one call on x86_64 and aarch64; None where the architecture does not have the call."""

ARCHITECTURES: Final = {
    "x86_64": Architecture("x86_64", 0xC000003E, 0, 0x40000000),
    "aarch64": Architecture("aarch64", 0xC00000B7, 1, None),
}

LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446

_FILES: Final[dict[str, Numbers]] = {
    "read": (0, 63),
    "write": (1, 64),
    "open": (2, None),
    "close": (3, 57),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "preadv": (295, 69),
    "pwritev": (296, 70),
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "openat": (257, 56),
    "openat2": (437, 437),
    "creat": (85, None),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "umask": (95, 166),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "sync_file_range": (277, 84),
    "fadvise64": (221, 223),
    "readahead": (187, 213),
    "flock": (73, 32),
    "fcntl": (72, 25),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "close_range": (436, 436),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "fgetxattr": (193, 10),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "flistxattr": (196, 13),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "ioctl": (16, 29),
    "fallocate": (285, 47),
}
"""Files, folders and extended attributes."""

_MEMORY: Final[dict[str, Numbers]] = {
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "msync": (26, 227),
    "mincore": (27, 232),
    "madvise": (28, 233),
    "mlock": (149, 228),
    "mlock2": (325, 284),
    "munlock": (150, 229),
    "mlockall": (151, 230),
    "munlockall": (152, 231),
    "membarrier": (324, 283),
}
"""Memory."""

_WAITING: Final[dict[str, Numbers]] = {
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "eventfd": (284, None),
    "eventfd2": (290, 19),
    "signalfd": (282, None),
    "signalfd4": (289, 74),
    "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86),
    "timerfd_gettime": (287, 87),
    "pipe": (22, None),
    "pipe2": (293, 59),
}
"""Pipes and waiting for events."""

_PROCESSES: Final[dict[str, Numbers]] = {
    "clone": (56, 220),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "setpgid": (109, 154),
    "getsid": (124, 156),
    "setsid": (112, 157),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "futex": (202, 98),
    "arch_prctl": (158, None),
    "prctl": (157, 167),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_setaffinity": (203, 122),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "sched_rr_get_interval": (148, 127),
    "getcpu": (309, 168),
    "getpriority": (140, 141),
    "setpriority": (141, 140),
    "ioprio_get": (252, 31),
    "ioprio_set": (251, 30),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
    "getrusage": (98, 165),
    "times": (100, 153),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "restart_syscall": (219, 128),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
"""Processes, threads, scheduling and resource limits."""

_IDENTITY: Final[dict[str, Numbers]] = {
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "capget": (125, 90),
}
"""Users and groups, which a process without capabilities cannot change."""

_SIGNALS: Final[dict[str, Numbers]] = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pause": (34, None),
    "alarm": (37, None),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sigaltstack": (131, 132),
}
"""Signals."""

_TIME: Final[dict[str, Numbers]] = {
    "gettimeofday": (96, 169),
    "time": (201, None),
    "nanosleep": (35, 101),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "timer_create": (222, 107),
    "timer_settime": (223, 110),
    "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109),
    "timer_delete": (226, 111),
    "getrandom": (318, 278),
}
"""Clocks, timers and randomness."""

_NETWORK: Final[dict[str, Numbers]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "shutdown": (48, 210),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "setsockopt": (54, 208),
    "getsockopt": (55, 209),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "sendmmsg": (307, 269),
    "recvmmsg": (299, 243),
}
"""Sockets."""

ALLOWED: Final[dict[str, Numbers]] = {
    **_FILES,
    **_MEMORY,
    **_WAITING,
    **_PROCESSES,
    **_IDENTITY,
    **_SIGNALS,
    **_TIME,
    **_NETWORK,
}
"""Calls that CPython, numpy, Pillow, git, ffmpeg and a shell with its usual programs make, by name.

For everything else, the filter responds like a kernel that does not have the call (`ENOSYS`), on which
programs fall back: `clone3` (its flags are in memory, where a filter cannot read them), `memfd_create` and
System V memory (memory that belongs to no process, which the watchdog cannot count), `inotify` (it reports
what other projects do with shared files), `io_uring`, `bpf`, tracing, keys, mounts, namespaces, new calls.
"""

_READING: Final = (
    *(
        "read",
        "pread64",
        "readv",
        "write",
        "writev",
        "open",
        "openat",
        "close",
        "lseek",
        "fcntl",
        "dup",
        "ioctl",
    ),
    *(
        "stat",
        "fstat",
        "lstat",
        "newfstatat",
        "statx",
        "access",
        "faccessat",
        "faccessat2",
        "getdents64",
        "getcwd",
    ),
    *("readlink", "readlinkat", "poll", "ppoll", "select", "pselect6", "exit", "exit_group", "futex", "rseq"),
    *(
        "set_robust_list",
        "set_tid_address",
        "sched_yield",
        "sched_getaffinity",
        "getpid",
        "gettid",
        "getppid",
    ),
    *(
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "uname",
        "sysinfo",
        "getrusage",
        "times",
        "getrandom",
        "getrlimit",
    ),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "clock_gettime"),
    *("clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "arch_prctl"),
    *("brk", "mmap", "mprotect", "munmap", "mremap", "madvise"),
)
READER: Final[dict[str, Numbers]] = {name: ALLOWED[name] for name in _READING}
"""Calls of a process that only reads one file: no new processes, no changes of files."""

SECCOMP: Final[Numbers] = (317, 277)
STARTUP: Final[dict[str, Numbers]] = {
    "capset": (126, 91),
    "chroot": (161, 51),
    "seccomp": SECCOMP,
    "unshare": (272, 97),
}
"""Additional calls of our own code before it has confined itself."""
