"""Define the types that the supervisor and all runners share.

An assignment is the input, an outcome the result. A runner ends a job's processes when its task is cancelled,
and then propagates the cancellation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from backend.execution.approvals.types import ApprovalRequest
from backend.execution.events.types import JobEvent
from backend.identity.environments import PRODUCTION, Environment


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The limits of one job; exceeding one ends it with a specific error."""

    timeout_s: float
    memory_mb: int
    disk_mb: int
    output_mb: int
    processes: int = 64


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """The location of the function of a deterministic skill."""

    skill_dir: str
    """Folder of the skill relative to the bundle's root: `skills/resize`."""
    file: str
    """Relative to the skill's folder: `main.py`."""
    function: str


class JobProcess(Protocol):
    """The process of a job, for the code that answers its requests."""

    async def answer(self, line: bytes) -> None:
        """Send the answer to a request; a process that has ended does not receive it."""

    def suspend(self) -> None:
        """End the process, since the job continues later in another one."""


class RequestHandler(Protocol):
    """Answers the requests that the code of a job sends to its worker."""

    def receive(self, line: bytes, process: JobProcess) -> None:
        """Start to answer a request, which comes from tenant code."""

    async def close(self) -> None:
        """Stop answering, after writes that have started."""

    @property
    def suspension(self) -> Postponed | None:
        """What the job waits for, if the process was ended for that."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt of one job, with everything that a runner needs, without access to the database."""

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
    """The live drive folder of the project, mounted read-write as `./drive`, or the staged drive."""
    sandbox_uid: int | None
    """The project's own user id when this process is root."""
    secrets: Mapping[str, str] = field(repr=False)
    secrets_version: str
    """Changes whenever one of the secrets does."""
    token: str = field(repr=False)
    """Token for the in-job routes of the API, valid only for this job."""
    has_staged_drive: bool = False
    """The drive folder is a staged drive: it is moved into the job's folder, and back after the job has ended."""
    is_listed: bool = False
    """The code belongs to another project: it has no access to the caller's project, and its events are
    redacted."""
    network: str | list[str] = "public"
    """`none`, `public` or a list of hosts, as the skill declares it."""
    requests: RequestHandler | None = None
    """Stores the durable steps of a function."""
    environment: Environment = PRODUCTION
    """The environment of the job, whose jobs receive the events that it sends."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The resources that a finished attempt used."""

    wall_s: float
    cpu_s: float = 0.0
    peak_memory_mb: float = 0.0
    has_simulated_steps: bool = False
    """Of a flow: no language model ran in the job of a step."""


@dataclass(frozen=True, slots=True)
class Success:
    """The function returned; `value` is plain JSON data."""

    value: Any
    measured: Measured
    accepts_text: bool = False
    """The run was a turn of a conversation, which a text ends even if the schema describes another result."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The attempt ended without a value."""

    code: str
    """`exception`, `timeout`, `memory_limit`, `disk_limit`, `process_limit`, `output_limit`, `exited`, `crashed`,
    `bad_result`, `bad_entrypoint`, `environment_failed`, `sandbox_unavailable`."""
    message: str
    """A message for the author of the skill: what failed, where, and how to fix it."""
    measured: Measured
    frame: str = ""
    """The innermost place in the code of the skill, `main.py in run`; empty if none of its code failed."""


Outcome = Success | Failure


@dataclass(frozen=True, slots=True)
class Postponed:
    """The job continues later where it stopped, without a failure."""

    reason: str
    """One word: `drain`, `model_overloaded`, `wallet_empty`…"""
    after_s: float = 0.0
    """Minimum seconds until then."""
    approvals: tuple[ApprovalRequest, ...] = ()
    """Calls that a user has to approve first."""
    is_flow_waiting: bool = False
    """A flow waits for its steps."""
    is_waiting: bool = False
    """The job continues when one of the waits has ended that it has registered; `reason` is what it waits for."""
    wake_at: datetime | None = None
    """When the first of these waits ends at the latest; None: they have no time limit."""


class Recorder(Protocol):
    """Records the events of a running job; they are stored soon, in order, before the last event."""

    def record(self, event: JobEvent) -> None:
        """Record one event."""


class Runner(Protocol):
    """Runs assignments of one type of skill."""

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end. Errors of the skill raise nothing; cancelling the task ends the job."""

    async def close(self) -> None:
        """End all processes of the runner."""
