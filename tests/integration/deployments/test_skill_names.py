"""The resolution of the name of a skill to the version that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from backend.context import AppContext
from backend.skills.deployments.active import load_deployed_skill, resolve_skill
from backend.skills.deployments.errors import (
    DeploymentNotFound,
    NothingActive,
    SkillAmbiguous,
    SkillNotFound,
    SkillpackMismatch,
    SubskillNotSubmittable,
)
from backend.skills.skillpacks.errors import SkillpackNotFound


def bundle(*names: str) -> dict[str, bytes]:
    """Return a bundle of agents with these names."""
    files: dict[str, bytes] = {}
    for name in names:
        path = "skills/" + name.replace("/", "/subskills/")
        files[f"{path}/skill.yaml"] = b"entrypoint: SKILL.md\ninput_schema: {}\noutput_schema: {}\n"
        files[f"{path}/SKILL.md"] = b"Do it."
    return files


async def resolve(instance: AppContext, project: Any, skill: str, **named: Any) -> Any:
    """Resolve the skill in a separate transaction."""
    async with instance.database.transaction() as session:
        return await resolve_skill(session, project.principal, skill=skill, **named)


async def push_skillpack(project: Any, slug: str, *names: str) -> None:
    """Push another skillpack with these skills active."""
    response = await project.http.post("/v1/skillpacks", json={"name": slug.title(), "slug": slug})
    assert response.status_code == 201, response.text
    await project.pushed(bundle(*names), where=f"/v1/skillpacks/{slug}")


async def test_default_skillpack_has_priority_then_the_only_match(instance: AppContext, project: Any) -> None:
    await project.pushed(bundle("shared", "own"))
    await push_skillpack(project, "images", "shared", "resize")
    await push_skillpack(project, "video", "resize", "cut")
    assert (await resolve(instance, project, "shared")).skillpack_slug == "default"
    assert (await resolve(instance, project, "cut")).skillpack_slug == "video"
    with pytest.raises(SkillAmbiguous) as caught:
        await resolve(instance, project, "resize")
    assert caught.value.fields["candidates"] == ["images", "video"]
    assert (await resolve(instance, project, "resize", skillpack="video")).skillpack_slug == "video"


async def test_full_names_are_resolved(instance: AppContext, project: Any) -> None:
    await push_skillpack(project, "images", "resize")
    for name, skillpack in (
        ("images/resize", None),
        (f"{project.slug}/images/resize", None),
        (f"{project.id}/images/resize", None),
        ("resize", f"{project.slug}/images"),
        (f"{project.slug}/images/resize", "images"),
    ):
        found = await resolve(instance, project, name, skillpack=skillpack)
        assert (found.skill.name, found.skillpack_slug) == ("resize", "images")
    with pytest.raises(SkillNotFound):
        await resolve(instance, project, "elsewhere/images/resize")
    with pytest.raises(SkillpackMismatch):
        await resolve(instance, project, f"{project.slug}/images/resize", skillpack="video")


async def test_version_can_be_specified(instance: AppContext, project: Any) -> None:
    await project.pushed(bundle("old"))
    await project.pushed(bundle("new"))
    assert (await resolve(instance, project, "old", version=1)).version == 1
    with pytest.raises(SkillNotFound):
        await resolve(instance, project, "old")
    for version in (3, 0, -1, 2**40):
        with pytest.raises(DeploymentNotFound):
            await resolve(instance, project, "old", version=version)


async def test_error_names_what_is_missing(instance: AppContext, project: Any) -> None:
    with pytest.raises(NothingActive):
        await resolve(instance, project, "x")
    await project.pushed(bundle("resize"))
    with pytest.raises(SkillNotFound, match="Did you mean 'resize'"):
        await resolve(instance, project, "resise")
    with pytest.raises(SkillpackNotFound):
        await resolve(instance, project, "resize", skillpack="nowhere")
    for name in ("", "/", "a//b", "a/b/c/d", "x\0y"):
        with pytest.raises(SkillNotFound):
            await resolve(instance, project, name)


async def test_subskills_can_be_called_only_by_their_parent(instance: AppContext, project: Any) -> None:
    await project.pushed(bundle("report", "report/draft"))
    with pytest.raises(SubskillNotSubmittable, match="Submit a job for 'report'"):
        await resolve(instance, project, "report/draft")
    listed = (await project.http.get("/v1/skills")).json()
    assert [one["name"] for one in listed] == ["report"]


async def test_known_skill_costs_one_query_and_a_pinned_one_none(instance: AppContext, project: Any) -> None:
    created = await project.pushed(bundle("resize"))
    await resolve(instance, project, "resize")
    async with instance.database.transaction() as session:
        with counted_statements(instance) as queries:
            await resolve_skill(session, project.principal, skill="resize")
        assert len(queries) == 1
        with counted_statements(instance) as queries:
            await load_deployed_skill(
                session, (await resolve(instance, project, "resize")).deployment_id, "resize"
            )
        assert created["id"] not in "".join(queries)


async def test_skill_is_described_in_both_schema_dialects(project: Any) -> None:
    files = {
        "skills/look/skill.yaml": b"""
entrypoint: SKILL.md
title: Look
input_schema: {type: object, properties: {photo: {type: image}}}
output_schema: {type: object, properties: {seen: {type: text}}}
examples: [{inputs: {photo: a.png}}]
""",
        "skills/look/SKILL.md": b"Look.",
    }
    await project.pushed(files)
    skill = (await project.http.get("/v1/skills/look")).json()
    assert skill["input_schema"]["properties"]["photo"] == {"type": "image"}
    assert "oneOf" in skill["input_json_schema"]["properties"]["photo"]
    assert skill["type"] == "agentic"
    assert skill["examples"][0]["inputs"] == {"photo": "a.png"}
    missing = await project.http.get("/v1/skills/lok")
    assert (missing.status_code, "look" in missing.json()["detail"]) == (404, True)


async def test_schema_of_skill_yaml_is_public(project: Any) -> None:
    response = await project.http.get("/schemas/skill.json", headers={"Authorization": ""})
    assert response.json()["title"] == "skill.yaml"


async def test_skillpacks_are_created_once_per_slug(project: Any) -> None:
    first = await project.http.post("/v1/skillpacks", json={"name": "My Pack", "slug": "my-pack"})
    assert (first.status_code, first.json()["slug"]) == (201, "my-pack")
    again = await project.http.post("/v1/skillpacks", json={"name": "My Pack"})
    assert (again.status_code, again.json()["code"]) == (409, "slug_taken")
    bad = await project.http.post("/v1/skillpacks", json={"name": "x", "slug": "No Good"})
    assert (bad.status_code, bad.json()["errors"][0]["path"]) == (422, "slug")
    listed = (await project.http.get("/v1/skillpacks")).json()
    assert [one["slug"] for one in listed] == ["default", "my-pack"]


@contextmanager
def counted_statements(instance: AppContext) -> Iterator[list[str]]:
    """Collect the statements that the block sends."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(instance.database.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(instance.database.engine.sync_engine, "before_cursor_execute", note)
