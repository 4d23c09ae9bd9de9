"""Plain Agent Skills, as people have them: deployed without a change, they run with their scripts and references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.skills.archives.pack import pack
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed import models_of, sandboxed

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDERS = Path(__file__).parent / "agent_skills"
EXPENSES = "kind,what,amount\ntravel,Night train,380\nmeals,Dinner,95\nbooks,Atlas,129.5\n"
SUBJECTS = "feat(ui): People can sort the list\nchore: New linter\nfix: The list is not empty on phones\ntest: More\n"


async def deployed(agents: Agents) -> None:
    answer = await agents.project.push_bytes(pack(FOLDERS))
    assert answer.status_code == 201, answer.text


async def worked(agents: Agents, skill: str, prompt: str, **inputs: Any) -> Any:
    async with sandboxed(agents, models_of(agents)):
        job = await agents.ended(await agents.submit(skill=skill, inputs={"prompt": prompt, **inputs}))
    assert job["status"] == "succeeded", job["error"]
    return job


def told(agents: Agents, step: int) -> str:
    """What the model was told of the calls of that step."""
    return str(agents.upstream.bodies[step]["messages"][-1]["content"])


async def test_a_skill_audits_a_file_of_its_inputs_with_its_script_by_its_rules(agents: Agents) -> None:
    await deployed(agents)
    files = {"file": ("expenses.csv", EXPENSES.encode())}
    kept = await agents.project.http.post("/v1/drive/upload", files=files, data={"path": "in/expenses.csv"})
    assert kept.status_code < 300, kept.text
    agents.upstream.script = [
        says(calls("file_read", paths=["references/rules.md"])),
        says(calls("bash", command="python3 scripts/audit.py drive/in/expenses.csv")),
        says("The dinner and the atlas cost too much."),
    ]
    job = await worked(agents, "expense-audit", "Which of them are too much?", files=["in/expenses.csv"])
    assert job["result"] == {"answer": "The dinner and the atlas cost too much."}
    assert "- meals: 60" in told(agents, 1)
    assert "Dinner: 35 more than meals may cost" in told(agents, 2)
    assert "Atlas: 29.5 more" in told(agents, 2)
    assert "Night train" not in told(agents, 2)
    assert agents.upstream.bodies[0]["system"][0]["text"].startswith("# Auditing expenses")


async def test_a_skill_writes_a_file_that_is_its_result(agents: Agents) -> None:
    await deployed(agents)
    command = f"printf '{SUBJECTS}' | sh scripts/collect.sh | tee drive/notes.md"
    agents.upstream.script = [
        says(calls("bash", command=command, _label="Collecting")),
        says(calls("set_output", answer="The notes are written.", files=["drive/notes.md"])),
    ]
    job = await worked(agents, "release-notes", "Write the notes of this week.")
    assert "People can sort the list" in told(agents, 1)
    assert "linter" not in told(agents, 1)
    (file,) = job["result"]["files"]
    notes = await agents.project.http.get(
        f"/v1/drive/files/{file['path'] if isinstance(file, dict) else file}"
    )
    assert notes.text == "People can sort the list\nThe list is not empty on phones\n"
