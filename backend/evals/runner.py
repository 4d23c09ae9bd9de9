"""Taking suites on: their next jobs are submitted as places become free, and a suite whose jobs have ended is closed.

All that a suite is, is rows: any process can take the next step, and one that dies in between has lost nothing. A suite
has few jobs in the queue at once, so that it stands in nobody's way.
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
from backend.evals.dataset import Subject
from backend.evals.planning import Means, fill
from backend.evals.tables import EvalRun, EvalSuite
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.auth import key_authentication
from backend.identity.auth.principal import Principal, Role
from backend.skills.deployments.active import load_deployed_skill

log = logs.get(__name__)

WINDOW: Final = 20
"""Jobs of one suite that have not ended."""
PRIORITY: Final = -10
"""Of its jobs among those of the project: people come first."""
MAX_OF_A_PROJECT: Final = 50
"""Suites of one project in a round, oldest first: those that cannot go on hold up nobody else's."""
MAX_AT_ONCE: Final = 1000
"""Suites of one round: the first of each project, then the second ones…"""
KEY_ENDED: Final = "The API key that started it was revoked or has expired. Start it again with another one."

_LIVE: Final = text("""
select live.id, live.project_id from (
  select s.id, s.project_id, s.created_at, row_number() over (partition by s.project_id order by s.created_at) as nth
  from eval_suites s
  where s.finished_at is null and (select p.deleted_at from projects p where p.id = s.project_id) is null
) live
where live.nth <= :most_of_a_project order by live.nth, live.created_at limit :most
""")
_COUNTS: Final = text("""
select count(*) filter (where r.submitted_at is null and r.error is null) as waiting,
       count(*) filter (where j.id is not null and j.finished_at is null) as live
from eval_runs r left join jobs j on j.id = r.job_id and j.project_id = r.project_id
where r.suite_id = :suite_id and r.project_id = :project_id
""")


async def drive(database: Database, means: Means) -> int:
    """Take every live suite one step on, each in a unit of its own; says how many there were."""
    async with database.transaction() as session:
        bounds = {"most": MAX_AT_ONCE, "most_of_a_project": MAX_OF_A_PROJECT}
        live = (await session.execute(_LIVE, bounds)).all()
    for row in live:
        try:
            async with database.transaction() as session:
                suite = await held(session, project_id=row.project_id, suite_id=row.id)
                if suite is not None and suite.finished_at is None:
                    await _step(session, suite, means)
        except (SQLAlchemyError, PurasError, OSError) as error:
            log.warning("a suite was not taken on; trying again", suite_id=str(row.id), error=str(error))
    return len(live)


async def _step(session: AsyncSession, suite: EvalSuite, means: Means) -> None:
    if suite.is_gate and not await gates.still_wanted(session, suite):
        return
    if suite.status == "preparing":
        await _prepare(session, suite, means)
    else:
        await advance(session, suite, means)
    if suite.is_gate and suite.finished_at is not None:
        await gates.decide(session, suite)


async def _prepare(session: AsyncSession, suite: EvalSuite, means: Means) -> None:
    """Read the cases of a suite that nobody waited for."""
    deployed = await load_deployed_skill(session, suite.deployment_id, suite.skill_name)
    subject = Subject(
        suite.project_id,
        suite.skillpack_id,
        suite.deployment_id,
        suite.deployment_version,
        deployed.sha256,
        deployed.skill,
    )
    try:
        async with session.begin_nested():
            await fill(session, suite, subject, means)
    except Unavailable:
        raise
    except PurasError as error:
        await session.refresh(suite)
        await close(session, suite, status="failed", error=error.detail)


async def held(session: AsyncSession, *, project_id: UUID, suite_id: UUID) -> EvalSuite | None:
    """The suite, which nobody else takes on until the transaction ends; none while somebody does."""
    query = select(EvalSuite).where(col(EvalSuite.project_id) == project_id, col(EvalSuite.id) == suite_id)
    return (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()


async def advance(session: AsyncSession, suite: EvalSuite, means: Means) -> PurasError | None:
    """Submit as many of its jobs as there is room for, or close it; gives what stands against the next one."""
    values = {"suite_id": suite.id, "project_id": suite.project_id}
    counts = (await session.execute(_COUNTS, values)).one()
    obstacle: PurasError | None = None
    if counts.waiting:
        room = WINDOW - counts.live
        obstacle = await _submit_some(session, suite, means, most=room) if room > 0 else None
    elif not counts.live:
        await close(session, suite)
    return obstacle


async def _submit_some(
    session: AsyncSession, suite: EvalSuite, means: Means, *, most: int
) -> PurasError | None:
    """Submit the next runs; one that can never be submitted says so, and the next one is tried."""
    principal = await _actor(session, suite)
    if principal is None:
        await close(session, suite, status="failed", error=KEY_ENDED)
        return None
    suite.waiting_reason = ""
    for run in await _next(session, suite, most):
        try:
            async with session.begin_nested():
                run.job_id = await _submit(session, principal, suite, run, means)
                run.submitted_at = now()
                await session.flush()
        except FileNotAllowed as error:  # what the other runs name may be read
            run.error = error.detail[:2000]
        except (PaymentRequired, TooMany, NotAllowed) as error:
            suite.waiting_reason = error.detail[:2000]
            return error
        except PurasError as error:
            run.error = error.detail[:2000]
        await session.flush()
    return None


async def _submit(
    session: AsyncSession, principal: Principal, suite: EvalSuite, run: EvalRun, means: Means
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
        prices=means.prices,
        max_queued=means.most_queued,
        started_by_agent=suite.started_by_agent,
        reader=_reader(suite, principal),
    )
    return (await submit(session, principal, spec)).job_id


def _reader(suite: EvalSuite, principal: Principal) -> Principal:
    """Return whose right to read the drive counts: for a gate's cases, which the project demands, the project's."""
    if not suite.is_gate:
        return principal
    return Principal("system", suite.id, suite.project_id, f"eval:{suite.id}", Role.DEVELOPER)


async def _next(session: AsyncSession, suite: EvalSuite, most: int) -> list[EvalRun]:
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
    return list((await session.scalars(waiting.limit(most))).all())


async def _actor(session: AnySession, suite: EvalSuite) -> Principal | None:
    """Whoever started it, with the limits of their key as they are now; none when the key has ended."""
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
