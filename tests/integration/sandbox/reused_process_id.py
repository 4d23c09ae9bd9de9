"""Give the ID of a job's process to another process while the job continues, and print what happens to that one.

It runs as root in a new process namespace, where it chooses the IDs: `python reused_process_id.py FOLDER`. The skill
replaces the function that forks in its zygote: the process that the worker knows is collected, and the zygote runs
the job.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from backend.execution.events.types import JobEvent
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Entrypoint, RunLimits, Success

UID = 2_041_030
LAST_PROCESS_ID = Path("/proc/sys/kernel/ns_last_pid")
SKILL = """
import os, socket, threading, time
from puras_inside import wire, zygote

def serve(private):
    private = socket.socket(fileno=private)
    wire.read_frames(private)
    private.sendall(b'{"type":"started"}\\n')
    open("/drive/started", "w").close()
    while not os.path.exists("/drive/go"):
        time.sleep(0.01)
    private.sendall(b'{"type":"value","value":"done"}\\n')
    time.sleep(0.5)

def handle(control, ground, children):
    message = wire.receive(control, max_descriptors=4)
    if message.closed or message.body.get("type") == "tidy":
        return not message.closed
    private = message.descriptors[0]
    child = os.fork()
    if child == 0:
        os.setsid()
        os.write(private, b'{"type":"ready"}\\n')
        time.sleep(0.3)
        os._exit(0)
    os.waitpid(child, 0)
    threading.Thread(target=serve, args=(private,), daemon=True).start()
    return True

zygote._handle = handle
zygote._reap = lambda *_: None

def run(inputs):
    return "never called"
"""


class _Recorder:
    def record(self, event: JobEvent) -> None:
        pass


async def main(folder: Path) -> None:
    """Run the job, start a process with the ID of the job's process, and print what happens to it."""
    LAST_PROCESS_ID.write_text("5000", encoding="ascii")
    assignment = _assignment(folder)
    drive = assignment.drive_dir
    runtime = SandboxRuntime(
        folder / "home", sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512
    )
    runner = DeterministicRunner(runtime)
    job = asyncio.create_task(runner.run(assignment, _Recorder()))
    while not (drive / "started").exists() and not job.done():  # noqa: ASYNC110 - a file of another process
        await asyncio.sleep(0.01)
    (zygote,) = runtime.pool._zygotes.values()
    child = min(zygote._children.values(), key=lambda one: one.number)
    number = child.pid or 0
    LAST_PROCESS_ID.write_text(str(number - 1), encoding="ascii")
    other = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)  # noqa: ASYNC220 - its number matters
    groups = sorted(zygote.groups)
    child.freeze()
    state = Path(f"/proc/{other.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    (drive / "go").touch()
    outcome = await job
    await runner.close()
    print(
        json.dumps(
            {
                "has its number": other.pid == number,
                "is a group of the sandbox": other.pid in groups,
                "was stopped": state == "T",
                "ended": other.poll(),
                "job": outcome.value if isinstance(outcome, Success) else outcome.message,
            }
        )
    )
    other.kill()
    other.wait()


def _assignment(folder: Path) -> Assignment:
    skill, drive = folder / "bundle/skills/probe", folder / "drive"
    skill.mkdir(parents=True)
    (skill / "main.py").write_text(SKILL, encoding="utf-8")
    drive.mkdir(mode=0o700)
    os.chown(drive, UID, UID)
    return Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="probe",
        entrypoint=Entrypoint("skills/probe", "main.py", "run"),
        declared_inputs=frozenset(),
        inputs={},
        limits=RunLimits(timeout_s=20, memory_mb=256, disk_mb=16, output_mb=1),
        bundle_dir=folder / "bundle",
        requirements=None,
        drive_dir=drive,
        sandbox_uid=UID,
        secrets={},
        secrets_version="1",
        token="token",
        network="none",
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
