"""N1: a no-op job over REST with `wait=true` on an idle instance, compared with the start of a bare Python."""

from __future__ import annotations

import statistics
import subprocess
import time

from benchmarks.client import Client
from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.numbers import Measurement, milliseconds, percentile, report_progress

ROUNDS = 300
WARM_UP = 30
LIMITED_BY = (
    "half of the time: six consecutive statements, three of which wait for the disk (submit, claim, finish); a sixth: "
    "the sandboxed process; the rest: Python in API and worker. The peer is a single process that stays in the cache"
)


def measure() -> Measurement:
    """Measure job and peer alternately, so that the conditions are equal."""
    with instance() as running, running.client() as client:
        client.push(NOOP_SKILL)
        for n in range(WARM_UP):
            client.run("noop", {"n": n})
        jobs, peers = [], []
        for n in range(ROUNDS):
            peers.append(_bare_python())
            jobs.append(_one_job(client, n))
    ratio = statistics.median(jobs) / statistics.median(peers)
    tail = percentile(jobs, 0.99) / statistics.median(jobs)
    report_progress(f"N1 job {milliseconds(jobs)}, python3 -I -c pass {milliseconds(peers)}")
    return Measurement(
        "N1",
        "no-op job over REST, submit to result",
        "p50 ≤ 0.8 × `python3 -I -c pass`, p99 ≤ 4 × own p50",
        f"{ratio:.2f} ×, p99 {tail:.1f} × p50 ({milliseconds(jobs)} against {milliseconds(peers)})",
        ratio <= 0.8 and tail <= 4,
        LIMITED_BY,
    )


def _one_job(client: Client, n: int) -> float:
    began = time.perf_counter()
    job = client.run("noop", {"n": n})
    took = time.perf_counter() - began
    if job["status"] != "succeeded" or job["result"] != {"n": n}:
        raise RuntimeError(f"the job failed: {job}")
    return took


def _bare_python() -> float:
    began = time.perf_counter()
    subprocess.run(["/usr/bin/python3", "-I", "-c", "pass"], check=True)
    return time.perf_counter() - began
