"""Advance suites: submit their next jobs as earlier ones end, and close suites whose jobs have all ended.

The state of a suite is only in the database: any process can take the next step, and nothing is lost if one dies. A
suite has few jobs in the queue at a time, so that it does not delay other jobs.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import logs
from backend.core.clock import now
from backend.core.db.engine import AnySession, Database
from backend.core.errors import NotAllowed, PaymentRequired, PurasError, TooMany, Unavailable
from backend.data.drive.access import FileNotAllowed
from backend.evals import gates
from backend.evals.case_of_job import EVAL
from backend.evals.completion import close
from backend.evals.dataset import Target
from backend.evals.planning import SuiteResources, plan_runs
from backend.evals.tables import EvalRun, EvalSuite
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.journal.turns import KEY as TURN
from backend.execution.journal.turns import Turn
from backend.identity.auth import key_authentication
from backend.identity.auth.principal import Principal, Role
from backend.skills.deployments.active import load_deployed_skill

log = logs.get(__name__)

WINDOW: Final = 20
"""Maximum unfinished jobs of one suite."""
PRIORITY: Final = -10
"""Priority of its jobs within the project: jobs of users come first."""
MAX_SUITES_PER_PROJECT: Final = 50
"""Suites of one project in a round, oldest first, so that blocked suites do not delay those of other projects."""
MAX_SUITES_PER_ROUND: Final = 1000
"""Suites in a round: the first one of each project, then the second ones, and so on."""
KEY_ENDED: Final = "The API key that started it was revoked or has expired. Start it again with another one."

_LIVE: Final = text("""
select live.id, live.project_id from (
  select s.id, s.project_id, s.created_at, row_number() over (partition by s.project_id order by s.created_at) as nth
  from eval_suites s
  where s.finished_at is null and (select p.deleted_at from projects p where p.id = s.project_id) is null
) live
where live.nth <= :max_per_project order by live.nth, live.created_at limit :max_suites
""")
_COUNTS: Final = text("""
select count(*) filter (where r.submitted_at is null and r.error is null) as waiting,
       count(*) filter (where j.id is not null and j.finished_at is null) as live
from eval_runs r left join jobs j on j.id = r.job_id and j.project_id = r.project_id
where r.suite_id = :suite_id and r.project_id = :project_id
""")


async def advance_all(database: Database, resources: SuiteResources) -> int:
    """Take the next step of every live suite, each in its own transaction; return their number."""
    async with database.transaction() as session:
        limits = {"max_suites": MAX_SUITES_PER_ROUND, "max_per_project": MAX_SUITES_PER_PROJECT}
        live = (await session.execute(_LIVE, limits)).all()
    for row in live:
        try:
            async with database.transaction() as session:
                suite = await lock_suite(session, project_id=row.project_id, suite_id=row.id)
                if suite is not None and suite.finished_at is None:
                    await _step(session, suite, resources)
        except (SQLAlchemyError, PurasError, OSError) as error:
            log.warning("eval suite not advanced; retrying", suite_id=str(row.id), error=str(error))
    return len(live)


async def _step(session: AsyncSession, suite: EvalSuite, resources: SuiteResources) -> None:
    if suite.is_gate and not await gates.is_required(session, suite):
        return
    if suite.status == "preparing":
        await _prepare(session, suite, resources)
    else:
        await advance(session, suite, resources)
    if suite.is_gate and suite.finished_at is not None:
        await gates.decide(session, suite)


async def _prepare(session: AsyncSession, suite: EvalSuite, resources: SuiteResources) -> None:
    """Read the cases of a suite that was started without waiting for them."""
    deployed = await load_deployed_skill(session, suite.deployment_id, suite.skill_name)
    target = Target(
        suite.project_id,
        suite.skillpack_id,
        suite.deployment_id,
        suite.deployment_version,
        deployed.sha256,
        deployed.skill,
    )
    try:
        async with session.begin_nested():
            await plan_runs(session, suite, target, resources)
    except Unavailable:
        raise
    except PurasError as error:
        await session.refresh(suite)
        await close(session, suite, status="failed", error=error.detail)


async def lock_suite(session: AsyncSession, *, project_id: UUID, suite_id: UUID) -> EvalSuite | None:
    """Return the suite and lock it until the transaction ends. None: another process has locked it."""
    query = select(EvalSuite).where(col(EvalSuite.project_id) == project_id, col(EvalSuite.id) == suite_id)
    return (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()


async def advance(session: AsyncSession, suite: EvalSuite, resources: SuiteResources) -> PurasError | None:
    """Submit jobs of the suite up to its window, or close it; return the error that prevents the next job, if any."""
    values = {"suite_id": suite.id, "project_id": suite.project_id}
    counts = (await session.execute(_COUNTS, values)).one()
    obstacle: PurasError | None = None
    if counts.waiting:
        capacity = WINDOW - counts.live
        obstacle = await _submit_some(session, suite, resources, limit=capacity) if capacity > 0 else None
    elif not counts.live:
        await close(session, suite)
    return obstacle


async def _submit_some(
    session: AsyncSession, suite: EvalSuite, resources: SuiteResources, *, limit: int
) -> PurasError | None:
    """Submit the next runs; a run that can never be submitted records the error, and the next one follows."""
    principal = await _actor(session, suite)
    if principal is None:
        await close(session, suite, status="failed", error=KEY_ENDED)
        return None
    suite.waiting_reason = ""
    for run in await _next_runs(session, suite, limit):
        try:
            async with session.begin_nested():
                run.job_id = await _submit(session, principal, suite, run, resources)
                run.submitted_at = now()
                await session.flush()
        except FileNotAllowed as error:  # the files of other runs may be readable
            run.error = error.detail[:2000]
        except (PaymentRequired, TooMany, NotAllowed) as error:
            suite.waiting_reason = error.detail[:2000]
            return error
        except PurasError as error:
            run.error = error.detail[:2000]
        await session.flush()
    return None


async def _submit(
    session: AsyncSession, principal: Principal, suite: EvalSuite, run: EvalRun, resources: SuiteResources
) -> UUID:
    request = JobCreate(
        skill=suite.skill_name,
        inputs=run.inputs,
        source=EVAL,
        priority=PRIORITY,
        model=run.model,
        metadata={"eval_suite_id": str(suite.id), "case_id": run.case_id, "round": run.round},
    )
    spec = JobSpec(
        request,
        skillpack=str(suite.skillpack_id),
        deployment_id=suite.deployment_id,
        prices=resources.prices,
        max_queued=resources.max_queued,
        started_by_agent=suite.started_by_agent,
        turn=None if run.conversation is None else Turn.of({TURN: run.conversation}),
        reader=_reader(suite, principal),
    )
    return (await submit(session, principal, spec)).job_id


def _reader(suite: EvalSuite, principal: Principal) -> Principal:
    """Return whose access to the drive counts: the project's for a gate, otherwise the actor's."""
    if not suite.is_gate:
        return principal
    return Principal("system", suite.id, suite.project_id, f"eval:{suite.id}", Role.DEVELOPER)


async def _next_runs(session: AsyncSession, suite: EvalSuite, limit: int) -> list[EvalRun]:
    waiting = (
        select(EvalRun)
        .where(
            col(EvalRun.project_id) == suite.project_id,
            col(EvalRun.suite_id) == suite.id,
            col(EvalRun.submitted_at).is_(None),
            col(EvalRun.error).is_(None),
        )
        .order_by(col(EvalRun.number))
    )
    return list((await session.scalars(waiting.limit(limit))).all())


async def _actor(session: AnySession, suite: EvalSuite) -> Principal | None:
    """Return who started the suite, with the current limits of their key. None: the key was revoked or has expired."""
    if suite.actor_kind.endswith("_key"):
        return await key_authentication.find_principal(
            session, key_id=suite.actor_id, project_id=suite.project_id
        )
    return Principal(
        kind="user",
        id=suite.actor_id,
        project_id=suite.project_id,
        label=suite.created_by,
        role=Role.DEVELOPER,
    )
