"""N1: a no-op job over REST with `wait=true` on an idle instance, compared with the start of a bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Final

from benchmarks.client import Client
from benchmarks.instance import deploy_noop, instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.numbers import alternate, median_ratio, milliseconds, percentile, report_progress

PER_ROUND: Final = 200
WARM_UP: Final = 100
BARE_PYTHON: Final = (sys.executable, "-I", "-c", "pass")
METHOD: Final = (
    f"Each round runs {PER_ROUND} jobs one after another on one open connection, then `python -I -c pass` as "
    "often, with the interpreter of the instance. Both clocks run in this process, whose start they exclude. "
    "The ratio is the median of the ratios of p50 in each round; p99 / p50 is the median of the rounds"
)


def measure(rounds: int) -> Measurement:
    """Measure jobs and interpreters in alternating rounds, so that the conditions are equal."""
    with instance() as running, running.client() as client:
        deploy_noop(client, runs=WARM_UP)
        jobs, peers = alternate(rounds, lambda: _jobs(client), _interpreters)
    p50s, peer_p50s = ([statistics.median(each) for each in side] for side in (jobs, peers))
    tails = [percentile(each, 0.99) / statistics.median(each) for each in jobs]
    job_times, peer_times = (
        milliseconds([value for each in side for value in each]) for side in (jobs, peers)
    )
    return Measurement(
        "N1",
        (
            at_most(
                "p50",
                "p50 of a no-op job over REST, submit → result, against `python -I -c pass`",
                median_ratio(p50s, peer_p50s),
                0.6,
                "×",
                detail=f"p50 / p99 {job_times} against {peer_times}",
            ),
            at_most("p99", "p99 of these jobs against their p50", statistics.median(tails), 3, "×"),
        ),
        {"job_s": jobs, "peer_s": peers},
        METHOD,
    )


def _jobs(client: Client) -> list[float]:
    times = [_one_job(client, n) for n in range(PER_ROUND)]
    report_progress(f"N1 job {milliseconds(times)}")
    return times


def _interpreters() -> list[float]:
    times = [_bare_python() for _ in range(PER_ROUND)]
    report_progress(f"N1 python -I -c pass {milliseconds(times)}")
    return times


def _one_job(client: Client, n: int) -> float:
    began = time.perf_counter()
    job = client.run("noop", {"n": n})
    took = time.perf_counter() - began
    if job["status"] != "succeeded" or job["result"] != {"n": n}:
        raise RuntimeError(f"the job failed: {job}")
    return took


def _bare_python() -> float:
    began = time.perf_counter()
    subprocess.run(BARE_PYTHON, check=True)
    return time.perf_counter() - began
