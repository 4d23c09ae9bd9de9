"""The night in which everything around the agent works together, as one script tells it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).parent / "nightly" / "transcript.log"


@pytest.mark.slow  # it waits for a schedule's minute
def test_one_night() -> None:
    night = subprocess.run(
        [sys.executable, "-m", "tests.journeys.nightly"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert night.returncode == 0, night.stdout + night.stderr
    assert len(night.stdout.splitlines()) == len(COMMITTED.read_text().splitlines())
    assert "The ledger is correct." in night.stdout
