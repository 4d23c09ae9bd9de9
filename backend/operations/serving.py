"""Commands that serve: `up`, `api`, `worker`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated

import typer

from backend import embedded, logs
from backend.config import Settings, settings
from backend.operations import up as whole
from backend.operations.environment import child_environment

SERVERS_PATIENCE_S = 60.0  # `up` may be starting at the same moment


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command()(up)
    app.command()(api)
    app.command()(worker)


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Also make a demo project and run its first job.")
    ] = False,
) -> None:
    """Run the whole instance in the foreground: databases, API, studio and workers."""
    asyncio.run(whole.run(_configured(), demo=demo))


def api() -> None:
    """Serve the API and the studio of an instance whose databases run."""
    _become("studio.serve")


def worker() -> None:
    """Run worker processes for an instance whose databases run."""
    _become("workers.pool")


def _become(module: str) -> None:
    """Turn this process into the module's, which finds the databases in its environment."""
    options = _configured()
    servers = embedded.attach(options, patience_s=SERVERS_PATIENCE_S)
    environment = child_environment(options, servers)
    os.execve(sys.executable, [sys.executable, "-m", module], environment)  # noqa: S606 - no shell is wanted


def _configured() -> Settings:
    options = settings()
    logs.configure(options.log_level, options.log_format)
    return options
