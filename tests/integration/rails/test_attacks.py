"""More than fifty attempts to bypass input guardrails, each with its decision and the stored data."""

from __future__ import annotations

import json

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import Project, make_project, project
from tests.integration.rails.attacks import ATTACKS, HIDDEN, SKILL, Attack

__all__ = ["make_project", "project"]

BUNDLE = {
    "skills/guarded/skill.yaml": SKILL.encode(),
    "skills/guarded/main.py": b"def run(**inputs):\n    return inputs\n",
}


@pytest_asyncio.fixture
async def guarded(app: FastAPI, project: Project, database: Database) -> Project:
    """Create a project with a function that has guardrails."""
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(BUNDLE)
    return project


async def submit(project: Project, attack: Attack) -> httpx.Response:
    return await project.http.post("/v1/jobs", json={"skill": "guarded", "inputs": attack.inputs})


async def stored_text(database: Database) -> str:
    """Return the inputs, events and audit records in the database as text."""
    query = text("""
    select coalesce(string_agg(t, ' '), '') from (
      select inputs::text as t from jobs union all select job_events::text from job_events
      union all select a.facts::text from audit_rows a
    ) all_of_it
    """)
    async with database.transaction() as session:
        return str((await session.execute(query)).scalar_one())


async def test_each_attack_has_its_expected_outcome(guarded: Project, database: Database) -> None:
    assert len(ATTACKS) >= 50
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    ended = {attack.name: await _decision(guarded, database, attack) for attack in ATTACKS}
    assert ended == {attack.name: attack.decision for attack in ATTACKS}


async def _decision(project: Project, database: Database, attack: Attack) -> str:
    response = await submit(project, attack)
    if response.status_code == 422:
        body = response.json()
        assert body["code"] == "rail_blocked", body
        assert body["where"] == "input"
        del body["request_id"]  # random digits, which could match the forbidden ones
        content = json.dumps(body).lower()
        assert not any(one in content for one in ("zanzibar", "sk-abc", "4111")), body
        return "blocks"
    assert response.status_code == 201, response.text
    job = response.json()
    events = (await project.http.get(f"/v1/jobs/{job['id']}/events")).json()
    rail_events = [event["payload"] for event in events if event["type"] == "rail"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    if not rail_events:
        assert job["inputs"] == attack.inputs
        return "passes"
    actions = {one["action"] for one in rail_events}
    assert all(set(one) == {"rail", "where", "action", "matched"} for one in rail_events), rail_events
    assert all(
        isinstance(count, int) and count > 0 for one in rail_events for count in one["matched"].values()
    )
    if "redact" in actions:
        stored = await stored_text(database)
        assert HIDDEN in json.dumps(job["inputs"])
        assert attack.leaks not in stored
        assert json.dumps(attack.leaks)[1:-1] not in stored
        return "redacts"
    assert actions == {"flag"}
    assert job["inputs"] == attack.inputs
    return "flags"


@pytest.mark.parametrize(
    ("rails", "message"),
    [
        ("{name: r, on: input, criteria: is it kind}", "Models do not evaluate guardrails on this instance"),
        ("{name: r, on: input}", "exactly one of 'pattern', 'pii', 'words', 'schema', 'entrypoint'"),
        ("{name: r, on: input, pattern: '(a)\\1'}", "back-references are not supported"),
        ("{name: r, on: tool, pattern: x}", "which has no tools"),
        ("{name: r, on: output, action: approve, pattern: x}", "would run again"),
        ("{name: r, on: input, action: redact, schema: {type: object}}", "can redact"),
        ("{name: r, on: input, pii: [emial]}", "Did you mean 'email'?"),
        ("{name: r, on: input, entrypoint: 'main.py:nothing'}", "has no function 'nothing'"),
        ("{name: r, on: input, pattern: x, timeout_s: 900}", "'timeout_s' must be"),
        ("{name: r, on: [], pattern: x}", "'on' is required"),
    ],
)
async def test_invalid_guardrail_is_rejected_when_it_is_published(
    project: Project, rails: str, message: str
) -> None:
    written = SKILL[: SKILL.index("rails:")] + f"rails: [{rails}]\n"
    rejected = await project.push({**BUNDLE, "skills/guarded/skill.yaml": written.encode()})
    assert rejected.status_code == 422, rejected.text
    assert message in rejected.text
