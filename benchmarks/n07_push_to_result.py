"""N7: the time from the push of a small bundle to the first result of its skill."""

from __future__ import annotations

import statistics
import time

from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import milliseconds

PUSHES_PER_ROUND = 2


def measure(rounds: int) -> Measurement:
    """Push a new bundle and run its skill, several times."""
    took = []
    with instance() as running, running.client() as client:
        for n in range(rounds * PUSHES_PER_ROUND):
            files = {
                **NOOP_SKILL,
                "skills/noop/main.py": f"def run(n=0):\n    return {{'n': n + {n}}}\n".encode(),
            }
            began = time.perf_counter()
            client.push(files)
            job = client.run("noop", {"n": 1})
            took.append(time.perf_counter() - began)
            if job["result"] != {"n": 1 + n}:
                raise RuntimeError(f"the job ran something else: {job}")
    return Measurement(
        "N7",
        (
            Row(
                "all",
                "push → active → first result, no dependencies",
                "≤ 1 s",
                f"{milliseconds(took)} (p50 / p99)",
                statistics.median(took) <= 1.0,
            ),
        ),
        {"took_s": took},
    )
