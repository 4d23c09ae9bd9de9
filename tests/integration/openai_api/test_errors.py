"""Errors have the format of OpenAI, and the stock SDK raises the matching exception."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import text

from tests.doubles.messages import says
from tests.integration.openai_api.conftest import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWLS: list[Any] = [{"role": "user", "content": "owls"}]


async def ask(place: Place, **over: Any) -> Any:
    """Request an answer of `talk`."""
    return await place.client().chat.completions.create(**{"model": "talk", "messages": OWLS, **over})


async def test_wrong_key(place: Place) -> None:
    client = place.client(api_key="puras_live_wrong")
    with pytest.raises(openai.AuthenticationError) as failed:
        await client.chat.completions.create(model="talk", messages=OWLS)
    assert (failed.value.code, failed.value.type) == ("invalid_api_key", "authentication_error")
    assert failed.value.request_id == failed.value.body["request_id"]  # type: ignore[index]


async def test_unknown_model(place: Place) -> None:
    for name in ("nothing", "nowhere/talk"):
        with pytest.raises(openai.NotFoundError) as failed:
            await ask(place, model=name)
        assert (failed.value.code, failed.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError) as failed:
        await place.client().models.retrieve("nothing")
    assert failed.value.code == "model_not_found"


async def test_skill_that_is_not_on_the_key(place: Place) -> None:
    client = place.client(api_key=await place.key_for(skill_allowlist=["grade"]))
    for name in ("talk", "nothing"):
        with pytest.raises(openai.PermissionDeniedError):
            await client.chat.completions.create(model=name, messages=OWLS)
    assert await place.jobs() == []


async def test_key_without_the_scope(place: Place) -> None:
    client = place.client(api_key=await place.key_for(scopes=["skills:read"]))
    with pytest.raises(openai.PermissionDeniedError) as failed:
        await client.responses.create(model="talk", input="owls")
    assert failed.value.type == "permission_error"


@pytest.mark.parametrize(
    ("over", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": ["x"]}, "stop"),
        ({"modalities": ["audio"], "audio": {"voice": "ash", "format": "mp3"}}, "modalities"),
        ({"messages": [*OWLS, {"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages[1].role"),
        ({"messages": [*OWLS, {"role": "assistant", "content": "x"}]}, "messages[1]"),
        ({"messages": []}, "messages"),
        ({"model": ""}, "model"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0]"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "secret/plan.png"}}],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
        ({"extra_body": {"inputs": {"unknown": 1}}}, "inputs.unknown"),
    ],
)
async def test_invalid_requests(place: Place, over: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as failed:
        await ask(place, **over)
    assert (failed.value.param, failed.value.type) == (param, "invalid_request_error")
    assert await place.jobs() == []


async def test_parameters_of_models_are_ignored(place: Place) -> None:
    place.upstream.script = [says("Yes.")]
    await ask(
        place,
        temperature=0.3,
        max_completion_tokens=5,
        seed=1,
        user="ada",
        reasoning_effort="low",
        parallel_tool_calls=True,
        tools=[],
        extra_body={"unknown_parameter": 1},
    )


async def test_body_that_is_no_json(place: Place) -> None:
    async with httpx.AsyncClient() as http:
        response = await http.post(
            f"{place.url}/chat/completions",
            content="{",
            headers={"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"},
        )
        missing = await http.get(f"{place.url}/embeddings", headers={"Authorization": f"Bearer {place.key}"})
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_no_credit(place: Place) -> None:
    async with place.agents.instance.database.transaction() as session:
        await session.execute(text("update wallets set balance_micros = 0"))
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError) as failed:
            await ask(place, stream=stream)
        assert (failed.value.code, failed.value.body["puras_code"]) == (  # type: ignore[index]
            "insufficient_quota",
            "wallet_empty",
        )
        assert failed.value.response.headers["x-should-retry"] == "false"


async def test_rate_limit(place: Place) -> None:
    client = place.client(api_key=await place.key_for(requests_per_minute=1))
    with pytest.raises(openai.RateLimitError) as failed:
        for _ in range(2):
            await client.models.list()
    assert failed.value.code == "rate_limit_exceeded"
    assert int(failed.value.response.headers["retry-after"]) > 0
    assert "x-should-retry" not in failed.value.response.headers


async def test_failed_job(place: Place) -> None:
    place.upstream.script = [says("", stop_reason="refusal")] * 3
    with pytest.raises(openai.UnprocessableEntityError) as failed:
        await ask(place)
    job = (await place.jobs())[0]
    assert (failed.value.code, failed.value.type) == (job["error_code"], "job_error")
    assert failed.value.message == f"Error code: 422 - {job['error']}"
    assert failed.value.body["job_id"] == job["id"]  # type: ignore[index]
    assert failed.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.APIError, match=job["error"].split(".")[0]):
        async for _ in await ask(place, stream=True):
            pass
    events = [
        event
        async for event in await place.client().responses.create(model="talk", input="owls", stream=True)
    ]
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None
    assert events[-1].response.error.code == job["error_code"]
