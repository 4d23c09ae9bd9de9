"""Gate activation: a version with gated skills becomes active only after their suites have passed.

An activation locks the skillpack and then the version. A process that advances a suite locks the suite and then those
two. So only that process stops a suite, never an activation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AliasChoices, Field, computed_field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.attribute_docstrings import Schema
from backend.core.clock import now
from backend.core.schemas import DEPRECATED
from backend.evals.completion import stop
from backend.evals.schemas import Numbers
from backend.evals.suite_comparison import is_worse
from backend.evals.tables import EvalSuite
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role
from backend.marketplace.activation import switch
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.skillpacks.tables import Skillpack

State = Literal["gating", "passed", "refused", "superseded"]


class GateRead(Schema):
    """The state of the gates of a version."""

    state: State
    """`gating`: its suites run, and it becomes active when they pass. `superseded`: another version was activated."""
    reason: str = ""
    """The reason of the rejection."""
    suites: list[UUID] = Field(default=[])
    """One for each skill that has a gate."""
    requested_by: str = Field(default="", validation_alias=AliasChoices("requested_by", "asked_by"))
    requested_at: datetime = Field(validation_alias=AliasChoices("requested_at", "asked_at"))

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def asked_by(self) -> str:
        """The former name of `requested_by`. Removed in 0.3."""
        return self.requested_by

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def asked_at(self) -> datetime:
        """The former name of `requested_at`. Removed in 0.3."""
        return self.requested_at


def skills_with_gate(manifest: Manifest) -> list[Skill]:
    """Return the skills whose suites must pass."""
    return [skill for skill in manifest.submittable if skill.eval_gate is not None]


async def start(session: AsyncSession, principal: Principal, deployment: Deployment) -> bool:
    """Start the suites of a version that is to become active; False if it has no gates, or has passed them.

    The caller has locked the skillpack.

    Raises:
        NotAllowed: The principal may not run jobs.
    """
    skills = skills_with_gate(Manifest.model_validate(deployment.manifest))
    state = _state(deployment)
    if not skills or state == "passed":
        return False
    if state == "gating":
        return True
    principal.require(Role.DEVELOPER, "jobs:submit")  # the suites run jobs on its behalf
    suites = [_suite(principal, deployment, skill) for skill in skills]
    session.add_all(suites)
    gate = GateRead(
        state="gating",
        suites=[suite.id for suite in suites],
        requested_by=principal.label,
        requested_at=now(),
    )
    await _write(session, deployment, gate)
    fields = {"deployment_id": str(deployment.id), "suites": [str(suite.id) for suite in suites]}
    await audit.record(session, principal, "deployment.gating", f"v{deployment.version}", **fields)
    return True


async def supersede(session: AsyncSession, pack: Skillpack, *, by: Deployment) -> None:
    """Stop the gates of all other versions, since this one was activated or is to be."""
    query = select(Deployment).where(
        col(Deployment.project_id) == pack.project_id,
        col(Deployment.skillpack_id) == pack.id,
        col(Deployment.id) != by.id,
        col(Deployment.gate)["state"].astext == "gating",
    )
    for waiting in (await session.scalars(query)).all():
        await _set_state(session, waiting, "superseded", f"v{by.version} was activated in the meantime.")


async def abandon(session: AsyncSession, deployment: Deployment, why: str) -> None:
    """Stop the gates of a version."""
    if _state(deployment) == "gating":
        await _set_state(session, deployment, "superseded", why)


async def is_required(session: AsyncSession, suite: EvalSuite) -> bool:
    """Return whether a version still needs the suite, and cancel it otherwise."""
    deployment = await _deployment_of(session, suite)
    if _state(deployment) == "gating" and suite.id in _gate(deployment).suites:
        return True
    await stop(session, suite, actor="the activation of another version")
    return False


async def decide(session: AsyncSession, suite: EvalSuite) -> None:
    """Activate the version when all of its suites have passed, or reject it if this one has not."""
    pack = await _lock_pack(session, suite)
    deployment = await _deployment_of(session, suite)
    if _state(deployment) != "gating" or deployment.deleted_at is not None:
        return
    gate = _gate(deployment)
    reason = await _rejection_reason(session, suite)
    if reason is not None:
        await _set_state(session, deployment, "refused", reason)
        fields = {"deployment_id": str(deployment.id), "suite_id": str(suite.id), "reason": reason}
        target = f"{pack.slug} v{deployment.version}"
        await audit.record_in(
            session, pack.project_id, gate.requested_by, "deployment.refused", target, **fields
        )
        return
    query = select(col(EvalSuite.id)).where(
        col(EvalSuite.project_id) == suite.project_id,
        col(EvalSuite.id).in_(gate.suites),
        col(EvalSuite.finished_at).is_(None),
    )
    if (await session.scalars(query)).first() is None:
        await _set_state(session, deployment, "passed", "")
        await switch(session, _requester(suite, gate), pack, deployment)


def _requester(suite: EvalSuite, gate: GateRead) -> Principal:
    """Return the user who requested the activation."""
    return Principal(
        kind="user",
        id=suite.actor_id,
        project_id=suite.project_id,
        label=gate.requested_by,
        role=Role.DEVELOPER,
    )


async def _rejection_reason(session: AsyncSession, suite: EvalSuite) -> str | None:
    """Return why this suite prevents the activation, if it does."""
    subject = f"The suite of {suite.skill_name!r} ({suite.id})"
    if suite.status != "succeeded":
        return f"{subject} is {suite.status}: {suite.error}"
    numbers, threshold = Numbers.model_validate(suite.summary), suite.threshold or 0.0
    if not numbers.reach(threshold):
        return f"{subject} passed {numbers.pass_rate_pct or 0:g} % of its runs, and the gate requires {threshold:g} %."
    query = select(EvalSuite).where(
        col(EvalSuite.project_id) == suite.project_id,
        col(EvalSuite.skillpack_id) == suite.skillpack_id,
        col(EvalSuite.skill_name) == suite.skill_name,
        col(EvalSuite.is_baseline),
    )
    baseline = (await session.scalars(query)).one_or_none()
    if baseline is None or not is_worse(before := Numbers.model_validate(baseline.summary), numbers):
        return None
    return (
        f"{subject} is worse than the baseline of v{baseline.deployment_version} ({baseline.id}): "
        f"{numbers.pass_rate_pct} % passed instead of {before.pass_rate_pct} %, and the mean score is "
        f"{numbers.mean_score} instead of {before.mean_score}."
    )


def _suite(principal: Principal, deployment: Deployment, skill: Skill) -> EvalSuite:
    gate = skill.eval_gate
    if gate is None:
        raise ValueError(f"{skill.name!r} has no gate")
    return EvalSuite(
        project_id=deployment.project_id,
        skillpack_id=deployment.skillpack_id,
        skill_name=skill.name,
        deployment_id=deployment.id,
        deployment_version=deployment.version,
        status="preparing",
        repeat=gate.repeat,
        threshold=gate.threshold,
        is_gate=True,
        created_by=principal.label,
        actor_kind=principal.kind,
        actor_id=principal.id,
        started_by_agent=principal.is_agent,
    )


async def _lock_pack(session: AsyncSession, suite: EvalSuite) -> Skillpack:
    query = select(Skillpack).where(
        col(Skillpack.project_id) == suite.project_id, col(Skillpack.id) == suite.skillpack_id
    )
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(query)).one()


async def _deployment_of(session: AsyncSession, suite: EvalSuite) -> Deployment:
    """Return the deployment as it is stored now."""
    query = select(Deployment).where(
        col(Deployment.project_id) == suite.project_id, col(Deployment.id) == suite.deployment_id
    )
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


def _state(deployment: Deployment) -> State | None:
    return None if deployment.gate is None else _gate(deployment).state


def _gate(deployment: Deployment) -> GateRead:
    return GateRead.model_validate(deployment.gate)


async def _set_state(session: AsyncSession, deployment: Deployment, state: State, reason: str) -> None:
    changed = _gate(deployment).model_copy(update={"state": state, "reason": reason})
    await _write(session, deployment, changed)


async def _write(session: AsyncSession, deployment: Deployment, gate: GateRead) -> None:
    deployment.gate = gate.model_dump(mode="json")
    await session.flush()
