"""Commands that serve a part of an instance: `api`, `worker`."""

from __future__ import annotations

import os
import sys

import typer

from backend import embedded
from backend.operations.environment import child_environment, configured

SERVERS_PATIENCE_S = 60.0  # `up` may be starting at the same moment


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
    """Turn this process into the module's, which finds the databases in its environment."""
    options = configured()
    servers = embedded.attach(options, patience_s=SERVERS_PATIENCE_S)
    environment = child_environment(options, servers)
    os.execve(sys.executable, [sys.executable, "-m", module], environment)  # noqa: S606 - no shell is wanted
