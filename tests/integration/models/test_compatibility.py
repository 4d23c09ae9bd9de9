"""What each API of models carries, observed with a server of that API; the guide has the same table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from anthropic import AsyncAnthropic

from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import ApiName, Endpoint
from tests.doubles.messages import Answer, MessagesServer, calls, says, thinks
from tests.doubles.openai_api import OpenAIServer
from workers.llm.anthropic import MessagesModel
from workers.llm.openai_api import unsupported
from workers.llm.openai_api.model import open_model
from workers.llm.pricing import Margin
from workers.llm.retry_policy import DEFAULT
from workers.llm.types import Message, Model, Prompt, Reply, ToolSpec

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "models.md"
APIS: tuple[ApiName, ...] = ("messages", "chat", "responses")
TOOL = ToolSpec("set_output", "Submits.", {"type": "object", "properties": {"a": {"type": "integer"}}})
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cGl4ZWw="}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "cGFnZXM="}}
FEATURES = (
    *("Streaming", "Usage while streaming", "Tool calls", "Parallel tool calls", "Required tool call"),
    *("Structured output", "Images", "PDF", "Images in results of tools", "Prompt cache", "Cache markers"),
    *("Reasoning is sent back", "Refusal", "Truncation"),
)


class Observed:
    """One API with a server, and what its requests and replies contained."""

    def __init__(self, api: ApiName, server: MessagesServer | OpenAIServer, model: Model) -> None:
        self.server = server
        self.model = model
        self.deltas: list[str] = []

    async def ask(
        self, answer: Answer, *content: Any, earlier: tuple[Message, ...] = (), **more: Any
    ) -> Reply:
        self.server.script, self.server._scripted = [answer], 0
        self.deltas.clear()
        blocks = list(content) or [{"type": "text", "text": "Hello"}]
        messages = [*earlier, {"role": "user", "content": blocks}]
        prompt = Prompt("Be brief.", messages, [TOOL], 100, **more)
        return await self.model.reply(prompt, self.deltas.append, lambda _: None)

    @property
    def sent(self) -> str:
        """The last request."""
        return str(self.server.bodies[-1])


@contextmanager
def observed(api: ApiName, http: httpx2.AsyncClient) -> Iterator[Observed]:
    entry = catalog.current().get("claude/haiku-4-5")
    if api == "messages":
        with MessagesServer().running() as messages:
            client = AsyncAnthropic(api_key="k", base_url=messages.url, http_client=http, max_retries=0)
            yield Observed(api, messages, MessagesModel(entry, client, Margin(20)))
        return
    with OpenAIServer().running() as server:
        endpoint = Endpoint(base_url=server.url, api=api)
        given: dict[str, Any] = {"margin": Margin(20), "retry_policy": DEFAULT, "timeout": httpx2.Timeout(5)}
        yield Observed(api, server, open_model(entry, endpoint, None, http=http, owned=None, **given))


async def features(one: Observed) -> dict[str, bool]:
    """Return which features the API carries."""
    found: dict[str, bool] = {}
    reply = await one.ask(says("one two three four five", input_tokens=9, output_tokens=4, cache_read=5))
    found["Streaming"] = len(one.deltas) > 1
    found["Usage while streaming"] = (reply.tokens.input, reply.tokens.output) == (9, 4)
    found["Prompt cache"] = reply.tokens.cache_read == 5
    found["Cache markers"] = "cache_control" in one.sent
    thought = thinks("Hm.", "b3BhcXVl")
    reply = await one.ask(says(thought, calls("set_output", a=1), calls("set_output", a=2)))
    uses = [block for block in reply.blocks if block["type"] == "tool_use"]
    found["Tool calls"] = uses[0]["input"] == {"a": 1}
    found["Parallel tool calls"] = len(uses) == 2
    results = [{"type": "tool_result", "tool_use_id": use["id"], "content": [IMAGE]} for use in uses]
    earlier: tuple[Message, ...] = (
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": list(reply.blocks)},
    )
    await one.ask(says("ok"), *results, earlier=earlier)
    found["Images in results of tools"] = "cGl4ZWw=" in one.sent
    found["Reasoning is sent back"] = "b3BhcXVl" in one.sent or "Hm." in one.sent
    await one.ask(says("ok"), {"type": "text", "text": "Look."}, IMAGE, PDF)
    found["Images"], found["PDF"] = "cGl4ZWw=" in one.sent, "cGFnZXM=" in one.sent
    await one.ask(says("prose"), forced_tool="set_output")
    found["Required tool call"] = "tool_choice" in one.sent
    await one.ask(says("prose"), forced_tool="set_output")
    found["Structured output"] = "json_schema" in one.sent
    found["Refusal"] = (await one.ask(says("No.", stop_reason="refusal"))).stop_reason == "refusal"
    found["Truncation"] = (await one.ask(says("Cut", stop_reason="max_tokens"))).stop_reason == "max_tokens"
    return found


async def test_table_of_the_guide_is_what_the_apis_carry() -> None:
    unsupported.forget_all()
    columns = []
    for api in APIS:
        async with httpx2.AsyncClient(timeout=5) as http:
            with observed(api, http) as one:
                columns.append(await features(one))
    rows = ["| | `messages` | `chat` | `responses` |", "|---|---|---|---|"]
    for feature in FEATURES:
        shown = ("yes" if column[feature] else "no" for column in columns)
        rows.append(f"| {feature} | {' | '.join(shown)} |")
    table = "\n".join(rows)
    assert table in PAGE.read_text("utf-8"), f"write this table into the guide:\n{table}"
