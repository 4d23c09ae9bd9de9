"""The journey of a skill from a notebook cell that is called over all interfaces and seen in the studio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chromium import headless_shell
from studio import build

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).parent / "one_skill" / "transcript.log"


@pytest.mark.e2e
@pytest.mark.timeout(400)
@pytest.mark.skipif(headless_shell() is None, reason="needs Chromium: install the package `chromium`")
def test_one_skill_journey() -> None:
    assert build.main([]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.one_skill"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(COMMITTED.read_text().splitlines())
