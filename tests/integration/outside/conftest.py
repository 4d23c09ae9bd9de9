"""A web server on this host, and a workspace for tools that need no sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from backend.execution.events.types import JobEvent
from backend.skills.manifest.types import Skill
from tests.doubles.web import Web
from workers.agent.types import Tool, ToolCall, ToolError, ToolResult
from workers.agent.web.access import RunEgress, egress_of
from workers.types import Assignment, Entrypoint, RunLimits


@dataclass
class Notes:
    """A recorder that stores the events."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))

    def payloads(self, kind: str) -> list[dict[str, Any]]:
        return [payload for type_, payload in self.events if type_ == kind]


@dataclass
class PlainWorkspace:
    """A work folder and a drive, without a sandbox."""

    assignment: Assignment
    skill: Skill
    recorder: Notes
    folder: Path
    drive_dir: Path

    async def call(self, tool: Tool, /, **arguments: Any) -> ToolResult:
        """Call a tool and return its result."""
        return await tool.run(ToolCall(uuid4().hex, tool.spec.name, arguments, 1, "job"), self)  # type: ignore[arg-type]

    async def call_error(self, tool: Tool, /, **arguments: Any) -> str:
        """Call a tool that fails, and return the error message."""
        with pytest.raises(ToolError) as error:
            await self.call(tool, **arguments)
        return str(error.value)


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    """Run a server that replies for all hosts of the web."""
    async with Web().running() as running:
        yield running


@pytest.fixture
def workspace(tmp_path: Path, web: Web) -> PlainWorkspace:
    """Create the workspace of a skill that may connect to the web server."""
    folder, drive = tmp_path / "work", tmp_path / "drive"
    folder.mkdir()
    drive.mkdir()
    assignment = Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="helper",
        entrypoint=Entrypoint("skills/helper", "SKILL.md", ""),
        declared_inputs=frozenset(),
        inputs={},
        limits=RunLimits(timeout_s=20, memory_mb=256, disk_mb=16, output_mb=1),
        bundle_dir=tmp_path,
        requirements=None,
        drive_dir=drive,
        sandbox_uid=None,
        secrets={"KEY": "the-skill-s-own-secret"},
        secrets_version="1",
        token="token",
        network=web.hosts,
    )
    skill = Skill(
        name="helper",
        path="skills/helper",
        entrypoint="SKILL.md",
        is_agentic=True,
        input_schema={},
        output_schema={},
        network=web.hosts,
    )
    return PlainWorkspace(assignment, skill, Notes(), folder, drive)


@pytest.fixture
def egress(workspace: PlainWorkspace, web: Web) -> RunEgress:
    """Return the egress of the tools of the workspace."""
    found = egress_of(workspace.skill, workspace.recorder, web.connector, asyncio.Semaphore(1))
    assert found is not None
    return found
