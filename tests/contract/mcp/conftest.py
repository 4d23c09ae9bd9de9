"""Provide an instance with two projects, and MCP clients for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from puras_mcp.bundles import of_files

from mcp import Client
from tests.integration.operations.instances import Up, new_up

SERVER = Path(sys.executable).with_name("puras-mcp")
PURAS = Path(sys.executable).with_name("puras")
SKILL_YAML = """\
description: Counts aloud.
entrypoint: main.py:run
input_schema:
  type: object
  properties:
    upto: {type: integer, minimum: 0, maximum: 1000, default: 3}
    long: {type: integer, minimum: 0, maximum: 1000000, default: 0}
    fail: {type: boolean, default: false}
output_schema:
  type: object
  properties:
    total: {type: integer}
    text: {type: string}
timeout_s: 60
network: none
"""
MAIN_PY = """\
from puras import log


def run(upto, long, fail):
    for number in range(upto):
        log.info(f"counted {number}")
    if fail:
        raise ValueError("asked to fail")
    return {"total": upto, "text": "x" * long}
"""
SKILL = {"skills/tally/skill.yaml": SKILL_YAML, "skills/tally/main.py": MAIN_PY}


@dataclass(frozen=True)
class Project:
    """A project of the instance, and the home folder of a user on the host of the client."""

    up: Up
    address: str
    id: str
    key: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a server over stdio, with a new home folder and without configuration."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
        return inherited | {"HOME": str(self.home)}

    @property
    def with_key(self) -> dict[str, str]:
        """Return the environment with the API key."""
        return self.environment | {"PURAS_API_BASE": self.address, "PURAS_API_KEY": self.key}

    def over_stdio(
        self, *options: str, environment: Mapping[str, str] | None = None, mode: str = "auto"
    ) -> Client:
        """Return a client that starts the server as Cursor and Claude Code do."""
        started = StdioServerParameters(
            command=str(SERVER), args=list(options), env=dict(environment or self.with_key)
        )
        return Client(started, mode=mode)

    @asynccontextmanager
    async def over_http(self, *, key: str | None = None, mode: str = "auto") -> AsyncIterator[Client]:
        """Return a client of the hosted server."""
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=70) as http,
            Client(streamable_http_client(f"{self.address}/mcp", http_client=http), mode=mode) as client,
        ):
            yield client


@pytest.fixture(scope="session")
def instance() -> Iterator[Up]:
    """Start an empty instance."""
    with new_up() as up:
        up.start()
        up.wait_ready()
        yield up


@pytest.fixture(scope="session")
def project(instance: Up, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Create a project with credit and one skill."""
    made = new_project(instance, "Tools", tmp_path_factory.mktemp("home"))
    pushed = httpx2.post(
        f"{made.address}/v1/deployments",
        headers={"Authorization": f"Bearer {made.key}"},
        files={"bundle": of_files(SKILL, {})},
        timeout=60,
    )
    assert pushed.status_code == 201, pushed.text
    return made


@pytest.fixture
def saved_key(project: Project) -> Iterator[Path]:
    """Log in on the host of the client with `puras login`; yield the file that it writes."""
    login = subprocess.run(
        [PURAS, "login", "--api-base", project.address, "--key", "-"],
        input=project.key,
        env=project.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert login.returncode == 0, login.stderr
    file = project.home / ".puras" / "config.json"
    assert file.is_file()
    yield file
    file.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def neighbour(instance: Up, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Create another project of the same instance."""
    return new_project(instance, "Neighbour", tmp_path_factory.mktemp("neighbour"))


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """Call a tool, require its success, and return the structured content."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, (tool, result.content)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refusal(client: Client, tool: str, /, **arguments: Any) -> str:
    """Call a tool, require its failure, and return the error message."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, (tool, result.structured_content)
    text: str = result.content[0].text  # type: ignore[union-attr]
    return text


def new_project(up: Up, name: str, home: Path) -> Project:
    """Create a project with credit, and a home folder for its user."""
    made = up.json("project", "create", name, "--credit-usd", "5")
    return Project(up, f"http://127.0.0.1:{up.port}", made["project_id"], made["api_key"], home)


def environment_with(folder: Path, *requirements: str) -> Path:
    """Return the interpreter of a new environment with these packages."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True, timeout=60)
    python = folder / "bin" / "python"
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", python, *requirements], check=True, timeout=110
    )
    return python
