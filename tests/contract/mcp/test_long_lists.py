"""Check that long lists are returned in parts that fit into a context, with each entry exactly once."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backend.core.clock import now
from mcp import Client
from tests.contract.mcp.conftest import SKILL, SKILL_YAML, Project, call, new_project, refusal
from tests.integration.operations.instances import Up

SKILLS, VERSIONS, JOBS = 90, 7, 60
MAX_CHARS = 20_000


@pytest.fixture(scope="module")
def crowded(instance: Up, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Create a project for long lists."""
    return new_project(instance, "Crowded", tmp_path_factory.mktemp("crowded"))


async def test_many_skills_versions_and_jobs_are_read_in_parts(crowded: Project, tmp_path: Path) -> None:
    main = SKILL["skills/tally/main.py"]
    yaml = SKILL_YAML.replace("Counts aloud.", "Counts. " + "d" * 900)
    files = {
        f"skills/s{number}/{name}": text
        for number in range(SKILLS)
        for name, text in (("skill.yaml", yaml), ("main.py", main))
    }
    async with crowded.over_http() as client:
        await call(client, "push", files=files)
        for _ in range(VERSIONS - 1):
            await call(client, "push", files=SKILL, notes="n" * 3_900, activate=False)
        skills = await _all(client, "list_skills", "skills", "offset")
        assert {one["name"] for one in skills} == {f"s{number}" for number in range(SKILLS)}
        assert len(skills) == SKILLS
        found = await call(client, "list_skills", query="s17 counts")
        assert ([one["name"] for one in found["skills"]], found["total"]) == (["s17"], 1)
        versions = await _all(client, "list_deployments", "deployments", "offset", limit=200)
        assert [one["version"] for one in versions] == list(range(VERSIONS, 0, -1))

        made = {await _later(crowded, number) for number in range(JOBS)}
        jobs = await _all(client, "list_jobs", "jobs", "cursor", limit=200)
        assert {one["id"] for one in jobs} == made
        assert len(jobs) == JOBS


async def test_a_path_with_a_nul_character_is_rejected(crowded: Project) -> None:
    async with crowded.over_http() as client:
        assert "NUL" in await refusal(client, "validate", files={**SKILL, "skills/tally/a\0.py": ""})


async def _all(client: Client, tool: str, key: str, onward: str, **arguments: Any) -> list[dict[str, Any]]:
    """Return all entries, and check that each part fits."""
    entries: list[dict[str, Any]] = []
    while True:
        answer = await call(client, tool, **arguments)
        assert len(json.dumps(answer)) < MAX_CHARS
        entries += answer[key]
        if answer[f"next_{onward}"] is None:
            return entries
        arguments[onward] = answer[f"next_{onward}"]


async def _later(project: Project, number: int) -> str:
    async with httpx2.AsyncClient(timeout=60) as http:
        made = await http.post(
            f"{project.address}/v1/jobs",
            headers={"Authorization": f"Bearer {project.key}"},
            json={
                "skill": "s0",
                "run_at": (now() + timedelta(days=300)).isoformat(),
                "metadata": {"number": number},
            },
        )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])
