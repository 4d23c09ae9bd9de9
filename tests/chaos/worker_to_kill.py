"""A worker in miniature, to be killed: runs one job that never ends. `python worker_to_kill.py FOLDER UID`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from workers.runners import Assignment, Entrypoint, RunLimits
from workers.runners.deterministic import DeterministicRunner

CODE = """
import os, time
def run(inputs):
    os.fork()
    while True:
        with open("drive/alive", "a") as file:
            file.write("x")
        time.sleep(0.01)
"""


class _Silent:
    def record(self, type: str, payload: dict[str, Any]) -> None:  # noqa: A002 - the word of the contract
        """Nobody reads."""


async def main(folder: Path, uid: int | None) -> None:
    """Run the job for as long as this process lives."""
    skill = folder / "bundle/skills/alive"
    skill.mkdir(parents=True)
    (skill / "main.py").write_text(CODE, encoding="utf-8")
    drive = folder / "drive"
    drive.mkdir(mode=0o700)
    if uid is not None:
        os.chown(drive, uid, uid)
    runner = DeterministicRunner(
        folder / "home", sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512
    )
    assignment = Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="alive",
        entrypoint=Entrypoint("skills/alive", "main.py", "run"),
        declared_inputs=frozenset(),
        inputs={},
        limits=RunLimits(timeout_s=60, memory_mb=256, disk_mb=64, output_mb=1),
        bundle_dir=folder / "bundle",
        requirements=None,
        drive_dir=drive,
        sandbox_uid=uid,
        secrets={},
        secrets_version="1",
        token="",
        network="none",
    )
    await runner.run(assignment, _Silent())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] != "-" else None))
