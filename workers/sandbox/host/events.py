"""What a job's events say of its sandbox before its function runs."""

from __future__ import annotations

from typing import Final

from backend.execution.events.types import OMITTED, LogEvent, SandboxEvent
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Recorder

from .errors import EntrypointRefused

_NO_NAMESPACE: Final = (
    "The skill asks for a network, and this machine has no network namespaces, so that it runs without any: the "
    "operator finds out why with `puras-studio doctor`."
)


def announce_sandbox(
    house: SandboxRuntime, assignment: Assignment, recorder: Recorder, *, cold_reason: str | None
) -> None:
    """Record the layers that confine a job, and what it lacks."""
    network = house.layers.network(assignment.network)
    sandbox = SandboxEvent(
        layers=house.names,
        warm=cold_reason is None,
        network=network,
        reason=cold_reason or house.layers.reason or OMITTED,
        missing=list(house.layers.problems) or OMITTED,
    )
    recorder.record(sandbox)
    if network == "none" and assignment.network not in ("none", []):
        recorder.record(LogEvent(stream="system", level="warning", text=_NO_NAMESPACE))


def record_refusal(refusal: EntrypointRefused, recorder: Recorder) -> None:
    """Show what the import printed and where it failed."""
    if refusal.output is not None:
        refusal.output.attach(recorder)
        refusal.output.finish()
    if refusal.trace:
        recorder.record(LogEvent(stream="stderr", text=refusal.trace))
