"""The tools of an MCP server, and the functions of a draft, are listed for the form of a skill.yaml."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer

from tests.doubles.web import HOST, INSIDE, Web
from tests.integration.deployments.conftest import Project
from tests.integration.outside.test_mcp_servers import serving

TOOLS = "/v1/drafts/mcp-tools"


async def tools_of(project: Project, url: str, **headers: str) -> Any:
    return await project.http.post(TOOLS, json={"url": url, "headers": headers})


async def test_tools_of_a_server_are_listed_without_secrets(project: Project, web: Web) -> None:
    secret = {"name": "TOKEN", "value": "s3cret-value-of-the-token"}
    assert (await project.http.put("/v1/secrets", json=secret)).is_success
    made = MCPServer("owls")

    @made.tool(description="Adds s3cret-value-of-the-token.")
    def add(a: int, b: int) -> int:
        return a + b

    async with serving(made=made) as port:
        response = await tools_of(project, f"http://{HOST}:{port}/mcp?key=k")
    [found] = response.json()
    assert (found["name"], found["read_only"], found["is_usable"]) == ("add", False, True)
    assert "s3cret" not in response.text
    entry = (await project.http.get("/v1/audit?action=mcp_server.listed")).json()[0]
    assert entry["facts"]["url"] == f"http://{HOST}:{port}/mcp"


async def test_server_that_must_not_or_cannot_be_reached_is_reported(project: Project, web: Web) -> None:
    for url in (f"http://{INSIDE}/mcp", "http://127.0.0.1/mcp", f"http://{HOST}:{web.port}/mcp"):
        failed = await tools_of(project, url)
        assert (failed.status_code, failed.json()["code"]) == (502, "mcp_server_unavailable"), failed.text
    missing = await tools_of(project, f"https://{HOST}/mcp", Authorization="Bearer ${secret:TOKEM}")
    assert "needs the secret 'TOKEM'" in missing.json()["detail"]
    for url, headers, path in (
        ("ftp://example.org", {}, "url"),
        (f"http://{HOST}/mcp", {"Authorization": "Bearer ${secret:TOKEN}"}, "url"),
        (f"https://{HOST}/mcp", {"Authorization": "Bearer plain"}, "headers"),
        (f"https://{HOST}/mcp", {"Host": "inside"}, "headers"),
    ):
        invalid = await tools_of(project, url, **headers)
        assert invalid.status_code == 422, invalid.text
        assert invalid.json()["errors"][0]["path"].startswith(path)


async def test_functions_of_a_folder_of_the_draft_are_listed(project: Project) -> None:
    files = "/v1/drafts/files/skills"
    source = b"raise SystemExit\ndef count(text: str) -> dict:\n    '''Count words.'''\n"
    for path in ("words/tools.py", "words_2/tools.py"):
        assert (await project.http.put(f"{files}/{path}", content=source)).is_success
    [found] = (await project.http.get("/v1/drafts/functions?folder=skills/words")).json()
    assert (found["path"], found["signature"]) == ("skills/words/tools.py", "count(text: str) -> dict")
    assert found["input_schema"]["required"] == ["text"]
