"""Renamed fields that are stored, or whose values are renamed, exist under both names until 0.3."""

from __future__ import annotations

from backend.administration.admin.schemas import WaitingJobsRead
from backend.evals.gates import GateRead
from backend.skills.manifest.types import Rail

SCHEMA = {"type": "string", "maxLength": 5}


def test_guardrail_of_a_former_manifest_keeps_its_schema() -> None:
    stored = {"name": "short", "on": ["input"], "fits": SCHEMA}
    rail = Rail.model_validate(stored)
    assert rail.expected_schema is not None
    dumped = rail.model_dump(mode="json")
    assert dumped["fits"] == dumped["expected_schema"], (
        "workers of 0.1 read the former name during an upgrade"
    )
    assert Rail.model_validate(dumped) == rail


def test_gate_of_a_former_release_keeps_its_requester() -> None:
    stored = {"state": "gating", "asked_by": "ada@example.org", "asked_at": "2026-11-01T00:00:00Z"}
    gate = GateRead.model_validate(stored)
    assert gate.requested_by == "ada@example.org"
    dumped = gate.model_dump(mode="json")
    assert dumped.items() >= stored.items()
    assert GateRead.model_validate(dumped) == gate


def test_waiting_jobs_have_the_former_reason() -> None:
    row = {"lane": "default", "jobs": 1, "oldest_s": 2.0, "next_due_at": None}
    rows = [
        WaitingJobsRead.model_validate(row | {"reason": reason})
        for reason in ("workers_busy", "quarantined", "no_worker")
    ]
    assert [one.former_reason for one in rows] == ["next_in_line", "runs_alone", "no_worker"]
