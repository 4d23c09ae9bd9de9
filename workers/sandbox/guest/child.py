"""Run one job in one process: confine it, wait for the job, call the function, send the response, end."""

# ruff: noqa: PTH102, PTH108, PTH118, PTH211
# (every call runs before a job; pathlib costs)

# Most of the cost of a fork are the pages that it writes to, which are copied; counting a reference is a write. So the
# zygote prepares whatever it can, and children use as little of the standard library as possible.

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` without its enumerations
import errno
import os
import resource
import sys

from . import confine, gateways, interpreter, json_text, privileges, values, wire
from .entry import BadEntrypoint, Loaded, call, find, load, own_trace, shortened
from .lean import NamedTuple, suppress
from .wire import Plan

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Final, NoReturn

_STREAMS: Final = (sys.stdout, sys.stderr)
_MAX_LINKS: Final = 1000
_MAX_MESSAGE: Final = 4000
_MAX_BYTES_IN_MEMORY: Final = 64 << 10
"""The file of larger inputs is in the folder of the job."""
_MAX_TRACE: Final = 64_000
_NICENESS: Final = 5  # the worker needs CPU time among a hundred busy processes to end them


class ForkRequest(NamedTuple):
    """A request to fork a child: its folder and its descriptors."""

    number: int
    slot: str
    shares: bool
    """The folder exists, and others use it, too."""
    reuses: bool
    """The folder exists with all its entries but the inputs, and no one else uses it."""
    descriptors: list[int]
    """Private, stdout, stderr, events."""


class Link(NamedTuple):
    """A link in the folder of every job, to a file of the skill or to the drive."""

    name: str
    target: str
    pattern: str
    """The same link, created once by the zygote: a hard link to it costs each job less than a new link."""


class ChildSetup(NamedTuple):
    """Data that a zygote prepares once for all its children."""

    plan: Plan
    filters: Sequence[confine.Compiled]
    fence: confine.Fence | None
    gateway_ports: gateways.GatewayPorts
    private: socket
    """The descriptor number of a child's socket to the worker; in the zygote it is the control socket."""
    private_to_parent: Sequence[tuple[int, int]]
    """Ranges of descriptors that a child must close."""
    links: Sequence[Link]
    loaded: Loaded | None
    """None: each child imports the skill itself."""


def prepare(plan: Plan, gateway_ports: gateways.GatewayPorts) -> None:
    """Set up variables, interpreter and import path as the skill's code expects them, once the process is confined."""
    skill = os.path.join(plan.deployment, plan.skill_dir) if plan.skill_dir else plan.deployment
    own_paths = [plan.kit, skill, plan.deployment]
    _set_variables(plan.environment)
    _set_variables({"PYTHONPATH": os.pathsep.join(own_paths), "PURAS_DEPLOYMENT_ROOT": plan.deployment})
    _set_variables(gateway_ports.variables())
    interpreter.become(plan.prefix)
    sys.path[:0] = own_paths
    sys.meta_path.insert(0, interpreter.StandardLibrary)
    sys.argv = [plan.file]


def run(setup: ChildSetup, request: ForkRequest) -> NoReturn:
    """Run one job in this process, from the fork to the end."""
    inputs_file = _enter_slot(setup, request)
    private = setup.private
    try:
        loaded, refusal = setup.loaded or _load_in_child(setup.plan, private), None
    except BadEntrypoint as error:
        loaded, refusal = None, error
    private.sendall(b'{"type":"ready"}\n')
    frames = wire.read_frames(private)
    if frames is None:
        os._exit(0)
    job, inputs = frames
    assignment, _ = json_text.read(job.decode())
    if inputs_file is not None:
        _write_inputs(setup.plan, inputs_file, inputs)  # if the disk is full, the job has not started
    private.sendall(
        b'{"type":"started"}\n'
    )  # until the worker receives this, it may give the job to another process
    _start(assignment)
    response = (
        _refused(refusal)
        if loaded is None
        else _call_function(setup, loaded, assignment, json_text.read(inputs.decode())[0])
    )
    flush()
    try:
        private.sendall(response)
    except OSError:  # the function has closed or replaced it
        os._exit(wire.MUTE)
    os._exit(0)


def _load_in_child(plan: Plan, private: socket) -> Loaded:
    private.sendall(b'{"type":"importing"}\n')  # so that the worker can apply the limits
    return load(plan)


def make_links(plan: Plan) -> list[Link]:
    """Return the links of the folder of each job, with their patterns."""
    patterns = f"{plan.jobs}/{wire.PATTERNS}"
    os.mkdir(patterns, 0o700)
    skill = os.path.join(plan.deployment, plan.skill_dir) if plan.skill_dir else plan.deployment
    with os.scandir(skill) as entries:
        targets = {entry.name: entry.path for _, entry in zip(range(_MAX_LINKS), entries, strict=False)}
    links = [
        Link(name, target, f"{patterns}/{name}")
        for name, target in targets.items()
        if name not in ("drive", wire.TEMPORARY) and not name.startswith("_")
    ]
    if plan.drive:
        links.append(Link("drive", plan.drive, f"{patterns}/drive"))
    for link in links:
        os.symlink(link.target, link.pattern)
    return links


def _enter_slot(setup: ChildSetup, request: ForkRequest) -> int | None:
    """Enter the folder of the job; return the descriptor of the file for its inputs, if the folder is its own."""
    os.setsid()
    os.nice(_NICENESS)
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    private, stdout, stderr, events = request.descriptors
    for descriptor, number in (
        (stdout, 1),
        (stderr, 2),
        (private, wire.PRIVATE_FD),
        (events, wire.EVENTS_FD),
    ):
        os.dup2(descriptor, number, inheritable=number < 3)
        os.close(descriptor)
    if sys.platform == "linux" and not setup.plan.namespaced:
        privileges.die_with_parent()
    folder = f"{setup.plan.jobs}/{request.slot}"
    if not (request.shares or request.reuses):
        os.mkdir(folder, 0o700)
    os.chdir(folder)
    inputs_file = None
    own_paths = ["."]
    if not request.shares:
        if not request.reuses:
            _fill_folder(setup, request.slot)
        inputs_path = f"{setup.plan.inputs}/{request.slot}" if setup.plan.inputs else wire.INPUTS
        inputs_file = _new_file(inputs_path)  # written when the job arrives: creating it takes longer
        own_paths.append(inputs_path)
    _narrow(setup, own_paths)
    if not setup.plan.namespaced:
        prepare(setup.plan, setup.gateway_ports)
    _set_variables({"HOME": folder, "TMPDIR": os.path.join(folder, wire.TEMPORARY), "PWD": folder})
    _set_variables(setup.gateway_ports.variables_of(request.number))
    _reseed()
    return inputs_file


def _fill_folder(setup: ChildSetup, slot: str) -> None:
    """Create `tmp`, `drive`, and links to the inputs and to the skill's files."""
    os.mkdir(wire.TEMPORARY, 0o700)
    if setup.plan.inputs:
        os.symlink(f"{setup.plan.inputs}/{slot}", wire.INPUTS)
    if not setup.plan.drive:
        os.mkdir("drive", 0o700)
    for link in setup.links:
        try:
            os.link(link.pattern, link.name, follow_symlinks=False)
        except (OSError, NotImplementedError):  # this file system has no hard links to links
            os.symlink(link.target, link.name)


def _new_file(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _narrow(setup: ChildSetup, own_paths: Sequence[str]) -> None:
    if setup.fence is not None:
        writable = confine.open_existing(own_paths)
        readable = [] if setup.plan.namespaced else confine.open_existing(["/proc/self"])
        confine.enclose(setup.fence, writable=writable, readable=readable)
        for opened in (*writable, *readable):
            os.close(opened.descriptor)
    for first, last in setup.private_to_parent:
        os.closerange(first, last + 1)
    for program in setup.filters:
        confine.apply_filter(program)
    if sys.platform == "linux":
        # Landlock isolates siblings; without it, processes of the same user must not inspect this one.
        privileges.set_dumpable(setup.fence is not None or not setup.plan.seccomp)


def _set_variables(variables: Mapping[str, str]) -> None:
    """Set environment variables as `os.environ.update` does, but faster."""
    for name, value in variables.items():
        os.environ[name] = value


def _reseed() -> None:
    """Give each job its own random state, since a fork starts with that of the zygote."""
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            with suppress(Exception):
                module.seed()


def _start(assignment: dict[str, Any]) -> None:
    _set_variables(assignment["environment"])
    confine.limit(assignment["limits"])


def _write_inputs(plan: Plan, file: int, inputs: bytes) -> None:
    if plan.inputs:
        if len(inputs) <= _MAX_BYTES_IN_MEMORY:
            with suppress(OSError):  # other jobs have filled it
                _write(file, inputs)
                return
        os.close(file)
        os.unlink(wire.INPUTS)
        file = _new_file(wire.INPUTS)
    _write(file, inputs)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
    os.close(file)


def _call_function(
    setup: ChildSetup, loaded: Loaded, assignment: dict[str, Any], inputs: dict[str, Any]
) -> bytes:
    max_bytes: int = assignment["max_output_bytes"]
    try:
        function = loaded.function or find(
            loaded.module, setup.plan, assignment["function"], assignment["declared"]
        )
        value = values.encode(call(function, inputs))
    except BaseException as error:  # noqa: BLE001 - whatever the skill raises is an answer
        return _failed(*_verdict(error), trace=_trace(error, setup.plan.deployment))
    if len(value) > max_bytes:
        return _failed(
            "output_limit",
            f"The result has {len(value)} bytes as JSON, and its limit is {max_bytes}. Save large data with "
            "`puras.drive.save(…)` and return the path.",
        )
    return b'{"type":"value",%s,"value":%s}\n' % (_used(), value)


def _trace(error: BaseException, deployment: str) -> str:
    try:
        return shortened(own_trace(error, deployment), _MAX_TRACE)
    except Exception:  # noqa: BLE001 - out of memory, out of descriptors: the message has to do
        return ""


def _verdict(error: BaseException) -> tuple[str, str]:
    """Return the code and the message for an exception."""
    summary = _summary(error)
    for applies, code, message in _VERDICTS:
        if applies(error):
            return code, message(error, summary)
    # The class is one of the kit, which this process does not import itself.
    own_code = getattr(type(error), "puras_error_code", None)
    return next((known for known in _CODES_OF_THE_KIT if known == own_code), "exception"), summary


_CODES_OF_THE_KIT: Final = ("step_limit_exceeded", "step_mismatch", "step_outcome_unknown")
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
            "The function requested more memory than its limit. Process smaller pieces, or raise "
            "`limits.memory_mb` in skill.yaml."
        ),
    ),
    (
        lambda error: isinstance(error, OSError) and error.errno == errno.EFBIG,
        "disk_limit",
        lambda *_: (
            "The function wrote a file larger than the job's disk limit. Write less, or split the file."
        ),
    ),
    (
        lambda error: (
            (isinstance(error, OSError) and error.errno == errno.EAGAIN)
            or (isinstance(error, RuntimeError) and "start new thread" in str(error))
        ),
        "process_limit",
        lambda _, summary: f"The function exceeded its limit of processes or threads ({summary}). Use fewer.",
    ),
    (
        lambda error: isinstance(error, SystemExit),
        "exited",
        lambda error, _: (
            f"The function ended its process with exit code {error.code!r} instead of returning a value. "
            "Return the result, or raise an exception with a message."
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
    body = json_text.write_ascii({"code": code, "message": message, "trace": trace})
    return b'{"type":"failure",%s,%s\n' % (_used(), body[1:].encode())


def _used() -> bytes:
    own, waited = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime
    return b'"cpu_s":%.6f,"peak_kb":%d' % (cpu_s, max(own.ru_maxrss, waited.ru_maxrss))


def flush() -> None:
    """Flush the skill's output streams."""
    for stream, first in zip((sys.stdout, sys.stderr), _STREAMS, strict=True):
        if stream is not first or not getattr(first, "write_through", False):  # otherwise nothing is buffered
            with suppress(Exception):
                stream.flush()
