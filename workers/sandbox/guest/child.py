"""One job in one process: narrow, wait for the job, call the function, answer, end."""

# ruff: noqa: PTH102, PTH118, PTH211
# (every call runs before a job; pathlib costs)

# Most of what a fork costs are the pages that it touches, each copied; to count a reference is a touch. So whatever can
# be made ahead is made by the parent, and no more of the standard library is walked through than is needed.

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` without its enumerations
import errno
import json
import os
import resource
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, NoReturn

from . import confine, doors, interpreter, values, wire
from .entry import BadEntrypoint, Loaded, call, find, load, own_trace, shortened
from .plan import Plan

_MAX_LINKS: Final = 1000
_PATTERNS: Final = "links"  # no slot is called so
_MAX_MESSAGE: Final = 4000
_MAX_TRACE: Final = 64_000
_READ_JSON: Final = json.JSONDecoder().raw_decode  # `loads` looks for white space around it
_NICENESS: Final = 5  # the worker must get to run among a hundred busy processes to end them


class Seat(NamedTuple):
    """Where a child sits: its folder and its descriptors."""

    number: int
    slot: str
    shares: bool
    """The folder is there, and others work in it."""
    descriptors: list[int]
    """Private, stdout, stderr, events."""


class Link(NamedTuple):
    """A link in the folder of every job: the skill's files may be opened relative to it, and the drive is there."""

    name: str
    target: str
    pattern: str
    """The same link, made once by the parent: a second name of it costs each job less than a link of its own."""


class Ground(NamedTuple):
    """What a parent prepares once for all of its children."""

    plan: Plan
    filters: Sequence[confine.Compiled]
    fence: confine.Fence | None
    doors: doors.Doors
    private: socket.socket
    """The number that every child gives to its way to the worker; in the parent it is the control socket."""
    private_to_parent: Sequence[tuple[int, int]]
    """First and last of descriptors that a child must not keep."""
    links: Sequence[Link]
    loaded: Loaded | None
    """None: each child imports by itself."""


def prepare(plan: Plan, doors: doors.Doors) -> None:
    """Set up variables, interpreter and import path as the skill's code expects them, once the process is confined."""
    skill = os.path.join(plan.deployment, plan.skill_dir) if plan.skill_dir else plan.deployment
    own = [plan.kit, skill, plan.deployment]
    _set_variables(plan.environment)
    _set_variables({"PYTHONPATH": os.pathsep.join(own), "PURAS_DEPLOYMENT_ROOT": plan.deployment})
    _set_variables(doors.variables())
    interpreter.become(plan.prefix)
    sys.path[:0] = own
    sys.argv = [plan.file]


def run(ground: Ground, seat: Seat) -> NoReturn:
    """Be the process of one job, from right after the fork to its end."""
    _take_seat(ground, seat)
    private = ground.private
    try:
        loaded, refusal = ground.loaded or _load_here(ground.plan, private), None
    except BadEntrypoint as error:
        loaded, refusal = None, error
    private.sendall(b'{"type":"ready"}\n')
    job, inputs = wire.read_frame(private), wire.read_frame(private)
    if job is None or inputs is None:
        os._exit(0)
    assignment, _ = _READ_JSON(job.decode())
    if not seat.shares:
        _write_inputs(inputs)  # on a full disk the job has not begun
    private.sendall(b'{"type":"begun"}\n')  # until the worker has this, the job may go to another process
    _begin(assignment)
    answer = (
        _refused(refusal)
        if loaded is None
        else _answer(ground, loaded, assignment, _READ_JSON(inputs.decode())[0])
    )
    flush()
    try:
        private.sendall(answer)
    except OSError:  # the function closed it, or put something else in its place
        os._exit(wire.MUTE)
    os._exit(0)


def _load_here(plan: Plan, private: socket.socket) -> Loaded:
    private.sendall(b'{"type":"seated"}\n')  # tells the worker whom to watch
    return load(plan)


def make_links(plan: Plan) -> list[Link]:
    """The links that each job's folder is to have, with their patterns."""
    patterns = f"{plan.jobs}/{_PATTERNS}"
    os.mkdir(patterns, 0o700)
    skill = os.path.join(plan.deployment, plan.skill_dir) if plan.skill_dir else plan.deployment
    with os.scandir(skill) as entries:
        targets = {entry.name: entry.path for _, entry in zip(range(_MAX_LINKS), entries, strict=False)}
    links = [
        Link(name, target, f"{patterns}/{name}")
        for name, target in targets.items()
        if name not in ("drive", "tmp") and not name.startswith("_")
    ]
    if plan.drive:
        links.append(Link("drive", plan.drive, f"{patterns}/drive"))
    for link in links:
        os.symlink(link.target, link.pattern)
    return links


def _take_seat(ground: Ground, seat: Seat) -> None:
    os.setsid()
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
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
        os.mkdir(folder, 0o700)
    os.chdir(folder)
    if not seat.shares:
        _fill_folder(ground)
    _narrow(ground)
    if not ground.plan.namespaced:
        prepare(ground.plan, ground.doors)
    _set_variables({"HOME": folder, "TMPDIR": os.path.join(folder, "tmp"), "PWD": folder})
    _set_variables(ground.doors.variables_of(seat.number))
    _reseed()


def _fill_folder(ground: Ground) -> None:
    """What the job's folder has from the beginning: `tmp`, `drive`, and links to the skill's files."""
    os.mkdir("tmp", 0o700)
    if not ground.plan.drive:
        os.mkdir("drive", 0o700)
    for link in ground.links:
        try:
            os.link(link.pattern, link.name, follow_symlinks=False)
        except (OSError, NotImplementedError):  # no second names of links here
            os.symlink(link.target, link.name)


def _narrow(ground: Ground) -> None:
    if ground.fence is not None:
        own = confine.open_existing([".", *([] if ground.plan.namespaced else ["/proc/self"])])
        confine.enclose(ground.fence, writable=own[:1], readable=own[1:])
        for place in own:
            os.close(place.descriptor)
    for first, last in ground.private_to_parent:
        os.closerange(first, last + 1)
    for program in ground.filters:
        confine.put_on(program)
    if sys.platform == "linux":
        # Landlock keeps siblings out; without it nobody of the same user may look in.
        confine.set_dumpable(ground.fence is not None or not ground.plan.seccomp)


def _set_variables(variables: Mapping[str, str]) -> None:
    """As `os.environ.update` does, without asking first what kind of mapping it is."""
    for name, value in variables.items():
        os.environ[name] = value


def _reseed() -> None:
    """Every fork starts with the parent's random state; give each job its own."""
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            with suppress(Exception):
                module.seed()


def _begin(assignment: dict[str, Any]) -> None:
    _set_variables(assignment["environment"])
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
        return shortened(own_trace(error, deployment), _MAX_TRACE)
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
