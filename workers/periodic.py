"""Run the periodic work of a worker process, alongside its jobs.

Every process runs all of these tasks. Where one process at a time must do the work, the task takes a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from backend import housekeeping
from backend.administration.retention.rules import Rules
from backend.context import AppContext
from backend.core.background_tasks import PeriodicTask
from backend.data.memory import embedding_queue
from backend.data.memory.embedding import Embedder
from backend.execution.schedules import dispatcher as schedules
from backend.execution.schedules.dispatcher import JobDefaults
from backend.identity.limits import service as limits
from backend.integrations.alerts import evaluation as alerts
from backend.integrations.webhooks import mention_email
from backend.integrations.webhooks.channels import Channels
from backend.integrations.webhooks.dispatch import Dispatcher
from backend.integrations.webhooks.mailer import Mailer
from backend.money.pricing import PriceList


def tasks_until_drain(context: AppContext) -> list[PeriodicTask]:
    """Return the tasks that a process stops before it drains."""
    settings, database = context.settings, context.database
    tasks = [
        housekeeping.periodic_task(database, context.storage, Rules.of(settings)),
        limits.periodic_task(database, concurrency=settings.project_concurrency),
        schedules.periodic_task(database, JobDefaults(PriceList.of(settings), settings.max_queued_jobs)),
        alerts.periodic_task(database),
        mention_email.periodic_task(database, Mailer.of(settings), settings.url),
    ]
    embedder = Embedder.of(settings)
    if embedder is not None:
        tasks.append(embedding_queue.periodic_task(database, embedder))
    return tasks


def tasks_until_exit(context: AppContext) -> list[PeriodicTask]:
    """Return the tasks that a process stops after its last job, since they may report the end of that job."""
    return [Dispatcher(context.database, Channels.of(context)).periodic_task()]


def start(tasks: Iterable[PeriodicTask]) -> list[asyncio.Task[None]]:
    """Start to run tasks, immediately and after each interval."""
    return [asyncio.create_task(task.repeat(), name=task.name) for task in tasks]


async def stop(running: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks that `start` has started, and wait until they have released their resources."""
    for task in running:
        task.cancel()
    for task in running:
        with contextlib.suppress(asyncio.CancelledError):
            await task
