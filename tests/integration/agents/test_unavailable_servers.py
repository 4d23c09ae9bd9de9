"""Rules for tools of an MCP server that was unavailable at the start: they apply as to tools of an available server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from mcp.server.mcpserver import MCPServer
from sqlalchemy import text

from backend.core.db.paging import Page
from backend.execution.approvals import service as approvals
from backend.execution.approvals.service import ApprovalFilter
from backend.identity.auth.actors import operator
from studio.deciding import pending_calls
from tests.doubles.messages import calls, says
from tests.doubles.web import HOST, Web
from tests.factories.agents import DONE
from tests.integration.agents.conftest import BUNDLE, SKILL, Agents, CountingTool
from tests.integration.agents.test_approvals import decide, pending
from tests.integration.outside.test_mcp_servers import serving
from workers.agent.environment import RunEnvironment
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATEWAY = "mcp_pages_example_org"


@dataclass
class Bank:
    """An MCP server that records the calls of its tools."""

    executed: list[tuple[str, Any]] = field(default_factory=list)

    def server(self, refund_name: str = "refund") -> MCPServer:
        made = MCPServer("bank")

        @made.tool(name=refund_name)
        def refund(amount: int, note: str = "") -> str:
            self.executed.append(("refund", (amount, note)))
            return f"refunded {amount} to ada@example.org"

        @made.tool()
        def pay(order: dict[str, Any]) -> str:
            self.executed.append(("pay", order))
            return "paid"

        @made.tool()
        def look(at: str) -> str:
            self.executed.append(("look", at))
            return "nothing there"

        return made


@dataclass
class StartServer(CountingTool):
    """A tool that starts the MCP server."""

    name: str = "open"
    bank: Bank = field(default_factory=Bank)
    port: int = 0
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def run(self, call: ToolCall, workspace: Any) -> ToolResult:
        """Start the server."""
        await self.opened.enter_async_context(serving(self.port, made=self.bank.server()))
        return ToolResult("open")


@asynccontextmanager
async def unavailable_server(agents: Agents, more: str, section: str = "") -> AsyncIterator[Bank]:
    """Deploy a skill with a server that is unavailable until the model calls `open`."""
    async with serving() as port:
        pass
    manifest = f'{SKILL}{more}tools:\n  - {{mcp: "http://{HOST}:{port}/mcp"{section}}}\n'
    await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": manifest.encode()})
    agents.environment = RunEnvironment(agents.instance, connector=Web().connector)
    start_server = StartServer(port=port)
    agents.tools = [start_server]
    async with start_server.opened:
        yield start_server.bank


def gateway_call(tool: str, /, **arguments: Any) -> Any:
    return calls(GATEWAY, tool=tool, arguments=arguments)


def results(agents: Agents, reply: int) -> list[Any]:
    """Return the results that the model received for the calls of a reply."""
    return [
        block
        for block in agents.upstream.bodies[reply]["messages"][-1]["content"]
        if block["type"] == "tool_result"
    ]


async def run_replies(agents: Agents, *turns: list[Any]) -> Any:
    agents.upstream.script = [
        says(calls("open")),
        *(says(*turn) for turn in turns),
        says(calls("set_output", **DONE)),
    ]
    job = await agents.run()
    assert job["status"] == "succeeded", job
    return job


async def test_guardrail_for_tool_checks_its_arguments_and_blocks(agents: Agents) -> None:
    rails = (
        "rails: [{name: big, on: tool, tools: [refund], message: Too much., "
        "schema: {properties: {amount: {maximum: 100}}}}]\n"
    )
    async with unavailable_server(agents, rails) as bank:
        job = await run_replies(
            agents,
            [
                gateway_call("refund", amount=5000),
                gateway_call("refund", amount=5),
                gateway_call("look", at="x"),
            ],
        )
    blocked, fine, other = results(agents, 2)
    assert (blocked.get("is_error"), fine.get("is_error"), other.get("is_error")) == (True, None, None)
    assert "Too much." in str(blocked["content"])
    assert bank.executed == [("refund", (5, "")), ("look", "x")]
    (event,) = await agents.payloads(job["id"], "rail")
    assert event["tool"] == "refund"


async def test_text_arguments_are_checked_as_parsed(agents: Agents) -> None:
    rails = (
        "rails: [{name: big, on: tool, tools: [refund], schema: {properties: {amount: {maximum: 100}}}}]\n"
    )
    async with unavailable_server(agents, rails) as bank:
        manifest = calls(GATEWAY, tool="refund", arguments=json.dumps({"amount": 5000}), _label="pay")
        await run_replies(agents, [manifest])
    assert results(agents, 2)[0]["is_error"]
    assert bank.executed == []


@pytest.mark.parametrize("is_up", [True, False], ids=["available", "unavailable at the start"])
async def test_json_text_argument_is_checked_as_it_is_sent(agents: Agents, is_up: bool) -> None:
    schema = "schema: {properties: {order: {properties: {amount: {maximum: 100}}}}}"
    rails = f"rails: [{{name: big, on: tool, tools: [pay], {schema}}}]\n"
    orders = [json.dumps({"amount": amount}) for amount in (5000, 5)]
    async with AsyncExitStack() as up:
        if is_up:
            bank = Bank()
            port = await up.enter_async_context(serving(made=bank.server()))
            manifest = f'{SKILL}{rails}tools:\n  - {{mcp: "http://{HOST}:{port}/mcp"}}\n'
            await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": manifest.encode()})
            agents.environment = RunEnvironment(agents.instance, connector=Web().connector)
            agents.tools = [CountingTool("open")]
            turn = [calls("pay", order=order) for order in orders]
        else:
            bank = await up.enter_async_context(unavailable_server(agents, rails))
            turn = [gateway_call("pay", order=order) for order in orders]
        await run_replies(agents, turn)
    assert bank.executed == [("pay", {"amount": 5})]
    assert [block.get("is_error") for block in results(agents, 2)] == [True, None]


async def test_redacted_text_reaches_neither_server_nor_model(agents: Agents) -> None:
    rails = "rails: [{name: people, on: [tool, retrieval], tools: [refund], action: redact, pii: [email]}]\n"
    async with unavailable_server(agents, rails) as bank:
        job = await run_replies(agents, [gateway_call("refund", amount=5, note="for eve@example.org")])
    assert bank.executed == [("refund", (5, "for [redacted]"))]
    assert "refunded 5 to [redacted]" in str(results(agents, 2)[0]["content"])
    received = json.dumps(await agents.events(job["id"]))
    assert "eve@" not in received
    assert "ada@" not in received


async def test_tool_limit_counts_calls_on_all_paths(agents: Agents) -> None:
    async with unavailable_server(agents, "tool_limits: {refund: 1}\n") as bank:
        await run_replies(
            agents,
            [gateway_call("refund", amount=1)],
            [gateway_call("refund", amount=2), gateway_call("look", at="x")],
        )
    assert bank.executed == [("refund", (1, "")), ("look", "x")]
    assert "refund has reached its maximum of 1 calls" in str(results(agents, 3)[0]["content"])


async def test_only_tools_allowed_by_skill_are_called(agents: Agents) -> None:
    async with unavailable_server(agents, f"allowed_tools: [open, look, {GATEWAY}]\n") as bank:
        await run_replies(agents, [gateway_call("refund", amount=1), gateway_call("look", at="x")])
    assert bank.executed == [("look", "x")]


async def test_unknown_tools_and_invalid_arguments_are_not_sent(agents: Agents) -> None:
    async with unavailable_server(agents, "") as bank:
        await run_replies(agents, [gateway_call("steal", amount=1), gateway_call("refund", amount="all")])
    unknown, invalid = results(agents, 2)
    assert "has no tool 'steal'. It has look, pay, refund." in str(unknown["content"])
    assert "inputs.amount" in str(invalid["content"])
    assert bank.executed == []


async def test_tool_confirmed_by_another_section_needs_approval(agents: Agents) -> None:
    async with unavailable_server(agents, "") as bank:
        (deployment,) = (await agents.project.http.get("/v1/deployments")).json()[:1]
        url = f"http://{HOST}:{agents.tools[0].port}/mcp"  # type: ignore[attr-defined]  # the tool that starts the server
        assert deployment["is_active"]
        manifest = (
            f'{SKILL}tools:\n  - {{mcp: "{url}?key=k"}}\n'
            f'  - {{mcp: "{url}", allow: [refund], confirm: true}}\n'
        )
        await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": manifest.encode()})
        agents.upstream.script = [
            says(calls("open")),
            says(gateway_call("look", at="x"), gateway_call("refund", amount=1)),
            says(calls("set_output", **DONE)),
        ]
        job_id = await agents.submit()
        async with agents.running_worker():
            job = await agents.wait_until(
                job_id, lambda job: job["status"] == "waiting" or job["finished_at"]
            )
            assert job["status"] == "waiting", job
            assert bank.executed == [("look", "x")]
            (approval,) = await pending(agents, job_id)
            assert approval["input"] == {"tool": "refund", "arguments": {"amount": 1}}
            assert await servers_shown(agents, job_id) == [HOST]
            await decide(agents, approval, "deny")
            assert (await agents.wait_for_end(job_id))["status"] == "succeeded"
    assert bank.executed == [("look", "x")]


async def servers_shown(agents: Agents, job_id: str) -> list[str]:
    """Return the MCP servers that the page of the job shows with the pending approvals."""
    async with agents.instance.database.transaction() as session:
        principal = operator(agents.project.id)
        page = await approvals.list_approvals(
            session, principal, Page(10), ApprovalFilter(status="pending", job_id=UUID(job_id))
        )
        found = await pending_calls(session, principal, page.items)
    return [one.server for one in found]


LONG = f"{HOST.replace('.', '_')}_refund"


async def pushed(agents: Agents, *ports: int, more: str = "", sections: tuple[str, ...] = ("", "")) -> None:
    """Push a skill with servers at these ports."""
    tools = "".join(
        f'  - {{mcp: "http://{HOST}:{port}/mcp"{section}}}\n'
        for port, section in zip(ports, sections, strict=False)
    )
    manifest = f"{SKILL}{more}tools:\n{tools}"
    await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": manifest.encode()})
    agents.environment = RunEnvironment(agents.instance, connector=Web().connector)


async def approved_after(agents: Agents, change: Callable[[], Awaitable[Any]], *turns: list[Any]) -> Any:
    """Run a job whose first call waits for an approval, change the servers, and approve it."""
    agents.upstream.script = [*(says(*turn) for turn in turns), says(calls("set_output", **DONE))]
    job_id = await agents.submit()
    async with agents.running_worker():
        job = await agents.wait_until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])
        assert job["status"] == "waiting", job
    (approval,) = await pending(agents, job_id)
    assert await servers_shown(agents, job_id) == [HOST]
    await change()
    await decide(agents, approval, "approve")
    async with agents.running_worker():
        return await agents.wait_until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])


async def test_approved_call_is_not_made_on_another_server(agents: Agents) -> None:
    first, second = Bank(), Bank()
    async with AsyncExitStack() as up, serving(made=second.server()) as other:
        port = await up.enter_async_context(serving(made=first.server()))
        await pushed(agents, port, other, sections=(", confirm: true", ""))
        job = await approved_after(agents, up.aclose, [calls("refund", amount=5000)])
    assert job["status"] == "succeeded", job
    assert (first.executed, second.executed) == ([], [])


async def test_approval_does_not_apply_to_later_tool_of_same_name(agents: Agents) -> None:
    first, second = Bank(), Bank()
    async with AsyncExitStack() as up:
        running = await up.enter_async_context(AsyncExitStack())
        port = await running.enter_async_context(serving(made=first.server("re.fund")))

        async def change() -> None:
            await running.aclose()
            await up.enter_async_context(serving(port, made=second.server("re/fund")))

        await pushed(agents, port, sections=(", confirm: true",))
        again = [calls("re_fund", amount=5)]
        job = await approved_after(agents, change, [calls("re_fund", amount=5000)], again)
        assert job["status"] == "waiting", job  # the second call asks for an approval of its own
        assert "The approval was for a tool of another server" in str(results(agents, 1)[0]["content"])
        assert (first.executed, second.executed) == ([], [])
        (approval,) = await pending(agents, job["id"])
        await decide(agents, approval, "approve")
        async with agents.running_worker():
            assert (await agents.wait_for_end(job["id"]))["status"] == "succeeded"
    assert second.executed == [("refund", (5, ""))]


async def test_approval_without_recorded_server_approves_no_server_call(agents: Agents) -> None:
    bank = Bank()
    async with serving(made=bank.server()) as port:
        await pushed(agents, port, sections=(", confirm: true",))

        async def forget() -> None:
            async with agents.instance.database.transaction() as session:
                await session.execute(text("update approvals set effect = null"))

        job = await approved_after(agents, forget, [calls("refund", amount=5000)])
    assert job["status"] == "succeeded", job
    assert bank.executed == []


@pytest.mark.parametrize("is_up", [True, False])
@pytest.mark.parametrize(
    ("more", "made"),
    [
        (
            f"rails: [{{name: big, on: tool, tools: [{LONG}], message: Too much., "
            "schema: {properties: {amount: {maximum: 100}}}}]\n",
            [6],
        ),
        (f"tool_limits: {{{LONG}: 1}}\n", [5000]),
        ("allowed_tools: [refund]\n", []),
        (f"allowed_tools: [{LONG}]\n", [5000, 6]),
    ],
    ids=["rails", "tool_limits", "allowed_tools", "allowed_by_long_name"],
)
async def test_rules_for_server_apply_if_another_is_unavailable(
    agents: Agents, is_up: bool, more: str, made: list[int]
) -> None:
    first, second = Bank(), Bank()
    async with AsyncExitStack() as up, serving(made=second.server()) as other:
        port = await up.enter_async_context(serving(made=first.server()))
        await pushed(agents, port, other, more=more)
        if not is_up:
            await up.aclose()
        agents.upstream.script = [
            # If the first server is unavailable, the second must not get its short name.
            *(says(calls(LONG, amount=5000)), says(calls(LONG, amount=6))),
            *(() if is_up else (says(calls("refund", amount=7)),)),
            says(calls("set_output", **DONE)),
        ]
        job = await agents.run()
        assert job["status"] == "succeeded", job
    assert ([amount for _, (amount, _) in second.executed], first.executed) == (made, [])
