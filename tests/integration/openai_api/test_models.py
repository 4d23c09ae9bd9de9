"""Skills as a list of models, and functions as models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.openai_api.conftest import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_models_are_the_skills_that_the_key_can_run(idle_place: Place) -> None:
    models = [model async for model in idle_place.client().models.list()]
    assert sorted(model.id for model in models) == ["double", "grade", "talk"]
    assert {(model.object, model.owned_by) for model in models} == {("model", "default")}
    restricted = await idle_place.key_for(skill_allowlist=["talk"], scopes=["skills:read", "jobs:submit"])
    client = idle_place.client(api_key=restricted)
    assert [model.id async for model in client.models.list()] == ["talk"]
    assert (await client.models.retrieve("default/talk")).id == "talk"


async def test_function_answers_with_json(idle_place: Place) -> None:
    client = idle_place.client()
    asked: list[Any] = [{"role": "user", "content": json.dumps({"n": 21})}]
    async with sandboxed_worker(idle_place.agents, models_for(idle_place.agents)):
        completion = await client.chat.completions.create(model="double", messages=asked)
        assert completion.choices[0].message.content == '{"n": 42}'
        assert completion.usage is not None
        assert completion.usage.total_tokens == 0
        async with client.responses.stream(
            model="double", input="Double it.", extra_body={"inputs": {"n": 4}}
        ) as stream:
            response = await stream.get_final_response()
        assert response.output_text == '{"n": 8}'
