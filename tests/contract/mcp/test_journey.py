"""Create, push and run a skill, and read its spans, over stdio and HTTP, with the newest and the previous protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp import Client
from tests.contract.mcp.conftest import Project, call

NEWEST = "auto"
PREVIOUS = "legacy"


@pytest.mark.parametrize("mode", [NEWEST, PREVIOUS])
async def test_a_skill_is_created_checked_pushed_and_run_over_stdio(
    project: Project, tmp_path: Path, mode: str
) -> None:
    name = f"words-{mode}"
    async with project.over_stdio(mode=mode) as client:
        created = await call(client, "init_project", project_dir=str(tmp_path / "pack"), name=name)
        assert (tmp_path / "pack" / "skills" / name / "skill.yaml").is_file()
        checked = await call(client, "validate", project_dir=created["folder"])
        assert (checked["ok"], checked["skills"]) == (True, [name])
        await call(client, "push", project_dir=created["folder"], notes="From a test", activate=False)
        newest = (await call(client, "list_deployments"))["deployments"][0]
        assert (newest["notes"], newest["is_active"]) == ("From a test", False)
        await _run_and_look(client, name, newest["version"])
        deleted = await call(client, "delete_deployment", deployment_id=newest["id"])
        assert newest["id"] in deleted["done"]


@pytest.mark.parametrize("mode", [NEWEST, PREVIOUS])
async def test_a_skill_is_created_checked_pushed_and_run_over_http(project: Project, mode: str) -> None:
    name = f"web-words-{mode}"
    async with project.over_http(mode=mode) as client:
        files = (await call(client, "init_project", name=name))["files"]
        assert (await call(client, "validate", files=files))["skills"] == [name]
        pushed = await call(client, "push", files=files, activate=False)
        await _run_and_look(client, name, pushed["version"])


async def _run_and_look(client: Client, skill: str, version: int) -> None:
    job = await call(client, "submit_job", skill=skill, inputs={"text": "one two three"}, version=version)
    assert job["status"] in ("queued", "running", "succeeded")
    tail = await call(client, "tail_job", job_id=job["id"], max_seconds=50)
    assert (tail["job"]["status"], tail["timed_out"]) == ("succeeded", False)
    assert tail["job"]["result"] == {"words": 3}
    types = [event["type"] for event in tail["events"]]
    assert (types[0], types[-1]) == ("queued", "succeeded")
    spans = await call(client, "get_spans", job_id=job["id"])
    assert spans["total"] == len(spans["spans"]) > 0
    listed = await call(client, "list_jobs", skill=skill)
    assert [one["id"] for one in listed["jobs"]] == [job["id"]]
