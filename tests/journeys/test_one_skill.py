"""One skill from a notebook's cell, called from everywhere and seen in the studio, as one script tells it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from studio import build
from tests.journeys.one_skill.studio import CHROMIUM

ROOT = Path(__file__).parents[2]
COMMITTED = Path(__file__).parent / "one_skill" / "transcript.log"


@pytest.mark.e2e
@pytest.mark.timeout(400)
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install the package `chromium`")
def test_one_skill() -> None:
    assert build.main([]) == 0
    told = subprocess.run(
        [sys.executable, "-m", "tests.journeys.one_skill"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=380,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert len(told.stdout.splitlines()) == len(COMMITTED.read_text().splitlines())
