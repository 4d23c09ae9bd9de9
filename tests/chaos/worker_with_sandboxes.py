"""A worker with busy sandboxes, until it is killed: `python worker_with_sandboxes.py FOLDER MARK`.

It prints `ready` when an import, a command and a build each run `sleep MARK`. None of them reads its sockets then.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.bare_runner import DiscardingRecorder, assignment_of
from tests.integration.sandbox.packages import source
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.shells.commands import CommandRequest
from workers.sandbox.host.shells.shell import run_command
from workers.sandbox.host.zygotes.spec import spec_of
from workers.types import RunLimits

UID = 2_041_070 if os.geteuid() == 0 else None
LIMITS = RunLimits(timeout_s=60, memory_mb=256, disk_mb=64, output_mb=1, processes=32)
BUSY = """
import os, subprocess, time
def busy():
    subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
    while True:
        time.sleep(1)
"""


def main(folder: Path, mark: str) -> None:
    """Keep the sandboxes busy until this process ends."""
    asyncio.run(_keep_busy(folder, mark))


async def _keep_busy(folder: Path, mark: str) -> None:
    index = folder / "index"
    index.mkdir()
    source(index, "busy", f"{BUSY.format(mark=mark)}\ndef build(): busy()\n")
    (folder / "uv.toml").write_text(f'[pip]\nno-index = true\nfind-links = ["{index}"]\n', encoding="utf-8")
    os.environ["UV_CONFIG_FILE"] = str(folder / "uv.toml")
    for skill, code in (
        ("imports", f"{BUSY.format(mark=mark)}\nbusy()\n"),
        ("builds", "def run(inputs): pass\n"),
    ):
        (folder / f"bundle/skills/{skill}").mkdir(parents=True)
        (folder / f"bundle/skills/{skill}/main.py").write_text(code, encoding="utf-8")
    (folder / "requirements.txt").write_text("busy\n", encoding="utf-8")
    drive = folder / "drive"
    drive.mkdir(mode=0o700)
    if UID is not None:
        os.chown(drive, UID, UID)
    runtime = SandboxRuntime(
        folder / "home", sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512
    )
    runner = DeterministicRunner(runtime)
    imports = assignment_of(folder, "imports", drive=drive, uid=UID, limits=LIMITS)
    builds = replace(imports, skill_name="builds", requirements=folder / "requirements.txt")
    running = [
        asyncio.ensure_future(runner.run(imports, DiscardingRecorder())),
        asyncio.ensure_future(runner.run(builds, DiscardingRecorder())),
        asyncio.ensure_future(_command(runtime, imports, f"sleep {mark} & while true; do sleep 1; done")),
    ]
    while _count(mark) < len(running):
        ended, _ = await asyncio.wait(running, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
        if ended:
            raise RuntimeError(
                f"A sandbox ended before the worker was killed: {[task.result() for task in ended]}"
            )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*running)


async def _command(runtime: SandboxRuntime, assignment: object, command: str) -> None:
    workspace = runtime.folders.make(None)
    workspace.chmod(0o711)
    work = workspace / "1"
    (work / "tmp").mkdir(parents=True)
    for path in (work, work / "tmp"):
        path.chmod(0o700)
        if UID is not None:
            os.chown(path, UID, UID)

    async def on_output(stream: str, data: bytes) -> None:
        del stream, data

    spec = spec_of(assignment, None)  # type: ignore[arg-type]  # the type that the runner uses
    descriptor = os.open(work, os.O_PATH | os.O_DIRECTORY)
    request = CommandRequest(command, spec, workspace, "1", descriptor, LIMITS, 60, on_output)
    await run_command(runtime, request, NetworkUse(DiscardingRecorder()))


def _count(mark: str) -> int:
    done = subprocess.run(["pgrep", "-fc", f"^sleep {mark}$"], capture_output=True, text=True, check=False)
    return int(done.stdout or 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
