"""Guardrails of a function, with checks in the real sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.money.ledger import service as ledger
from tests.factories.worker import woken
from tests.integration.deployments.conftest import Project, make_project, project
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["make_project", "project"]

HEAD = """
entrypoint: main.py:run
input_schema: {type: object, properties: {text: {type: text}}, required: [text]}
output_schema: {type: object, properties: {text: {type: text}}}
rails:
"""
MAIN = b"""
def run(text):
    print("about to say", text)
    print("half", end="")
    print(text)
    return {"text": text, "more": text}
"""
CHECKS = b"""
import os, time
from pathlib import Path

def kind(value):
    return "unkind" not in value["text"]

def details(value, on, tool):
    return {"ok": (on, tool) == ("output", None)}

def breaks(value):
    raise ValueError(value["text"])

def sleeps(value):
    time.sleep(60)

def nonsense(value):
    return "yes"

def dies(value):
    os._exit(0)
"""


class Jobs:
    """Jobs of a function with guardrails."""

    def __init__(self, project: Project, instance: AppContext, runner: DeterministicRunner) -> None:
        self.project, self.instance, self.runner = project, instance, runner

    async def push(self, *rails: str) -> None:
        written = HEAD + "".join(f"  - {{{rail}}}\n" for rail in rails)
        files = {"main.py": MAIN, "rails.py": CHECKS, "skill.yaml": written.encode()}
        await self.project.pushed({f"skills/guarded/{name}": content for name, content in files.items()})

    async def run(self, input_text: str) -> tuple[Any, list[Any]]:
        """Run a job until it ends or waits, and return it with its events."""
        supervisor = Supervisor(self.instance, {"deterministic": self.runner}, lanes=["default"], capacity=1)
        async with woken(supervisor), asyncio.timeout(60):
            body = {"skill": "guarded", "inputs": {"text": input_text}}
            job_id = (await self.project.http.post("/v1/jobs", json=body)).json()["id"]
            while True:
                job = (await self.project.http.get(f"/v1/jobs/{job_id}")).json()
                if job["finished_at"] is not None or job["status"] == "waiting":
                    break
                await asyncio.sleep(0.02)
        return job, (await self.project.http.get(f"/v1/jobs/{job_id}/events")).json()


@pytest_asyncio.fixture
async def jobs(
    app: FastAPI, project: Project, database: Database, instance: AppContext
) -> AsyncIterator[Jobs]:
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    runner = DeterministicRunner(
        SandboxRuntime(
            instance.settings.home, sandbox="auto", api_base="http://127.0.0.1:1", idle_s=60, pool_mb=512
        )
    )
    yield Jobs(project, instance, runner)
    await runner.close()


def rail_events(events: list[Any]) -> list[Any]:
    return [event["payload"] for event in events if event["type"] == "rail"]


async def test_result_and_log_of_a_function_are_redacted(jobs: Jobs, database: Database) -> None:
    await jobs.push("name: people, on: output, action: redact, pii: [email]")
    job, events = await jobs.run("write to ada@example.org")
    assert (job["status"], job["result"]) == ("succeeded", {"text": "write to [redacted]"})
    assert [one["where"] for one in rail_events(events)] == ["output"]
    printed = "".join(event["payload"]["text"] for event in events if event["type"] == "log")
    assert printed == "about to say write to [redacted]\nhalfwrite to [redacted]\n"
    async with database.transaction() as session:
        stored = (
            await session.execute(text("select string_agg(job_events::text, '') from job_events"))
        ).scalar_one()
    assert "ada@" not in stored


async def test_blocked_result_fails_the_job_and_is_not_stored(jobs: Jobs) -> None:
    await jobs.push("name: no-plan, on: output, words: [zanzibar], message: That is secret.")
    job, events = await jobs.run("off to Zanzibar")
    assert (job["status"], job["error_code"], job["result"]) == ("failed", "rail_blocked", None)
    assert "That is secret." in job["error"]
    assert "zanzibar" not in json.dumps([job["error"], job["outputs"], events]).lower()


async def test_inputs_that_redaction_makes_invalid_are_blocked(jobs: Jobs, database: Database) -> None:
    head = HEAD.replace("{type: text}", "{type: text, maxLength: 12}", 1)
    rails = "  - {name: people, on: input, action: redact, pii: [email]}\n"
    rails += "  - {name: verbs, on: input, action: redact, words: [mail]}\n"
    files = {"main.py": MAIN, "skill.yaml": (head + rails).encode()}
    await jobs.project.pushed({f"skills/guarded/{name}": content for name, content in files.items()})
    body = {"skill": "guarded", "inputs": {"text": "mail a@b.co"}}
    rejected = await jobs.project.http.post("/v1/jobs", json=body)
    assert (rejected.status_code, rejected.json()["code"]) == (422, "rail_blocked")
    assert (rejected.json()["rail"], rejected.json()["where"]) == ("people", "input")
    async with database.transaction() as session:
        assert (await session.execute(text("select count(*) from jobs"))).scalar_one() == 0


async def test_check_runs_in_the_sandbox_before_and_after_the_function(jobs: Jobs) -> None:
    await jobs.push(
        "name: kind, on: input, entrypoint: 'rails.py:kind'",
        "name: all, on: output, entrypoint: 'rails.py:details'",
    )
    job, events = await jobs.run("be kind")
    assert (job["status"], rail_events(events)) == ("succeeded", [])
    job, events = await jobs.run("be unkind")
    assert (job["status"], job["error_code"]) == ("failed", "rail_blocked")
    assert rail_events(events) == [
        {"rail": "kind", "where": "input", "action": "block", "matched": {"check": 1}}
    ]
    assert "function_start" not in [event["type"] for event in events]


async def test_check_that_fails_or_exceeds_its_time_limit_blocks(jobs: Jobs) -> None:
    for name, failed in (
        ("breaks", "broken"),
        ("sleeps", "timeout"),
        ("nonsense", "broken"),
        ("dies", "broken"),
    ):
        await jobs.push(f"name: {name}, on: input, action: flag, entrypoint: 'rails.py:{name}', timeout_s: 1")
        job, events = await jobs.run("hello")
        assert (job["status"], job["error_code"]) == ("failed", "rail_blocked"), name
        (one,) = rail_events(events)
        assert (one["action"], one["failed"], one["matched"]) == ("block", failed, {}), name


async def test_function_waits_for_an_approval_before_it_runs(jobs: Jobs) -> None:
    await jobs.push("name: ask, on: input, action: approve, words: [owls]")
    job, events = await jobs.run("owls")
    assert (job["status"], job["result"]) == ("waiting", None)
    (approval,) = (await jobs.project.http.get("/v1/approvals?status=pending")).json()
    assert approval["input"] == {"on": "input", "rails": {"ask": {"words": 1}}}
    await jobs.project.http.post(f"/v1/approvals/{approval['id']}/approve")
    await jobs.run("cats")
    async with asyncio.timeout(30):
        while (job := (await jobs.project.http.get(f"/v1/jobs/{job['id']}")).json())["finished_at"] is None:
            await jobs.run("cats")
    assert (job["status"], job["result"]) == ("succeeded", {"text": "owls"})
    assert len(rail_events(events)) == 1
