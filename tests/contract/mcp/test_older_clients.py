"""Run third-party clients that do not support the newest protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.mcp.conftest import SERVER, Project, environment_with

OLDER = "mcp<2"
INSPECTOR = "@modelcontextprotocol/inspector@1.0.3"  # the newest version that runs with Node of Debian 13

JOURNEY = """\
import asyncio, json, os, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def journey(session):
    started = await session.initialize()
    names = [tool.name for tool in (await session.list_tools()).tools]

    async def call(name, **arguments):
        result = await session.call_tool(name, arguments)
        assert not result.isError, result.content
        assert json.loads(result.content[0].text) is not None
        return result.structuredContent

    job = await call("submit_job", skill="tally", inputs={"upto": 2}, wait=True, timeout=50)
    tail = await call("tail_job", job_id=job["id"], max_seconds=50)
    spans = await call("get_spans", job_id=job["id"])
    return {
        "protocol": started.protocolVersion,
        "tools": len(names),
        "result": tail["job"]["result"],
        "events": [event["type"] for event in tail["events"]],
        "spans": spans["total"],
    }


async def main(way):
    if way == "stdio":
        server = StdioServerParameters(command=sys.argv[2], env=dict(os.environ))
        async with stdio_client(server) as streams, ClientSession(*streams) as session:
            return await journey(session)
    headers = {"Authorization": "Bearer " + os.environ["PURAS_API_KEY"]}
    address = os.environ["PURAS_API_BASE"] + "/mcp"
    async with streamablehttp_client(address, headers=headers) as streams, ClientSession(*streams[:2]) as session:
        return await journey(session)


print(json.dumps(asyncio.run(main(sys.argv[1]))))
"""


@pytest.fixture(scope="session")
def older_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with a client of the previous protocol."""
    return environment_with(tmp_path_factory.mktemp("older") / "environment", OLDER)


@pytest.mark.parametrize("way", ["stdio", "http"])
def test_a_client_of_the_previous_protocol_runs_a_skill(
    project: Project, older_python: Path, way: str
) -> None:
    done = subprocess.run(
        [older_python, "-c", JOURNEY, way, SERVER],
        env=project.with_key,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    reported = json.loads(done.stdout)
    assert reported["protocol"] < "2026"
    assert reported["tools"] >= 27
    assert reported["result"] == {"total": 2, "text": ""}
    assert (reported["events"][0], reported["events"][-1]) == ("queued", "succeeded")
    assert reported["spans"] > 0


@pytest.mark.timeout(400)  # npx downloads 100 MB on first use
def test_the_inspector_lists_and_calls_tools(project: Project) -> None:
    node = shutil.which("npx")
    if node is None:
        pytest.skip("npx is not installed: the MCP inspector, a client in TypeScript, was NOT tried")
    listed = _inspect(node, project, "--method", "tools/list")
    assert any(tool["name"] == "submit_job" for tool in listed["tools"])
    called = _inspect(
        node,
        project,
        *("--method", "tools/call", "--tool-name", "submit_job", "--tool-arg", "skill=tally"),
        *("--tool-arg", 'inputs={"upto": 1}', "--tool-arg", "wait=true", "--tool-arg", "timeout=50"),
    )
    assert called["structuredContent"]["result"] == {"total": 1, "text": ""}


def _inspect(npx: str, project: Project, *arguments: str) -> Any:
    """Return the JSON that the command of the inspector prints."""
    keys = [f"{name}={value}" for name, value in project.with_key.items() if name.startswith("PURAS_")]
    with_keys = [word for pair in keys for word in ("-e", pair)]
    done = subprocess.run(
        [npx, "--yes", INSPECTOR, "--cli", *with_keys, str(SERVER), *arguments],
        env=project.environment | {"npm_config_cache": str(Path.home() / ".npm")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
