"""Define the routes of suites and of saved cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backend.context import AppContext
from backend.core.http.paging import PageDep, linked
from backend.evals import cases, outcomes, suite_comparison, suites, targets
from backend.evals.planning import SuiteResources
from backend.evals.run_list import RunFilter, RunSort
from backend.evals.schemas import (
    CaseCreate,
    CaseRead,
    Comparison,
    EvalRunRead,
    SuiteCaseRead,
    SuiteCreate,
    SuiteRead,
)
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.money.pricing import PriceList
from backend.skills.deployments.active import MAX_VERSION

router = APIRouter(route_class=AuthorizedRoute, tags=["evals"])

Skill = Annotated[str, Query(max_length=200)]
Ref = Annotated[str | None, Query(max_length=64, description="A version number or the ID of a suite.")]


def resources_of(context: AppContext) -> SuiteResources:
    """Return what this instance provides for a suite."""
    return SuiteResources(context.storage, PriceList.of(context.settings), context.settings.max_queued_jobs)


@router.post(
    "/skillpacks/{skillpack}/evals", status_code=201, summary="Run a suite", response_model=SuiteRead
)
@permissions.needs("evals:write", "evals:read", "jobs:submit", role=Role.DEVELOPER)
async def start_suite(
    skillpack: str,
    body: SuiteCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Run a skill on its cases, each as a separate job, and score every result with the skill's graders."""

    async def create() -> SuiteRead:
        return await suites.start(
            session, principal, body, skillpack=skillpack, resources=resources_of(context)
        )

    return await idempotent.run(session, principal, create)


@router.get("/skillpacks/{skillpack}/evals", summary="List suites")
@permissions.needs("evals:read")
async def list_suites(
    skillpack: str,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    skill: Skill | None = None,
) -> Sequence[SuiteRead]:
    """List the suites of a skillpack, newest first."""
    found = await suites.list_some(session, principal, page, skillpack=skillpack, skill=skill)
    return linked(request, response, found)


@router.get("/skillpacks/{skillpack}/evals/diff", summary="Compare two suites")
@permissions.needs("evals:read")
async def compare_suites(
    skillpack: str,
    skill: Skill,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    base: Ref = None,
    head: Ref = None,
) -> Comparison:
    """Compare two versions of a skill by their newest finished suites.

    Without a base: the baseline, or else the version before.
    """
    return await suite_comparison.compare(
        session, principal, skillpack=skillpack, skill=skill, base=base, head=head
    )


@router.get("/skillpacks/{skillpack}/evals/dataset", summary="List the cases of a suite")
@permissions.needs("evals:read")
async def list_dataset(
    *,
    skillpack: str,
    skill: Skill,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    page: PageDep,
    version: Annotated[
        int | None, Query(ge=1, le=MAX_VERSION, description="Default: the active version.")
    ] = None,
) -> list[SuiteCaseRead]:
    """List every case that a suite of the skill would run: those of the version's dataset, and saved cases."""
    found = await targets.list_cases(
        session, principal, page, skillpack=skillpack, skill=skill, version=version, storage=context.storage
    )
    return [
        SuiteCaseRead.model_validate(one, from_attributes=True) for one in linked(request, response, found)
    ]


@router.get("/evals/{suite_id}", summary="Read a suite")
@permissions.needs("evals:read")
async def get_suite(suite_id: UUID, principal: PrincipalDep, session: SessionDep) -> SuiteRead:
    """Return the suite with its progress and its numbers."""
    return await suites.view(session, await suites.get(session, principal, suite_id))


@router.get("/evals/{suite_id}/cases", summary="Read the runs of a suite")
@permissions.needs("evals:read")
async def list_runs(
    suite_id: UUID,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    base: Annotated[UUID | None, Query(description="A suite whose runs are returned alongside.")] = None,
    only: Annotated[
        RunFilter,
        Query(
            description="`not_passed`: also runs without a result. `regressed`: runs that are worse than in `base`."
        ),
    ] = "all",
    sort: Annotated[
        RunSort,
        Query(
            description="`number`: the order of submission. `score`: the lowest first, after runs without a result. "
            "`cost` and `duration`: the highest first."
        ),
    ] = "number",
) -> Sequence[EvalRunRead]:
    """List every run with its inputs, the expected output, the actual output, and the verdict of each grader."""
    found = await outcomes.list_some(session, principal, suite_id, page, base=base, only=only, sort=sort)
    return linked(request, response, found)


@router.post("/evals/{suite_id}/cancel", summary="Cancel a suite")
@permissions.needs("evals:write", "evals:read", role=Role.DEVELOPER)
async def cancel_suite(suite_id: UUID, principal: PrincipalDep, session: SessionDep) -> SuiteRead:
    """Cancel the suite and its jobs."""
    return await suites.cancel(session, principal, suite_id)


@router.post("/evals/{suite_id}/baseline", summary="Make a suite the baseline of its skill")
@permissions.needs("evals:write", "evals:read", role=Role.DEVELOPER)
async def create_baseline(suite_id: UUID, principal: PrincipalDep, session: SessionDep) -> SuiteRead:
    """Make a reviewed suite the baseline of its skill. Gates reject versions that are worse."""
    return await suites.create_baseline(session, principal, suite_id)


@router.post(
    "/jobs/{job_id}/eval-case", status_code=201, summary="Save a job as a case", response_model=CaseRead
)
@permissions.needs("evals:write", "jobs:read_own", role=Role.DEVELOPER)
async def save_case(
    job_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
    body: CaseCreate | None = None,
) -> Response:
    """Save the job's inputs, the conversation that it continued, and its result or `expected`, as a case of its skill.

    Secrets are redacted.
    """

    async def create() -> CaseRead:
        request = body or CaseCreate()
        case = await cases.save(session, principal, job_id, request, vault=context.vault)
        return CaseRead.model_validate(case, from_attributes=True)

    return await idempotent.run(session, principal, create)


@router.get("/eval-cases", summary="List saved cases")
@permissions.needs("evals:read")
async def list_cases(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    skillpack: Annotated[str | None, Query(description="ID or slug.")] = None,
    skill: Skill | None = None,
) -> list[CaseRead]:
    """List saved cases, newest first. Cases of a dataset are in its bundle."""
    found = await cases.list_some(session, principal, page, skillpack=skillpack, skill=skill)
    return [CaseRead.model_validate(one, from_attributes=True) for one in linked(request, response, found)]


@router.delete("/eval-cases/{case_id}", status_code=204, summary="Delete a saved case")
@permissions.needs("evals:write", role=Role.DEVELOPER)
async def delete_case(case_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a saved case. Suites that have run it are not changed."""
    await cases.delete(session, principal, case_id)
