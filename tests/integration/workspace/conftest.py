"""One house per file, and workrooms of skills that are written on the spot, in real sandboxes."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from backend.execution.events.types import JobEvent
from backend.skills.manifest.types import Skill, Tool
from workers.agent.tools import workspace_tools
from workers.agent.types import Tool as AgentTool
from workers.agent.types import ToolCall, ToolResult
from workers.agent.workspace.workspace import SandboxWorkspace, open_workspace
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Entrypoint, RunLimits

UID = 41_030 if os.geteuid() == 0 else None
SECRET = "the-skill-s-own-secret"
LIMITS = RunLimits(timeout_s=20, memory_mb=256, disk_mb=16, output_mb=1, processes=16)


@dataclass
class Notes:
    """A recorder that keeps what it is told."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))

    def text(self, stream: str) -> str:
        return "".join(
            body["text"] for kind, body in self.events if kind == "log" and body["stream"] == stream
        )


@dataclass
class Agent:
    """A workroom with its tools, as the loop uses them."""

    room: SandboxWorkspace
    tools: dict[str, AgentTool]
    notes: Notes

    @property
    def kind(self) -> tuple[Assignment, Skill]:
        """What another agent of the same skill is opened with."""
        return self.room.assignment, self.room.skill

    async def use(self, name: str, **given: Any) -> ToolResult:
        """Make one call of a tool."""
        return await self.tools[name].run(ToolCall(uuid4().hex, name, given, 1, "job"), self.room)

    async def bash(self, command: str, **given: Any) -> str:
        """What a command gives the model."""
        content = (await self.use("bash", command=command, **given)).content
        assert isinstance(content, str)
        return content


OpenAgent = Callable[..., Awaitable[Agent]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxRuntime]:
    """What the worker process has; all of its processes are gone afterwards, and all of its folders."""
    home = tmp_path_factory.mktemp("house") / "home"
    opened = SandboxRuntime(home, sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512)
    yield opened
    await opened.close()
    assert not list((home / "jobs").iterdir())


@pytest_asyncio.fixture(loop_scope="module")
async def agent(runtime: SandboxRuntime, tmp_path: Path) -> AsyncIterator[OpenAgent]:
    """Open the workroom of an agent; it is closed after the test."""
    async with AsyncExitStack() as opened:

        async def open_one(
            code: str = "",
            *,
            tools: list[dict[str, Any]] | None = None,
            beside: tuple[Assignment, Skill] | None = None,
            **over: Any,
        ) -> Agent:
            assignment, skill = written(tmp_path, code, tools or [])
            if beside is not None:
                assignment, skill = replace(beside[0], job_id=uuid4(), token=f"token-{uuid4()}"), beside[1]
            notes = Notes()
            room = await open_workspace(
                over.pop("runtime", runtime), replace(assignment, **over), skill, notes
            )
            opened.push_async_callback(room.close)
            offered = {tool.spec.name: tool for tool in workspace_tools(skill, vision=True, pdf=True)}
            return Agent(room, offered, notes)

        yield open_one


def written(folder: Path, code: str, tools: list[dict[str, Any]]) -> tuple[Assignment, Skill]:
    """A bundle with one agent in it, and an assignment of it."""
    name = uuid4().hex[:8]
    bundle, drive = folder / f"bundle-{name}", folder / f"drive-{name}"
    own = bundle / "skills/helper"
    (own / "references").mkdir(parents=True)
    (own / "SKILL.md").write_text("Help.", encoding="utf-8")
    (own / "references/style.md").write_text("Write plainly.", encoding="utf-8")
    (own / "tools.py").write_text(textwrap.dedent(code), encoding="utf-8")
    drive.mkdir(mode=0o700)
    if UID is not None:
        os.chown(drive, UID, UID)
    skill = Skill(
        name="helper",
        path="skills/helper",
        entrypoint="SKILL.md",
        is_agentic=True,
        input_schema={},
        output_schema={},
        tools=tuple(Tool(**{"entrypoint": f"tools.py:{tool['name']}", **tool}) for tool in tools),
    )
    assignment = Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="helper",
        entrypoint=Entrypoint("skills/helper", "SKILL.md", ""),
        declared_inputs=frozenset(),
        inputs={"topic": "rain"},
        limits=LIMITS,
        bundle_dir=bundle,
        requirements=None,
        drive_dir=drive,
        sandbox_uid=UID,
        secrets={"API_SECRET": SECRET},
        secrets_version="1",
        token=f"token-{uuid4()}",
        network="none",
    )
    return assignment, skill


def running(mark: str) -> list[int]:
    """Processes with this in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in line:
                found.append(int(folder.name))
    return found


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact, at most ten seconds."""
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 - facts of other processes have no event
            await asyncio.sleep(0.01)
