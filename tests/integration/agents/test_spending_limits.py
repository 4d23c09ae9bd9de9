"""Each kind of spending limit against each kind of spending: no limit is exceeded by even one micro.

The replies of the model cost as much as their prompt and length indicate. Both the paid amount and the used amount are
compared with the limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.identity.api_keys import keys
from backend.money import admission
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from tests.doubles.messages import MessagesServer, Says, calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, CountingTool, Served
from tests.integration.agents.test_subagents import two_skills
from tests.integration.deployments.conftest import Project, Projects
from workers.agent.tools.subagents import Callers, RunSubagent

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 30_000
REPLY_TOKENS = 800
"""The tokens of a reply if its limit allows them. With its prompt, it costs about 6,000 micros."""
SCOPES = ("project", "skillpack", "skill", "key")
WINDOWS = ("day", "month", "rolling30", "total")
KINDS = (
    *("key_cap", "job_cap", "wallet"),
    *(f"{scope}/{window}" for scope in SCOPES for window in WINDOWS),
)
HELPER = {name: content for name, content in two_skills().items() if name.startswith("skills/answer/")}


@dataclass
class Limited:
    """A project with a spending limit, and the clients that submit jobs to it."""

    kind: str
    agents: Agents
    """Uses the API key whose spending is limited, if the limit applies to a key."""
    owner: httpx.AsyncClient
    """Uses another API key."""
    key_id: UUID

    @property
    def scope(self) -> str:
        """Return the scope of the limit."""
        return self.kind.partition("/")[0]

    @property
    def helper(self) -> str:
        """Return the skill that is called; it is in another skillpack if the limit applies to a skillpack."""
        return "helpers/answer" if self.scope == "skillpack" else "answer"

    async def start_limit(self, *, of_helper: bool = False) -> None:
        """Create the budget, for the submitted skill or for the skill that it calls."""
        scope, _, window = self.kind.partition("/")
        if not window:
            return
        named: dict[str, Any] = {
            "project": {},
            "skillpack": {"skillpack": "helpers" if of_helper else "default"},
            "skill": {"skill": "answer" if of_helper else "sum"},
            "key": {"api_key_id": str(self.key_id)},
        }[scope]
        budget = {"name": "Limit", "scope": scope, "window": window, "limit_usd": LIMIT / 1e6}
        response = await self.owner.post("/v1/budgets", json={**budget, **named})
        assert response.status_code == 201, response.text

    async def submit(self, **over: Any) -> str:
        """Submit a job of the skill."""
        limits = {"limits": {"cost_usd": LIMIT / 1e6}} if self.kind == "job_cap" else {}
        return str(await self.agents.submit(**limits, **over))

    async def run(self, job_ids: list[str], *, workers: int = 2) -> None:
        """Run the jobs on workers until they end."""
        if self.kind == "wallet":  # forgiven cost is not spent, and jobs that reach a limit fail
            query = text("update jobs set forgivable_micros = 0 where project_id = :id")
            async with self.agents.instance.database.transaction() as session:
                await session.execute(query, {"id": self.agents.project.id})
        async with AsyncExitStack() as stack:
            for _ in range(workers):
                await stack.enter_async_context(self.agents.running_worker(capacity=8))
            async with asyncio.timeout(60):
                while not await self._have_ended(job_ids):  # noqa: ASYNC110 - workers change the state of the jobs
                    await asyncio.sleep(0.05)

    async def _have_ended(self, job_ids: list[str]) -> bool:
        """Return whether the jobs have ended, or the others wait for a wallet that is almost empty."""
        jobs = [(await self.owner.get(f"/v1/jobs/{job_id}")).json() for job_id in job_ids]
        if self.kind != "wallet" or any(job["status"] == "running" for job in jobs):
            return all(job["finished_at"] for job in jobs)
        wallet = (await self.owner.get("/v1/billing/balance")).json()
        return all(job["finished_at"] for job in jobs) or wallet["balance_micros"] < LIMIT / 3


@asynccontextmanager
async def create_limited(served: Served, upstream: MessagesServer, kind: str) -> AsyncIterator[Limited]:
    """Create a project with two agents and an API key; no budget exists yet."""
    database = served.instance.database
    projects = Projects(served.app, database, [])
    project = await projects.make("Limited")
    await project.pushed(two_skills())
    if kind.startswith("skillpack"):
        response = await project.http.post("/v1/skillpacks", json={"name": "Helpers", "slug": "helpers"})
        assert response.status_code == 201, response.text
        await project.pushed(HELPER, where="/v1/skillpacks/helpers", activate="true")
    # With a cap and no scopes, the key could not read the job of another key that it forks.
    scopes = ["jobs:submit", "jobs:read"]
    cap = keys.Limits(scopes, daily_cap_micros=LIMIT) if kind == "key_cap" else keys.Limits()
    async with database.transaction() as session:
        credit = LIMIT if kind == "wallet" else 100_000_000
        await ledger.top_up(session, project_id=project.id, amount_micros=credit, created_by="test")
        await session.execute(text("update admissions set concurrency_limit = 50"))
        key = await keys.create(session, None, project_id=project.id, limits=cap)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(served.app),
        base_url=project.http.base_url,
        headers={"Authorization": f"Bearer {key.plaintext}"},
    ) as http:
        tools = [CountingTool(), RunSubagent(Callers(served.instance))]
        limited_project = Project(project.id, project.slug, http)
        agents = Agents(limited_project, served.instance, upstream, list(tools), counts_tokens=True)
        yield Limited(kind, agents, project.http, key.key.id)
    for client in projects.clients:
        await client.aclose()


def replies(steps: int, *, calls_subagent: str = "") -> Callable[[dict[str, Any]], Says]:
    """Return replies that report their real length, for a number of steps.

    Each step calls a tool or a subagent, which takes two steps.
    """

    def reply(body: dict[str, Any]) -> Says:
        step = 1 + sum(message["role"] == "assistant" for message in body["messages"])
        is_helper = "You answer questions" in str(body["system"])
        length = {"output_tokens": min(REPLY_TOKENS, body["max_tokens"])}
        if step == (2 if is_helper else steps):
            return says(calls("set_output", **DONE), **length)
        if calls_subagent and not is_helper:
            return says(
                calls("run_subagent", target=calls_subagent, inputs={"question": f"who? {step}"}), **length
            )
        return says(calls("look", at=f"place {step}"), **length)

    return reply


async def concurrent_jobs(limited: Limited) -> None:
    await limited.start_limit()
    limited.agents.upstream.script = replies(2)
    await limited.run([await limited.submit() for _ in range(8)])


async def one_long_run(limited: Limited) -> None:
    await limited.start_limit()
    limited.agents.upstream.script = replies(13)
    await limited.run([await limited.submit()])


async def jobs_due_together(limited: Limited) -> None:
    await limited.start_limit()
    limited.agents.upstream.script = replies(1)
    at = (now() + timedelta(hours=1)).isoformat()
    job_ids = [await limited.submit(run_at=at) for _ in range(25)]
    async with limited.agents.instance.database.transaction() as session:
        query = text("update job_queue set not_before = now() where project_id = :id")
        await session.execute(query, {"id": limited.agents.project.id})
        await admission.release_due(session)
        await admission.admit(session, limited.agents.project.id)
    await limited.run(job_ids)


async def jobs_with_subjobs(limited: Limited) -> None:
    await limited.start_limit(of_helper=True)
    limited.agents.upstream.script = replies(6, calls_subagent=limited.helper)
    await limited.run([await limited.submit() for _ in range(2)], workers=1)
    query = text(
        "select count(*) from jobs where parent_job_id is not null and used_micros > 0 and project_id = :id"
    )
    async with limited.agents.instance.database.transaction() as session:
        assert (await session.execute(query, {"id": limited.agents.project.id})).scalar_one() > 0


async def forks(limited: Limited) -> None:
    limited.agents.upstream.script = replies(2)
    body = {"skill": "sum", "inputs": {"topic": "owls"}}
    if limited.kind == "job_cap":
        body["limits"] = {"cost_usd": LIMIT / 1e6}
    # A key with a cap can read and fork only its own jobs.
    submitter = limited.agents.project.http if limited.kind == "key_cap" else limited.owner
    base = (await submitter.post("/v1/jobs", json=body)).json()["id"]
    await limited.run([base])
    await limited.start_limit()
    limited.agents.upstream.script = replies(6)
    forked = []
    for _ in range(4):
        response = await limited.agents.project.http.post(f"/v1/jobs/{base}/fork", json={"step": 1})
        assert response.status_code == 201, response.text
        forked.append(response.json()["id"])
    await limited.run(forked)


SPENDING: dict[str, Callable[[Limited], Awaitable[None]]] = {
    "concurrent_jobs": concurrent_jobs,
    "long_run": one_long_run,
    "one_run_at": jobs_due_together,
    "children": jobs_with_subjobs,
    "forks": forks,
}


async def spent_under_limit(limited: Limited, spending: str) -> tuple[int, int]:
    """Return the paid (or forgiven) and the used amount under the limit; for a job cap, of the most expensive job."""
    skill, pack = ("answer", "helpers") if spending == "children" else ("sum", "default")
    counted = {
        "key_cap": "api_key_id = :key_id",
        "key": "api_key_id = :key_id",
        "skill": "skill_name = :skill",
        "skillpack": "skillpack_id = (select id from skillpacks where project_id = :id and slug = :pack)",
    }.get(limited.scope, "true")
    by_job = """
      select max(cost_micros + forgiven_micros + called_cost_micros + called_forgiven_micros) as paid,
             max(used_micros + called_used_micros) as used
      from jobs where project_id = :id and parent_job_id is null"""
    added_up = f"""
      select sum(cost_micros + forgiven_micros) as paid, sum(used_micros) as used
      from jobs where project_id = :id and {counted}"""
    values = {"id": limited.agents.project.id, "key_id": limited.key_id, "skill": skill, "pack": pack}
    async with limited.agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []
        query = text(by_job if limited.kind == "job_cap" else added_up)
        row = (await session.execute(query, values)).one()
    return int(row.paid), int(row.used)


@pytest.mark.parametrize("spending", SPENDING)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_limit_is_exceeded_by_even_one_micro(
    served: Served, upstream: MessagesServer, kind: str, spending: str
) -> None:
    async with create_limited(served, upstream, kind) as limited:
        await SPENDING[spending](limited)
        paid, used = await spent_under_limit(limited, spending)
    assert paid <= LIMIT
    assert used <= LIMIT
    assert used > LIMIT / 10, "no job ran, so the limit was not tested"
