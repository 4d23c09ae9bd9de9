"""What becomes of a job when its client disconnects, repeats the request, or a user cancels it."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from tests.doubles.messages import says
from tests.integration.openai_api.conftest import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWLS: list[Any] = [{"role": "user", "content": "owls"}]
TEXT = "Owls fly at night, and no mouse hears them. " * 10


async def running_job(place: Place) -> Any:
    """Return the only job when its model has been asked."""
    async with asyncio.timeout(20):
        while place.upstream.asked == 0:  # noqa: ASYNC110 - another thread makes it so
            await asyncio.sleep(0.02)
    return await place.job()


async def test_client_that_leaves_a_stream_cancels_the_job(place: Place) -> None:
    reply = says(TEXT).but(hold_after=5)
    place.upstream.script = [reply]
    stream = await place.client().chat.completions.create(model="talk", messages=OWLS, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    job = await place.agents.wait_for_end((await place.job())["id"])
    reply.release.set()
    assert job["status"] == "cancelled"


async def test_client_that_does_not_wait_cancels_the_job(place: Place) -> None:
    reply = says(TEXT).but(hold_after=5)
    place.upstream.script = [reply]
    asked = asyncio.create_task(place.client().responses.create(model="talk", input="owls"))
    job = await running_job(place)
    asked.cancel()
    job = await place.agents.wait_for_end(job["id"])
    reply.release.set()
    assert job["status"] == "cancelled"


async def test_job_of_an_idempotent_request_continues(place: Place) -> None:
    reply = says(TEXT).but(hold_after=5)
    place.upstream.script = [reply]
    request: dict[str, Any] = {
        "model": "talk",
        "messages": OWLS,
        "extra_headers": {"Idempotency-Key": "owls-1"},
    }
    client = place.client()
    asked = asyncio.create_task(client.chat.completions.create(**request))
    job = await running_job(place)
    asked.cancel()
    await asyncio.sleep(0.2)
    reply.release.set()
    completion = await client.chat.completions.create(**request)
    assert completion.choices[0].message.content == TEXT.strip()
    assert completion.id.endswith(job["id"].replace("-", ""))
    assert [one["id"] for one in await place.jobs()] == [job["id"]]
    with pytest.raises(openai.BadRequestError) as failed:
        await client.chat.completions.create(**{**request, "stream": True})
    assert failed.value.code == "idempotency_key_reused"


async def test_repeated_stream_sends_the_whole_answer(place: Place) -> None:
    place.upstream.script = [says(TEXT)]
    client = place.client()
    texts = []
    for _ in range(2):
        stream = await client.chat.completions.create(
            model="talk", messages=OWLS, stream=True, extra_headers={"Idempotency-Key": "owls-2"}
        )
        texts.append("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))
    assert [text.strip() for text in texts] == [TEXT.strip()] * 2
    assert place.upstream.answered == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_canceled_job_is_an_error(place: Place, stream: bool) -> None:
    reply = says(TEXT).but(hold_after=5)
    place.upstream.script = [reply]

    async def ask() -> None:
        answer: Any = await place.client().chat.completions.create(model="talk", messages=OWLS, stream=stream)
        if stream:
            async for _ in answer:
                pass

    asked = asyncio.create_task(ask())
    job = await running_job(place)
    await place.agents.project.http.post(f"/v1/jobs/{job['id']}/cancel")
    await place.agents.wait_for_end(job["id"])
    reply.release.set()
    with pytest.raises(openai.APIError, match="canceled") as failed:
        await asked
    assert failed.value.code == "job_cancelled"
    assert getattr(failed.value, "status_code", 499) == 499


async def test_revoked_key_ends_a_stream_with_an_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.identity.auth.gate.RECHECK_INTERVAL_S", 0.2)
    response = await place.agents.project.http.post("/v1/api-keys", json={"name": "other"})
    created = response.json()
    reply = says(TEXT).but(hold_after=5)
    place.upstream.script = [reply]
    client = place.client(api_key=created["key"])
    stream = await client.chat.completions.create(model="talk", messages=OWLS, stream=True)
    revoked = False
    with pytest.raises(openai.APIError) as failed:
        async for chunk in stream:
            if chunk.choices[0].delta.content and not revoked:
                revoked = True
                await place.agents.project.http.delete(f"/v1/api-keys/{created['id']}")
                await asyncio.sleep(0.3)
                reply.release.set()
    assert failed.value.code == "invalid_api_key"


@pytest.mark.parametrize("stream", [False, True])
async def test_wait_ends_with_an_error_and_cancels_the_job(place: Place, stream: bool) -> None:
    reply = says(TEXT).but(hold_after=5)
    place.upstream.script = [reply]
    client = place.client(max_retries=2)
    with pytest.raises(openai.APIError) as failed:
        answer: Any = await client.chat.completions.create(
            model="talk", messages=OWLS, stream=stream, extra_query={"timeout": 0.5}
        )
        async for _ in answer:
            pass
    assert failed.value.code == "job_wait_timeout"
    job = await place.agents.wait_for_end((await place.job())["id"])
    reply.release.set()
    assert job["status"] == "cancelled"
