"""Manage the host side of one child of a zygote.

The child is a spare process until it receives a job, then the process of the job.
"""

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
from workers.sandbox.host.zygotes.exit_status import (
    CLOSED,
    Exit,
    NoResponse,
    NotStarted,
    ProcessEnd,
    Stopped,
    Suspended,
    UnreadLine,
    response_of,
)
from workers.sandbox.isolation.process_ids import Process

from .output import Output

_READ_BYTES: Final = 1 << 18
_REPORT_S: Final = 2.0  # the zygote has to collect the child and report its exit status
_MAX_EMPTYING_READS: Final = 512  # of the rest in the pipes at the end: more than pipes can contain
_EMPTYING_S: Final = 0.1  # of CPU time, for the same
_PAUSE_S: Final = 0.005
_READ_OUTPUT_AFTER_S: Final = 0.05  # a job that has ended before needs no readers for its output
_MESSAGES_PER_TURN: Final = 16  # of the kit, from a job that has to wait between turns
_LARGE_RESPONSE_BYTES: Final = 64 * 1024  # a larger one is read in a thread, which takes up to a second
_RESPONSE_OVERHEAD_BYTES: Final = 64 * 1024
_MAX_REQUEST_BYTES: Final = 4 << 20  # the result of a step, whose JSON is a text in the JSON of the request


@dataclass(frozen=True, slots=True)
class Job:
    """The job as its child process receives it."""

    inputs: dict[str, Any]
    environment: dict[str, str]
    limits: dict[str, int]
    """Resource limits by the kernel's names, without the prefix `RLIMIT_`."""
    max_output_bytes: int
    function: str = ""
    """For a zygote that has imported a file without a function."""
    declared: tuple[str, ...] = ()
    """Inputs that this function declares."""

    def encode(self) -> bytes:
        """Return the two frames that the child reads: settings, and the inputs as they are written to a file."""
        header = {
            "environment": self.environment,
            "limits": self.limits,
            "max_output_bytes": self.max_output_bytes,
            "function": self.function,
            "declared": self.declared,
        }
        return wire.frame(json.dumps(header).encode()) + wire.frame(
            json.dumps(self.inputs, ensure_ascii=False).encode()
        )


class Child:
    """One forked process of a zygote."""

    def __init__(
        self,
        number: int,
        work: str | None = None,
        *,
        reused: str | None = None,
        zygote: Process | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.number = number
        self.created_at = time.monotonic()
        self.work = work
        """The name of the work folder that it uses; none: it has its own."""
        self._reused = reused
        """The name of its own folder, if that exists; none: it creates it."""
        self.output = Output()
        self.process: Process | None = None
        """Known from its first message on."""
        self.has_sockets = False
        """Whether the job has created Unix sockets; false also where the kernel does not report it."""
        self._zygote = zygote
        self.on_started: Callable[[Process], None] | None = None
        """Called with its process when it starts to import the skill itself."""
        self.on_request: Callable[[bytes], None] | None = None
        """Called with each request of the running job; without it, the first line of the job is its response."""
        self._answering = asyncio.Lock()
        self._is_started = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[ProcessEnd | UnreadLine] = self._loop.create_future()
        self._exit: asyncio.Future[Exit] = self._loop.create_future()
        self._is_frozen = False
        self._is_killed = False
        self._is_honest = True
        self._received = bytearray()
        self._max_response_bytes = _RESPONSE_OVERHEAD_BYTES
        self._private, private = socket.socketpair()
        if hasattr(socket, "SO_PASSCRED"):
            self._private.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._events, events = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        self._stdout, stdout = os.pipe()
        self._stderr, stderr = os.pipe()
        self._peer_ends = [private.detach(), stdout, stderr, events.detach()]
        self._readers: dict[int, Callable[[], bool]] = {
            self._private.fileno(): self._read_private,
            self._stdout: lambda: self._read_text(self._stdout, "stdout"),
            self._stderr: lambda: self._read_text(self._stderr, "stderr"),
            self._events.fileno(): self._read_events,
        }
        for descriptor in self._readers:
            os.set_blocking(descriptor, False)
        self._reads_output_later: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Its process ID, for display and for /proc; signals go through `process`."""
        return self.process.pid if self.process is not None else None

    @property
    def slot(self) -> str:
        """The name of its folder in that of the zygote."""
        return self.work or self._reused or str(self.number)

    @property
    def is_ready(self) -> bool:
        """Whether it waits for its job."""
        return self.ready.done() and not self._ended.done()

    def request_fork(self, control: socket.socket) -> None:
        """Send the zygote the request to fork this child, with the peer ends of its descriptors."""
        try:
            request = {"id": self.number, "slot": self.slot, "shares": self.work is not None}
            wire.send(
                control, {"type": "fork", **request, "reuses": self._reused is not None}, self._peer_ends
            )
        finally:
            for descriptor in self._peer_ends:
                os.close(descriptor)
        self._loop.add_reader(
            self._private.fileno(), self._on_readable, self._private.fileno(), self._read_private
        )
        self._reads_output_later = self._loop.call_later(_READ_OUTPUT_AFTER_S, self._read_output)

    async def run(self, job: Job) -> ProcessEnd:
        """Send the process its job and wait for its end.

        Raises:
            NotStarted: it ended before it received the job.
        """
        self._max_response_bytes = job.max_output_bytes + _RESPONSE_OVERHEAD_BYTES
        with suppress(OSError):  # it has ended, and its end is about to be read
            await self._loop.sock_sendall(self._private, job.encode())
        end = await asyncio.shield(self._ended)
        process_end = await _read(end) if isinstance(end, UnreadLine) else end
        if isinstance(process_end, NoResponse) and not self._is_started:
            raise NotStarted
        if isinstance(process_end, NoResponse) and process_end.exit is None:
            process_end = NoResponse(await self._reported_exit())
        return process_end

    def stop(self, code: str, message: str) -> None:
        """End the process group for a reason that becomes the error of the job."""
        self._end(Stopped(code, message))

    async def answer(self, line: bytes) -> None:
        """Send the answer to a request; a process that has ended does not receive it."""
        async with self._answering:
            if not self._ended.done():
                with suppress(OSError):
                    await self._loop.sock_sendall(self._private, line)

    def suspend(self) -> None:
        """End the process group, since the job continues later in another process."""
        self._end(Suspended())

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._ended.done() and self.stopped is None

    @property
    def stopped(self) -> Stopped | None:
        """Why the worker ended it, if it did."""
        process_end = self._ended.result() if self._ended.done() else None
        return process_end if isinstance(process_end, Stopped) else None

    def mark_lost(self) -> None:
        """Record that the zygote has ended, and this process with it."""
        self._end(NoResponse(None))
        self.mark_exited(None)

    def mark_exited(self, status: int | None) -> None:
        """Record how the process ended."""
        if not self._exit.done():
            self._exit.set_result(Exit(status if status is not None else signal.SIGKILL))

    def freeze(self) -> None:
        """Pause its threads and processes until it gets a job."""
        self._is_frozen = self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume a paused process."""
        if self._is_frozen:
            self._is_frozen = not self._signal(signal.SIGCONT)

    def kill(self) -> bool:
        """End all processes of the group; return false if some may survive: then the whole sandbox must end.

        A forged child is not ended: its number may be that of a group that does not belong to the job.
        """
        if self.process is not None and not self._is_killed:
            self._is_killed = True
            self._is_honest = self._is_honest and self.process.end_group(self._zygote)
        return self._is_honest

    def _signal(self, number: signal.Signals) -> bool:
        return self.process is not None and self.process.signal_group(number)

    def close(self) -> None:
        """Read the rest of its output and close all descriptors."""
        if self._reads_output_later is not None:
            self._reads_output_later.cancel()
            self._reads_output_later = None
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

    def _read_output(self) -> None:
        """Read its output from now on, first what is there already."""
        if self._reads_output_later is None:
            return
        self._reads_output_later.cancel()
        self._reads_output_later = None
        for descriptor, read in self._readers.items():
            if descriptor != self._private.fileno():
                self._loop.add_reader(descriptor, self._on_readable, descriptor, read)
                self._on_readable(descriptor, read)

    def _on_readable(self, descriptor: int, read: Callable[[], bool]) -> None:
        if not read():
            self._loop.remove_reader(descriptor)

    def _empty(self, descriptor: int, read: Callable[[], bool]) -> None:
        """Read what is available, within limits: a process that cannot be ended yet may still write."""
        is_kit = descriptor == self._events.fileno()
        until = time.thread_time() + _EMPTYING_S
        for _ in range(_MAX_EMPTYING_READS):
            has_more = _has_data(descriptor) or (is_kit and self.output.has_pending_lines)
            if not has_more or not read() or time.thread_time() > until:
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
            info = self.process.info() if self._is_honest and self.process is not None else None
            self._end(Stopped(*CLOSED) if info is not None and info.lives else NoResponse(None))
            return False
        self._received += data
        start = len(self._received) - len(data)
        while (end := self._received.find(b"\n", start)) >= 0:
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            start = 0
            self._line(line)
            if self._ended.done():  # it is the last line, whatever follows it
                self._received.clear()
                return False
        if len(self._received) > self._max_unread_bytes():
            limit = self._max_response_bytes - _RESPONSE_OVERHEAD_BYTES
            self.stop("output_limit", f"The result is larger than its limit of {limit} bytes as JSON.")
            return False
        return True

    def _max_unread_bytes(self) -> int:
        is_request = self.on_request is not None and self._received.startswith(wire.REQUEST)
        return max(self._max_response_bytes, _MAX_REQUEST_BYTES) if is_request else self._max_response_bytes

    def _receive_private(self) -> bytes:
        if self.process is not None:
            return self._private.recv(_READ_BYTES)
        data, ancillary, _, _ = self._private.recvmsg(_READ_BYTES, socket.CMSG_SPACE(12))
        pid = wire.sender_pid(ancillary) or None  # zero: nothing was forked, or the process has ended
        if pid is None:
            return b"" if hasattr(socket, "SO_PASSCRED") else data
        try:
            self.process = Process(pid)
        except ProcessLookupError:  # it has ended after it sent this
            return b""
        self._is_honest = self._is_own_child(self.process)
        return data if self._is_honest else b""

    def _is_own_child(self, process: Process) -> bool:
        """Return whether the process is what the zygote forked: its child, which leads a group that it cannot leave.

        The number alone is no proof: its sender may have ended, and another process may have the number now.
        """
        info = process.info()
        if info is None:  # it has ended, or the kernel hides it from this user
            with suppress(ProcessLookupError):
                return os.getpgid(process.pid) == process.pid or not process.is_there
            return True
        is_child = self._zygote is None or info.parent == self._zygote.pid
        return is_child and info.group == process.pid

    def _line(self, line: bytes) -> None:
        if self.on_started is not None and self.process is not None:
            self._read_output()  # of its import, which comes before that of its function
            self.on_started(self.process)
            self.on_started = None
        elif not self.ready.done():
            self.ready.set_result(None)
        elif not self._is_started:
            self._is_started = True
        elif self.on_request is not None and line.startswith(wire.REQUEST):
            self._read_output()  # what it has written before the request comes first
            self.on_request(line)
        else:
            self._end(UnreadLine(line))

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
            if not self.output.has_pending_lines:
                try:
                    data = self._events.recv(_READ_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    return False
                if not data:
                    return False
            self.output.kit(data)
            if self.output.has_pending_lines:
                break
        if self.output.is_full or self.output.has_pending_lines:
            self._pause(self._events.fileno())
        return True

    def _pause(self, descriptor: int) -> None:
        """Continue to read later.

        A job that prints endlessly has to wait, and the worker stays responsive.
        """
        with suppress(OSError, AttributeError):  # not a pipe, no more room for pipes, or not Linux
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _READ_BYTES)
        self._loop.remove_reader(descriptor)
        self._loop.call_later(_PAUSE_S, self._resume, descriptor)

    def _resume(self, descriptor: int) -> None:
        read = self._readers.get(descriptor)
        if read is not None:
            self._loop.add_reader(descriptor, self._on_readable, descriptor, read)
            if (
                descriptor == self._events.fileno() and self.output.has_pending_lines
            ):  # there may be nothing new to read
                self._on_readable(descriptor, read)

    def _end(self, process_end: ProcessEnd | UnreadLine) -> None:
        self.kill()
        if not self._ended.done():
            self._ended.set_result(process_end)
        if not self.ready.done():
            self.ready.set_exception(NotStarted())
            self.ready.exception()  # waiters receive it; without one, asyncio would log it as never retrieved

    async def _reported_exit(self) -> Exit | None:
        try:
            async with asyncio.timeout(_REPORT_S):
                return await asyncio.shield(self._exit)
        except TimeoutError:
            return None


async def _read(line: UnreadLine) -> ProcessEnd:
    if len(line.raw) <= _LARGE_RESPONSE_BYTES:
        return response_of(line.raw)
    return await asyncio.to_thread(_read_large, line.raw)


def _read_large(raw: bytes) -> ProcessEnd:
    """Read millions of values without garbage collection, which would take longest and stop all threads."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return response_of(raw)
    finally:
        if was_enabled:
            gc.enable()


def _has_data(descriptor: int) -> bool:
    return fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0") != b"\0\0\0\0"
