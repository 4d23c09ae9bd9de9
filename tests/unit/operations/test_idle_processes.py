"""Modules of supervisors import only what these need: `up` runs nothing else, nor does a pool that executes workers."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLIENTS = {"alembic", "httpx2", "psycopg", "redis", "sqlalchemy"}


@pytest.mark.parametrize("module", ["backend.operations.up.command", "workers.pool"])
def test_supervisors_load_no_client_of_a_server(module: str) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", f"import {module}, sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert module in loaded
    assert CLIENTS.isdisjoint(loaded)
