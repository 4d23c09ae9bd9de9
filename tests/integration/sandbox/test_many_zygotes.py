"""A project whose warm parents use up its user's processes: those that only wait make room, and no job is harmed."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from tests.integration.sandbox.conftest import UID, Skill, until
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.zygotes import launch
from workers.types import Success

MOST: Final = 14
SKILLS: Final = 12


@pytest.mark.skipif(
    UID is None, reason="without root, jobs share their user with everything that this user runs"
)
async def test_idle_zygotes_end_for_new_ones_and_a_running_job_continues(
    runner: DeterministicRunner, skill: Skill, notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "USER_PROCESSES", MOST)
    held = skill(
        """
        import os, time
        def run():
            open("drive/started", "w").close()
            while not os.path.exists("drive/go"):
                time.sleep(0.01)
            return "went on"
        """
    )
    running = asyncio.create_task(runner.run(held, notebook))
    await until(lambda: (held.drive_dir / "started").exists())
    for number in range(SKILLS):
        outcome = await runner.run(skill(f"def run(): return {number}"), notebook)
        assert isinstance(outcome, Success), outcome
        assert outcome.value == number
    (held.drive_dir / "go").touch()
    ended = await running
    assert isinstance(ended, Success), ended
    assert ended.value == "went on"
