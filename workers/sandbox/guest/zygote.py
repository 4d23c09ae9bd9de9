"""Run the zygote process: it confines itself, imports the skill once, then forks a child for each job.

It runs tenant code, so the worker does not trust its messages. Started with the interpreter of the worker as
`python -I -S -u -c "…; from puras_inside import zygote; zygote.main()"`, the plan on standard input. Nothing that a
tenant can influence is read before the process is confined: in its own namespaces that is this process; otherwise
each child confines itself and then imports.
"""

# ruff: noqa: PTH106, PTH108, PTH208
# (every call runs before a job; pathlib costs)

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without the enumerations of `signal`
import _socket as socket  # likewise
import gc
import os
import resource
import select
import stat
import sys

from . import child, confine, filters, first_process, interpreter, json_text, page_tables, privileges, wire
from .entry import BadEntrypoint, Loaded, load, shortened
from .gateways import GatewayPorts, hand_out
from .lean import suppress
from .syscalls import ARCHITECTURES
from .wire import Plan

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Final, NoReturn

_MAX_OPEN_FILES: Final = 1024
_BROKEN: Final = 70
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a small mount of the sandbox's own


def main(control_fd: int) -> None:
    """Serve forks until the worker closes the control socket."""
    control = _take_control(control_fd)
    wire.send(control, {"type": "started"})  # the worker may wait for this before it makes a plan
    page_tables.let_children_inherit()
    plan = _read_plan()
    if plan.namespaced:
        first_process.hide_mounts()
    gateway_ports = hand_out(control, egress=plan.egress) if plan.namespaced else GatewayPorts()
    if not plan.namespaced:
        interpreter.import_standard()
    if plan.reports_sockets:
        _report_sockets(control)
    _confine(plan)
    if plan.namespaced:
        child.prepare(plan, gateway_ports)
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
    child.flush()  # or every fork would print it again
    gc.collect()
    gc.freeze()
    _serve(control, plan, loaded, gateway_ports)


def _take_control(descriptor: int) -> socket.socket:
    """Occupy the descriptor numbers of the children: one with the control socket, the other with /dev/null."""
    if descriptor != wire.PRIVATE_FD:
        os.dup2(descriptor, wire.PRIVATE_FD, inheritable=False)
        os.close(descriptor)
    os.set_inheritable(wire.PRIVATE_FD, False)
    null = os.open(os.devnull, os.O_RDONLY)
    if null != wire.EVENTS_FD:
        os.dup2(null, wire.EVENTS_FD, inheritable=False)
        os.close(null)
    return socket.socket(fileno=wire.PRIVATE_FD)


def _read_plan() -> Plan:
    """Wait for the plan on standard input, which is /dev/null from then on.

    Raises:
        RuntimeError: folders of other projects are mounted.
    """
    with open(0, "rb", closefd=False) as source:
        plan = Plan.from_json(json_text.read(source.read().decode())[0])
    os.dup2(wire.EVENTS_FD, 0)
    if plan.namespaced and os.access(wire.HOST, os.F_OK):
        raise RuntimeError("the sandbox does not have its own folders only")
    return plan


def _report_sockets(control: socket.socket) -> None:
    """Let the worker know which jobs create Unix sockets; without this, it does not reuse their folders."""
    architecture = ARCHITECTURES[os.uname().machine]
    with suppress(OSError):
        listener = confine.report(filters.reports_sockets(architecture), architecture)
        wire.send(control, {"type": "sockets"}, [listener])
        os.close(listener)


def _confine(plan: Plan) -> None:
    """Restrict this process to what its tenant may do."""
    privileges.end_first()
    privileges.enter_sandbox(plan.uid, namespaced=plan.namespaced)
    if sys.platform == "linux":
        privileges.adopt_orphans()
        privileges.set_dumpable(False)
        privileges.die_with_parent()
    if plan.seccomp and plan.namespaced:
        confine.seccomp(filters.confinement(ARCHITECTURES[os.uname().machine], plan.families))
    confine.limit({"NOFILE": _MAX_OPEN_FILES, **plan.limits})
    os.umask(0o077)


def _serve(control: socket.socket, plan: Plan, loaded: Loaded | None, gateway_ports: GatewayPorts) -> None:
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
    descriptors = [opened.descriptor for opened in (*readable, *writable)]
    setup = child.ChildSetup(
        plan=plan,
        filters=_filters_of_children(plan),
        fence=_fence(plan, readable, writable, gateway_ports),
        gateway_ports=gateway_ports,
        private=socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, wire.PRIVATE_FD),
        private_to_parent=_ranges([*descriptors, woken.fileno(), wake.fileno()]),
        links=child.make_links(plan)
        if plan.function
        else [],  # for tools of agents, the folders already exist
        loaded=loaded,
    )
    wire.send(control, {"type": "ready"})
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    children: dict[int, child.ForkRequest] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == woken.fileno():
                with suppress(BlockingIOError):
                    woken.recv(4096)
                _reap(control, setup.plan, children)
            elif not _handle(control, setup, children):
                return


def _filters_of_children(plan: Plan) -> list[confine.Compiled]:
    """Return the filters that each child applies in addition to an inherited one."""
    if not plan.seccomp:
        return []
    architecture = ARCHITECTURES[os.uname().machine]
    programs = [] if plan.namespaced else [filters.confinement(architecture, plan.families)]
    return [confine.compiled(program) for program in (*programs, filters.one_group(architecture))]


def _fence(
    plan: Plan,
    readable: list[confine.OpenedPath],
    writable: list[confine.OpenedPath],
    gateway_ports: GatewayPorts,
) -> confine.Fence | None:
    abi = confine.landlock_abi() if plan.landlock else 0
    if not abi:
        return None
    return confine.fence_around(abi, readable=readable, writable=writable, connect_ports=gateway_ports.ports)


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the numbers as ranges, with the first and last of each."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def _handle(control: socket.socket, setup: child.ChildSetup, children: dict[int, child.ForkRequest]) -> bool:
    """Handle one message; return false if the worker has disconnected."""
    message = wire.receive(control, max_descriptors=wire.DESCRIPTORS_OF_A_CHILD)
    if message.closed:
        return False
    if message.body.get("type") == "tidy":
        _empty_shared_memory()
        return True
    body = message.body
    number: int = body["id"]
    request = child.ForkRequest(number, body["slot"], body["shares"], body["reuses"], message.descriptors)
    try:
        pid = os.fork()
    except OSError as error:
        wire.send(control, {"type": "not_forked", "id": number, "message": str(error)})
        pid = -1
    if pid == 0:
        _be_child(setup, request)
    for descriptor in message.descriptors:
        os.close(descriptor)
    if pid > 0:
        children[pid] = request
    return True


def _be_child(setup: child.ChildSetup, request: child.ForkRequest) -> NoReturn:
    try:
        child.run(setup, request)
    except BaseException as error:  # noqa: BLE001 - nothing of the parent's may run in the child
        os.write(2, f"the job could not be started: {type(error).__name__}: {error}\n".encode())
        os._exit(_BROKEN)  # here: releasing the error would close `private` while the process still runs
    finally:
        os._exit(_BROKEN)


def _reap(control: socket.socket, plan: Plan, children: dict[int, child.ForkRequest]) -> None:
    """Reap ended processes, including adopted orphans, and report those of jobs; delete their inputs."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid in children:
            request = children.pop(pid)
            if plan.inputs and not request.shares:
                with suppress(OSError):
                    os.unlink(f"{plan.inputs}/{request.slot}")
            wire.send_exit(control, request.number, status)


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
    """Return the number of open sockets; a non-dumpable process cannot list its descriptors."""
    return sum(stat.S_ISSOCK(os.fstat(descriptor).st_mode) for descriptor in _open_descriptors())


def _open_descriptors() -> list[int]:
    """Return the open descriptors; `poll` checks as many in one call as this process may have open."""
    opened: list[int] = []
    at_once = resource.getrlimit(resource.RLIMIT_NOFILE)[0] or 1  # the skill's import may have lowered it
    for first in range(0, _MAX_OPEN_FILES, at_once):
        checked = range(first, min(first + at_once, _MAX_OPEN_FILES))
        poll = select.poll()
        for descriptor in checked:
            poll.register(descriptor, 0)
        closed = {descriptor for descriptor, event in poll.poll(0) if event & select.POLLNVAL}
        opened += [descriptor for descriptor in checked if descriptor not in closed]
    return opened
