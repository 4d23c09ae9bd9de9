"""Run one worker process, which `python -m workers.main dramatiq` starts.

The event loop of the main thread runs the jobs. Threads of Dramatiq receive wake-up messages, and another thread sends
heartbeats.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from uuid import UUID

import dramatiq
import uvloop

from backend.config import Settings, settings
from backend.context import AppContext
from backend.core import logs
from backend.core.process_metrics.reporter import Reporter
from backend.core.tracing.setup import tracing
from backend.core.version import version
from backend.embedded import attach
from backend.execution.worker_registry.service import MAX_IDLE_IN_TRANSACTION_S
from backend.operations.checks.startable import require_startable
from backend.startup import open_context
from workers import sandbox_policy
from workers.actors import WakingBroker, declare
from workers.attempt.grading.graders import Graders
from workers.drives.staged import staged_drives
from workers.heartbeat import Heartbeat
from workers.host_resources import Host
from workers.liveness import Liveness
from workers.runners.deterministic import DeterministicRunner
from workers.runners.flow import FlowRunner
from workers.runners.lazy import KernelRunner, LazyAgentRunner
from workers.sandbox.host.assets import AssetLimits
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation.control_groups import open_control_groups
from workers.sandbox.packages.installer import InstallLimits
from workers.sandbox.packages.verification import EnvironmentBounds
from workers.supervisor import Supervisor
from workers.types import Runner

log = logs.get(__name__)

ORPHAN_POLL_S = 1.0
CONSUMER_STOP_MS = 5_000
"""Ignore that a message cannot be returned without Redis."""


class _Recipients:
    """Passes notifications to the supervisor, which starts after the subscription to them."""

    def __init__(self) -> None:
        self.supervisor: Supervisor | None = None

    def cancel(self, job_id: UUID) -> None:
        """Cancel a job of this process."""
        if self.supervisor is not None:
            self.supervisor.cancel(job_id)

    def receive_subjob(self, parent_id: UUID) -> None:
        """Claim the subjob of a job of this process."""
        if self.supervisor is not None:
            self.supervisor.receive_subjob(parent_id)

    def receive_work(self, lane: str, started: str) -> None:
        """Run a job that was started for this process, or check whether there are jobs of a lane to claim."""
        if self.supervisor is None:
            return
        if started:
            self.supervisor.receive_started(lane, started)
        else:
            self.supervisor.receive_wakeup(lane)


def main() -> int:
    """Run one worker process until SIGTERM or SIGINT."""
    current = settings()
    logs.configure(current.log_level, current.log_format)
    os.umask(0o022)  # bundles and environments are read by every project's own user
    uvloop.run(_run(current))
    return 0


async def _run(current: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    recipients = _Recipients()
    liveness = Liveness(int(sys.argv[3])) if len(sys.argv) > 3 else None
    if liveness is not None:  # started first, since the process may have to wait for the database
        showing_life = asyncio.create_task(liveness.send_forever(), name="liveness signals")

    await require_startable(current)
    traces = tracing(current.otlp_endpoint, role="worker", version=version())
    async with (
        traces,
        open_context(
            current,
            on_cancel=recipients.cancel,
            on_work=recipients.receive_work,
            on_subjob=recipients.receive_subjob,
            max_idle_s=MAX_IDLE_IN_TRANSACTION_S,
            has_socket=True,
        ) as context,
    ):
        groups, why_no_groups = open_control_groups(cpus=current.job_cpus)
        if groups is None:
            log.info("jobs do not have separate control groups", reason=why_no_groups)
        runner = DeterministicRunner(
            SandboxRuntime(
                current.home,
                sandbox=await sandbox_policy.mode_for(context.database, current.sandbox),
                api_base=current.workers_api_url,
                idle_s=current.idle_runner_s,
                pool_mb=current.runner_pool_mb,
                asset_limits=AssetLimits(
                    current.environments_mb,
                    current.environment_unused_days,
                    current.bundles_mb,
                    current.bundle_unused_days,
                ),
                install_limits=InstallLimits(
                    EnvironmentBounds(
                        current.max_environment_mb,
                        current.max_environment_files,
                        current.max_project_environments_mb,
                    )
                ),
                control_groups=groups,
            )
        )
        host = Host(
            current.home,
            min_disk_mb=current.worker_min_disk_mb,
            min_memory_mb=current.worker_min_memory_mb,
        )
        lanes = [lane.strip() for lane in current.lanes.split(",") if lane.strip()]
        drives = staged_drives(context)
        agents = LazyAgentRunner(context, runner.runtime)
        graders = Graders(context, runner.runtime)
        runners: dict[str, Runner] = {
            "deterministic": runner,
            "agentic": agents,
            "flow": FlowRunner(context),
            "kernel": KernelRunner(context, runner.runtime),
        }
        supervisor = Supervisor(
            context,
            runners,
            lanes=lanes,
            capacity=current.worker_jobs,
            drives=drives,
            graders=graders,
            host=host,
            launch_id=UUID(sys.argv[2]) if len(sys.argv) > 2 else None,
        )
        recipients.supervisor = supervisor
        following = asyncio.create_task(
            sandbox_policy.follow_accounts(context.database, current.sandbox, runner), name="people"
        )
        reporter = Reporter(context.database, "worker", measure=runner.measure)
        reporter.start()
        try:
            await _serve(context, supervisor, runner, lanes=lanes, stop=stop, liveness=liveness)
        finally:
            following.cancel()
            await runner.close()
            await agents.close()
            await graders.close()
            await reporter.close()
            await asyncio.to_thread(drives.close)
    if liveness is not None:
        showing_life.cancel()


async def _serve(
    context: AppContext,
    supervisor: Supervisor,
    runner: DeterministicRunner,
    *,
    lanes: list[str],
    stop: asyncio.Event,
    liveness: Liveness | None,
) -> None:
    loop = asyncio.get_running_loop()
    servers = attach(context.settings)
    await supervisor.join(runner.layers)
    runner.runtime.keep_sandbox_ready(context.storage.drives_dir)

    def drain() -> None:
        loop.call_soon_threadsafe(stop.set)

    def rejoin(worker_id: UUID) -> None:
        asyncio.run_coroutine_threadsafe(supervisor.rejoin(worker_id, runner.layers), loop)

    heartbeat = Heartbeat(
        servers.database_url,
        worker_id=lambda: supervisor.worker_id,
        running=lambda: supervisor.running,
        on_expired=rejoin,
        on_drain=drain,
        shortage=supervisor.shortage,
    )
    heartbeat.start()
    supervisor.has_lease = heartbeat.has_lease

    def wake() -> None:
        loop.call_soon_threadsafe(supervisor.wake)

    broker = WakingBroker(url=servers.redis_url, wake=wake)
    declare(broker, lanes)
    consumer = dramatiq.Worker(broker, worker_threads=1, worker_timeout=1000)
    consumer.start()
    if liveness is not None:
        liveness.why_not_ready = supervisor.why_no_claims
    log.info(
        "worker ready",
        worker_id=str(supervisor.worker_id),
        lanes=lanes,
        sandbox=list(runner.layers),
        pid=os.getpid(),
    )
    running = asyncio.create_task(supervisor.run(drain_s=context.settings.drain_s))
    watching = [asyncio.create_task(stop.wait()), asyncio.create_task(_orphaned())]
    await asyncio.wait([running, *watching], return_when=asyncio.FIRST_COMPLETED)
    for task in watching:
        task.cancel()
    heartbeat.is_stopping = True
    supervisor.stop()
    await asyncio.to_thread(consumer.stop, timeout=CONSUMER_STOP_MS)
    await running
    await asyncio.to_thread(heartbeat.stop)
    log.info("worker stopped", worker_id=str(supervisor.worker_id))


async def _orphaned() -> None:
    """Return when the parent process has ended: its successor starts its own workers."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no event for a new parent
        await asyncio.sleep(ORPHAN_POLL_S)
