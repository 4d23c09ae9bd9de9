"""A project whose zygotes use up the processes of its user: idle zygotes end, and no job fails."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from tests.integration.sandbox.conftest import UID, Skill, until
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.zygotes import launch
from workers.types import Success

MAX_PROCESSES: Final = 14
SKILLS: Final = 12


@pytest.mark.skipif(UID is None, reason="without root, jobs share their user with other programs")
async def test_idle_zygotes_end_for_new_ones_and_a_running_job_continues(
    runner: DeterministicRunner, skill: Skill, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "USER_PROCESSES", MAX_PROCESSES)
    held = skill(
        """
        import os, time
        def run():
            open("drive/started", "w").close()
            while not os.path.exists("drive/go"):
                time.sleep(0.01)
            return "continued"
        """
    )
    running = asyncio.create_task(runner.run(held, recorder))
    await until(lambda: (held.drive_dir / "started").exists())
    for number in range(SKILLS):
        outcome = await runner.run(skill(f"def run(): return {number}"), recorder)
        assert isinstance(outcome, Success), outcome
        assert outcome.value == number
    (held.drive_dir / "go").touch()
    ended = await running
    assert isinstance(ended, Success), ended
    assert ended.value == "continued"
