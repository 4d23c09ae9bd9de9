"""The real runner without an instance, for measurements, attacks and tests that kill it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from backend.execution.events.types import JobEvent
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation.mounts import HostFolder
from workers.types import Assignment, Entrypoint, RunLimits


class DiscardingRecorder:
    """A recorder that discards all events."""

    def record(self, event: JobEvent) -> None:
        """Discard the event."""


def open_runner(home: Path) -> DeterministicRunner:
    """Return a runner with every sandbox layer that the host supports."""
    return DeterministicRunner(
        SandboxRuntime(home, sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512)
    )


async def prepare_sandbox(runner: DeterministicRunner, folder: Path) -> None:
    """Prepare a sandbox that can get any folder below this one."""
    prepared = runner.runtime.prepared
    prepared.add_folder("read", HostFolder(folder.resolve(), is_writable=False))
    prepared.add_folder("written", HostFolder(folder.resolve(), is_writable=True))
    await prepared.prepare()


def assignment_of(
    folder: Path, skill: str, *, drive: Path, uid: int | None, limits: RunLimits, **changes: Any
) -> Assignment:
    """Return an assignment for `run(inputs)` of a skill in the bundle of the folder."""
    defaults: dict[str, Any] = {
        "job_id": uuid4(),
        "attempt": 1,
        "project_id": uuid4(),
        "deployment_id": uuid4(),
        "skill_name": skill,
        "entrypoint": Entrypoint(f"skills/{skill}", "main.py", "run"),
        "declared_inputs": frozenset(),
        "inputs": {},
        "limits": limits,
        "bundle_dir": folder / "bundle",
        "requirements": None,
        "drive_dir": drive,
        "sandbox_uid": uid,
        "secrets": {},
        "secrets_version": "1",
        "token": "",
        "network": "none",
    }
    return Assignment(**{**defaults, **changes})
