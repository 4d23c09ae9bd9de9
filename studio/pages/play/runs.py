"""Submit the job of a column of the playground."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import reflex as rx
from pydantic import ValidationError

from backend.authoring.drafts import publishing
from backend.core.errors import (
    Conflict,
    Invalid,
    Missing,
    NotAllowed,
    PaymentRequired,
    TooMany,
)
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.environments import Environment
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.pages.play.columns import DRAFT, Column, Prompt
from studio.running import SOURCE

REFUSALS: Final = (Conflict, Invalid, Missing, NotAllowed, PaymentRequired, TooMany)
"""Errors that the column shows as the reason why its job was not submitted."""


class RunInColumn(NamedTuple):
    """What a column runs, except its version and its model."""

    skill: str
    skillpack: str
    environment: Environment
    active: str
    """The number of the version that is active in the environment."""
    inputs: dict[str, Any]
    prompt: Prompt | None = None
    """The edited prompt."""


async def submit_run(state: rx.State, column: Column, what: RunInColumn, key: str) -> str:
    """Submit the job of a column, and return its ID.

    Args:
        state: The state of the page.
        column: The version, model and prompt.
        what: The skill and its inputs.
        key: The key of the action; a repeated action returns the job of the first one.

    Raises:
        One of REFUSALS: The job was not submitted.
    """
    context = session.context()
    try:
        request = JobCreate(
            skill=what.skill,
            inputs=what.inputs,
            source=SOURCE,
            environment=what.environment,
            model=column.model or None,
        )
    except ValidationError as invalid:
        raise Invalid("; ".join(error["msg"] for error in invalid.errors())) from invalid
    version = int(column.version) if column.version not in ("", DRAFT) else None
    spec = JobSpec(request, skillpack=what.skillpack, version=version).within(context.settings)
    try:
        async with session.acting(state, state.project, once=key) as act:
            if column.version == DRAFT or what.prompt:
                number = None if column.version == DRAFT else version or int(what.active)
                edited = {what.prompt.path: what.prompt.text} if what.prompt else {}
                submitted = await publishing.run(
                    act.session,
                    act.principal,
                    await skillpacks.get(act.session, act.principal, what.skillpack),
                    spec,
                    overrides=publishing.RunOverrides(number, edited),
                    storage=context.storage,
                    quotas=context.settings.quotas,
                )
            else:
                submitted = await submit(act.session, act.principal, spec)
            await act.made(submitted.job_id)
    except session.AlreadyDone as done:
        if done.job_id is None:
            raise
        return str(done.job_id)
    return str(submitted.job_id)
