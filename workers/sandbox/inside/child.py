"""One job in one process: narrow, wait for the job, call the function, answer, end."""

# ruff: noqa: PTH102, PTH118, PTH211
# (every call runs before a job; pathlib costs)

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, NoReturn

from . import confine, doors, filters, values, wire
from .entry import BadEntrypoint, Loaded, call, find, load, own_trace
from .plan import Plan
from .syscalls import Architecture

_MAX_LINKS: Final = 1000
_MAX_MESSAGE: Final = 4000
_NICENESS: Final = 5  # the worker must get to run among a hundred busy processes to end them


class Seat(NamedTuple):
    """Where a child sits: its folder and its descriptors."""

    number: int
    slot: str
    shares: bool
    """The folder is there, and others work in it."""
    descriptors: list[int]
    """Private, stdout, stderr, events."""


class Ground(NamedTuple):
    """What a parent prepares once for all of its children."""

    plan: Plan
    architecture: Architecture | None
    landlock_abi: int
    readable: list[confine.Opened]
    writable: list[confine.Opened]
    doors: doors.Doors
    private_to_parent: list[int]
    """Descriptors that a child must not keep."""
    loaded: Loaded | None
    """None: each child imports by itself."""


def run(ground: Ground, seat: Seat) -> NoReturn:
    """Be the process of one job, from right after the fork to its end."""
    private = _take_seat(ground, seat)
    try:
        loaded, refusal = ground.loaded or _load_here(ground.plan, private), None
    except BadEntrypoint as error:
        loaded, refusal = None, error
    private.sendall(b'{"type":"ready"}\n')
    job, inputs = wire.read_frame(private), wire.read_frame(private)
    if job is None or inputs is None:
        os._exit(0)
    private.sendall(b'{"type":"begun"}\n')  # until the worker has this, the job may go to another process
    assignment = json.loads(job)
    _begin(assignment, b"" if seat.shares else inputs)
    answer = _refused(refusal) if loaded is None else _answer(ground, loaded, assignment, json.loads(inputs))
    flush()
    try:
        private.sendall(answer)
    except OSError:  # the function closed it, or put something else in its place
        os._exit(wire.MUTE)
    os._exit(0)


def _load_here(plan: Plan, private: socket.socket) -> Loaded:
    private.sendall(b'{"type":"seated"}\n')  # tells the worker whom to watch
    return load(plan)


def _take_seat(ground: Ground, seat: Seat) -> socket.socket:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for awaited in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM):
        signal.signal(awaited, signal.SIG_DFL)
    private, stdout, stderr, events = seat.descriptors
    for descriptor, number in (
        (stdout, 1),
        (stderr, 2),
        (private, wire.PRIVATE_FD),
        (events, wire.EVENTS_FD),
    ):
        os.dup2(descriptor, number, inheritable=number < 3)
        os.close(descriptor)
    if sys.platform == "linux" and not ground.plan.namespaced:
        confine.die_with_parent()
    folder = f"{ground.plan.jobs}/{seat.slot}"
    if not seat.shares:
        _make_folder(ground.plan, folder)
    os.chdir(folder)
    _narrow(ground, folder)
    os.environ.update(
        HOME=folder, TMPDIR=os.path.join(folder, "tmp"), PWD=folder, PURAS_EVENTS_FD=str(wire.EVENTS_FD)
    )
    os.environ.update(ground.doors.variables_of(seat.number))
    _reseed()
    return socket.socket(fileno=wire.PRIVATE_FD)


def _make_folder(plan: Plan, folder: str) -> None:
    """The job's folder: `tmp`, `drive`, and links to the skill's files, which may be opened relative to it."""
    os.mkdir(folder, 0o700)
    os.mkdir(os.path.join(folder, "tmp"), 0o700)
    if plan.drive:
        os.symlink(plan.drive, f"{folder}/drive")
    else:
        os.mkdir(f"{folder}/drive", 0o700)
    skill = os.path.join(plan.deployment, plan.skill_dir) if plan.skill_dir else plan.deployment
    with os.scandir(skill) as entries:
        for count, entry in enumerate(entries):
            if count >= _MAX_LINKS:
                break
            if entry.name not in ("drive", "tmp") and not entry.name.startswith("_"):
                os.symlink(entry.path, f"{folder}/{entry.name}")


def _narrow(ground: Ground, folder: str) -> None:
    if ground.landlock_abi:
        own = confine.open_existing([folder, *([] if ground.plan.namespaced else ["/proc/self"])])
        confine.landlock(
            ground.landlock_abi,
            readable=ground.readable + own[1:],
            writable=ground.writable + own[:1],
            connect_ports=ground.doors.ports,
        )
        for place in own:
            os.close(place.descriptor)
    for descriptor in ground.private_to_parent:
        with suppress(OSError):
            os.close(descriptor)
    if ground.architecture is not None:
        if not ground.plan.namespaced:
            confine.seccomp(filters.confinement(ground.architecture, ground.plan.families))
        confine.seccomp(filters.one_group(ground.architecture))
    if sys.platform == "linux":
        # Landlock keeps siblings out; without it nobody of the same user may look in.
        confine.set_dumpable(bool(ground.landlock_abi) or not ground.plan.seccomp)


def _reseed() -> None:
    """Every fork starts with the parent's random state; give each job its own."""
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            with suppress(Exception):
                module.seed()


def _begin(assignment: dict[str, Any], inputs: bytes) -> None:
    os.environ.update(assignment["environment"])
    if inputs:
        _write_inputs(inputs)
    confine.limit(assignment["limits"])
    os.nice(_NICENESS)


def _write_inputs(inputs: bytes) -> None:
    file = os.open("_inputs.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    while inputs:
        inputs = inputs[os.write(file, inputs) :]
    os.close(file)


def _answer(ground: Ground, loaded: Loaded, assignment: dict[str, Any], inputs: dict[str, Any]) -> bytes:
    max_bytes: int = assignment["max_output_bytes"]
    try:
        function = loaded.function or find(
            loaded.module, ground.plan, assignment["function"], assignment["declared"]
        )
        value = values.encode(call(function, inputs))
    except BaseException as error:  # noqa: BLE001 - whatever the skill raises is an answer
        return _failed(*_verdict(error), trace=_trace(error, ground.plan.deployment))
    if len(value) > max_bytes:
        return _failed(
            "output_limit",
            f"The result has {len(value)} bytes as JSON, more than its limit of {max_bytes}: "
            "save large data with `puras.drive.save(…)` and return the path.",
        )
    return b'{"type":"value",%s,"value":%s}\n' % (_used(), value)


def _trace(error: BaseException, deployment: str) -> str:
    try:
        return own_trace(error, (deployment,))[:16_000]
    except Exception:  # noqa: BLE001 - out of memory, out of descriptors: the message has to do
        return ""


def _verdict(error: BaseException) -> tuple[str, str]:
    """The code and the sentence for an exception."""
    summary = _summary(error)
    for applies, code, message in _VERDICTS:
        if applies(error):
            return code, message(error, summary)
    return "exception", summary


_VERDICTS: Final[tuple[tuple[Callable[[Any], bool], str, Callable[[Any, str], str]], ...]] = (
    (
        lambda error: isinstance(error, values.NotJson),
        "bad_result",
        lambda error, _: f"The function's value cannot be the job's result: {error}.",
    ),
    (lambda error: isinstance(error, BadEntrypoint), "bad_entrypoint", lambda error, _: str(error)),
    (
        lambda error: isinstance(error, MemoryError),
        "memory_limit",
        lambda *_: (
            "The function asked for more memory than its limit: work in smaller pieces, or raise "
            "`limits.memory_mb` in skill.yaml."
        ),
    ),
    (
        lambda error: isinstance(error, OSError) and error.errno == errno.EFBIG,
        "disk_limit",
        lambda *_: (
            "The function wrote a file larger than the job's disk limit: write less, or split the file."
        ),
    ),
    (
        lambda error: (
            (isinstance(error, OSError) and error.errno == errno.EAGAIN)
            or (isinstance(error, RuntimeError) and "start new thread" in str(error))
        ),
        "process_limit",
        lambda _, summary: (
            f"The function started more processes or threads than it may ({summary}): use fewer."
        ),
    ),
    (
        lambda error: isinstance(error, SystemExit),
        "exited",
        lambda error, _: (
            f"The function ended its process with exit code {error.code!r} instead of returning a value: "
            "return the result, or raise an exception that says what is wrong."
        ),
    ),
)


def _summary(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a skill's own exception may fail to print
        text = ""
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:_MAX_MESSAGE]


def _refused(refusal: BadEntrypoint | None) -> bytes:
    return _failed("bad_entrypoint", str(refusal), trace=refusal.trace if refusal else "")


def _failed(code: str, message: str, *, trace: str = "") -> bytes:
    body = json.dumps({"code": code, "message": message, "trace": trace})
    return b'{"type":"failure",%s,%s\n' % (_used(), body[1:].encode())


def _used() -> bytes:
    own, waited = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime
    return b'"cpu_s":%.6f,"peak_kb":%d' % (cpu_s, max(own.ru_maxrss, waited.ru_maxrss))


def flush() -> None:
    """Write out what the skill's own streams still hold."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
