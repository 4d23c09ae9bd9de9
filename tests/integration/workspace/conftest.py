"""One sandbox runtime per test file, and workspaces of generated skills in real sandboxes."""

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
class EventRecorder:
    """A recorder that stores the events."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))

    def text(self, stream: str) -> str:
        return "".join(
            body["text"] for kind, body in self.events if kind == "log" and body["stream"] == stream
        )


@dataclass
class Agent:
    """A workspace with its tools, as the agent loop uses them."""

    workspace: SandboxWorkspace
    tools: dict[str, AgentTool]
    recorder: EventRecorder

    @property
    def kind(self) -> tuple[Assignment, Skill]:
        """Return the assignment and the skill that open another agent of the same skill."""
        return self.workspace.assignment, self.workspace.skill

    async def use(self, name: str, **arguments: Any) -> ToolResult:
        """Call a tool once."""
        return await self.tools[name].run(ToolCall(uuid4().hex, name, arguments, 1, "job"), self.workspace)

    async def bash(self, command: str, **arguments: Any) -> str:
        """Return the output of a command that the model receives."""
        content = (await self.use("bash", command=command, **arguments)).content
        assert isinstance(content, str)
        return content


OpenAgent = Callable[..., Awaitable[Agent]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxRuntime]:
    """Open the sandbox runtime of a worker, and check at the end that it left no job folders."""
    home = tmp_path_factory.mktemp("host") / "home"
    opened = SandboxRuntime(home, sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512)
    yield opened
    await opened.close()
    assert not list((home / "jobs").iterdir())


@pytest_asyncio.fixture(loop_scope="module")
async def open_agent(runtime: SandboxRuntime, tmp_path: Path) -> AsyncIterator[OpenAgent]:
    """Return a function that opens the workspace of an agent; it is closed after the test."""
    async with AsyncExitStack() as opened:

        async def open_one(
            code: str = "",
            *,
            tools: list[dict[str, Any]] | None = None,
            same_skill_as: tuple[Assignment, Skill] | None = None,
            **overrides: Any,
        ) -> Agent:
            assignment, skill = write_skill(tmp_path, code, tools or [])
            if same_skill_as is not None:
                assignment, skill = (
                    replace(same_skill_as[0], job_id=uuid4(), token=f"token-{uuid4()}"),
                    same_skill_as[1],
                )
            recorder = EventRecorder()
            workspace = await open_workspace(
                overrides.pop("runtime", runtime), replace(assignment, **overrides), skill, recorder
            )
            opened.push_async_callback(workspace.close)
            offered = {tool.spec.name: tool for tool in workspace_tools(skill, vision=True, pdf=True)}
            return Agent(workspace, offered, recorder)

        yield open_one


def write_skill(folder: Path, code: str, tools: list[dict[str, Any]]) -> tuple[Assignment, Skill]:
    """Write a bundle with one agent, and return an assignment and the skill."""
    name = uuid4().hex[:8]
    bundle, drive = folder / f"bundle-{name}", folder / f"drive-{name}"
    skill_folder = bundle / "skills/helper"
    (skill_folder / "references").mkdir(parents=True)
    (skill_folder / "SKILL.md").write_text("Help.", encoding="utf-8")
    (skill_folder / "references/style.md").write_text("Write plainly.", encoding="utf-8")
    (skill_folder / "tools.py").write_text(textwrap.dedent(code), encoding="utf-8")
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
    """Return the IDs of the processes whose command line contains a mark."""
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


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the state of other processes has no event
            await asyncio.sleep(0.01)
