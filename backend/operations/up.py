"""`puras-studio up`: the whole instance in the foreground, every part of it kept alive."""

from __future__ import annotations

import asyncio
import importlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Annotated

import typer

from backend import embedded
from backend.config import Settings
from backend.core import logs
from backend.core.errors import PurasError
from backend.embedded import Servers, postgres, valkey
from backend.embedded import home as homes
from backend.embedded.account import caller, servers_account
from backend.operations import database, progress
from backend.operations.child_process import CannotStart, Child
from backend.operations.environment import child_environment, configured
from backend.operations.home_lock import home_lock, port_lock, require_port
from backend.operations.orphans import Orphans
from backend.operations.progress import LOG_NAME, Progress

log = logs.get(__name__)

Duty = Callable[[], Awaitable[None]]

ECHO_S = 1.0  # `make` repeats a signal that its process group has received already
AGAIN_S = 1.0  # before a part that failed begins again
LOOK_S = 0.5  # between two looks at the databases and at orphans
PREDECESSOR_PATIENCE_S = 25.0  # processes of a killed `up` drain before they leave the port
MAX_PATIENCE_S = 23.0  # for the children; the databases then have the rest of the 30 s


def register(app: typer.Typer) -> None:
    """Add the command to the operator's CLI."""
    app.command()(up)


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Also make a demo project and run its first job.")
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
    """Keep the instance up until SIGTERM or SIGINT, then end all of it; a second signal hurries.

    Raises:
        PurasError: it cannot start; the sentence says why.
    """
    account = caller() if settings.database_url and settings.redis_url else servers_account()
    home = await asyncio.to_thread(homes.prepare, settings.home, account)
    settings = settings.model_copy(update={"home": home})
    signals = _Signals()
    with home_lock(home), port_lock(settings.host, settings.port):
        was_running = postgres.attach(home) is not None
        await asyncio.to_thread(
            require_port,
            settings.host,
            settings.port,
            patience_s=PREDECESSOR_PATIENCE_S if was_running else 0.0,
        )
        with progress.quiet(settings) if quiet else nullcontext(Progress()) as shown:
            async with _servers(settings, shown) as servers:
                if not signals.stop.is_set():
                    with shown.stage("Migrations", "current"):
                        await asyncio.to_thread(database.migrate, servers.direct_url)
                    await _serve(settings, servers, signals, shown, demo=demo)
    log.info("stopped")


class _Signals:
    """What the operator has asked for."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self._first_at = 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._heard, number)

    def _heard(self, number: signal.Signals) -> None:
        now = time.monotonic()
        if not self.stop.is_set():
            self._first_at = now
            log.info("stopping; another signal kills what still runs", signal=signal.Signals(number).name)
            self.stop.set()
        elif now - self._first_at >= ECHO_S:
            self.hurry.set()


@asynccontextmanager
async def _servers(settings: Settings, shown: Progress) -> AsyncIterator[Servers]:
    try:
        with shown.stage("PostgreSQL and Redis", "running"):
            servers = await asyncio.to_thread(embedded.start, settings)
        yield servers
    finally:
        await asyncio.to_thread(embedded.stop, settings)
        homes.remove_short_folder(settings.home)


async def _serve(
    settings: Settings, servers: Servers, signals: _Signals, shown: Progress, *, demo: bool
) -> None:
    started = time.monotonic()
    orphans = Orphans()
    orphans.adopt()
    environment = child_environment(settings, servers)
    if "unready_s" not in settings.model_fields_set:
        environment["PURAS_UNREADY_S"] = "0"  # no load balancer is in front of a whole instance
    children = [Child("studio and API", "studio.serve", environment)]
    if settings.worker_processes:
        children.append(Child("workers", "workers.pool", environment))
    duties: list[Duty] = [child.keep for child in children]
    duties += [partial(_keep_servers, settings), partial(_keep_reaping, orphans)]
    duties += [partial(_greet, settings, servers, shown, started=started, with_demo=demo)]
    try:
        await _until_stopped(signals.stop, duties)
    finally:
        shown.note("Stopping; another Ctrl-C kills what still runs.")
        patience_s = min(settings.drain_s + 3, MAX_PATIENCE_S)
        await asyncio.gather(*(child.end(signals.hurry, patience_s=patience_s) for child in children))
        left = orphans.end_all(spared=embedded.pids(settings))
        if left:
            log.warning("processes outlived their parents and were killed", count=len(left))


async def _greet(
    settings: Settings, servers: Servers, shown: Progress, *, started: float, with_demo: bool
) -> None:
    """What is needed to greet is imported while the children begin, who would wait for it else."""
    welcome = await asyncio.to_thread(importlib.import_module, "backend.operations.welcome")
    await welcome.greet(settings, servers, shown, started=started, with_demo=with_demo)


async def _until_stopped(stop: asyncio.Event, duties: list[Duty]) -> None:
    """Do all duties until asked to stop.

    Raises:
        CannotStart: a part cannot start, however often it is tried.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_persist(duty)) for duty in duties]
            await stop.wait()
            for task in tasks:
                task.cancel()
    except* CannotStart as group_error:
        raise group_error.exceptions[0] from None


async def _persist(duty: Duty) -> None:
    """Do a duty, and begin it again when it fails: what goes wrong in one part must not end the instance."""
    while True:
        try:
            return await duty()
        except CannotStart:
            raise
        except Exception:
            log.exception("a part of `up` failed and begins again", again_in_s=AGAIN_S)
            await asyncio.sleep(AGAIN_S)


async def _keep_servers(settings: Settings) -> None:
    """Start an embedded server again when it was killed."""
    watched = [
        (server.NAME, server.attach, server.start)
        for server, url in ((postgres, settings.database_url), (valkey, settings.redis_url))
        if url is None
    ]
    while True:
        await asyncio.sleep(LOOK_S)
        for name, attach, start in watched:
            if attach(settings.home) is None:
                log.warning("a server ended by itself and is started again", server=name)
                try:
                    await asyncio.to_thread(start, settings.home)
                    log.info("a server is back", server=name)
                except PurasError as error:
                    log.error("a server does not start; trying again", server=name, why=error.detail)


async def _keep_reaping(orphans: Orphans) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        orphans.reap()
