"""Commands that run a part of an instance: `api`, `worker`."""

from __future__ import annotations

import os
import sys

import typer

from backend import embedded
from backend.operations.up.environment import child_environment, configured

SERVERS_TIMEOUT_S = 60.0  # `up` may be starting at the same time


def register(app: typer.Typer) -> None:
    """Add these commands to the operator's CLI."""
    app.command()(api)
    app.command()(worker)


def api() -> None:
    """Serve the API and the studio of an instance whose databases run."""
    _become("studio.serve")


def worker() -> None:
    """Run worker processes for an instance whose databases run."""
    _become("workers.pool")


def _become(module: str) -> None:
    """Replace this process with the module's, with the database URLs in its environment."""
    options = configured()
    servers = embedded.attach(options, timeout_s=SERVERS_TIMEOUT_S)
    environment = child_environment(options, servers)
    os.execve(sys.executable, [sys.executable, "-P", "-m", module], environment)  # noqa: S606 - without a shell
