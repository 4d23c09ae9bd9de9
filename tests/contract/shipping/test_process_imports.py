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
    "API": (START.format("studio.serving", []), ("alembic", "typer", "anthropic")),
}


@pytest.mark.parametrize("process", IMPORTS)
def test_process_imports_no_unused_packages(process: str) -> None:
    statement, unused = IMPORTS[process]
    code = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    imported = set(json.loads(done.stdout))
    assert {"sys", statement.split()[1]} <= imported
    assert imported & set(unused) == set()
