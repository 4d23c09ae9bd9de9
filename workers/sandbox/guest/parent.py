"""The warm parent: confine itself, import the skill once, then fork a child for each job.

It runs code of the tenant's, so the worker trusts nothing that it says. Started with the interpreter of the worker as
`python -I -S -u -c "…; from puras_inside import parent; parent.main()"`, the plan on standard input. Nothing that a
tenant can influence is read before the process is confined: in namespaces of its own that is this process, elsewhere
each child confines itself and then imports.
"""

# ruff: noqa: PTH106, PTH108, PTH208
# (every call runs before a job; pathlib costs)

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import stat
import sys
from contextlib import suppress
from typing import Final, NoReturn

from . import child, confine, filters, wire
from .doors import Doors, hand_out
from .entry import BadEntrypoint, Loaded, load, shortened
from .plan import Plan
from .syscalls import ARCHITECTURES

_MAX_OPEN_FILES: Final = 1024
_BROKEN: Final = 70
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a small mount of the sandbox's own


def main(control_fd: int, namespaced: bool) -> None:
    """Serve forks until the worker closes the control socket."""
    if namespaced:
        confine.leave_first_process()
    with open(0, "rb", closefd=False) as source:
        plan = Plan.from_json(json.load(source))
    control = _take_control(control_fd)
    doors = hand_out(control, egress=plan.egress) if plan.namespaced else Doors()
    _confine(plan)
    if plan.namespaced:
        child.prepare(plan, doors)
    sockets_before = _count_sockets()
    try:
        loaded = None if plan.cold else load(plan)
    except BadEntrypoint as error:
        wire.send(
            control,
            {"type": "refused", "message": str(error)[:4000], "trace": shortened(error.trace, 16_000)},
        )
        return
    obstacles = {
        "threads": _count_threads() - 1,
        "processes": int(_has_children()),
        "connections": _count_sockets() - sockets_before,
    }
    if loaded is not None and any(obstacles.values()):
        wire.send(control, {"type": "not_forkable", **obstacles})
        return
    child.flush()  # or every fork would print it once more
    gc.collect()
    gc.freeze()
    _serve(control, plan, loaded, doors)


def _take_control(descriptor: int) -> socket.socket:
    """Keep the numbers that every child gives to its own descriptors: the control socket holds one, null the other."""
    if descriptor != wire.PRIVATE_FD:
        os.dup2(descriptor, wire.PRIVATE_FD, inheritable=False)
        os.close(descriptor)
    os.set_inheritable(wire.PRIVATE_FD, False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if null != wire.EVENTS_FD:
        os.dup2(null, wire.EVENTS_FD, inheritable=False)
        os.close(null)
    return socket.socket(fileno=wire.PRIVATE_FD)


def _confine(plan: Plan) -> None:
    """From here on this process can do no more than its tenant may."""
    confine.end_first()
    confine.enter_sandbox(plan.uid, namespaced=plan.namespaced)
    if sys.platform == "linux":
        confine.adopt_orphans()
        confine.set_dumpable(False)
        confine.die_with_parent()
    if plan.seccomp and plan.namespaced:
        confine.seccomp(filters.confinement(ARCHITECTURES[os.uname().machine], plan.families))
    confine.limit({"NOFILE": _MAX_OPEN_FILES, **plan.limits})
    os.umask(0o077)


def _serve(control: socket.socket, plan: Plan, loaded: Loaded | None, doors: Doors) -> None:
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for inherited in (signal.SIGPIPE, signal.SIGTERM):
        signal.signal(inherited, signal.SIG_DFL)
    os.environ["PURAS_EVENTS_FD"] = str(wire.EVENTS_FD)
    readable = confine.open_existing(plan.readable) if plan.landlock else []
    writable = confine.open_existing(plan.writable) if plan.landlock else []
    opened = [place.descriptor for place in (*readable, *writable)]
    ground = child.Ground(
        plan=plan,
        filters=_filters_of_children(plan),
        fence=_fence(plan, readable, writable, doors),
        doors=doors,
        private=socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, wire.PRIVATE_FD),
        private_to_parent=_ranges([*opened, woken.fileno(), wake.fileno()]),
        links=child.make_links(plan) if plan.function else [],  # elsewhere the folders are there
        loaded=loaded,
    )
    wire.send(control, {"type": "ready"})
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    children: dict[int, int] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == woken.fileno():
                with suppress(BlockingIOError):
                    woken.recv(4096)
                _reap(control, children)
            elif not _obey(control, ground, children):
                return


def _filters_of_children(plan: Plan) -> list[confine.Compiled]:
    """What every child puts on beside the filter that it inherits, if it inherits one."""
    if not plan.seccomp:
        return []
    architecture = ARCHITECTURES[os.uname().machine]
    programs = [] if plan.namespaced else [filters.confinement(architecture, plan.families)]
    return [confine.compiled(program) for program in (*programs, filters.one_group(architecture))]


def _fence(
    plan: Plan, readable: list[confine.Opened], writable: list[confine.Opened], doors: Doors
) -> confine.Fence | None:
    abi = confine.landlock_abi() if plan.landlock else 0
    if not abi:
        return None
    return confine.fence_around(abi, readable=readable, writable=writable, connect_ports=doors.ports)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """The numbers as ranges of neighbours, first and last."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _obey(control: socket.socket, ground: child.Ground, children: dict[int, int]) -> bool:
    """Carry out one message; false when the worker is gone."""
    message = wire.receive(control, max_descriptors=wire.DESCRIPTORS_OF_A_CHILD)
    if message.closed:
        return False
    if message.body.get("type") == "tidy":
        _empty_shared_memory()
        return True
    number: int = message.body["id"]
    try:
        pid = os.fork()
    except OSError as error:
        wire.send(control, {"type": "not_forked", "id": number, "message": str(error)})
        pid = -1
    if pid == 0:
        seat = child.Seat(number, message.body["slot"], message.body["shares"], message.descriptors)
        _be_child(ground, seat)
    for descriptor in message.descriptors:
        os.close(descriptor)
    if pid > 0:
        children[pid] = number
    return True


def _be_child(ground: child.Ground, seat: child.Seat) -> NoReturn:
    try:
        child.run(ground, seat)
    except BaseException as error:  # noqa: BLE001 - nothing of the parent's may run in the child
        os.write(2, f"the job could not begin: {type(error).__name__}: {error}\n".encode())
        os._exit(_BROKEN)  # here: letting go of the error would close `private` while the process still lives
    finally:
        os._exit(_BROKEN)


def _reap(control: socket.socket, children: dict[int, int]) -> None:
    """Collect the dead, adopted orphans too, and report those that were jobs."""
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in children:
            report = {"status": status, "peak_kb": usage.ru_maxrss, "cpu_s": usage.ru_utime + usage.ru_stime}
            wire.send(control, {"type": "exit", "id": children.pop(pid), **report})


def _empty_shared_memory() -> None:
    """Delete the files and folders that ended jobs left there."""
    for path, folders, files in os.walk(_SHARED_MEMORY, topdown=False):
        for name in (*files, *folders):
            with suppress(OSError):
                os.unlink(f"{path}/{name}")
        for name in folders:
            with suppress(OSError):
                os.rmdir(f"{path}/{name}")


def _count_threads() -> int:
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 1


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _count_sockets() -> int:
    """Asked one by one: a process that nobody may look into cannot list its own descriptors either."""
    count = 0
    for descriptor in range(_MAX_OPEN_FILES):
        with suppress(OSError):
            count += stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    return count
