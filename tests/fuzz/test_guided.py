"""The long form: coverage-guided fuzzing of each entry point."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.rounds import ROUNDS
from tests.fuzz.entry_points import ENTRY_POINTS

SECONDS = 6 * ROUNDS
HERE = Path(__file__).parents[2]


@pytest.mark.timeout(120 + 3 * SECONDS)
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="guided fuzzing needs the group 'fuzz': .tools/bin/uv sync --frozen --group fuzz",
)
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_point_handles_guided_fuzzing(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(SECONDS), str(tmp_path)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "DONE" in done.stderr or "Done" in done.stderr, done.stderr[-2000:]
