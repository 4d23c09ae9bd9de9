"""A minimal worker that runs one endless job until it is killed: `python worker_to_kill.py FOLDER UID`.

Another sandbox is prepared, and waits for a job in the folders of the home.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from benchmarks.bare_runner import DiscardingRecorder, assignment_of, open_runner
from workers.types import RunLimits

CODE = """
import os, time
def run(inputs):
    os.fork()
    while True:
        with open("drive/alive", "a") as file:
            file.write("x")
        time.sleep(0.01)
"""


async def main(folder: Path, uid: int | None) -> None:
    """Run the job until this process ends."""
    skill = folder / "bundle/skills/alive"
    skill.mkdir(parents=True)
    (skill / "main.py").write_text(CODE, encoding="utf-8")
    drive = folder / "drive"
    drive.mkdir(mode=0o700)
    if uid is not None:
        os.chown(drive, uid, uid)
    assignment = assignment_of(
        folder,
        "alive",
        drive=drive,
        uid=uid,
        limits=RunLimits(timeout_s=60, memory_mb=256, disk_mb=64, output_mb=1),
    )
    runner = open_runner(folder / "home")
    await runner.runtime.prepared.prepare()
    (folder / "prepared").touch()
    await runner.run(assignment, DiscardingRecorder())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] != "-" else None))
