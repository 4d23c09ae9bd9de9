"""The form of a skill for pages: only keys that are limited to the skill read it."""

from __future__ import annotations

from typing import Any

import pytest

from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from tests.integration.deployments.conftest import BUNDLE


@pytest.fixture
async def project(make_project: Any) -> Any:
    """Create a project with the skill `double` in two skillpacks, and another skill."""
    project = await make_project.make("Mine")
    await project.pushed(
        {**BUNDLE, **{path.replace("double", "other"): text for path, text in BUNDLE.items()}}
    )
    await project.http.post("/v1/skillpacks", json={"name": "Work", "slug": "work"})
    await project.pushed(BUNDLE, where="/v1/skillpacks/work")
    return project


async def test_publishable_key_reads_only_the_forms_of_its_skills(project: Any, database: Database) -> None:
    async def read(skill: str, headers: dict[str, str]) -> tuple[int, Any]:
        response = await project.http.get(f"/v1/embeds/{skill}", headers=headers)
        return response.status_code, response.json()

    async def headers_of(*allowlist: str) -> dict[str, str]:
        async with database.transaction() as session:
            limits = Limits(skill_allowlist=allowlist)
            new = await keys.create(session, None, project_id=project.id, kind="publishable", limits=limits)
        return {"Authorization": f"Bearer {new.plaintext}"}

    of_double = await headers_of("default/double")
    status, form = await read("double", of_double)
    assert (status, form["full_name"], form["is_agentic"]) == (200, "double", False)
    assert form["input_schema"]["properties"] == {"n": {"type": "integer"}}
    assert set(form) == {
        "name",
        "full_name",
        "title",
        "description",
        "is_agentic",
        "allows_visitors",
        "input_schema",
    }
    for skill in (
        "other",
        "work/double",
        "work/other",
        "unknown",
        "unknown/double",
        f"{project.slug}/default/other",
    ):
        status, error = await read(skill, of_double)
        assert (status, error["code"]) == (403, "skill_not_on_key"), skill
    status, form = await read("work/double", await headers_of("work/double"))
    assert (status, form["full_name"]) == (200, "work/double")

    status, error = await read("double", await headers_of())
    assert (status, error["code"]) == (403, "key_not_limited")


async def test_form_of_another_project_is_not_found(project: Any, make_project: Any) -> None:
    other = await make_project.make("Other")
    assert (await project.http.get("/v1/embeds/double")).status_code == 200
    assert (await other.http.get("/v1/embeds/double")).status_code == 404
    assert (await other.http.get(f"/v1/embeds/{project.slug}/default/double")).status_code == 404
