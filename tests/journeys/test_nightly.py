"""The journey of a nightly agent with schedules, memory, guardrails, evals, webhooks and the marketplace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).parent / "nightly" / "transcript.log"


def test_nightly_journey() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.nightly"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(COMMITTED.read_text().splitlines())
    assert "The ledger is correct." in done.stdout
