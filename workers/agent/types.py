"""What the loop, its tools and the place where they work agree on.

The loop hands a `ToolCall` to a `Tool` together with the `Workspace` of the run, and gets a `ToolResult` back. A tool
raises `ToolError` for what the model can mend; whatever else it raises becomes an error result too: the job lives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from backend.money.ledger.service import Used
from backend.skills.manifest.types import Skill
from workers.llm.types import Block, ToolSpec
from workers.types import Assignment, Entrypoint, Outcome, Recorder


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asks for: one call of one tool."""

    id: str
    name: str
    input: dict[str, Any]
    step: int
    job: str = ""
    label: str = ""
    """What it is for, in the model's words for people."""
    beside: int = 1
    """How many calls of the same tool are made at once, itself included."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this call, so that what it does outside can be done once."""
        return f"{self.job}:{self.step}:{self.id}"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave: for the model, for the trace, and for the bill."""

    content: str | list[Block]
    ok: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Told in the `tool_result` event: `drive_path`, `media`, `todos`, `paths`…"""
    used: tuple[Used, ...] = ()
    """Priced things that the call used."""


class ToolError(Exception):
    """A call went wrong in a way that the model can mend; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    exit_code: int | None
    """None: it did not end by itself."""
    output: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class RanCell:
    """How a cell of Python went."""

    end: str
    """`ok`, `error`, `interrupted`; `killed`, `died`: the kernel is gone."""
    output: str
    files: tuple[str, ...] = ()
    """Names of the rich outputs that it has left in the drive, as the sandbox says."""
    said: str = ""
    """Why the kernel is gone."""


class Workspace(Protocol):
    """Where the tools of one run work: one folder, one drive, one sandbox."""

    assignment: Assignment
    skill: Skill
    recorder: Recorder
    folder: Path
    """The work folder on the host; commands and Python tools start in it, `./drive` inside is the drive."""
    drive_dir: Path

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel of earlier calls is still there."""

    async def bash(self, command: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> Ran:
        """Run a command in the sandbox; its environment holds neither secrets nor the job's token."""

    async def call(
        self, entrypoint: Entrypoint, inputs: dict[str, Any], *, key: str, timeout_s: float
    ) -> Outcome:
        """Run a function of the bundle in the sandbox, with the skill's secrets and the job's token."""

    async def python(self, code: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> RanCell:
        """Run a cell in the kernel, which begins with the first; it has what commands have."""

    async def close(self) -> None:
        """End every process and remove the folder."""


class Tool(Protocol):
    """One thing that a model can do."""

    spec: ToolSpec
    is_read_only: bool
    """May run concurrently with others, and again after a lost worker."""
    is_idempotent: bool
    """May run again after a lost worker: a second time changes nothing more."""
    runs_alone: bool
    """Never concurrently with another call of the turn."""
    confirm: bool
    """A person has to agree before it runs."""

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Do it.

        Raises:
            ToolError: the model can mend it, and how.
        """


@runtime_checkable
class Asking(Protocol):
    """A tool for which it depends on the call whether a user has to approve it."""

    async def needs_approval(self, call: ToolCall, workroom: Workspace) -> bool:
        """Return whether this very call needs an approval."""


@runtime_checkable
class Coercing(Protocol):
    """A tool that is not given the arguments as the model has written them."""

    def coerced(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the call passes them on: guardrails judge these."""


class Inner(NamedTuple):
    """What a call of a stand-in tool comes to."""

    names: tuple[str, ...]
    """By which rules may mean it: first the name that `allowed_tools` means, last the stand-in's own."""
    arguments: dict[str, Any]
    """What that tool is given."""


@runtime_checkable
class Bound(Protocol):
    """A tool whose name alone does not say what a call does."""

    def effect(self, call: ToolCall) -> str:
        """Return what the call does and where: an approval is for this and nothing else; empty if nothing."""


@runtime_checkable
class StandIn(Protocol):
    """A tool by which others are called; guardrails and limits are about those."""

    def inner(self, given: Mapping[str, Any]) -> Inner | None:
        """Return the call that these arguments come to; None if they call no other tool."""

    def outer(self, given: Mapping[str, Any], arguments: Any) -> dict[str, Any]:
        """Return the arguments of this tool with those of the inner call replaced."""
