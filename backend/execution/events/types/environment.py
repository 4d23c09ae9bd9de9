"""Define the events of the environment of a job: packages, sandbox and network."""

from __future__ import annotations

from typing import ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class EnvironmentEvent(Event):
    """The installer of the skill's packages printed text."""

    type: ClassVar[Literal["environment"]] = "environment"
    log: str
    """The text."""


@event_type
class SandboxEvent(Event):
    """The sandbox of the job is ready."""

    type: ClassVar[Literal["sandbox"]] = "sandbox"
    layers: list[str]
    """The layers that confine the job on this host."""
    warm: bool
    """Whether a process was ready that has already imported the skill."""
    network: str | list[str]
    """`none`, `public`, `unconfined`, or the hosts that the job can reach."""
    reason: str | Omitted = OMITTED
    """The reason why it is not warm, or why layers are missing."""
    missing: list[str] | Omitted = OMITTED
    """The layers that are missing, with the reason of each."""


@event_type
class FunctionStartEvent(Event):
    """The function of a deterministic skill was called."""

    type: ClassVar[Literal["function_start"]] = "function_start"
    name: str
    """Name of the skill."""
    module: str | Omitted = OMITTED
    """The file, relative to the folder of the skill; missing in runs of a listing of another project."""
    func: str | Omitted = OMITTED
    """Name of the function; missing in runs of a listing of another project."""
    phases: dict[str, float] | Omitted = OMITTED
    """Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`,
    `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing."""


@event_type
class NetworkEvent(Event):
    """The total network traffic of the job; recorded at its end, if there was any."""

    type: ClassVar[Literal["network"]] = "network"
    connections: int
    """Number of opened connections."""
    refused: int
    """Number of rejected requests."""
    sent_bytes: int
    """Bytes that the job sent."""
    received_bytes: int
    """Bytes that the job received."""


@event_type
class NetworkRefusedEvent(Event):
    """A request of the job was rejected. The first 20 are recorded."""

    type: ClassVar[Literal["network_refused"]] = "network_refused"
    host: str
    """The requested host."""
    port: int | None
    """The port; `null` if the request did not name one."""
    reason: str
    """`host_not_listed`, `port_not_allowed`, `address_not_public`, `own_address`, `malformed` or
    `too_many_connections`."""
    message: str
    """A message for users: what happened, and how to fix it."""
