"""What the supervisor and every runner agree on: an assignment goes in, an outcome comes out.

A runner ends a job's processes when its task is cancelled, and then lets the cancellation through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from backend.execution.approvals.types import Wanted
from backend.execution.events.types import JobEvent


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one job may use; each excess ends it with an error of its own."""

    timeout_s: float
    memory_mb: int
    disk_mb: int
    output_mb: int
    processes: int = 64


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """Where the function of a deterministic skill is."""

    skill_dir: str
    """Folder of the skill relative to the bundle's root: `skills/resize`."""
    file: str
    """Relative to the skill's folder: `main.py`."""
    function: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt of one job, with all that a runner needs and nothing of the database."""

    job_id: UUID
    attempt: int
    project_id: UUID
    deployment_id: UUID | None
    skill_name: str
    entrypoint: Entrypoint
    declared_inputs: frozenset[str]
    """Names of the properties of the skill's `input_schema`."""
    inputs: dict[str, Any]
    limits: RunLimits
    bundle_dir: Path
    """The unpacked bundle, read-only."""
    requirements: Path | None
    """The `requirements.txt` that applies, or none."""
    drive_dir: Path
    """The project's live drive folder, bound read-write as `./drive`; or this attempt's own."""
    sandbox_uid: int | None
    """The project's own user id when this process is root."""
    secrets: Mapping[str, str] = field(repr=False)
    secrets_version: str
    """Changes whenever one of the secrets does."""
    token: str = field(repr=False)
    """Opens the in-job routes of the API for this job alone."""
    has_own_drive: bool = False
    """The drive folder is this attempt's alone: it is moved into the job's folder and, when the job has ended, back."""
    is_listed: bool = False
    """The code is another project's: whoever runs it is told little, and it reaches nothing but what it was given."""
    network: str | list[str] = "public"
    """`none`, `public` or a list of hosts, as the skill declares it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a finished attempt used."""

    wall_s: float
    cpu_s: float = 0.0
    peak_memory_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Success:
    """The function returned; `value` is plain JSON data."""

    value: Any
    measured: Measured


@dataclass(frozen=True, slots=True)
class Failure:
    """The attempt ended without a value."""

    code: str
    """`exception`, `timeout`, `memory_limit`, `disk_limit`, `process_limit`, `output_limit`, `exited`, `crashed`,
    `bad_result`, `bad_entrypoint`, `environment_failed`, `sandbox_unavailable`."""
    message: str
    """A sentence for the skill's author: what happened, in which place, what to do."""
    measured: Measured


Outcome = Success | Failure


@dataclass(frozen=True, slots=True)
class Postponed:
    """The job goes on later, where it stopped; nothing is wrong with it."""

    reason: str
    """One word: `drain`, `model_overloaded`, `wallet_empty`…"""
    after_s: float = 0.0
    """Not before so many seconds."""
    wanted: tuple[Wanted, ...] = ()
    """Calls to which a person has to agree first."""


class Recorder(Protocol):
    """Takes the events of a running job; they are stored in order, soon, and before the job's last event."""

    def record(self, event: JobEvent) -> None:
        """Record one event."""


class Runner(Protocol):
    """Runs assignments of one type of skill."""

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end. Never raises for what the skill does; cancelling the task ends the job."""

    async def close(self) -> None:
        """End every process that the runner still has."""
