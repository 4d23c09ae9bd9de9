"""The cost of the start of a function: a job in the runner, compared with a bare interpreter and a bare fork.

    python -m benchmarks.runner_start [JOBS]    (or the file itself)

Idle: one job after another, with a pause in which a spare process is forked. Sustained: eight concurrent jobs without
pauses. CPU time includes this process and all of its children, for the whole run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    # Run as a file, its folder would be first in sys.path and hide the module `numbers` of the standard library.
    os.chdir(Path(__file__).resolve().parents[1])
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks.runner_start", *sys.argv[1:]])

import asyncio
import platform
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from benchmarks.bare_runner import DiscardingRecorder, assignment_of, open_runner
from workers.types import Assignment, RunLimits, Success

_SYSTEM_PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
_UID = 41_099 if os.geteuid() == 0 else None
_PAUSE_S = 0.02


class Row(NamedTuple):
    """One line of the table."""

    name: str
    p50_ms: float
    p99_ms: float
    cpu_ms: float


async def main(count: int) -> None:
    """Print the table."""
    rows = [
        await _measure("python3 -I -c pass", count, _interpreter),
        await _measure("bare fork", count, _fork),
    ]
    with tempfile.TemporaryDirectory() as folder:
        runner = open_runner(Path(folder) / "home")
        assignment = _assignment(Path(folder))

        async def job() -> None:
            outcome = await runner.run(assignment, DiscardingRecorder())
            if not isinstance(outcome, Success):
                raise RuntimeError(f"the job did not succeed: {outcome}")

        try:
            await job()
            rows.append(await _measure("job, spare ready", count, job, pause_s=_PAUSE_S))
            rows.append(await _measure("job, eight at a time", count, job, concurrency=8))
            layers = ", ".join(runner.layers)
        finally:
            await runner.close()
    sys.stdout.write(
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores\n{layers}\n\n"
    )
    sys.stdout.write(f"{'':<24}{'p50 ms':>10}{'p99 ms':>10}{'CPU ms':>10}\n")
    for row in rows:
        sys.stdout.write(f"{row.name:<24}{row.p50_ms:>10.2f}{row.p99_ms:>10.2f}{row.cpu_ms:>10.2f}\n")


async def _measure(
    name: str, count: int, once: Callable[[], Awaitable[None]], *, pause_s: float = 0, concurrency: int = 1
) -> Row:
    times: list[float] = []
    gate = asyncio.Semaphore(concurrency)

    async def timed() -> None:
        async with gate:
            started = time.perf_counter()
            await once()
            times.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(pause_s)

    cpu_s = _cpu_s()
    if concurrency == 1:
        for _ in range(count):
            await timed()
    else:
        await asyncio.gather(*(timed() for _ in range(count)))
    cpu_ms = (_cpu_s() - cpu_s) * 1000 / count
    times.sort()
    return Row(name, statistics.median(times), times[int(len(times) * 0.99)], cpu_ms)


async def _interpreter() -> None:
    subprocess.run([_SYSTEM_PYTHON, "-I", "-c", "pass"], check=True)  # noqa: ASYNC221 - nothing else runs


async def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)  # noqa: ASYNC222 - nothing else runs


def _cpu_s() -> float:
    """Return the CPU time of this process and its descendants, including those that have ended."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    alive = sum(_alive_cpu_s(pid) for pid in _descendants(os.getpid()))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + alive


def _descendants(pid: int) -> list[int]:
    found = []
    with suppress(OSError):  # the process has ended meanwhile
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def _alive_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _assignment(folder: Path) -> Assignment:
    skill = folder / "bundle/skills/nothing"
    skill.mkdir(parents=True)
    (skill / "main.py").write_text("def run(inputs):\n    return {'done': True}\n", encoding="utf-8")
    drive = folder / "drive"
    drive.mkdir()
    if _UID is not None:
        os.chown(drive, _UID, _UID)
    limits = RunLimits(timeout_s=30, memory_mb=256, disk_mb=64, output_mb=1)
    return assignment_of(folder, "nothing", drive=drive, uid=_UID, limits=limits)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
