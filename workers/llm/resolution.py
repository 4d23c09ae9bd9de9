"""Resolve the model of a job.

It is a recording of an earlier job, or a model that is determined by slug, the project's keys and its skill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from backend.context import AppContext
from backend.integrations.providers import service as providers
from backend.money.pricing import PriceList
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog.recordings import recorded_job
from workers.llm import recording
from workers.llm.selection import Models
from workers.llm.types import Model


def open_models(context: AppContext) -> Models:
    """Return the models of the settings."""
    return Models.of(context.settings, text_margin_pct=PriceList.of(context.settings).text_margin_pct)


async def find_model(
    context: AppContext,
    models: Models,
    *,
    project_id: UUID,
    skill: Skill,
    inputs: Mapping[str, Any],
    slug: str | None,
    is_listed: bool = False,
) -> Model:
    """Return the model of that slug for the project; without one that of the skill, else the default.

    Raises:
        PurasError: it is unknown, has no key, or nothing was recorded.
    """
    async with context.database.read_session() as session:
        recorded = recorded_job(slug)
        if recorded is not None:
            return await recording.load(session, project_id=project_id, job_id=recorded)
        if is_listed:  # with a key of the caller, the publisher's prompt would reach the caller's endpoint
            own_keys = {}
        else:
            own_keys = await providers.for_job(session, context.vault, project_id=project_id)
    await models.load_client(slug, skill=skill, own_keys=own_keys)
    return models.choose(slug, skill=skill, inputs=inputs, own_keys=own_keys)
