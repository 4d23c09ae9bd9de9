"""The imports of each process at its start: unused packages cost CPU time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

import pytest

COMMAND: Final = "from backend.operations.commands import commands; commands({!r})"
START: Final = "from backend.core.bootstrap import load; load({!r}, without={})"
SERVERS: Final = ("sqlalchemy", "sqlmodel", "alembic", "redis", "fastapi", "rich")
IMPORTS: Final = {
    "puras-studio --help": (COMMAND.format("--help"), (*SERVERS, "psycopg", "pydantic", "structlog")),
    "puras-studio --version": (COMMAND.format("--version"), (*SERVERS, "psycopg", "pydantic", "structlog")),
    "puras-studio api": (COMMAND.format("api"), SERVERS),
    "puras-studio worker": (COMMAND.format("worker"), SERVERS),
    "puras-studio up": (COMMAND.format("up"), ("fastapi", "rich", "reflex")),
    "pool of workers": ("import workers.pool", (*SERVERS, "uvicorn", "http.server")),
    "health checks of workers": ("import workers.probes", (*SERVERS, "uvicorn")),
    "worker": (
        START.format("workers.process", ["rich"]),
        ("fastapi", "alembic", "rich", "typer", "anthropic", "mcp"),
    ),
    "API": (START.format("studio.serving", []), ("alembic", "typer", "anthropic", "rich", "studio.studio")),
}
ROUTES: Final = """
from backend.app import create_app
from backend.core.http.lazy_routes import LazyRoute
lazy = [route for route in create_app().routes if isinstance(route, LazyRoute)]
print(len(lazy), sum("dependant" in vars(route) for route in lazy))
"""


@pytest.mark.parametrize("process", IMPORTS)
def test_process_imports_no_unused_packages(process: str) -> None:
    statement, unused = IMPORTS[process]
    code = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    imported = set(json.loads(output_of(code)))
    assert {"sys", statement.split()[1]} <= imported
    assert imported & set(unused) == set()


def test_api_analyzes_no_route_at_its_start() -> None:
    number, analyzed = output_of(ROUTES).split()
    assert int(number) > 150
    assert analyzed == "0"


def output_of(code: str) -> str:
    """Return the output of Python code that a new process runs."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout
