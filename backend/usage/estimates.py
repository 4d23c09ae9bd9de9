"""Estimate the cost of one run of a skill: from its recent jobs, otherwise from the length of its prompt."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.attribute_docstrings import Schema
from backend.execution.jobs.tables import SIMULATED, Job
from backend.identity.auth.principal import Principal, Role, visible
from backend.integrations.providers.prices import own_prices
from backend.money.pricing import PriceList, dollars
from backend.skills.job_limits import JobLimits
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.usage.model_prices import ModelPrice
from backend.usage.prompt_size import prompt_tokens

MAX_JOBS: Final = 200
"""The newest jobs of the skill that an estimate reads."""
REPLY_TOKENS: Final = 500
"""The assumed length of the only reply, if no job shows how many replies a run has."""
_MILLION: Final = 1_000_000

Basis = Literal["jobs", "prompt", "free", "unknown"]


class CostEstimateRead(Schema):
    """The expected cost of one run of a skill."""

    skill: str
    basis: Basis
    """`jobs`: the recent jobs of the skill. `prompt`: the length of the prompt and one reply. `free`: runs cost
    nothing. `unknown`: no job has succeeded yet, and the cost does not depend on a prompt."""
    explanation: str
    """The basis as text."""
    expected_micros: int | None
    """The median of the jobs, or the price of the prompt and the reply, in millionths of a dollar. `null`: unknown."""
    p95_micros: int | None
    """95 percent of the jobs cost at most this; `null` without jobs."""
    max_micros: int
    """The limit of one run, which is reserved when it starts."""
    jobs: int
    """The number of jobs on which the estimate is based."""
    model: str | None
    """The language model of an agent; `null` for other skills."""
    prompt_tokens: int | None
    """About how many tokens the first prompt has: instructions, tools without those of MCP servers, and the inputs of
    the first example. `null` for skills that are not agents."""
    reply_tokens: int | None
    """The assumed length of the reply; `null` unless the basis is `prompt`."""


class SkillForEstimate(NamedTuple):
    """A skill whose cost is estimated."""

    skill: Skill
    full_name: str
    skillpack_id: UUID
    instructions: str
    """The prompt of an agent; empty for other skills."""


class _Costs(NamedTuple):
    """The costs of recent jobs."""

    jobs: int
    median_micros: int
    p95_micros: int


async def estimate(
    session: AsyncSession,
    principal: Principal,
    subject: SkillForEstimate,
    *,
    prices: PriceList,
    default_model: str,
) -> CostEstimateRead:
    """Return the expected cost of one run of a skill.

    It is based on the newest jobs that succeeded with the same model and that the caller can see; without any, on the
    length of the prompt.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    skill = subject.skill
    model = (skill.model or default_model) if skill.is_agentic else None
    tokens = prompt_tokens(skill, subject.instructions) if skill.is_agentic else None
    known: dict[str, Any] = {
        "skill": subject.full_name,
        "max_micros": prices.cap_micros(skill, JobLimits()),
        "model": model,
        "prompt_tokens": tokens,
        "p95_micros": None,
        "jobs": 0,
        "reply_tokens": None,
    }
    costs = await _recent_costs(session, principal, subject, model)
    if costs is not None:
        return CostEstimateRead(**{**known, **_of_jobs(costs)})
    if model is not None and tokens is not None:
        price = await _price_of(session, principal, model, prices)
        return CostEstimateRead(**{**known, **_of_prompt(skill, model, tokens, price)})
    return CostEstimateRead(**{**known, **_of_other(known["max_micros"])})


def _of_jobs(costs: _Costs) -> dict[str, Any]:
    return {
        "basis": "jobs",
        "explanation": f"From {costs.jobs:,} {'job' if costs.jobs == 1 else 'jobs'}.",
        "expected_micros": costs.median_micros,
        "p95_micros": costs.p95_micros,
        "jobs": costs.jobs,
    }


def _of_prompt(skill: Skill, model: str, tokens: int, price: ModelPrice | None) -> dict[str, Any]:
    if price is None:
        return _unknown(f"The price of the model {model} is not known.")
    reply = min(REPLY_TOKENS, price.max_output_tokens)
    text = f"Estimated from the prompt of about {tokens:,} tokens, and one reply of {reply:,} tokens."
    if any(tool.mcp for tool in skill.tools):
        text += " The tools of MCP servers are not included."
    return {
        "basis": "prompt",
        "explanation": text,
        "expected_micros": _price_of_call(price, tokens, reply, is_long=skill.cache_ttl == "1h"),
        "reply_tokens": reply,
    }


def _of_other(max_micros: int) -> dict[str, Any]:
    if max_micros == 0:
        return {"basis": "free", "explanation": "Runs cost nothing.", "expected_micros": 0}
    return _unknown(f"Known after the first run, which costs at most {dollars(max_micros)}.")


def _unknown(explanation: str) -> dict[str, Any]:
    return {"basis": "unknown", "explanation": explanation, "expected_micros": None}


def _price_of_call(price: ModelPrice, tokens: int, reply: int, *, is_long: bool) -> int:
    """Return the price of the first call, which writes the prompt to the cache of the model."""
    above = price.long_prompts_above_tokens
    rates = price.per_million_tokens
    if price.long_prompts is not None and above is not None and tokens > above:
        rates = price.long_prompts
    of_prompt = rates.cache_write_1h_micros if is_long else rates.cache_write_5m_micros
    return math.ceil((tokens * of_prompt + reply * rates.output_micros) / _MILLION)


async def _price_of(
    session: AsyncSession, principal: Principal, model: str, prices: PriceList
) -> ModelPrice | None:
    own = await own_prices(session, principal)
    found = ModelPrice.all_of(catalog.current(), prices.text_margin_pct, own)
    return next((one for one in found if one.model == model), None)


async def _recent_costs(
    session: AsyncSession, principal: Principal, subject: SkillForEstimate, model: str | None
) -> _Costs | None:
    """Return the costs of the newest jobs that succeeded, without simulated ones; None if there are none."""
    cost = (col(Job.cost_micros) + col(Job.called_cost_micros)).label("cost")
    usage = col(Job.usage)
    newest = (
        visible(Job, principal)
        .where(col(Job.skill_name) == subject.skill.name)
        .order_by(col(Job.created_at).desc(), col(Job.id).desc())
        .limit(MAX_JOBS)
        .with_only_columns(
            cost,
            col(Job.status).label("status"),
            col(Job.skillpack_id).label("skillpack_id"),
            usage["label"].astext.label("simulated"),
            usage["model"].astext.label("model"),
        )
        .subquery()
    )
    named = newest.c
    query = select(
        func.count(),
        func.percentile_disc(0.5).within_group(named.cost),
        func.percentile_disc(0.95).within_group(named.cost),
    ).where(
        named.status == "succeeded",
        named.skillpack_id == subject.skillpack_id,
        named.simulated.is_distinct_from(SIMULATED),
    )
    if model is not None:
        query = query.where(named.model == model)
    count, median, p95 = (await session.execute(query)).one()
    return _Costs(count, int(median), int(p95)) if count else None
