"""Define the types that the agent loop, its tools and the workspace share.

The loop passes a `ToolCall` and the `Workspace` of the run to a `Tool`, which returns a `ToolResult`. A tool raises
`ToolError` for what the model can fix; other exceptions become error results, too, and do not fail the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from backend.money.ledger.service import LineItem
from backend.skills.manifest.types import Skill
from workers.llm.types import Block, ToolSpec
from workers.types import Assignment, Entrypoint, Outcome, Recorder


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool that the model requests."""

    id: str
    name: str
    input: dict[str, Any]
    step: int
    job: str = ""
    label: str = ""
    """The purpose that the model states for users."""
    concurrency: int = 1
    """The number of concurrent calls of the same tool, including this one."""
    is_edited: bool = False
    """Whether a user has changed `input` before approving the call; the reply has the arguments of the model."""

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts at this call, so that its effects happen once."""
        return f"{self.job}:{self.step}:{self.id}"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call: for the model, the trace and the receipt."""

    content: str | list[Block]
    ok: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)
    """Recorded in the `tool_result` event: `drive_path`, `media`, `todos`, `paths`…"""
    used: tuple[LineItem, ...] = ()
    """Priced things that the call used."""


class ToolError(Exception):
    """A call failed in a way that the model can fix; the message says how."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a command."""

    exit_code: int | None
    """None if the worker ended it."""
    output: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class RanCell:
    """The result of a Python cell."""

    end: str
    """`ok`, `error`, `interrupted`; `killed` and `died`: the kernel has ended."""
    output: str
    files: tuple[str, ...] = ()
    """Names of the rich outputs in the drive, as the sandbox reports them."""
    reason: str = ""
    """Why the kernel has ended."""


class Workspace(Protocol):
    """The folder, drive and sandbox that the tools of one run use."""

    assignment: Assignment
    skill: Skill
    recorder: Recorder
    folder: Path
    """The work folder on the host; commands and Python tools start in it, `./drive` inside is the drive."""
    drive_dir: Path

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel of earlier calls still exists."""

    async def bash(self, command: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> Ran:
        """Run a command in the sandbox; its environment holds neither secrets nor the job's token."""

    async def call(
        self, entrypoint: Entrypoint, inputs: dict[str, Any], *, key: str, timeout_s: float
    ) -> Outcome:
        """Run a function of the bundle in the sandbox, with the skill's secrets and the job's token."""

    async def python(self, code: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> RanCell:
        """Run a cell in the kernel, which starts with the first cell; it has the privileges of commands."""

    async def close(self) -> None:
        """End all processes and remove the folder."""


class Tool(Protocol):
    """One tool."""

    spec: ToolSpec
    is_read_only: bool
    """Whether it may run concurrently with others, and again after a lost worker."""
    is_idempotent: bool
    """Whether it may run again after a lost worker, without a second effect."""
    runs_alone: bool
    """Whether it must not run concurrently with another call of the reply."""
    confirm: bool
    """Whether a user has to approve each call."""

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Make the call.

        Raises:
            ToolError: the call failed; the message says how to fix it.
        """


@runtime_checkable
class Asking(Protocol):
    """A tool of which only some calls need an approval."""

    async def needs_approval(self, call: ToolCall, workspace: Workspace) -> bool:
        """Return whether this very call needs an approval."""


@runtime_checkable
class Coercing(Protocol):
    """A tool that changes the arguments of the model before it uses them."""

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used, which guardrails check."""


class Inner(NamedTuple):
    """The inner call of a call of a delegating tool."""

    names: tuple[str, ...]
    """Names by which rules refer to it: first that of `allowed_tools`, last that of the delegating tool."""
    arguments: dict[str, Any]
    """The arguments of the inner tool."""


@runtime_checkable
class Bound(Protocol):
    """A tool whose name alone does not determine the effect of a call."""

    def effect(self, call: ToolCall) -> str:
        """Return what the call does and where: an approval is for this and nothing else; empty if nothing."""


@runtime_checkable
class DelegatingTool(Protocol):
    """A tool that calls other tools; guardrails and limits apply to those."""

    def inner(self, arguments: Mapping[str, Any]) -> Inner | None:
        """Return the inner call of these arguments; None if they call no other tool."""

    def outer(self, arguments: Mapping[str, Any], inner_arguments: Any) -> dict[str, Any]:
        """Return the arguments of this tool with those of the inner call replaced."""
