"""Secrets for an MCP server: sent only to that server over https, and never shown, even if the server returns them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from backend.core.net import transport
from backend.core.net.destinations import EgressDestinations
from backend.core.net.egress.rules import Rule
from backend.core.net.egress.run_egress import RunEgress
from backend.core.net.transport import GuardedTransport, Limits
from backend.integrations.mcp_servers.credentials import CredentialedTransport
from tests.doubles.messages import calls, says
from tests.doubles.web import HOST, Certified, Web, certified
from tests.factories.agents import DONE
from tests.integration.agents.conftest import BUNDLE, Agents
from tests.integration.outside.conftest import Notes
from tests.integration.outside.test_mcp_servers import NO_REBINDING_PROTECTION
from workers.agent.environment import RunEnvironment
from workers.sandbox.egress.network_use import NetworkUse

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "owl-token-0123456789"
SKILL = """
entrypoint: prompt.md
model: claude/haiku-4-5
input_schema: {{type: object, properties: {{topic: {{type: string}}}}}}
output_schema: {{type: object, properties: {{summary: {{type: text}}, score: {{type: integer}}}}}}
tools:
  - {{mcp: "https://{host}:{port}/mcp", headers: {{Authorization: "Bearer ${{secret:OWLS}}", X-Who: us}}}}
"""


def server() -> MCPServer:
    """Return a server whose tool returns the received credentials."""
    made = MCPServer("owls")

    @made.tool(description=f"Say {TOKEN}, or {base64.b64encode(TOKEN.encode()).decode()}.")
    def repeat(ctx: Context[Any, Any]) -> str:
        request = ctx.request_context.request
        received = request.headers["authorization"]
        return f"{received} {base64.b64encode(received.encode()).decode()} {request.headers['x-who']}"

    @made.tool()
    def fail() -> str:
        raise ToolError(f"no owls for {TOKEN}")

    return made


@asynccontextmanager
async def serve_with_token(authority: Certified, tmp_path: Path) -> AsyncIterator[int]:
    """Run the server over https; it rejects requests without the token."""
    app = server().streamable_http_app(transport_security=NO_REBINDING_PROTECTION)

    async def guard(scope: Any, receive: Any, send: Any) -> None:
        received = dict(scope.get("headers", ())).get(b"authorization")
        if scope["type"] == "http" and received != f"Bearer {TOKEN}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"who are you?"})
            return
        await app(scope, receive, send)

    config = uvicorn.Config(
        guard,
        host="127.0.0.1",
        port=0,
        log_level="critical",
        ws="none",
        ssl_certfile=str(authority.authority),
        ssl_keyfile=str(tmp_path / "key.pem"),
    )
    running = uvicorn.Server(config)
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # pytest handles signals
    task = asyncio.create_task(running.serve())
    async with asyncio.timeout(10):
        while not running.started:  # noqa: ASYNC110 - it has no event for this
            await asyncio.sleep(0.01)
    try:
        yield running.servers[0].sockets[0].getsockname()[1]
    finally:
        running.should_exit = running.force_exit = True
        await task


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Certified]:
    """Create a certificate authority that is the only one this process trusts."""
    made = certified(tmp_path, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    transport.trusted_certificates.cache_clear()
    yield made
    transport.trusted_certificates.cache_clear()


async def deploy(agents: Agents, port: int) -> Any:
    skill = SKILL.format(host=HOST, port=port)
    return await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": skill.encode()})


async def test_secret_reaches_only_its_server(agents: Agents, authority: Certified, tmp_path: Path) -> None:
    await agents.project.http.put("/v1/secrets", json={"name": "OWLS", "value": TOKEN})
    async with serve_with_token(authority, tmp_path) as port:
        deployment = await deploy(agents, port)
        agents.environment = RunEnvironment(agents.instance, connector=Web().connector)
        agents.upstream.script = [
            says(calls("repeat"), calls("fail")),
            says(calls("set_output", **DONE)),
        ]
        job = await agents.run()
    assert job["status"] == "succeeded", job
    repeated, failed = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert "Bearer [secret]" in str(repeated)
    assert " us" in str(repeated)  # a header without a secret is sent too
    assert "[secret]" in str(failed)
    received = [
        json.dumps(agents.upstream.bodies),
        json.dumps(await agents.events(job["id"])),
        json.dumps(job),
        json.dumps(deployment),
    ]
    encoded = base64.b64encode(TOKEN.encode()).decode()
    for text in received:
        assert TOKEN not in text
        assert encoded[:-4] not in text
    assert "${secret:OWLS}" in received[3]


async def test_missing_secret_fails_tools_of_server_and_is_named(
    agents: Agents, authority: Certified, tmp_path: Path
) -> None:
    await agents.project.http.put("/v1/secrets", json={"name": "OWL", "value": TOKEN})
    async with serve_with_token(authority, tmp_path) as port:
        await deploy(agents, port)
        agents.environment = RunEnvironment(agents.instance, connector=Web().connector)
        agents.upstream.script = [
            says(calls("mcp_pages_example_org", tool="repeat")),
            says(calls("set_output", **DONE)),
        ]
        job = await agents.run()
    assert job["status"] == "succeeded", job
    [received] = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert (
        "needs the secret 'OWLS', which this skill does not have. Did you mean 'OWL'?" in received["content"]
    )
    logs = [one["text"] for one in await agents.payloads(job["id"], "log")]
    assert any("needs the secret 'OWLS'" in text for text in logs)


async def test_redirect_does_not_forward_secret(agents: Agents) -> None:
    async with Web().running() as first, Web().running() as other:
        other.says("/mcp", b"")
        first.says("/mcp", b"", f"Location: {other.url('/mcp')}", status="307 Temporary Redirect")
        first.says("/near", b"", "Location: /mcp", status="307 Temporary Redirect")
        both = Rule.of([*first.hosts, *other.hosts])  # only the check of the origin protects the secret here
        egress = RunEgress(both, NetworkUse(Notes()), first.connector)
        transport = GuardedTransport(EgressDestinations(egress), Limits(max_response_bytes=1 << 20))
        url = first.url("/near")
        credentialed = CredentialedTransport(transport, url, {"Authorization": f"Bearer {TOKEN}"})
        async with httpx2.AsyncClient(transport=credentialed, follow_redirects=True) as client:
            assert (await client.get(url)).status_code == 200
    assert [TOKEN in head for head in first.heads] == [True, True]
    assert [TOKEN in head for head in other.heads] == [False]
