"""Serve the web to running functions.

Pages are available as far as the skill's `network:` allows, and searches are paid from the job's money.
"""

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
from backend.execution.events.types import OMITTED, NetworkRefusedEvent, WebEvent
from backend.execution.jobs.access import running_job
from backend.execution.jobs.access.running_job import Attempt
from backend.identity.auth.principal import Principal, Role
from backend.integrations.media import calls as media
from backend.integrations.web import fetching, page_text
from backend.integrations.web.errors import (
    BadUrl,
    JobNotRunning,
    NetworkNotAllowed,
    NoEngine,
    NoScripts,
    NotFetched,
    SearchCostExceedsLimit,
    SearchFailed,
    WebBusy,
    WebFailed,
)
from backend.integrations.web.schemas import (
    WebPageFetch,
    WebPageRead,
    WebSearch,
    WebSearchRead,
    WebSearchResult,
)
from backend.integrations.web.search import Endpoint, Found
from backend.money.ledger import service as ledger
from backend.skills.manifest.types import Skill

_MAX_WAIT_S: Final = 10.0
"""Maximum wait for a slot among the pages that this process fetches."""


async def search(context: AppContext, principal: Principal, request: WebSearch) -> WebSearchRead:
    """Search the web for a running job, at the price of the instance's engine.

    Raises:
        NotAllowed: The principal is not a running job, or its skill has no network.
        NoEngine: The instance has no engine.
        SearchCostExceedsLimit: It may cost more than the job may still spend.
        JobNotRunning: The job does not run any more.
        WebFailed: The engine returned nothing.
    """
    await _skill(context, principal)
    engine = Endpoint.of(context.settings)
    if engine is None:
        raise NoEngine
    attempt = Attempt.of(principal)
    needed_micros = engine.worst_case_micros(request.query)
    async with context.database.transaction() as session:
        await _require_affordable(session, attempt, needed_micros)
    try:
        found = await engine.find(request.query, request.max_results)
    except SearchFailed as error:
        raise WebFailed(f"{error} Nothing was charged.") from None
    await _pay(context, attempt, found, principal.facts.get("durable_step"))
    billed = found.used.billed_micros
    pages = [WebSearchResult(title=hit.title, url=hit.url, text=hit.text) for hit in found.hits]
    return WebSearchRead(results=pages, billed_micros=billed, billed_usd=billed / 1e6)


async def fetch(context: AppContext, principal: Principal, request: WebPageFetch) -> WebPageRead:
    """Return the text of a page for a running job, as far as its skill's `network:` allows.

    Raises:
        NotAllowed: The principal is not a running job.
        NetworkNotAllowed: The skill may not connect to the host.
        BadUrl: The URL is invalid.
        NoScripts: Scripts were requested.
        WebFailed: There is no readable text.
        WebBusy: Too many pages are being fetched.
        JobNotRunning: The job does not run any more.
    """
    if request.render_js:
        raise NoScripts
    skill = await _skill(context, principal)
    refusals = _Refusals()
    egress = RunEgress(
        Rule.of(skill.network),
        refusals,
        context.web_access.connector_of(principal.project_id),
        context.web_access.heavy,
    )
    try:
        return await _page(context, egress, request)
    except NotFetched as error:
        raise _error_of(error) from None
    finally:
        await _record_refusals(context, principal, refusals.facts)


async def _page(context: AppContext, egress: RunEgress, request: WebPageFetch) -> WebPageRead:
    gateways = context.web_access
    try:
        async with asyncio.timeout(_MAX_WAIT_S):
            await gateways.pages.acquire()
    except TimeoutError:
        raise WebBusy from None
    try:
        fetched = await fetching.fetch(egress, request.url, page_text.PAGE_LIMITS)
        async with gateways.readers:
            read = await page_text.read(fetched, request.max_chars)
    finally:
        gateways.pages.release()
    return WebPageRead(url=fetched.url, title=read.title, content=read.text, length=read.length)


def _error_of(error: NotFetched) -> PurasError:
    match error.why:
        case "address":
            return BadUrl(error.detail)
        case "rule":
            return NetworkNotAllowed(error.detail)
        case "answer":
            return WebFailed(error.detail)


async def _skill(context: AppContext, principal: Principal) -> Skill:
    """Return the skill of the job, which must have network access."""
    if principal.kind != "job":
        raise NotAllowed("Only jobs can use the web. Call this from a running skill with the kit.")
    principal.require(Role.DEVELOPER, "drive:read")
    async with context.database.read_session() as session:
        skill = await running_job.skill_of(session, principal)
    if skill is None:
        raise JobNotRunning
    if skill.network == "none":
        raise NetworkNotAllowed(
            f"The skill {skill.name!r} has 'network: none'. Write 'network: public' in its skill.yaml, or the hosts "
            "that it needs."
        )
    return skill


async def _require_affordable(session: AsyncSession, attempt: Attempt, needed_micros: int) -> None:
    """Require that the job can pay the price; lock the job's row until the transaction ends."""
    spending = await ledger.job_spending(session, attempt)
    if spending is None:
        raise JobNotRunning
    remaining_micros = max(
        0, spending.remaining_micros - await media.reserved_micros(session, attempt.job_id)
    )
    if needed_micros > remaining_micros:
        raise SearchCostExceedsLimit(needed_micros=needed_micros, left_micros=remaining_micros)


async def _pay(context: AppContext, attempt: Attempt, found: Found, durable_step: str | None) -> None:
    """Record the cost of the search. If other calls have spent the money meanwhile, it is not charged."""
    searched = WebEvent(
        verb="search",
        count=len(found.hits),
        billed_micros=found.used.billed_micros,
        durable_step=durable_step or OMITTED,
    )
    async with context.database.transaction() as session:
        await _require_affordable(session, attempt, found.used.billed_micros)
        if await ledger.record_usage(session, attempt, [found.used]) is None:
            raise JobNotRunning
        await append(session, job_id=attempt.job_id, attempt=attempt.attempt, events=[NewEvent(searched)])


async def _record_refusals(
    context: AppContext, principal: Principal, refusals: Sequence[dict[str, Any]]
) -> None:
    """Record in the job which connections were rejected, without its secrets, which a URL may contain."""
    recorded = [facts for facts in refusals if context.web_access.may_report(principal.id)]
    if not recorded:
        return
    attempt = Attempt.of(principal)
    async with context.database.transaction() as session:
        pack = await running_job.skillpack_of(session, principal)
        if pack is None:
            return
        job_secrets = await secrets.for_job(
            session,
            context.vault,
            project_id=principal.project_id,
            skillpack_id=pack,
            environment=principal.environment,
        )
        scrub = Scrubber(job_secrets.values.values()).scrub
        events = [NewEvent(NetworkRefusedEvent(**scrub(facts))) for facts in recorded]
        await append(session, job_id=attempt.job_id, attempt=attempt.attempt, events=events)


@dataclass(slots=True)
class _Refusals:
    """The rejected connections of one call."""

    facts: list[dict[str, Any]] = field(default_factory=list)

    def refused(self, facts: dict[str, Any]) -> None:
        self.facts.append(facts)
