"""Check that the configuration snippets of the documentation for Cursor, VS Code and Claude Code work."""

from __future__ import annotations

import json
import shlex
from typing import Any

import httpx2
import pytest
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from mcp import Client
from studio import code_snippets
from tests.contract.documents import blocks
from tests.contract.mcp.conftest import SERVER, Project, call

SNIPPETS = [block for block in blocks.of_page("reference/mcp") if block.language == "json"]
COMMANDS = [
    block
    for block in blocks.of_page("reference/mcp")
    if block.language == "sh" and block.code.startswith("claude mcp add")
]
assert len(COMMANDS) == 2


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: f"line {snippet.line}")
@pytest.mark.usefixtures("saved_key")
async def test_a_pasted_snippet_connects_to_the_project(project: Project, snippet: blocks.Block) -> None:
    pasted = json.loads(_as_read(snippet.code, project))
    server = (pasted.get("mcpServers") or pasted["servers"])["puras"]
    assert (await _who(project, server))["project_id"] == project.id


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"line {command.line}")
@pytest.mark.usefixtures("saved_key")
async def test_the_command_of_claude_code_connects_to_the_project(
    project: Project, command: blocks.Block
) -> None:
    """The test parses the command as Claude Code does, and connects with the result."""
    words = shlex.split(_as_read(command.code, project))
    assert words[:3] == ["claude", "mcp", "add"]
    given, rest = _options(words[3:])
    if given.get("--transport") == ["http"]:
        assert rest[0] == "puras"
        headers = dict(line.split(": ", 1) for line in given["--header"])
        server: dict[str, Any] = {"url": rest[1], "headers": headers}
    else:
        assert rest[:2] == ["puras", "--"]
        server = {"command": rest[2]}
    assert (await _who(project, server))["project_id"] == project.id


async def test_the_snippets_of_the_studio_connect_to_the_project(project: Project) -> None:
    """Cursor accepts comments in the configuration. The snippet also contains a call."""
    text = _as_read(
        code_snippets.mcp(project.address, "submit_job", {"skill": "tally", "inputs": {}}), project
    )
    read = json.JSONDecoder().raw_decode
    pasted, end = read(text, text.index("{"))
    assert (await _who(project, pasted["mcpServers"]["puras"]))["project_id"] == project.id
    asked, _ = read(text, text.index("{", end))
    async with project.over_http() as client:
        assert (await call(client, asked["name"], **asked["arguments"]))["id"]


def _options(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the options with their values before `--`, and the other words."""
    given: dict[str, list[str]] = {}
    rest: list[str] = []
    while words and words[0] != "--":
        word, *words = words
        if word.startswith("--"):
            given.setdefault(word, []).append(words.pop(0))
        else:
            rest.append(word)
    return given, rest + words


def _as_read(text: str, project: Project) -> str:
    """Return the snippet with the names of the test."""
    mine = {
        "/path/to/checkout/.venv/bin/puras-mcp": str(SERVER),
        "$PWD/.venv/bin/puras-mcp": str(SERVER),
        "http://127.0.0.1:8000": project.address,
        "${env:PURAS_API_KEY}": project.key,
        "${input:puras-key}": project.key,
        "$PURAS_API_KEY": project.key,
    }
    for shown, own in mine.items():
        text = text.replace(shown, own)
    return text


async def _who(project: Project, server: dict[str, Any]) -> dict[str, Any]:
    if "command" in server:
        started = StdioServerParameters(
            command=server["command"], env=project.environment | server.get("env", {})
        )
        async with Client(started) as client:
            return await call(client, "show_config")
    async with (
        httpx2.AsyncClient(headers=server["headers"], timeout=70) as http,
        Client(streamable_http_client(server["url"], http_client=http)) as client,
    ):
        return await call(client, "show_config")
