"""Compare two checkouts on one host: `python -m benchmarks.compare BASE [--pairs 300] [--bursts 12]`.

Both instances run at the same time and are measured alternately, so that the conditions are equal: single jobs for the
latency, bursts of jobs for the CPU time per job. `BASE` is a checkout of another commit with a built environment and
built pages. Only its stable interfaces are used: `puras-studio` and REST.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import cpu
from benchmarks.client import Client
from benchmarks.clients import connected
from benchmarks.instance import Running, deploy_noop, instance
from benchmarks.numbers import milliseconds, report_progress

WARM_UP_JOBS: Final = 50
BURST_JOBS: Final = 250
CONNECTIONS: Final = 8
BURST_TIMEOUT_S: Final = 120.0
IDLE_S: Final = 0.5
MIN_SHOWN_MS: Final = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both checkouts and print their ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("base", type=Path, help="checkout to compare this one with")
    parser.add_argument("--pairs", type=int, default=300, help="jobs of each checkout for the latency")
    parser.add_argument("--bursts", type=int, default=12, help="bursts of each checkout for the CPU time")
    given = parser.parse_args(arguments)
    checkouts = (given.base.resolve(), Path(__file__).parent.parent)
    with ExitStack() as stack:
        running = [stack.enter_context(instance(checkout=checkout)) for checkout in checkouts]
        clients = [stack.enter_context(each.client()) for each in running]
        for client in clients:
            deploy_noop(client, runs=WARM_UP_JOBS)
        _compare_latency(clients, given.pairs)
        _compare_cpu(running, clients, given.bursts)
    return 0


def _compare_latency(clients: Sequence[Client], pairs: int) -> None:
    took_s: tuple[list[float], list[float]] = ([], [])
    for n in range(pairs):
        for which in (0, 1) if n % 2 else (1, 0):
            started = time.perf_counter()
            job = clients[which].run("noop", {"n": n})
            took_s[which].append(time.perf_counter() - started)
            if job["result"] != {"n": n}:
                raise RuntimeError(f"the job did not succeed: {job}")
    base, own = took_s
    print(f"submit to result, p50 / p99: base {milliseconds(base)}, this {milliseconds(own)}")
    print(f"  p50 {statistics.median(own) / statistics.median(base):.3f} × of base")


def _compare_cpu(running: Sequence[Running], clients: Sequence[Client], bursts: int) -> None:
    rates: tuple[list[float], list[float]] = ([], [])
    spent: tuple[list[Mapping[str, float]], list[Mapping[str, float]]] = ([], [])
    for burst in range(bursts):
        for which in (0, 1) if burst % 2 else (1, 0):
            rate, cpu_ms = _burst(running[which], clients[which])
            rates[which].append(rate)
            spent[which].append(cpu_ms)
            report_progress(
                f"burst {burst + 1} of {bursts}, {'this' if which else 'base'}: {rate:.0f} jobs/s"
            )
    base, own = (statistics.median(each) for each in rates)
    ratio = statistics.median(of_own / of_base for of_base, of_own in zip(*rates, strict=True))
    print(f"jobs per second: base {base:.0f}, this {own:.0f}; {ratio:.3f} × of base")
    stages = sorted({name for each in spent for of_burst in each for name in of_burst})
    _print_cpu("in all", [[sum(of_burst.values()) for of_burst in each] for each in spent])
    for name in stages:
        _print_cpu(name, [[of_burst.get(name, 0.0) for of_burst in each] for each in spent])


def _print_cpu(name: str, cpu_ms: Sequence[Sequence[float]]) -> None:
    """Print the medians of both checkouts, and the median of the ratios of neighboring bursts."""
    base, own = (statistics.median(each) for each in cpu_ms)
    ratios = [of_own / of_base for of_base, of_own in zip(*cpu_ms, strict=True) if of_base]
    if max(base, own) >= MIN_SHOWN_MS and ratios:
        print(
            f"CPU-ms per job, {name}: base {base:.2f}, this {own:.2f}; {statistics.median(ratios):.3f} × of base"
        )


def _burst(running: Running, client: Client) -> tuple[float, dict[str, float]]:
    """Submit jobs without a pause; return jobs per second and CPU milliseconds per job by kind of process."""
    before = cpu.by_stage(running.process.pid, running.home)
    load = (str(running.port), running.api_key, str(BURST_JOBS), str(CONNECTIONS))
    with connected(running.home, "load", *load) as clients:
        started = time.monotonic()
        clients.submit_all()
        while any(
            client.call("GET", f"/v1/jobs?status={status}&limit=1") for status in ("queued", "running")
        ):
            if time.monotonic() - started > BURST_TIMEOUT_S:
                raise RuntimeError(f"the burst has not ended after {BURST_TIMEOUT_S} s")
            time.sleep(0.02)
        rate = BURST_JOBS / (time.monotonic() - started)
    time.sleep(IDLE_S)  # include the work after the end of a job
    after = cpu.by_stage(running.process.pid, running.home)
    return rate, cpu.per_job_ms(before, after, BURST_JOBS)


if __name__ == "__main__":
    sys.exit(main())
