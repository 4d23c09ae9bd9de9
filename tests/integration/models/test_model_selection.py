"""The model of a job, the account that is charged for it, and the hosts that a project's base URL can reach."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from backend.config import Settings
from backend.core.net.egress.connector import Connector
from backend.core.net.transport import ResponseTooLarge
from backend.integrations.providers.access import Access, access_of
from backend.integrations.providers.service import OwnKey
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Rates
from tests.doubles.messages import MessagesServer, says
from tests.doubles.web import Web
from tests.factories.tenants import make_skill
from workers.llm.errors import ModelKeyMissing, ModelRefused
from workers.llm.retry_policy import RetryPolicy
from workers.llm.selection import Models
from workers.llm.transport import AddressRefused, ProjectTransport
from workers.llm.types import Message, Model, Prompt

ASK: list[Message] = [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]
NONE = {"anthropic_api_key": None, "anthropic_base_url": None, "openrouter_api_key": None}


@pytest.fixture(scope="module")
def server() -> Iterator[MessagesServer]:
    with MessagesServer(lambda _: says("Hello.", input_tokens=1_000, output_tokens=1)).running() as server:
        yield server


@asynccontextmanager
async def open_models(**given: Any) -> AsyncIterator[Models]:
    access = given.pop("access", None) or access_of(Settings(**{**NONE, **given}), catalog.current())
    models = Models(access, margin_pct=20, retry_policy=RetryPolicy(attempts=1))
    yield models
    await models.close()


def choose(
    models: Models, slug: str | None = None, skill_model: str | None = None, **own_keys: OwnKey
) -> Model:
    skill = make_skill(is_agentic=True, entrypoint="SKILL.md", model=skill_model)
    return models.choose(slug, skill=skill, inputs={}, own_keys=own_keys)


async def ask(model: Model) -> Any:
    return await model.reply(Prompt("", ASK, [], 100), lambda _: None, lambda _: None)


async def test_without_keys_every_model_is_simulated_and_labeled() -> None:
    async with open_models() as models:
        for slug in (None, "claude/opus-4-8", "gpt/5", "puras/rehearsal"):
            model = choose(models, slug)
            assert (model.label, model.slug) == ("rehearsal", "puras/rehearsal")
            assert (await ask(model)).label == "rehearsal"


async def test_key_of_instance_is_used_and_billed(server: MessagesServer) -> None:
    async with open_models(anthropic_api_key="sk-instance", anthropic_base_url=server.url) as models:
        model = choose(models)
        reply = await ask(model)
    assert (model.slug, model.label) == ("claude/sonnet-4-6", "")
    assert server.headers[-1]["authorization"] == "Bearer sk-instance"
    assert reply.billed_micros == 3_618


async def test_key_of_project_takes_precedence_and_is_free(
    server: MessagesServer,
) -> None:
    async with open_models(anthropic_api_key="sk-instance", anthropic_base_url=server.url) as models:
        reply = await ask(choose(models, claude=OwnKey("sk-own")))
    assert server.headers[-1]["authorization"] == "Bearer sk-own"
    assert (reply.billed_micros, reply.upstream_nanos) == (0, 3_015_000)


async def test_own_price_of_project_is_the_upstream_cost(server: MessagesServer) -> None:
    rates = {"claude/sonnet-4-6": Rates(10**9, 2 * 10**9, 10**9, 10**9, 10**8)}
    async with open_models(anthropic_api_key="sk-instance", anthropic_base_url=server.url) as models:
        own = await ask(choose(models, claude=OwnKey("sk-own", rates=rates)))
        other = await ask(choose(models, "claude/haiku-4-5", claude=OwnKey("sk-own", rates=rates)))
    assert (own.billed_micros, own.upstream_nanos) == (0, 1_000 * 1_000 + 2_000)
    assert other.upstream_nanos == 1_000 * 1_000 + 5_000


async def test_model_precedence_is_job_then_skill_then_instance(
    server: MessagesServer,
) -> None:
    async with open_models(anthropic_api_key="sk", anthropic_base_url=server.url) as models:
        assert choose(models, "claude/haiku-4-5", "claude/opus-4-8").slug == "claude/haiku-4-5"
        assert choose(models, None, "claude/opus-4-8").slug == "claude/opus-4-8"
        assert choose(models).slug == "claude/sonnet-4-6"
        assert choose(models, "puras/rehearsal").label == "rehearsal"


async def test_model_without_key_is_not_simulated_if_other_keys_exist() -> None:
    async with open_models(anthropic_api_key="sk") as models:
        with pytest.raises(ModelKeyMissing, match="PUT /v1/providers/gpt"):
            choose(models, "gpt/5")
    async with open_models() as models:
        with pytest.raises(ModelKeyMissing):
            choose(models, "claude/opus-4-8", gpt=OwnKey("sk-own"))


async def test_other_families_use_their_own_endpoint(server: MessagesServer) -> None:
    endpoints = {**catalog.current().endpoints}
    changed = {"base_url": server.url, "auth": "x-api-key"}
    endpoints["openrouter"] = endpoints["openrouter"].model_copy(update=changed)
    async with open_models(access=Access(endpoints, {"openrouter": "sk-or"})) as models:
        await ask(choose(models, "gemini/2.5-flash"))
    assert server.bodies[-1]["model"] == "google/gemini-2.5-flash"
    assert server.headers[-1]["x-api-key"] == "sk-or"


async def test_server_without_keys_needs_no_key(server: MessagesServer) -> None:
    endpoints = {**catalog.current().endpoints}
    endpoints["openrouter"] = catalog.Endpoint(base_url=server.url)
    async with open_models(access=Access(endpoints, {})) as models:
        reply = await ask(choose(models, "gpt/5-mini"))
    assert reply.blocks[0]["text"] == "Hello."


async def test_private_base_url_is_rejected_unless_operator_allows_it(
    server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Operator: secret\nAuthorization: Bearer operator")
    key, asked = OwnKey("sk-own", server.url), server.asked
    for url in (server.url, server.url.replace("http", "https")):
        async with open_models() as models:
            with pytest.raises(ModelRefused):
                await ask(choose(models, claude=OwnKey("sk-own", url)))
    assert server.asked == asked
    async with open_models(provider_hosts=server.url.removeprefix("http://")) as models:
        model = choose(models, claude=key)
        assert (await ask(model)).blocks[0]["text"] == "Hello."
        await model.close()
    assert server.headers[-1]["authorization"] == "Bearer sk-own"
    assert "x-operator" not in server.headers[-1]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_host_name_is_checked_by_its_addresses_at_each_call(address: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]

    transport = ProjectTransport("https://rebinds.example.org", connector=Connector(resolve))
    async with httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(AddressRefused, match=r"rebinds\.example\.org is not at a public address"):
            await client.post("https://rebinds.example.org/v1/messages")


async def test_response_size_is_limited_after_decompression() -> None:
    async with Web().running() as web:
        web.says("/v1/messages", gzip.compress(b" " * (65 << 20)), "Content-Encoding: gzip")
        url = f"http://127.0.0.1:{web.port}"
        transport = ProjectTransport(url, allowed_hosts=[url.removeprefix("http://")])
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            with pytest.raises(ResponseTooLarge):
                await client.get(f"{url}/v1/messages")
