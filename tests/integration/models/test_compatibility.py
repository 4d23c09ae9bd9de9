"""What each API of models carries, and the form of each provider, observed with servers; the guide has the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic

from backend.core.errors import PurasError
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import ApiName, Endpoint
from tests.doubles.messages import Answer, MessagesServer, calls, says, thinks
from tests.doubles.openai_api import FAMILIES, MISTRAL, SIGNATURE, Family, OpenAIServer
from workers.llm.anthropic import MessagesModel
from workers.llm.openai_api import unsupported
from workers.llm.openai_api.model import open_model
from workers.llm.pricing import Margin
from workers.llm.retry_policy import RetryPolicy
from workers.llm.types import Message, Model, Prompt, Reply, ToolSpec

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "models.md"
APIS: tuple[ApiName, ...] = ("messages", "chat", "responses")
ONCE = RetryPolicy(attempts=1)
TOOL = ToolSpec("set_output", "Submits.", {"type": "object", "properties": {"a": {"type": "integer"}}})
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cGl4ZWw="}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "cGFnZXM="}}
FEATURES = (
    *("Streaming", "Usage while streaming", "Tool calls", "Parallel tool calls", "Required tool call"),
    *("Structured output", "Images", "PDF", "Images in results of tools", "Prompt cache", "Cache markers"),
    *("Reasoning is sent back", "Refusal", "Truncation"),
)
_SHOWN = {True: "yes", False: "no", None: "–"}
OF_FAMILIES = tuple(feature for feature in FEATURES if feature != "Cache markers")


class Observed:
    """One API with a server, and what its requests and replies contained."""

    def __init__(self, server: MessagesServer | OpenAIServer, model: Model) -> None:
        self.server = server
        self.model = model
        self.deltas: list[str] = []

    async def ask(
        self, answer: Answer, *content: Any, earlier: tuple[Message, ...] = (), **more: Any
    ) -> Reply:
        self.server.restart(answer)
        self.deltas.clear()
        blocks = list(content) or [{"type": "text", "text": "Hello"}]
        messages = [*earlier, {"role": "user", "content": blocks}]
        prompt = Prompt("Be brief.", messages, [TOOL], 100, **more)
        return await self.model.reply(prompt, self.deltas.append, lambda _: None)

    async def accepts(self, expected: str, *content: Any, **more: Any) -> bool:
        """Return whether the server receives this text in a request that it accepts."""
        try:
            await self.ask(says("ok"), *content, **more)
        except PurasError:
            return False
        return expected in self.sent

    @property
    def sent(self) -> str:
        """The last request."""
        return str(self.server.bodies[-1])


@contextmanager
def observed(api: ApiName, http: httpx2.AsyncClient, family: Family | None = None) -> Iterator[Observed]:
    entry = catalog.current().get("claude/haiku-4-5")
    if api == "messages":
        with MessagesServer().running() as messages:
            client = AsyncAnthropic(api_key="k", base_url=messages.url, http_client=http, max_retries=0)
            yield Observed(messages, MessagesModel(entry, client, Margin(20), ONCE))
        return
    with OpenAIServer(family=family).running() as server:
        endpoint = Endpoint(base_url=server.url, api=api)
        given: dict[str, Any] = {"margin": Margin(20), "retry_policy": ONCE, "timeout": httpx2.Timeout(5)}
        yield Observed(server, open_model(entry, endpoint, None, http=http, owned=None, **given))


async def features(one: Observed) -> dict[str, bool]:
    """Return which features the API carries."""
    found: dict[str, bool] = {}
    reply = await one.ask(says("one two three four five", input_tokens=9, output_tokens=4, cache_read=5))
    found["Streaming"] = len(one.deltas) > 1
    found["Usage while streaming"] = (reply.tokens.input, reply.tokens.output) == (9, 4)
    found["Usage while streaming"] &= not reply.is_estimated
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
    found["Images in results of tools"] = await one.accepts("cGl4ZWw=", *results, earlier=earlier)
    found["Reasoning is sent back"] = "b3BhcXVl" in one.sent or "Hm." in one.sent or SIGNATURE in one.sent
    look = {"type": "text", "text": "Look."}
    found["Images"] = await one.accepts("cGl4ZWw=", look, IMAGE)
    found["PDF"] = await one.accepts("cGFnZXM=", look, PDF)
    reply = await one.ask(says("prose"), forced_tool="set_output")
    found["Required tool call"] = "tool_choice" in one.sent
    if isinstance(one.server, OpenAIServer) and one.server.family is not None:
        found["Required tool call"] &= any(block["type"] == "tool_use" for block in reply.blocks)
        unsupported.ignores_choice(f"{one.server.url}/", one.model.entry.upstream_id)
    await one.ask(says("prose"), forced_tool="set_output")
    found["Structured output"] = "json_schema" in one.sent
    found["Refusal"] = (await one.ask(says("No.", stop_reason="refusal"))).stop_reason == "refusal"
    found["Truncation"] = (await one.ask(says("Cut", stop_reason="max_tokens"))).stop_reason == "max_tokens"
    return found


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    unsupported.forget_all()


async def of_api(api: ApiName, family: Family | None = None) -> dict[str, bool | None]:
    """Return the features; None: the documentation of the provider does not describe it."""
    async with httpx2.AsyncClient(timeout=5) as http:
        with observed(api, http, family) as one:
            found: dict[str, bool | None] = {**await features(one)}
    return found | dict.fromkeys(family.undocumented if family else (), None)


def table_of(columns: Mapping[str, Mapping[str, bool | None]], rows: Sequence[str]) -> str:
    """Return a table with a row for each feature."""
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for feature in rows:
        shown = (_SHOWN[column[feature]] for column in columns.values())
        lines.append(f"| {feature} | {' | '.join(shown)} |")
    return "\n".join(lines)


def check_page(table: str) -> None:
    assert table in PAGE.read_text("utf-8"), f"write this table into the guide:\n{table}"


async def test_table_of_the_guide_is_what_the_apis_carry() -> None:
    check_page(table_of({f"`{api}`": await of_api(api) for api in APIS}, FEATURES))


async def test_table_of_the_guide_is_what_providers_carry() -> None:
    check_page(table_of({family.title: await of_api("chat", family) for family in FAMILIES}, OF_FAMILIES))


async def test_built_in_models_claim_only_what_was_shown() -> None:
    shown = {api: await of_api(api) for api in APIS}
    models = catalog.read()
    for entry in models.models.values():
        if entry.endpoint is None:
            continue
        carried = shown[models.endpoints[entry.endpoint].api]
        claims = {"Images": entry.vision, "PDF": entry.pdf, "Cache markers": entry.cache is not None}
        unproven = [feature for feature, is_claimed in claims.items() if is_claimed and not carried[feature]]
        assert not unproven, entry.slug


async def test_calls_of_another_model_are_accepted_by_a_strict_provider() -> None:
    """After a failover, the conversation contains calls whose IDs Mistral rejects."""
    call = calls("set_output", tool_use_id="toolu_01A09q90qw90lq917835lq9", a=1)
    earlier: tuple[Message, ...] = (
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": [call]},
    )
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "done"}
    async with httpx2.AsyncClient(timeout=5) as http:
        with observed("chat", http, MISTRAL) as one:
            reply = await one.ask(says("ok"), result, earlier=earlier)
            sent = one.server.bodies[-1]["messages"]
    assert reply.blocks == ({"type": "text", "text": "ok"},)
    [call_id] = [call["id"] for message in sent for call in message.get("tool_calls", [])]
    assert [message["tool_call_id"] for message in sent if "tool_call_id" in message] == [call_id]
