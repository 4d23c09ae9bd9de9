"""Fixtures for tests that run real sandboxes: a home folder, a drive and generated skills."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from backend.execution.events.types import JobEvent
from benchmarks.bare_runner import prepare_sandbox
from tests.integration.sandbox.packages import wheel
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Entrypoint, RunLimits

UID = 41_001 if os.geteuid() == 0 else None
LIMITS = RunLimits(timeout_s=20, memory_mb=256, disk_mb=16, output_mb=1, processes=16)


@dataclass
class EventRecorder:
    """A recorder that stores the events."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.events if name == kind]

    def text(self, stream: str) -> str:
        return "".join(payload["text"] for payload in self.of("log") if payload.get("stream") == stream)


Skill = Callable[..., Assignment]


@pytest.fixture
def recorder() -> EventRecorder:
    return EventRecorder()


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    """Return a function that writes a skill and returns an assignment of its function `run`."""

    def write(
        code: str, *, inputs: dict[str, Any] | None = None, declared: str = "", **overrides: Any
    ) -> Assignment:
        bundle = tmp_path / f"bundle-{uuid4().hex[:8]}"
        folder = bundle / "skills/probe"
        folder.mkdir(parents=True)
        (folder / "main.py").write_text(textwrap.dedent(code), encoding="utf-8")
        (folder / "data.txt").write_text("data of the skill", encoding="utf-8")
        assignment = Assignment(
            job_id=uuid4(),
            attempt=1,
            project_id=uuid4(),
            deployment_id=uuid4(),
            skill_name="probe",
            entrypoint=Entrypoint("skills/probe", "main.py", "run"),
            declared_inputs=frozenset(declared.split()),
            inputs=inputs or {},
            limits=LIMITS,
            bundle_dir=bundle,
            requirements=None,
            drive_dir=drive_folder(tmp_path),
            sandbox_uid=UID,
            secrets={},
            secrets_version="1",
            token=f"token-{uuid4()}",
            network="none",
        )
        return replace(assignment, **overrides)

    return write


@pytest_asyncio.fixture
async def runner(tmp_path: Path) -> AsyncIterator[DeterministicRunner]:
    """Open a runner with all layers of this host and a prepared sandbox; it is closed after the test."""
    opened = open_runner(tmp_path)
    await prepare_sandbox(opened, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a folder of packages that replaces the registry, with one wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    settings = tmp_path / "uv.toml"
    settings.write_text(f'[pip]\nno-index = true\nfind-links = ["{folder}"]\n', encoding="utf-8")
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    wheel(folder)
    return folder


def open_runner(tmp_path: Path, **overrides: Any) -> DeterministicRunner:
    """Open a runner whose home is in the folder of the test."""
    settings: dict[str, Any] = {
        "sandbox": "auto",
        "api_base": "http://127.0.0.1:9",
        "idle_s": 60,
        "pool_mb": 512,
    }
    return DeterministicRunner(SandboxRuntime(tmp_path / "home", **{**settings, **overrides}))


def drive_folder(tmp_path: Path) -> Path:
    """Create a drive that belongs to the user of the project."""
    drive = tmp_path / f"drive-{uuid4().hex[:8]}"
    drive.mkdir(mode=0o700)
    if UID is not None:
        os.chown(drive, UID, UID)
    return drive


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true, for at most twenty seconds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the state of other processes has no event
            await asyncio.sleep(0.01)
