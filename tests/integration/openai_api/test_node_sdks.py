"""The SDK of OpenAI for Node.js and the AI SDK of Vercel call skills. Skipped without Node.js or its packages."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.messages import Says, calls, says
from tests.integration.openai_api.conftest import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCES = Path(__file__).with_name("node")
INSTALLED = Path(__file__).parents[3] / ".tools" / "openai-node"
"""The packages, which are installed once per checkout."""
TEXT = "Owls fly at night, and no mouse hears them. " * 10
GRADED: dict[str, Any] = {"summary": "Owls.", "score": 3}


@pytest.fixture(scope="module")
def journey() -> Path:
    """Install the packages, and return the script that uses them."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("Node.js is not on this host; the tests of the Python SDK cover the same routes")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in SOURCES.iterdir():
        shutil.copy(file, INSTALLED)
    if not (INSTALLED / "node_modules").exists():
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        done = subprocess.run(
            command, cwd=INSTALLED, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            shutil.rmtree(INSTALLED / "node_modules", ignore_errors=True)
            pytest.skip("the packages of Node.js cannot be installed on this host")
    return INSTALLED / "journey.mjs"


def reply(body: dict[str, Any]) -> Says:
    """Return the reply of a model: a result for the skill with a schema, otherwise a text."""
    is_graded = "summaries" in json.dumps(body["system"])
    return says(calls("set_output", **GRADED)) if is_graded else says(TEXT).but(pause_s=0.01)


@pytest.mark.timeout(400)
async def test_sdks_for_node_call_skills(place: Place, journey: Path) -> None:
    place.upstream.script = reply
    environment = {**os.environ, "BASE_URL": place.url, "API_KEY": place.key}
    process = await asyncio.create_subprocess_exec(
        "node",
        str(journey),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    found = json.loads(out.decode().splitlines()[-1])
    answer = TEXT.strip()
    assert found.pop("vercelError")[0] == 404
    assert found == {
        "models": ["double", "grade", "talk"],
        "chat": [answer, True, True],
        "responses": [answer, True, True],
        "jobHeader": 36,
        "unknown": ["NotFoundError", 404, "model_not_found"],
        "key": ["AuthenticationError", 401, "invalid_api_key"],
        **{
            name: [answer, True, True, "stop"] for name in ("compatible", "officialChat", "officialResponses")
        },
        **{f"{name}Once": answer for name in ("compatible", "officialChat", "officialResponses")},
        **{f"{name}Next": answer for name in ("compatible", "officialChat", "officialResponses")},
        **{f"{name}Object": GRADED for name in ("compatible", "officialChat", "officialResponses")},
    }
    following = [body for body in place.upstream.bodies if "and bats?" in json.dumps(body)]
    assert [body["messages"][1]["content"] for body in following] == [[{"type": "text", "text": answer}]] * 3
    assert {job["status"] for job in await place.jobs()} == {"succeeded"}
