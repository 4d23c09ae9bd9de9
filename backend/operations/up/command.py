"""Run a whole instance in the foreground, and restart parts that end: `puras-studio up`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Annotated

import typer

from backend import embedded
from backend.config import Settings
from backend.core import kit, logs
from backend.core.errors import PurasError
from backend.embedded import Servers, postgres, valkey
from backend.embedded import home as homes
from backend.embedded.account import caller, servers_account
from backend.operations.checks.pages import require_pages
from backend.operations.locks import home_lock, port_lock, require_port
from backend.operations.up import progress
from backend.operations.up.child_process import CannotStart, Child
from backend.operations.up.environment import child_environment, configured, instance_environment
from backend.operations.up.launcher import Launcher
from backend.operations.up.orphans import Orphans
from backend.operations.up.preparation import MODULE as PREPARER
from backend.operations.up.preparation import Preparation, preparing
from backend.operations.up.progress import LOG_NAME, Progress
from backend.operations.up.welcome import announce

log = logs.get(__name__)

Task = Callable[[], Awaitable[None]]

SERVER = "studio.serve"
POOL = "workers.pool"
WORKER = "workers.main"
REPEATED_SIGNAL_S = 1.0  # `make` repeats a signal that its process group has received already
RESTART_DELAY_S = 1.0  # before a failed part restarts
POLL_INTERVAL_S = 0.5  # between two checks of the databases and orphans
PORT_TIMEOUT_S = 25.0  # processes of a killed `up` drain before they leave the port
MAX_STOP_TIMEOUT_S = 23.0  # for the children; the databases then have the rest of the 30 s


def register(app: typer.Typer) -> None:
    """Add the command to the operator's CLI."""
    app.command()(up)


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Also create a demo project and run its first job.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help=f"Show one line per stage of the start; logs go to {LOG_NAME} in PURAS_HOME."
        ),
    ] = False,
) -> None:
    """Run the whole instance in the foreground: databases, API, studio and workers."""
    asyncio.run(run(configured(), demo=demo, quiet=quiet))


async def run(settings: Settings, *, demo: bool, quiet: bool = False) -> None:
    """Run the instance until SIGTERM or SIGINT, then stop all of it; a second signal kills the remaining processes.

    Raises:
        PurasError: The instance cannot start.
    """
    require_pages()
    account = caller() if settings.database_url and settings.redis_url else servers_account()
    home = await asyncio.to_thread(homes.prepare, settings.home, account)
    settings = settings.model_copy(update={"home": home})
    signals = _Signals()
    _report_other_kit()
    with home_lock(home), port_lock(settings.host, settings.port):
        was_running = postgres.attach(home) is not None
        await asyncio.to_thread(
            require_port,
            settings.host,
            settings.port,
            timeout_s=PORT_TIMEOUT_S if was_running else 0.0,
        )
        with progress.quiet(settings) if quiet else nullcontext(Progress()) as progress_lines:
            launcher = Launcher(_entries(settings), instance_environment(settings))
            async with (
                launcher.running(),
                preparing(settings, launcher) as preparation,
                _servers(settings, progress_lines) as servers,
            ):
                if not signals.stop.is_set():
                    with progress_lines.stage("Migrations", "current"):
                        await preparation.migrate()
                    greet = partial(
                        _greet,
                        settings,
                        preparation,
                        progress_lines,
                        started=time.monotonic(),
                        with_demo=demo,
                    )
                    await _serve(
                        settings,
                        servers,
                        launcher,
                        signals=signals,
                        progress_lines=progress_lines,
                        greet=greet,
                    )
    log.info("stopped")


def _report_other_kit() -> None:
    other = kit.other_version()
    if other is not None:
        log.warning(
            "the project `puras` is also installed; this instance and its jobs use the kit of this release",
            kit=kit.description(),
            other=other,
        )


class _Signals:
    """The signals that this process has received."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.kill_now = asyncio.Event()
        self._first_at = 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        now = time.monotonic()
        if not self.stop.is_set():
            self._first_at = now
            log.info(
                "stopping; another signal kills the remaining processes", signal=signal.Signals(number).name
            )
            self.stop.set()
        elif now - self._first_at >= REPEATED_SIGNAL_S:
            self.kill_now.set()


@asynccontextmanager
async def _servers(settings: Settings, progress_lines: Progress) -> AsyncIterator[Servers]:
    try:
        with progress_lines.stage("PostgreSQL and Redis", "running"):
            servers = await asyncio.to_thread(embedded.start, settings)
        yield servers
    finally:
        await asyncio.to_thread(embedded.stop, settings)
        homes.remove_short_folder(settings.home)


def _entries(settings: Settings) -> list[str]:
    """Return the modules that the processes of the instance run; those with the most imports come last."""
    return [PREPARER, *([POOL, WORKER] if settings.worker_processes else []), SERVER]


def _children(settings: Settings, servers: Servers, launcher: Launcher) -> list[Child]:
    environment = child_environment(settings, servers)
    if "unready_s" not in settings.model_fields_set:
        environment["PURAS_UNREADY_S"] = "0"  # no load balancer is in front of a whole instance
    children = [Child("studio and API", SERVER, environment, launcher=launcher)]
    if settings.worker_processes:
        children.append(Child("workers", POOL, environment, launcher=launcher))
    return children


async def _serve(
    settings: Settings,
    servers: Servers,
    launcher: Launcher,
    *,
    signals: _Signals,
    progress_lines: Progress,
    greet: Task,
) -> None:
    children = _children(settings, servers, launcher)
    tasks_to_run: list[Task] = [child.run_until_cancelled for child in children]
    tasks_to_run += [partial(_keep_servers, settings), partial(_keep_reaping, launcher.orphans), greet]
    try:
        await _until_stopped(signals.stop, tasks_to_run)
    finally:
        progress_lines.note("Stopping; another Ctrl-C kills the remaining processes.")
        timeout_s = min(settings.drain_s + 3, MAX_STOP_TIMEOUT_S)
        await asyncio.gather(*(child.end(signals.kill_now, timeout_s=timeout_s) for child in children))
        killed = launcher.orphans.end_all(excluded={*embedded.pids(settings), *launcher.pids})
        if killed:
            log.warning("processes outlived their parents and were killed", count=len(killed))


async def _greet(
    settings: Settings,
    preparation: Preparation,
    progress_lines: Progress,
    *,
    started: float,
    with_demo: bool,
) -> None:
    """Print the greeting, which is the last use of the process of the preparation."""
    try:
        await announce(settings, preparation, progress_lines, started=started, with_demo=with_demo)
    finally:
        await preparation.end()


async def _until_stopped(stop: asyncio.Event, tasks_to_run: list[Task]) -> None:
    """Run all tasks until the stop signal.

    Raises:
        CannotStart: A process cannot start with the current settings.
    """
    failures: tuple[BaseException, ...] = ()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run_forever(task_function)) for task_function in tasks_to_run]
            await stop.wait()
            for task in tasks:
                task.cancel()
    except* CannotStart as group_error:
        failures = group_error.exceptions
    if failures:  # an error that is raised in `except*` would be in another group
        raise failures[0]


async def _run_forever(task_function: Task) -> None:
    """Run a task, and restart it when it fails: an error in one part must not stop the instance."""
    while True:
        try:
            return await task_function()
        except CannotStart:
            raise
        except Exception:
            log.exception("a part of `up` failed, restarting it", restart_in_s=RESTART_DELAY_S)
            await asyncio.sleep(RESTART_DELAY_S)


async def _keep_servers(settings: Settings) -> None:
    """Restart embedded servers that have ended."""
    watched = [
        (server.NAME, server.attach, server.start)
        for server, url in ((postgres, settings.database_url), (valkey, settings.redis_url))
        if url is None
    ]
    while True:
        await asyncio.sleep(POLL_INTERVAL_S)
        for name, attach, start in watched:
            if attach(settings.home) is None:
                log.warning("embedded server ended, restarting it", server=name)
                try:
                    await asyncio.to_thread(start, settings.home)
                    log.info("embedded server restarted", server=name)
                except PurasError as error:
                    log.error("embedded server did not start; retrying", server=name, why=error.detail)


async def _keep_reaping(orphans: Orphans) -> None:
    while True:
        await asyncio.sleep(POLL_INTERVAL_S)
        orphans.reap()
