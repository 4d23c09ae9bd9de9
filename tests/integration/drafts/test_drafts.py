"""Drafts over REST: created, edited, validated, run, published; no write overwrites a revision it has not read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.authoring.drafts.reading import MAX_FILE_BYTES
from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.skills.archives.pack import pack_files
from tests.integration.deployments.conftest import BUNDLE, SKILL

FILES = "/v1/drafts/files"
MAIN = f"{FILES}/skills/double/main.py"
YAML = f"{FILES}/skills/double/skill.yaml"


async def listed(project: Any, where: str = "/v1") -> dict[str, Any]:
    response = await project.http.get(f"{where}/drafts")
    assert response.status_code == 200, response.text
    return {file["path"]: file for file in response.json()["files"] if not file["is_deleted"]}


async def test_draft_is_based_on_the_active_version(project: Any) -> None:
    draft = (await project.http.get("/v1/drafts")).json()
    assert (draft["base_version"], draft["skillpack"]) == (1, "default")
    assert [file["path"] for file in draft["files"]] == sorted(BUNDLE)
    read = await project.http.get(MAIN)
    assert read.content == BUNDLE["skills/double/main.py"]
    assert read.headers["etag"] == f'"{draft["revision"]}"'


async def test_concurrent_requests_create_one_draft(project: Any) -> None:
    responses = await asyncio.gather(*(project.http.get("/v1/drafts") for _ in range(8)))
    assert {response.status_code for response in responses} == {200}
    assert {len(response.json()["files"]) for response in responses} == {2}


async def test_write_with_an_old_revision_is_rejected(project: Any) -> None:
    seen = (await project.http.get(MAIN)).headers["etag"]
    mine = await project.http.put(MAIN, content=b"mine", headers={"If-Match": seen})
    assert mine.status_code == 200
    rejected = await project.http.put(MAIN, content=b"theirs", headers={"If-Match": seen})
    assert rejected.status_code == 409
    assert rejected.json()["code"] == "draft_file_changed"
    assert rejected.json()["revision"] == mine.json()["revision"]
    assert (await project.http.get(MAIN)).content == b"mine"
    unconditional = await project.http.put(MAIN, content=b"theirs", headers={"If-Match": "*"})
    assert unconditional.json()["revision"] > mine.json()["revision"]


async def test_write_without_a_revision_needs_a_new_file(project: Any) -> None:
    exists = (await project.http.put(MAIN, content=b"x")).json()
    assert exists["code"] == "draft_path_taken"
    assert f"If-Match: {exists['revision']}" in exists["detail"]
    assert "another name" not in exists["detail"]
    new = await project.http.put(f"{FILES}/skills/double/notes.md", content=b"x")
    assert new.status_code == 200


async def test_deleted_file_can_be_restored_until_the_next_publish(project: Any) -> None:
    await project.http.get("/v1/drafts")
    path = "skills/double/main.py"
    assert (await project.http.delete(MAIN)).status_code == 204
    assert path not in await listed(project)
    assert (await project.http.get(MAIN)).status_code == 404
    assert (await project.http.post(f"/v1/drafts/restore/{path}")).status_code == 200
    assert (await project.http.get(MAIN)).content == BUNDLE[path]
    await project.http.put(f"{FILES}/old.md", content=b"x")
    await project.http.delete(f"{FILES}/old.md")
    assert (await project.http.post("/v1/drafts/publish", json={})).status_code == 201
    assert (await project.http.post("/v1/drafts/restore/old.md")).status_code == 404


async def test_folder_is_moved_with_its_content(project: Any) -> None:
    await project.http.get("/v1/drafts")
    moved = await project.http.post("/v1/drafts/move", json={"path": "skills/double/", "to": "skills/twice"})
    assert moved.status_code == 200, moved.text
    assert set(await listed(project)) == {"skills/twice/main.py", "skills/twice/skill.yaml"}
    clash = await project.http.post(
        "/v1/drafts/move", json={"path": "skills/twice/main.py", "to": "skills/twice/skill.yaml"}
    )
    assert clash.status_code == 409


@pytest.mark.parametrize(
    "path",
    [
        "../up.md",
        "a//b",
        "/abs",
        "a\\b",
        "C:/x",
        "a/./b",
        "a\nb",
        "x" * 300,
        "skills/DOUBLE/main.py",
        "skills",
    ],
)
async def test_invalid_bundle_path_is_rejected(project: Any, path: str) -> None:
    await project.http.get("/v1/drafts")
    moved = await project.http.post("/v1/drafts/move", json={"path": "skills/double/main.py", "to": path})
    assert moved.status_code in (409, 422), moved.text
    assert set(await listed(project)) == set(BUNDLE)


async def test_content_over_the_limit_is_rejected_and_nothing_is_lost(project: Any) -> None:
    seen = (await project.http.get(MAIN)).headers["etag"]
    response = await project.http.put(MAIN, content=b"x" * (MAX_FILE_BYTES + 1), headers={"If-Match": seen})
    assert response.status_code == 413
    bundle = pack_files({"big.bin": b"x" * (MAX_FILE_BYTES + 1)})
    imported = await project.http.post("/v1/drafts/import", files={"bundle": ("b.zip", bundle)})
    assert imported.status_code == 413
    assert (await project.http.get(MAIN)).content == BUNDLE["skills/double/main.py"]


async def test_problems_have_lines_and_the_messages_of_a_push(project: Any) -> None:
    await project.http.get("/v1/drafts")
    wrong = SKILL.replace(b"entrypoint:", b"entrypont:")
    await project.http.put(YAML, content=wrong, headers={"If-Match": "*"})
    checked = (await project.http.get("/v1/drafts/check")).json()
    pushed = await project.push({**BUNDLE, "skills/double/skill.yaml": wrong})
    assert [one.pop("keys") for one in checked["problems"]] == [["entrypoint"], ["entrypont"]]
    assert checked["problems"] == pushed.json()["errors"]
    assert checked["problems"][0]["line"] == 2
    refused = await project.http.post("/v1/drafts/publish", json={})
    assert (refused.status_code, refused.json()["code"]) == (422, "bundle_invalid")


async def test_check_names_the_revision_that_it_concerns(project: Any) -> None:
    first = (await project.http.get("/v1/drafts/check")).json()["revision"]
    written = await project.http.put(f"{FILES}/skills/double/notes.md", content=b"why")
    assert (
        (await project.http.get("/v1/drafts/check")).json()["revision"] == written.json()["revision"] > first
    )


async def test_estimate_of_a_function_without_a_price_is_nothing(project: Any) -> None:
    found = (await project.http.get("/v1/drafts/cost-estimate?skill=double")).json()
    assert (found["basis"], found["expected_micros"], found["max_micros"]) == ("free", 0, 0)
    await project.http.put(YAML, content=b"entrypoint: [", headers={"If-Match": "*"})
    broken = await project.http.get("/v1/drafts/cost-estimate?skill=double")
    assert (broken.status_code, broken.json()["code"]) == (422, "bundle_invalid")


async def test_draft_runs_as_a_job_without_a_version_number(project: Any) -> None:
    await project.http.get("/v1/drafts")
    await project.http.put(MAIN, content=b"def run(n):\n    return {'n': 3 * n}\n", headers={"If-Match": "*"})
    run = await project.http.post("/v1/drafts/run", json={"skill": "double", "inputs": {"n": 2}})
    assert run.status_code == 201, run.text
    job = (await project.http.get(f"/v1/jobs/{run.json()['job_id']}")).json()
    assert (job["deployment_version"], job["status"]) == (None, "queued")
    assert [one["version"] for one in (await project.http.get("/v1/deployments")).json()] == [1]


async def test_publish_creates_the_next_version_and_rebases_the_draft(project: Any) -> None:
    await project.http.put(f"{FILES}/skills/double/notes.md", content=b"why")
    created = await project.http.post("/v1/drafts/publish", json={"notes": "with notes"})
    assert (created.json()["version"], created.json()["is_active"], created.json()["notes"]) == (
        2,
        True,
        "with notes",
    )
    assert (await project.http.get("/v1/drafts")).json()["base_version"] == 2
    back = await project.http.post("/v1/drafts/reset", json={"version": 1})
    assert back.json()["base_version"] == 1
    assert set(await listed(project)) == set(BUNDLE)


async def test_diff_shows_the_changes_of_a_publish(project: Any) -> None:
    await project.http.put(f"{FILES}/skills/double/notes.md", content=b"why")
    await project.http.put(
        YAML,
        content=SKILL.replace(b"n: {type: integer}", b"m: {type: integer}", 1).replace(b"[n]", b"[m]"),
        headers={"If-Match": "*"},
    )
    diff = (await project.http.get("/v1/drafts/diff")).json()
    assert {(one["path"], one["change"]) for one in diff["files"]} == {
        ("skills/double/notes.md", "added"),
        ("skills/double/skill.yaml", "changed"),
    }
    assert any(one["is_breaking"] for one in diff["skills"])
    assert diff["base_version"] == 1


async def test_publish_with_an_old_revision_is_rejected(project: Any) -> None:
    await project.http.put(f"{FILES}/skills/double/notes.md", content=b"why")
    seen = (await project.http.get("/v1/drafts/diff")).json()
    expected = {"revision": seen["revision"], "active_version": seen["base_version"]}

    await project.http.put(f"{FILES}/skills/double/more.md", content=b"of another user")
    refused = await project.http.post("/v1/drafts/publish", json=expected)
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_changed")
    assert refused.json()["revision"] == (await project.http.get("/v1/drafts")).json()["revision"]

    expected["revision"] = refused.json()["revision"]
    assert (await project.http.post("/v1/drafts/publish", json={})).status_code == 201
    refused = await project.http.post("/v1/drafts/publish", json=expected)
    assert (refused.status_code, refused.json()["code"]) == (409, "active_version_changed")
    assert refused.json()["active_version"] == 2
    assert [one["version"] for one in (await project.http.get("/v1/deployments")).json()] == [2, 1]

    created = await project.http.post("/v1/drafts/publish", json=expected | {"active_version": 2})
    assert created.json()["version"] == 3


async def test_one_of_two_concurrent_publishes_is_rejected(project: Any) -> None:
    await project.http.put(f"{FILES}/skills/double/notes.md", content=b"why")
    seen = (await project.http.get("/v1/drafts/diff")).json()
    expected = {"revision": seen["revision"], "active_version": seen["base_version"]}
    responses = await asyncio.gather(
        *(project.http.post("/v1/drafts/publish", json=expected) for _ in range(5))
    )
    assert sorted(one.status_code for one in responses) == [201, 409, 409, 409, 409]


async def test_first_version_has_no_base(project: Any) -> None:
    await project.http.post("/v1/skillpacks", json={"name": "New", "slug": "new"})
    await project.http.post("/v1/skillpacks/new/drafts/reset", json={"template": "starter"})
    assert (await project.http.get("/v1/skillpacks/new/drafts/diff")).json()["base_version"] is None
    publish = "/v1/skillpacks/new/drafts/publish"
    refused = await project.http.post(publish, json={"active_version": 1})
    assert "no version is active" in refused.json()["detail"]
    assert (await project.http.post(publish, json={"active_version": 0})).json()["version"] == 1


async def test_draft_is_created_from_a_template(project: Any) -> None:
    await project.http.post("/v1/skillpacks", json={"name": "New", "slug": "new"})
    known = (await project.http.get("/v1/templates")).json()
    assert "starter" in [template["name"] for template in known]
    reset = await project.http.post("/v1/skillpacks/new/drafts/reset", json={"template": "starter"})
    assert reset.status_code == 200, reset.text
    checked = (await project.http.get("/v1/skillpacks/new/drafts/check")).json()
    assert (checked["problems"], len(checked["skills"])) == ([], 3)
    unknown = await project.http.post("/v1/skillpacks/new/drafts/reset", json={"template": "nope"})
    assert unknown.status_code == 404
    for body in ({}, {"template": "starter", "version": 1}):
        assert (await project.http.post("/v1/drafts/reset", json=body)).status_code == 422


async def test_agent_skills_are_imported_alongside_existing_skills(project: Any) -> None:
    await project.http.get("/v1/drafts")
    folder = {"skills/owls/SKILL.md": b"---\nname: owls\ndescription: Describes owls.\n---\nDescribe owls.\n"}
    response = await project.http.post("/v1/drafts/import", files={"bundle": ("s.zip", pack_files(folder))})
    assert response.status_code == 200, response.text
    assert set(await listed(project)) == {*BUNDLE, *folder}
    checked = (await project.http.get("/v1/drafts/check")).json()
    assert [skill["name"] for skill in checked["skills"]] == ["double", "owls"]


async def test_export_equals_the_import(project: Any) -> None:
    await project.http.get("/v1/drafts")
    bundle = await project.http.get("/v1/drafts/bundle")
    assert bundle.content == pack_files(BUNDLE)
    assert bundle.headers["content-disposition"] == 'attachment; filename="draft.zip"'


async def test_read_creates_no_draft(project: Any, make_project: Any, database: Database) -> None:
    async with database.transaction() as session:
        created = await keys.create(
            session, None, project_id=project.id, limits=Limits(scopes=("deployments:read",))
        )
    headers = {"Authorization": f"Bearer {created.plaintext}"}
    for path in ("", "/check", "/files/skills/double/main.py"):
        response = await project.http.get(f"/v1/drafts{path}", headers=headers)
        assert (response.status_code, response.json()["code"]) == (404, "draft_not_started"), path
        assert response.json()["former_code"] == "draft_not_begun", "the code before 0.2"
    await project.http.get("/v1/drafts")
    assert (await project.http.get("/v1/drafts", headers=headers)).status_code == 200


async def test_draft_of_another_project_is_not_accessible(project: Any, make_project: Any) -> None:
    own = (await project.http.get("/v1/drafts")).json()
    other_project, public = (
        await make_project.make("Other"),
        await make_project.make("Shop", kind="publishable"),
    )
    where = f"/v1/skillpacks/{own['skillpack_id']}/drafts"
    for path in ("", "/files/skills/double/main.py", "/bundle", "/check"):
        assert (await other_project.http.get(where + path)).status_code == 404, path
    assert (await other_project.http.put(f"{where}/files/x.md", content=b"x")).status_code == 404
    assert (await other_project.http.post(f"{where}/publish", json={})).status_code == 404
    assert (await public.http.get("/v1/drafts")).status_code == 403
    assert (await public.http.put(f"{FILES}/x.md", content=b"x")).status_code == 403
    assert (await other_project.http.get("/v1/drafts")).json()["files"] == []


async def test_problem_of_a_skill_yaml_names_its_keys(project: Any) -> None:
    await project.http.get("/v1/drafts")
    text = (
        b"entrypoint: main.py:run\ninput_schema:\n  type: object\n  properties:\n    n: {type: nonsense}\n"
        b"output_schema: {type: object}\nlimits: {memory_mb: 1}\n"
    )
    assert (await project.http.put(YAML, content=text, headers={"If-Match": "*"})).status_code == 200
    problems = (await project.http.get("/v1/drafts/check")).json()["problems"]
    assert ["limits", "memory_mb"] in [one["keys"] for one in problems]
    assert any(one["keys"][:3] == ["input_schema", "properties", "n"] for one in problems)


async def test_text_of_a_skill_yaml_is_edited_and_not_stored(project: Any) -> None:
    before = (await project.http.get(YAML)).content
    url, edit = "/v1/skill-yaml/edit", {"op": "set", "path": ["timeout_s"], "value": 5}
    edited = await project.http.post(url, json={"text": "title: A  # b\n", "edits": [edit]})
    assert edited.json() == {
        "text": "title: A  # b\ntimeout_s: 5\n",
        "document": {"title": "A", "timeout_s": 5},
        "problems": [],
    }
    broken = (await project.http.post(url, json={"text": "a: b: c"})).json()
    assert broken["document"] is None
    assert broken["problems"][0]["line"] == 1
    rejected = await project.http.post(url, json={"text": "a: &x {b: 1}\nc: *x\n", "edits": [edit]})
    assert (rejected.status_code, rejected.json()["code"]) == (422, "skill_yaml_not_editable")
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    nested = await project.http.post(url, json={"text": "a: 1\n", "edits": [{**edit, "value": deep}]})
    assert nested.status_code in (200, 422)
    assert (await project.http.get(YAML)).content == before
