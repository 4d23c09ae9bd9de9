"""N16: memory of a warm sandbox and of the idle instance, and the first job after idle time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks import memory
from benchmarks.client import Client
from benchmarks.instance import NOOP_SKILL, Running, instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.memory import pss_kb
from benchmarks.numbers import report_progress

PROJECTS: Final = 8
JOBS: Final = 20
IDLE_S: Final = 5.0
IDLE_RUNNER_S: Final = 2.0
MAX_IDLE_S: Final = 60.0
POLL_S: Final = 0.1
PROCESSES_OF_PREPARED: Final = 3  # bubblewrap, process 1 and the process that will be the zygote
METHOD: Final = (
    f"PSS of the whole idle instance {IDLE_S:g} s after it is ready, before the first job. Then each of "
    f"{PROJECTS} projects runs {JOBS} jobs; the warm parent is the sum of bubblewrap, process 1 and zygote of "
    "each sandbox, divided by the number of projects, and forked spare processes are shown separately. A second "
    f"instance ends zygotes after {IDLE_RUNNER_S:g} s instead of 120 s: each round runs {JOBS} warm jobs, waits "
    "until no sandbox of a project is left, and runs one job of the same deployment"
)


def measure(rounds: int) -> Measurement:
    """Measure memory in new instances, and the first job in one instance."""
    sizes = [_memory_mb() for _ in range(rounds)]
    stack_mb, parent_mb, spare_mb = (statistics.median(values) for values in zip(*sizes, strict=True))
    firsts, warm = _first_jobs(rounds)
    ratio = statistics.median(first / of_warm for first, of_warm in zip(firsts, warm, strict=True))
    detail = f"{statistics.median(firsts) * 1000:.0f} against {statistics.median(warm) * 1000:.1f} ms"
    return Measurement(
        "N16",
        (
            at_most(
                "parent",
                "warm parent of a project",
                parent_mb,
                5,
                "MB PSS",
                detail=f"spares {spare_mb:.1f} MB",
            ),
            at_most("stack", "idle instance with all servers", stack_mb, 350, "MB PSS"),
            at_most("first", "first job after idle time, against a warm job", ratio, 5, "×", detail=detail),
        ),
        {"stack_parent_spares_mb": sizes, "first_s": firsts, "warm_s": warm},
        METHOD,
    )


def _memory_mb() -> tuple[float, float, float]:
    """Return the memory of an idle instance, of a warm parent, and of the spare processes of a warm project."""
    with ExitStack() as stack:
        running = stack.enter_context(instance())
        time.sleep(IDLE_S)
        idle_mb = _total_mb(memory.of_instance(running.process.pid, running.home))
        keys = [running.api_key, *(running.add_project() for _ in range(PROJECTS - 1))]
        for client in (stack.enter_context(running.client(key)) for key in keys):
            client.push(NOOP_SKILL)
            _run_jobs(client)
        time.sleep(1)  # the last spare processes are forked
        parents, spares = _sandboxes(running)
        sizes = (idle_mb, _total_mb(parents) / PROJECTS, _total_mb(spares) / PROJECTS)
    report_progress("N16 idle instance {:.0f} MB, warm parent {:.2f} MB, its spares {:.2f} MB".format(*sizes))
    return sizes


def _first_jobs(rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds of the first job after idle time, and the p50 of the warm jobs before it, in each round."""
    firsts, warm = [], []
    with instance(PURAS_IDLE_RUNNER_S=f"{IDLE_RUNNER_S:g}") as running, running.client() as client:
        client.push(NOOP_SKILL)
        _run_jobs(client)
        for _ in range(rounds):
            warm.append(statistics.median(_run_jobs(client)))
            _until_no_sandbox(running)
            firsts.append(_run_jobs(client, 1)[0])
            report_progress(f"N16 first job {firsts[-1] * 1000:.1f} ms, warm {warm[-1] * 1000:.1f} ms")
    return firsts, warm


def _run_jobs(client: Client, jobs: int = JOBS) -> list[float]:
    times = []
    for n in range(jobs):
        began = time.perf_counter()
        job = client.run("noop", {"n": n})
        times.append(time.perf_counter() - began)
        if job["result"] != {"n": n}:
            raise RuntimeError(f"the job failed: {job}")
    return times


def _until_no_sandbox(running: Running) -> None:
    deadline = time.monotonic() + MAX_IDLE_S
    while any(_sandboxes(running)):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"sandboxes of projects are still running after {MAX_IDLE_S:.0f} s without jobs"
            )
        time.sleep(POLL_S)


def _sandboxes(running: Running) -> tuple[list[int], list[int]]:
    """Return the processes of warm sandboxes: those with children of their own, and the last generation.

    A sandbox that was prepared for the next project has no process for a job yet, and is not included.
    """
    members = memory.of_instance(running.process.pid, running.home)
    families = [memory.descendants({pid}) for pid in members if memory.is_bubblewrap(pid)]
    family = {pid for one in families if len(one) > PROCESSES_OF_PREPARED for pid in one}
    parents = {memory.parent_of(pid) for pid in family}
    return sorted(family & parents), sorted(family - parents)


def _total_mb(pids: Sequence[int] | set[int]) -> float:
    return sum(pss_kb(pid) for pid in pids) / 1024
