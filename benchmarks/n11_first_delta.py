"""N11: the time from the first text of a model to the clients of the stream, with concurrent agents."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from benchmarks.instance import instance
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import percentile
from benchmarks.upstream import SKILL, upstream

AGENTS: Final = 20
STEPS: Final = 22
THINK_S: Final = 0.5
"""The delay before each reply, which results in 40 replies/s in total."""


def measure(_rounds: int) -> Measurement:
    """Hold every run at its first step until its client is connected; each later reply contains its start time."""
    with upstream(steps=STEPS, hold=1, think_s=THINK_S) as server:
        settings: dict[str, Any] = {"PURAS_WORKER_PROCESSES": "2", "PURAS_WORKER_JOBS": str(AGENTS)}
        with instance(None, **server.settings(), **settings) as running, running.client() as client:
            client.push(SKILL)
            job_ids = [client.submit("turns", topic=f"t{n}") for n in range(AGENTS)]
            command = [sys.executable, "-m", "benchmarks.listeners", str(running.port), running.api_key]
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as listeners:
                if listeners.stdin is None or listeners.stdout is None:
                    raise RuntimeError("the listeners have no pipes")
                listeners.stdin.write(json.dumps(job_ids) + "\n")
                listeners.stdin.flush()
                listeners.stdout.readline()  # every stream has started
                server.release()
                late_s = json.loads(listeners.communicate(timeout=120)[0])
    if len(late_s) != AGENTS * (STEPS - 2):  # the first step contains no text, and the last one submits
        raise RuntimeError(
            f"{AGENTS * (STEPS - 2):,} replies were started and {len(late_s):,} first deltas received"
        )
    p95_ms = percentile(late_s, 0.95) * 1000
    return Measurement(
        "N11",
        (
            Row(
                "all",
                f"first text of a model → SSE client, {AGENTS} agents, {AGENTS / THINK_S:.0f} replies/s in total",
                "p95 ≤ 30 ms",
                f"p50 {percentile(late_s, 0.5) * 1000:.1f} ms, p95 {p95_ms:.1f} ms",
                p95_ms <= 30,
            ),
        ),
        {"p50_ms": percentile(late_s, 0.5) * 1000, "p95_ms": p95_ms, "replies": len(late_s)},
    )
