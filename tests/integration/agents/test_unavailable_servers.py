"""Tools of an MCP server that was unavailable at the start are held to what they would be held to under their names."""

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

from backend.identity.auth.actors import operator
from studio.pages.job.approval_bar import pending_calls
from tests.doubles.messages import calls, says
from tests.doubles.web import HOST, Web
from tests.factories.agents import DONE
from tests.integration.agents.conftest import BUNDLE, SKILL, Agents, CountingTool
from tests.integration.agents.test_approvals import decide, pending
from tests.integration.outside.test_servers import serving
from workers.agent.environment import RunEnvironment
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATEWAY = "mcp_pages_example_org"


@dataclass
class Bank:
    """A server that notes what it is asked to do."""

    made: list[tuple[str, Any]] = field(default_factory=list)

    def server(self, refund_name: str = "refund") -> MCPServer:
        made = MCPServer("bank")

        @made.tool(name=refund_name)
        def refund(amount: int, note: str = "") -> str:
            self.made.append(("refund", (amount, note)))
            return f"refunded {amount} to ada@example.org"

        @made.tool()
        def pay(order: dict[str, Any]) -> str:
            self.made.append(("pay", order))
            return "paid"

        @made.tool()
        def look(at: str) -> str:
            self.made.append(("look", at))
            return "nothing there"

        return made


@dataclass
class Opening(CountingTool):
    """A tool that brings the server up."""

    name: str = "open"
    bank: Bank = field(default_factory=Bank)
    port: int = 0
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def run(self, call: ToolCall, workspace: Any) -> ToolResult:
        """Start it."""
        await self.opened.enter_async_context(serving(self.port, made=self.bank.server()))
        return ToolResult("open")


@asynccontextmanager
async def closed(agents: Agents, more: str, section: str = "") -> AsyncIterator[Bank]:
    """A skill with a server that is unavailable until the model calls `open`."""
    async with serving() as port:
        pass
    written = f'{SKILL}{more}tools:\n  - {{mcp: "http://{HOST}:{port}/mcp"{section}}}\n'
    await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": written.encode()})
    agents.environment = RunEnvironment(agents.instance, connector=Web().connector)
    opening = Opening(port=port)
    agents.tools = [opening]
    async with opening.opened:
        yield opening.bank


def by_gateway(tool: str, /, **arguments: Any) -> Any:
    return calls(GATEWAY, tool=tool, arguments=arguments)


def results(agents: Agents, reply: int) -> list[Any]:
    """What the model was told of the calls of a reply."""
    return [
        block
        for block in agents.upstream.bodies[reply]["messages"][-1]["content"]
        if block["type"] == "tool_result"
    ]


async def ran(agents: Agents, *turns: list[Any]) -> Any:
    agents.upstream.script = [
        says(calls("open")),
        *(says(*turn) for turn in turns),
        says(calls("set_output", **DONE)),
    ]
    job = await agents.run()
    assert job["status"] == "succeeded", job
    return job


async def test_a_rail_about_a_tool_blocks_it_and_sees_its_arguments(agents: Agents) -> None:
    rail = (
        "rails: [{name: big, on: tool, tools: [refund], message: Too much., "
        "schema: {properties: {amount: {maximum: 100}}}}]\n"
    )
    async with closed(agents, rail) as bank:
        job = await ran(
            agents,
            [by_gateway("refund", amount=5000), by_gateway("refund", amount=5), by_gateway("look", at="x")],
        )
    refused, fine, other = results(agents, 2)
    assert (refused.get("is_error"), fine.get("is_error"), other.get("is_error")) == (True, None, None)
    assert "Too much." in str(refused["content"])
    assert bank.made == [("refund", (5, "")), ("look", "x")]
    (decided,) = await agents.payloads(job["id"], "rail")
    assert decided["tool"] == "refund"


async def test_arguments_written_as_text_are_judged_as_they_are_read(agents: Agents) -> None:
    rail = "rails: [{name: big, on: tool, tools: [refund], schema: {properties: {amount: {maximum: 100}}}}]\n"
    async with closed(agents, rail) as bank:
        written = calls(GATEWAY, tool="refund", arguments=json.dumps({"amount": 5000}), _label="pay")
        await ran(agents, [written])
    assert results(agents, 2)[0]["is_error"]
    assert bank.made == []


@pytest.mark.parametrize("is_up", [True, False], ids=["available", "unavailable at the start"])
async def test_an_argument_of_a_server_s_tool_that_is_json_text_is_judged_as_it_is_sent(
    agents: Agents, is_up: bool
) -> None:
    schema = "schema: {properties: {order: {properties: {amount: {maximum: 100}}}}}"
    rail = f"rails: [{{name: big, on: tool, tools: [pay], {schema}}}]\n"
    orders = [json.dumps({"amount": amount}) for amount in (5000, 5)]
    async with AsyncExitStack() as up:
        if is_up:
            bank = Bank()
            port = await up.enter_async_context(serving(made=bank.server()))
            written = f'{SKILL}{rail}tools:\n  - {{mcp: "http://{HOST}:{port}/mcp"}}\n'
            await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": written.encode()})
            agents.environment = RunEnvironment(agents.instance, connector=Web().connector)
            agents.tools = [CountingTool("open")]
            turn = [calls("pay", order=order) for order in orders]
        else:
            bank = await up.enter_async_context(closed(agents, rail))
            turn = [by_gateway("pay", order=order) for order in orders]
        await ran(agents, turn)
    assert bank.made == [("pay", {"amount": 5})]
    assert [block.get("is_error") for block in results(agents, 2)] == [True, None]


async def test_what_a_rail_redacts_reaches_neither_the_server_nor_the_model(agents: Agents) -> None:
    rail = "rails: [{name: people, on: [tool, retrieval], tools: [refund], action: redact, pii: [email]}]\n"
    async with closed(agents, rail) as bank:
        job = await ran(agents, [by_gateway("refund", amount=5, note="for eve@example.org")])
    assert bank.made == [("refund", (5, "for [redacted]"))]
    assert "refunded 5 to [redacted]" in str(results(agents, 2)[0]["content"])
    received = json.dumps(await agents.events(job["id"]))
    assert "eve@" not in received
    assert "ada@" not in received


async def test_the_limit_of_a_tool_counts_its_calls_however_they_are_made(agents: Agents) -> None:
    async with closed(agents, "tool_limits: {refund: 1}\n") as bank:
        await ran(
            agents,
            [by_gateway("refund", amount=1)],
            [by_gateway("refund", amount=2), by_gateway("look", at="x")],
        )
    assert bank.made == [("refund", (1, "")), ("look", "x")]
    assert "refund has reached its maximum of 1 calls" in str(results(agents, 3)[0]["content"])


async def test_only_tools_that_the_skill_allows_are_called(agents: Agents) -> None:
    async with closed(agents, f"allowed_tools: [open, look, {GATEWAY}]\n") as bank:
        await ran(agents, [by_gateway("refund", amount=1), by_gateway("look", at="x")])
    assert bank.made == [("look", "x")]


async def test_what_the_server_does_not_offer_and_what_does_not_fit_is_not_sent(agents: Agents) -> None:
    async with closed(agents, "") as bank:
        await ran(agents, [by_gateway("steal", amount=1), by_gateway("refund", amount="all")])
    unknown, unfit = results(agents, 2)
    assert "has no tool 'steal'. It has look, pay, refund." in str(unknown["content"])
    assert "inputs.amount" in str(unfit["content"])
    assert bank.made == []


async def test_a_tool_that_another_section_confirms_asks(agents: Agents) -> None:
    async with closed(agents, "") as bank:
        (deployment,) = (await agents.project.http.get("/v1/deployments")).json()[:1]
        address = f"http://{HOST}:{agents.tools[0].port}/mcp"  # type: ignore[attr-defined]  # it is the opening one
        assert deployment["is_active"]
        written = (
            f'{SKILL}tools:\n  - {{mcp: "{address}?key=k"}}\n'
            f'  - {{mcp: "{address}", allow: [refund], confirm: true}}\n'
        )
        await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": written.encode()})
        agents.upstream.script = [
            says(calls("open")),
            says(by_gateway("look", at="x"), by_gateway("refund", amount=1)),
            says(calls("set_output", **DONE)),
        ]
        job_id = await agents.submit()
        async with agents.running_worker():
            job = await agents.wait_until(
                job_id, lambda job: job["status"] == "waiting" or job["finished_at"]
            )
            assert job["status"] == "waiting", job
            assert bank.made == [("look", "x")]
            (approval,) = await pending(agents, job_id)
            assert approval["input"] == {"tool": "refund", "arguments": {"amount": 1}}
            assert await servers_shown(agents, job_id) == [HOST]
            await decide(agents, approval, "deny")
            assert (await agents.wait_for_end(job_id))["status"] == "succeeded"
    assert bank.made == [("look", "x")]


async def servers_shown(agents: Agents, job_id: str) -> list[str]:
    """Whose tools the page of the job says that the approvals are for."""
    async with agents.instance.database.transaction() as session:
        found = await pending_calls(session, operator(agents.project.id), UUID(job_id))
    return [one.server for one in found]


LONG = f"{HOST.replace('.', '_')}_refund"


async def pushed(agents: Agents, *ports: int, more: str = "", sections: tuple[str, ...] = ("", "")) -> None:
    """Push a skill with servers at these ports."""
    tools = "".join(
        f'  - {{mcp: "http://{HOST}:{port}/mcp"{section}}}\n'
        for port, section in zip(ports, sections, strict=False)
    )
    written = f"{SKILL}{more}tools:\n{tools}"
    await agents.project.pushed({**BUNDLE, "skills/sum/skill.yaml": written.encode()})
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


async def test_an_approved_call_is_not_made_at_another_server(agents: Agents) -> None:
    first, second = Bank(), Bank()
    async with AsyncExitStack() as up, serving(made=second.server()) as other:
        port = await up.enter_async_context(serving(made=first.server()))
        await pushed(agents, port, other, sections=(", confirm: true", ""))
        job = await approved_after(agents, up.aclose, [calls("refund", amount=5000)])
    assert job["status"] == "succeeded", job
    assert (first.made, second.made) == ([], [])


async def test_an_approval_is_for_one_tool_and_not_for_what_has_its_name_later(agents: Agents) -> None:
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
        assert (first.made, second.made) == ([], [])
        (approval,) = await pending(agents, job["id"])
        await decide(agents, approval, "approve")
        async with agents.running_worker():
            assert (await agents.wait_for_end(job["id"]))["status"] == "succeeded"
    assert second.made == [("refund", (5, ""))]


async def test_an_approval_that_does_not_record_its_server_approves_no_call_of_one(agents: Agents) -> None:
    bank = Bank()
    async with serving(made=bank.server()) as port:
        await pushed(agents, port, sections=(", confirm: true",))

        async def forget() -> None:
            async with agents.instance.database.transaction() as session:
                await session.execute(text("update approvals set effect = null"))

        job = await approved_after(agents, forget, [calls("refund", amount=5000)])
    assert job["status"] == "succeeded", job
    assert bank.made == []


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
async def test_rules_hold_for_a_server_whether_or_not_another_is_available(
    agents: Agents, is_up: bool, more: str, made: list[int]
) -> None:
    first, second = Bank(), Bank()
    async with AsyncExitStack() as up, serving(made=second.server()) as other:
        port = await up.enter_async_context(serving(made=first.server()))
        await pushed(agents, port, other, more=more)
        if not is_up:
            await up.aclose()
        agents.upstream.script = [
            # Where the first server is unavailable, its short name is the one that the second must not get.
            *(says(calls(LONG, amount=5000)), says(calls(LONG, amount=6))),
            *(() if is_up else (says(calls("refund", amount=7)),)),
            says(calls("set_output", **DONE)),
        ]
        job = await agents.run()
        assert job["status"] == "succeeded", job
    assert ([amount for _, (amount, _) in second.made], first.made) == (made, [])
