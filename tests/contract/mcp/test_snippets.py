"""What the documentation gives Cursor and VS Code to paste leads to the tools."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from mcp import Client
from tests.contract.documents import blocks
from tests.contract.mcp.conftest import SERVER, Project, call

SNIPPETS = [block for block in blocks.of_page("mcp") if block.language == "json"]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: f"line {snippet.line}")
async def test_a_snippet_that_is_pasted_reaches_the_project(project: Project, snippet: blocks.Block) -> None:
    mine = {
        "/path/to/checkout/.venv/bin/puras-mcp": str(SERVER),
        "http://127.0.0.1:8000": project.address,
        "${env:PURAS_API_KEY}": project.key,
        "${input:puras-key}": project.key,
    }
    text = snippet.code
    for shown, own in mine.items():
        text = text.replace(shown, own)
    pasted = json.loads(text)
    server = (pasted.get("mcpServers") or pasted["servers"])["puras"]
    assert (await _who(project, server))["project_id"] == project.id


async def _who(project: Project, server: dict[str, Any]) -> dict[str, Any]:
    if "command" in server:
        started = StdioServerParameters(command=server["command"], env=project.environment | server["env"])
        async with Client(started) as client:
            return await call(client, "show_config")
    async with (
        httpx2.AsyncClient(headers=server["headers"], timeout=70) as http,
        Client(streamable_http_client(server["url"], http_client=http)) as client,
    ):
        return await call(client, "show_config")
