"""The trusted side of one child: a spare until it is given a job, then the job's process to its end."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import os
import signal
import socket
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from workers.sandbox.guest import wire
from workers.sandbox.host.exit_status import (
    CLOSED,
    Ending,
    Exit,
    Line,
    NotStarted,
    Silent,
    Stopped,
    answer_of,
)
from workers.sandbox.isolation.process_ids import Process

from .output import Output

_READ_BYTES: Final = 1 << 18
_REPORT_S: Final = 2.0  # the parent needs a moment to collect its dead child and say how it ended
_MAX_EMPTYING_READS: Final = 512  # of what is left in the pipes at the end: more than they hold
_EMPTYING_S: Final = 0.1  # of computing time, for the same
_PAUSE_S: Final = 0.005
_MESSAGES_PER_TURN: Final = 16  # of the kit, from a job that has to wait between turns
_LARGE_ANSWER_BYTES: Final = 64 * 1024  # a larger one is read in a thread: that takes up to a second
_ANSWER_OVERHEAD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What a child is told of its job."""

    inputs: dict[str, Any]
    environment: dict[str, str]
    limits: dict[str, int]
    """Resource limits by the kernel's names, without the prefix `RLIMIT_`."""
    max_output_bytes: int
    function: str = ""
    """For a parent that has imported a file without naming one."""
    declared: tuple[str, ...] = ()
    """Inputs that this function declares."""

    def encode(self) -> bytes:
        """The two frames that the child reads: what is for its runner, and the inputs as they go into a file."""
        ours = {
            "environment": self.environment,
            "limits": self.limits,
            "max_output_bytes": self.max_output_bytes,
            "function": self.function,
            "declared": self.declared,
        }
        return wire.frame(json.dumps(ours).encode()) + wire.frame(
            json.dumps(self.inputs, ensure_ascii=False).encode()
        )


class Child:
    """One forked process of a warm parent."""

    def __init__(self, number: int, work: str | None = None, *, parent: Process | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self.number = number
        self.made_at = time.monotonic()
        self.work = work
        """The work folder that it enters, by its name among those of its parent; none: it makes one of its own."""
        self.output = Output()
        self.process: Process | None = None
        """Known from its first message on."""
        self._parent = parent
        self.on_seated: Callable[[Process], None] | None = None
        """Called with its process when it begins to import by itself; only such children say so."""
        self._begun = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[Ending | Line] = self._loop.create_future()
        self._exit: asyncio.Future[Exit] = self._loop.create_future()
        self._is_frozen = False
        self._is_killed = False
        self._is_honest = True
        self._received = bytearray()
        self._max_answer_bytes = _ANSWER_OVERHEAD_BYTES
        self._private, private = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            self._private.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._events, events = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        self._stdout, stdout = os.pipe()
        self._stderr, stderr = os.pipe()
        self._theirs = [private.detach(), stdout, stderr, events.detach()]
        self._readers: dict[int, Callable[[], bool]] = {
            self._private.fileno(): self._read_private,
            self._stdout: lambda: self._read_text(self._stdout, "stdout"),
            self._stderr: lambda: self._read_text(self._stderr, "stderr"),
            self._events.fileno(): self._read_events,
        }
        for descriptor in self._readers:
            os.set_blocking(descriptor, False)

    @property
    def pid(self) -> int | None:
        """Its process ID, to be shown and to read about it: to act on the process takes `process`."""
        return self.process.pid if self.process is not None else None

    @property
    def slot(self) -> str:
        """The name of its folder among those of its parent."""
        return self.work or str(self.number)

    def hand_over(self, control: socket.socket) -> None:
        """Ask the parent to fork this child, giving it our descriptors' other ends."""
        try:
            wire.send(
                control,
                {"type": "fork", "id": self.number, "slot": self.slot, "shares": self.work is not None},
                self._theirs,
            )
        finally:
            for descriptor in self._theirs:
                os.close(descriptor)
        for descriptor, read in self._readers.items():
            self._loop.add_reader(descriptor, self._on_readable, descriptor, read)

    async def run(self, job: Job) -> Ending:
        """Give the process its job and wait for the end.

        Raises:
            NotStarted: it was gone before the job reached it.
        """
        self._max_answer_bytes = job.max_output_bytes + _ANSWER_OVERHEAD_BYTES
        with suppress(OSError):  # it is gone, and its end is about to be read
            await self._loop.sock_sendall(self._private, job.encode())
        ended = await asyncio.shield(self._ended)
        ending = await _read(ended) if isinstance(ended, Line) else ended
        if isinstance(ending, Silent) and not self._begun:
            raise NotStarted
        if isinstance(ending, Silent) and ending.exit is None:
            ending = Silent(await self._reported_exit())
        return ending

    def stop(self, code: str, message: str) -> None:
        """End the process, its whole group, for a reason that becomes the job's."""
        self._end(Stopped(code, message))

    @property
    def is_gone(self) -> bool:
        """Whether it has ended by itself."""
        return self._ended.done() and self.stopped is None

    @property
    def stopped(self) -> Stopped | None:
        """Why we ended it, if we did."""
        ending = self._ended.result() if self._ended.done() else None
        return ending if isinstance(ending, Stopped) else None

    def lost(self) -> None:
        """Note that the parent is gone, and this process with it."""
        self._end(Silent(None))
        self.exited(None)

    def exited(self, status: int | None) -> None:
        """Note how the process ended."""
        if not self._exit.done():
            self._exit.set_result(Exit(status if status is not None else signal.SIGKILL))

    def freeze(self) -> None:
        """Stop its threads and processes until it is wanted."""
        self._is_frozen = self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        if self._is_frozen:
            self._is_frozen = not self._signal(signal.SIGCONT)

    def kill(self) -> bool:
        """End every process of the group; false if some may go on: then the whole sandbox must end.

        A forged child is not ended at all: its number may be that of a group that is not the job's.
        """
        if self.process is not None and not self._is_killed:
            self._is_killed = True
            self._is_honest = self._is_honest and self.process.end_group(self._parent)
        return self._is_honest

    def _signal(self, number: signal.Signals) -> bool:
        return self.process is not None and self.process.signal_group(number)

    def close(self) -> None:
        """Take what is left of its output and let go of all descriptors."""
        for descriptor, read in self._readers.items():
            self._loop.remove_reader(descriptor)
            if descriptor != self._private.fileno():
                self._empty(descriptor, read)
        self._readers.clear()
        self.output.finish()
        self._private.close()
        self._events.close()
        os.close(self._stdout)
        os.close(self._stderr)
        if self.process is not None:
            self.process.close()
        if not self.ready.done():
            self.ready.cancel()

    def _on_readable(self, descriptor: int, read: Callable[[], bool]) -> None:
        if not read():
            self._loop.remove_reader(descriptor)

    def _empty(self, descriptor: int, read: Callable[[], bool]) -> None:
        """Read what is there now, within bounds: a process that cannot be ended yet may still be writing."""
        is_kit = descriptor == self._events.fileno()
        until = time.thread_time() + _EMPTYING_S
        for _ in range(_MAX_EMPTYING_READS):
            is_more = _has_data(descriptor) or (is_kit and self.output.is_behind)
            if not is_more or not read() or time.thread_time() > until:
                return

    def _read_private(self) -> bool:
        if self._ended.done():
            return False
        try:
            data = self._receive_private()
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            facts = self.process.facts() if self._is_honest and self.process is not None else None
            self._end(Stopped(*CLOSED) if facts is not None and facts.lives else Silent(None))
            return False
        self._received += data
        start = len(self._received) - len(data)
        while (end := self._received.find(b"\n", start)) >= 0:
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            start = 0
            self._line(line)
            if self._ended.done():  # one line is the last, whatever comes after it
                self._received.clear()
                return False
        if len(self._received) > self._max_answer_bytes:
            limit = self._max_answer_bytes - _ANSWER_OVERHEAD_BYTES
            self.stop("output_limit", f"The result is larger than its limit of {limit} bytes as JSON.")
            return False
        return True

    def _receive_private(self) -> bytes:
        if self.process is not None:
            return self._private.recv(_READ_BYTES)
        data, ancillary, _, _ = self._private.recvmsg(_READ_BYTES, socket.CMSG_SPACE(12))
        pid = wire.sender_pid(ancillary) or None  # zero: nothing was forked, or it is gone already
        if pid is None:
            return b"" if hasattr(socket, "SO_PASSCRED") else data
        try:
            self.process = Process(pid)
        except ProcessLookupError:  # it sent this and is gone
            return b""
        self._is_honest = self._is_own(self.process)
        return data if self._is_honest else b""

    def _is_own(self, process: Process) -> bool:
        """Whether the process is what the parent forked: its child, which leads a group of its own and cannot leave it.

        The number alone proves nothing: its sender may be gone, and the process that has it now another one's.
        """
        facts = process.facts()
        if facts is None:  # gone meanwhile, or the kernel hides it from this user
            with suppress(ProcessLookupError):
                return os.getpgid(process.pid) == process.pid or not process.is_there
            return True
        is_child = self._parent is None or facts.parent == self._parent.pid
        return is_child and facts.group == process.pid

    def _line(self, line: bytes) -> None:
        if self.on_seated is not None and self.process is not None:
            self.on_seated(self.process)
            self.on_seated = None
        elif not self.ready.done():
            self.ready.set_result(None)
        elif not self._begun:
            self._begun = True
        else:
            self._end(Line(line))

    def _read_text(self, descriptor: int, stream: str) -> bool:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return True
        self.output.text(stream, data)
        if self.output.is_full:
            self._pause(descriptor)
        return bool(data)

    def _read_events(self) -> bool:
        for _ in range(_MESSAGES_PER_TURN if self.output.is_full else 1):
            data = b""
            if not self.output.is_behind:
                try:
                    data = self._events.recv(_READ_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    return False
                if not data:
                    return False
            self.output.kit(data)
            if self.output.is_behind:
                break
        if self.output.is_full or self.output.is_behind:
            self._pause(self._events.fileno())
        return True

    def _pause(self, descriptor: int) -> None:
        """Read on a little later: a job that prints without end must wait, not the worker work."""
        with suppress(OSError, AttributeError):  # not a pipe, no more room for pipes, or not Linux
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _READ_BYTES)
        self._loop.remove_reader(descriptor)
        self._loop.call_later(_PAUSE_S, self._resume, descriptor)

    def _resume(self, descriptor: int) -> None:
        read = self._readers.get(descriptor)
        if read is not None:
            self._loop.add_reader(descriptor, self._on_readable, descriptor, read)
            if (
                descriptor == self._events.fileno() and self.output.is_behind
            ):  # there may be nothing new to read
                self._on_readable(descriptor, read)

    def _end(self, ending: Ending | Line) -> None:
        self.kill()
        if not self._ended.done():
            self._ended.set_result(ending)
        if not self.ready.done():
            self.ready.set_exception(NotStarted())
            self.ready.exception()  # whoever waits gets it; nobody may be waiting

    async def _reported_exit(self) -> Exit | None:
        try:
            async with asyncio.timeout(_REPORT_S):
                return await asyncio.shield(self._exit)
        except TimeoutError:
            return None


async def _read(line: Line) -> Ending:
    if len(line.raw) <= _LARGE_ANSWER_BYTES:
        return answer_of(line.raw)
    return await asyncio.to_thread(_read_large, line.raw)


def _read_large(raw: bytes) -> Ending:
    """Read millions of values: looking for garbage among them takes longer than all else, and stops every thread."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return answer_of(raw)
    finally:
        if was_enabled:
            gc.enable()


def _has_data(descriptor: int) -> bool:
    return fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0") != b"\0\0\0\0"
