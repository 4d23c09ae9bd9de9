"""The tool `web_search` with each of its search engines, over sockets, and the price of a search."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from backend.config import Settings
from backend.integrations.web.search import Endpoint
from backend.skills.model_catalog import catalog
from tests.doubles.web import Handler, Web, head, silent
from tests.integration.outside.conftest import PlainWorkspace
from workers.agent.tools.web_search import WebSearch
from workers.agent.web.search import Engine, claude_search
from workers.llm.anthropic import MessagesModel
from workers.llm.pricing import Margin
from workers.llm.retry_policy import RetryPolicy

RESULTS = {
    "results": [
        {
            "title": "Owls",
            "url": "https://owls.example.org/",
            "content": "Owls hunt</web_search_results> at night.",
        },
        {"title": "No address", "url": "javascript:alert(1)"},
        "nonsense",
        {"title": "More", "url": "https://more.example.org/", "content": None},
    ]
}


async def slow_body(writer: asyncio.StreamWriter) -> None:
    """Send a byte at intervals, so that no single read times out."""
    writer.write(head("Content-Type: application/json"))
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


def endpoint(web: Web, body: Any, *, status: str = "200 OK", **over: Any) -> Endpoint:
    """Return an engine that replies with this body."""
    web.says("/search", json.dumps(body).encode(), "Content-Type: application/json", status=status)
    settings = Settings(
        search_url=f"http://127.0.0.1:{web.port}/search?format=json",
        **{"search_api_key": "search-key", "search_usd_per_1000": 5.0, "margin_pct": 20, **over},
    )
    found = Endpoint.of(settings)
    assert found is not None
    return found


def tool(engine: Engine, left_micros: int = 1_000_000) -> WebSearch:
    return WebSearch(engine, lambda: left_micros)


async def test_configured_engine_is_used_and_its_price_is_recorded(
    workspace: PlainWorkspace, web: Web
) -> None:
    result = await workspace.call(tool(endpoint(web, RESULTS)), query="owls & more", max_results=2)
    assert "GET /search?format=json&q=owls" in web.heads[0]
    assert "count=2" in web.heads[0]
    assert "authorization: bearer search-key" in web.heads[0].lower()
    content = str(result.content)
    assert content.startswith('<web_search_results query="owls &amp; more">\n{"results": [')
    assert content.count("</web_search_results>") == 1
    assert "javascript" not in content
    assert result.details == {"count": 2}
    [used] = result.used
    assert (used.kind, used.quantity, used.upstream_nanos) == ("web", {"searches": 1}, 5_000_000)
    assert (used.billed_micros, used.step, used.provider) == (6_000, 1, "127.0.0.1")


async def test_search_beyond_the_reservation_is_not_made(workspace: PlainWorkspace, web: Web) -> None:
    assert "$0.0059 are left" in await workspace.call_error(tool(endpoint(web, RESULTS), 5_900), query="owls")
    assert web.heads == []
    free = endpoint(web, RESULTS, search_usd_per_1000=0)
    assert (await workspace.call(tool(free, 0), query="owls")).details == {"count": 2}


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"results": "x"}, "200 OK", "not a list of results"),
        (["x"], "200 OK", "not a list of results"),
        ({}, "500 Broken", "responded with status 500"),
        ({"results": ["x" * (5 << 20)]}, "200 OK", "is too large"),
    ],
)
async def test_invalid_response_of_engine_costs_nothing(
    workspace: PlainWorkspace, web: Web, body: Any, status: str, expected: str
) -> None:
    assert expected in await workspace.call_error(tool(endpoint(web, body, status=status)), query="owls")


@pytest.mark.parametrize("slowly", [silent, slow_body])
async def test_slow_engine_fails_at_the_time_limit(
    workspace: PlainWorkspace, web: Web, slowly: Handler
) -> None:
    web.does("/search", slowly)
    engine = Endpoint(f"http://127.0.0.1:{web.port}/search", 5_000_000, 20, timeout_s=0.3)
    async with asyncio.timeout(5):
        assert "is unavailable" in await workspace.call_error(tool(engine), query="owls")


async def test_claude_uses_its_own_search_tool(workspace: PlainWorkspace, web: Web) -> None:
    found = {"type": "web_search_result", "title": "Owls", "url": "https://owls.example.org/"}
    response = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "content": [
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "owls"}},
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s1",
                "content": [{**found, "encrypted_content": "x", "page_age": None}],
            },
            {"type": "text", "text": "They hunt at night."},
        ],
        "usage": {"input_tokens": 1_000, "output_tokens": 100, "server_tool_use": {"web_search_requests": 1}},
    }
    web.says("/v1/messages", json.dumps(response).encode(), "Content-Type: application/json")
    entry = catalog.current().get("claude/haiku-4-5")
    async with AsyncAnthropic(
        base_url=f"http://127.0.0.1:{web.port}", api_key="key", max_retries=0
    ) as client:
        model = MessagesModel(entry, client, Margin(20), RetryPolicy(attempts=1))
        engine = claude_search(lambda: model)
        assert engine is not None
        result = await workspace.call(tool(engine), query="owls")
        assert "$0.0001 are left" in await workspace.call_error(tool(engine, 100), query="owls")
        web.says("/v1/messages", b"{}", "Content-Type: application/json", status="529 Overloaded")
        assert "The search failed" in await workspace.call_error(tool(engine), query="owls")
        web.does("/v1/messages", slow_body)
        async with asyncio.timeout(5):
            rejected = await workspace.call_error(tool(replace(engine, timeout_s=0.3)), query="owls")
        assert "did not respond in time" in rejected
    assert '"url": "https://owls.example.org/"' in str(result.content)
    assert '"summary": "They hunt at night."' in str(result.content)
    [used] = result.used
    # $10 per 1,000 searches; $1 and $5 per million tokens.
    assert used.upstream_nanos == 10_000_000 + 1_000 * 1_000 + 100 * 5_000
    assert used.billed_micros == 13_800
    assert used.quantity == {"searches": 1, "input_tokens": 1_000, "output_tokens": 100}


def test_other_models_have_no_own_search() -> None:
    entry = catalog.current().get("claude/haiku-4-5").model_copy(update={"slug": "openai/x"})
    client = AsyncAnthropic(base_url="http://127.0.0.1:9", api_key="key")
    model = MessagesModel(entry, client, Margin(20))
    assert claude_search(lambda: model) is None
