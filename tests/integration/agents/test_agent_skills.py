"""Agent Skills in their original format: deployed without changes, they run with their scripts and references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.skills.archives.pack import pack
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDERS = Path(__file__).parent / "agent_skills"
EXPENSES = "kind,what,amount\ntravel,Night train,380\nmeals,Dinner,95\nmaps,Atlas,129.5\n"
SUBJECTS = "feat(ui): People can sort the list\nchore: New linter\nfix: The list is not empty on phones\ntest: More\n"


async def deploy(agents: Agents) -> None:
    response = await agents.project.push_bytes(pack(FOLDERS))
    assert response.status_code == 201, response.text


async def run_skill(agents: Agents, skill: str, prompt: str, **inputs: Any) -> Any:
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(await agents.submit(skill=skill, inputs={"prompt": prompt, **inputs}))
    assert job["status"] == "succeeded", job["error"]
    return job


def results(agents: Agents, step: int) -> str:
    """Return the results that the model received for the calls of a step."""
    return str(agents.upstream.bodies[step]["messages"][-1]["content"])


async def test_skill_audits_input_file_with_its_script_and_rules(agents: Agents) -> None:
    await deploy(agents)
    files = {"file": ("expenses.csv", EXPENSES.encode())}
    uploaded = await agents.project.http.post(
        "/v1/drive/upload", files=files, data={"path": "in/expenses.csv"}
    )
    assert uploaded.status_code < 300, uploaded.text
    agents.upstream.script = [
        says(calls("file_read", paths=["references/rules.md"])),
        says(calls("bash", command="python3 scripts/audit.py drive/in/expenses.csv")),
        says("The dinner and the atlas cost too much."),
    ]
    job = await run_skill(agents, "expense-audit", "Which of them are too much?", files=["in/expenses.csv"])
    assert job["result"] == {"answer": "The dinner and the atlas cost too much."}
    assert "- meals: 60" in results(agents, 1)
    assert "Dinner: 35 more than meals may cost" in results(agents, 2)
    assert "Atlas: 29.5 more" in results(agents, 2)
    assert "Night train" not in results(agents, 2)
    assert agents.upstream.bodies[0]["system"][0]["text"].startswith("# Auditing expenses")


async def test_skill_returns_a_written_file(agents: Agents) -> None:
    await deploy(agents)
    command = f"printf '{SUBJECTS}' | sh scripts/collect.sh | tee drive/notes.md"
    agents.upstream.script = [
        says(calls("bash", command=command, _label="Collecting")),
        says(calls("set_output", answer="The notes are written.", files=["drive/notes.md"])),
    ]
    job = await run_skill(agents, "release-notes", "Write the notes of this week.")
    assert "People can sort the list" in results(agents, 1)
    assert "linter" not in results(agents, 1)
    (file,) = job["result"]["files"]
    notes = await agents.project.http.get(
        f"/v1/drive/files/{file['path'] if isinstance(file, dict) else file}"
    )
    assert notes.text == "People can sort the list\nThe list is not empty on phones\n"
