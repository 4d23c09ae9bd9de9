"""The web for functions that run: pages fetched by the skill's `network:`, searches paid from what is reserved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.errors import NotAllowed, PurasError
from backend.core.net.egress.rules import Rule
from backend.core.net.egress.run_egress import RunEgress
from backend.data.secrets import service as secrets
from backend.data.secrets.scrub import Scrubber
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import NetworkRefusedEvent, WebEvent
from backend.execution.jobs.access import running_job
from backend.execution.jobs.access.running_job import Attempt
from backend.identity.auth.principal import Principal, Role
from backend.integrations.media import calls as media
from backend.integrations.web import fetching, page_text
from backend.integrations.web.errors import (
    BadAddress,
    JobNotRunning,
    NoEngine,
    NoScripts,
    NotFetched,
    NotOutside,
    SearchCostExceedsLimit,
    SearchFailed,
    WebBusy,
    WebFailed,
)
from backend.integrations.web.schemas import FoundPage, WebPageFetch, WebPageRead, WebSearch, WebSearchRead
from backend.integrations.web.search import Endpoint, Found
from backend.money.ledger import service as ledger
from backend.skills.manifest.types import Skill

_WAIT_S: Final = 10.0
"""For a place among what this process fetches."""


async def search(context: AppContext, principal: Principal, asked: WebSearch) -> WebSearchRead:
    """Search the web for a running job, at the price of the instance's engine.

    Raises:
        NotAllowed: who asks is no running job, or its skill has no network.
        NoEngine: the instance has no engine.
        SearchCostExceedsLimit: it may cost more than is left for the job.
        JobNotRunning: the job does not run any more.
        WebFailed: the engine gave nothing.
    """
    await _skill(context, principal)
    engine = Endpoint.of(context.settings)
    if engine is None:
        raise NoEngine
    attempt = Attempt.of(principal)
    needed = engine.worst_case_micros(asked.query)
    async with context.database.transaction() as session:
        await _afford(session, attempt, needed)
    try:
        found = await engine.find(asked.query, asked.max_results)
    except SearchFailed as error:
        raise WebFailed(f"{error} Nothing was charged.") from None
    await _pay(context, attempt, found)
    billed = found.used.billed_micros
    pages = [FoundPage(title=hit.title, url=hit.url, text=hit.text) for hit in found.hits]
    return WebSearchRead(results=pages, billed_micros=billed, billed_usd=billed / 1e6)


async def fetch(context: AppContext, principal: Principal, asked: WebPageFetch) -> WebPageRead:
    """The text of a page for a running job, from where its skill's `network:` allows.

    Raises:
        NotAllowed: who asks is no running job.
        NotOutside: the skill may not go there.
        BadAddress: it is not an address.
        NoScripts: its scripts were to be run.
        WebFailed: there is no text to be had.
        WebBusy: too much is fetched at once.
        JobNotRunning: the job does not run any more.
    """
    if asked.render_js:
        raise NoScripts
    skill = await _skill(context, principal)
    refusals = _Refusals()
    outside = RunEgress(
        Rule.of(skill.network),
        refusals,
        context.doors.dialer_of(principal.project_id),
        context.doors.heavy,
    )
    try:
        return await _page(context, outside, asked)
    except NotFetched as error:
        raise _refused(error) from None
    finally:
        await _tell(context, principal, refusals.facts)


async def _page(context: AppContext, outside: RunEgress, asked: WebPageFetch) -> WebPageRead:
    doors = context.doors
    try:
        async with asyncio.timeout(_WAIT_S):
            await doors.pages.acquire()
    except TimeoutError:
        raise WebBusy from None
    try:
        fetched = await fetching.fetch(outside, asked.url, page_text.WANTED)
        async with doors.readers:
            read = await page_text.read(fetched, asked.max_chars)
    finally:
        doors.pages.release()
    return WebPageRead(url=fetched.url, title=read.title, content=read.text, length=read.length)


def _refused(error: NotFetched) -> PurasError:
    match error.why:
        case "address":
            return BadAddress(error.sentence)
        case "rule":
            return NotOutside(error.sentence)
        case "answer":
            return WebFailed(error.sentence)


async def _skill(context: AppContext, principal: Principal) -> Skill:
    """The skill of the job that asks, which may go outside."""
    if principal.kind != "job":
        raise NotAllowed("The web is reached for jobs. Call this from a skill that runs, with the kit.")
    principal.require(Role.DEVELOPER, "drive:read")
    async with context.database.glance() as session:
        skill = await running_job.skill_of(session, principal)
    if skill is None:
        raise JobNotRunning
    if skill.network == "none":
        raise NotOutside(
            f"The skill {skill.name!r} has 'network: none'. Write 'network: public' in its skill.yaml, or the hosts "
            "that it needs."
        )
    return skill


async def _afford(session: AsyncSession, attempt: Attempt, needed: int) -> None:
    """Let a search of that price pass; the job's row is held to the end of the transaction."""
    noted = await ledger.job_spending(session, attempt)
    if noted is None:
        raise JobNotRunning
    left = max(0, noted.remaining_micros - await media.held_micros(session, attempt.job_id))
    if needed > left:
        raise SearchCostExceedsLimit(needed_micros=needed, left_micros=left)


async def _pay(context: AppContext, attempt: Attempt, found: Found) -> None:
    """Write down what the search cost. What came in between may have left too little: then it is not charged."""
    searched = WebEvent(verb="search", count=len(found.hits), billed_micros=found.used.billed_micros)
    async with context.database.transaction() as session:
        await _afford(session, attempt, found.used.billed_micros)
        if await ledger.record_usage(session, attempt, [found.used]) is None:
            raise JobNotRunning
        await append(session, job_id=attempt.job_id, attempt=attempt.attempt, events=[NewEvent(searched)])


async def _tell(context: AppContext, principal: Principal, refusals: Sequence[dict[str, Any]]) -> None:
    """Record in the job what it was refused, without its secrets: it may have written one into an address."""
    told = [facts for facts in refusals if context.doors.may_tell(principal.id)]
    if not told:
        return
    attempt = Attempt.of(principal)
    async with context.database.transaction() as session:
        pack = await running_job.skillpack_of(session, principal)
        if pack is None:
            return
        own = await secrets.for_job(
            session, context.vault, project_id=principal.project_id, skillpack_id=pack
        )
        scrub = Scrubber(own.values.values()).scrub
        events = [NewEvent(NetworkRefusedEvent(**scrub(facts))) for facts in told]
        await append(session, job_id=attempt.job_id, attempt=attempt.attempt, events=events)


@dataclass(slots=True)
class _Refusals:
    """What one call was refused."""

    facts: list[dict[str, Any]] = field(default_factory=list)

    def refused(self, facts: dict[str, Any]) -> None:
        self.facts.append(facts)
