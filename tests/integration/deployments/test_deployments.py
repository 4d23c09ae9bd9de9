"""Versions: pushed, activated, rolled back, deleted, downloaded; visible only to their own project."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from backend.administration.projects import deletion
from backend.context import AppContext
from backend.core.errors import PurasError
from backend.execution.jobs.tables import Job
from backend.publishing import push
from backend.skills.archives.pack import pack_files
from backend.skills.deployments import sweep
from backend.skills.deployments.active import resolve_skill
from backend.skills.deployments.tables import Deployment

BUNDLE = {
    "skills/double/skill.yaml": b"""
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}, required: [n]}
output_schema: {type: object, properties: {n: {type: integer}}}
""",
    "skills/double/main.py": b"def run(n):\n    return {'n': 2 * n}\n",
}


async def test_push_creates_and_activates_the_next_version(project: Any) -> None:
    first = await project.pushed(BUNDLE, notes="first light")
    second = await project.pushed(BUNDLE)
    assert (first["version"], second["version"]) == (1, 2)
    assert second["is_active"] is True
    assert second["sha256"] == first["sha256"], "the same bytes are stored once"
    assert second["manifest"]["skills"][0]["name"] == "double"
    listed = (await project.http.get("/v1/deployments")).json()
    assert [(one["version"], one["is_active"]) for one in listed] == [(2, True), (1, False)]
    assert listed[1]["notes"] == "first light"


async def test_push_without_activation_does_not_affect_new_jobs(project: Any) -> None:
    await project.pushed(BUNDLE)
    waiting = await project.pushed(BUNDLE, activate="false")
    assert waiting["is_active"] is False
    assert (await project.http.get("/v1/skills/double")).json()["version"] == 1


async def test_push_reports_which_active_skills_it_removes(project: Any) -> None:
    triple = {path.replace("double", "triple"): data for path, data in BUNDLE.items()}
    both = await project.pushed({**BUNDLE, **triple})
    assert both["removed_skills"] == []
    form = {"bundle": ("skills.zip", pack_files(BUNDLE), "application/zip")}
    checked = (await project.http.post("/v1/deployments/validate", files=form)).json()
    assert checked["removed_skills"] == ["triple"]
    pushed = await project.pushed(BUNDLE)
    assert (pushed["is_active"], pushed["removed_skills"]) == (True, ["triple"])
    assert [one["path"] for one in pushed["warnings"]] == ["triple"]
    assert (await project.pushed(BUNDLE))["removed_skills"] == []
    await project.http.post(f"/v1/deployments/{both['id']}/activate")
    assert (await project.http.delete("/v1/drafts/files/skills/double/skill.yaml")).is_success
    assert (await project.http.delete("/v1/drafts/files/skills/double/main.py")).is_success
    pending = (await project.http.get("/v1/drafts/diff")).json()
    assert pending["removed_skills"] == ["double"]


async def test_activation_of_an_older_version_is_a_rollback(project: Any) -> None:
    first = await project.pushed(BUNDLE)
    await project.pushed(BUNDLE)
    switched = (await project.http.post(f"/v1/deployments/{first['id']}/activate")).json()
    assert (switched["version"], switched["is_active"]) == (1, True)
    assert (await project.http.post("/v1/deployments/2/activate")).json()["version"] == 2


async def test_invalid_bundle_returns_all_problems_and_is_not_stored(
    project: Any, instance: AppContext
) -> None:
    bad = {**BUNDLE, "skills/double/skill.yaml": b"entrypoint: main.py:rum\ntitel: x\n"}
    response = await project.push(bad)
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "bundle_invalid"
    assert {error["path"] for error in body["errors"]} == {"skills/double/skill.yaml"}
    assert len(body["errors"]) == 4, "a function, a key and two schemas"
    assert (await project.http.get("/v1/deployments")).json() == []
    validated = await project.http.post(
        "/v1/deployments/validate", files={"bundle": ("b.zip", pack_files(bad), "application/zip")}
    )
    assert (validated.status_code, validated.json()["errors"]) == (422, body["errors"])


async def test_validation_stores_nothing(project: Any) -> None:
    files = {"bundle": ("b.zip", pack_files(BUNDLE), "application/zip")}
    response = await project.http.post("/v1/deployments/validate", files=files)
    assert response.status_code == 200
    assert response.json()["manifest"]["skills"][0]["name"] == "double"
    assert (await project.http.get("/v1/deployments")).json() == []


async def test_body_that_is_no_zip_or_form_is_rejected_clearly(project: Any) -> None:
    assert (await project.push_bytes(b"nonsense")).json()["code"] == "bundle_unreadable"
    missing = await project.http.post("/v1/deployments", data={"notes": "x"})
    assert missing.status_code == 422
    assert missing.json()["errors"][0]["path"] == "bundle"


async def test_only_inactive_versions_can_be_deleted(project: Any) -> None:
    first = await project.pushed(BUNDLE)
    second = await project.pushed(BUNDLE)
    rejected = await project.http.delete(f"/v1/deployments/{second['id']}")
    assert (rejected.status_code, rejected.json()["code"]) == (409, "deployment_active")
    assert (await project.http.delete(f"/v1/deployments/{first['id']}")).status_code == 204
    assert (await project.http.get("/v1/deployments/1")).status_code == 404
    assert (await project.pushed(BUNDLE))["version"] == 3, "numbers are never reused"


async def test_version_with_unfinished_jobs_cannot_be_deleted(project: Any, instance: AppContext) -> None:
    first = await project.pushed(BUNDLE)
    await project.pushed(BUNDLE)
    async with instance.database.transaction() as session:
        session.add(
            Job(
                project_id=project.id,
                skillpack_id=uuid4(),
                deployment_id=first["id"],
                skill_name="double",
                inputs={},
            )
        )
    rejected = await project.http.delete("/v1/deployments/1")
    assert (rejected.status_code, rejected.json()["live_jobs"]) == (409, 1)


async def test_bundle_is_downloaded_unchanged(project: Any) -> None:
    created = await project.pushed(BUNDLE)
    response = await project.http.get(f"/v1/deployments/{created['id']}/bundle")
    assert response.content == pack_files(BUNDLE)
    assert response.headers["content-type"] == "application/zip"


async def test_pull_url_works_without_a_key_and_not_when_forged(project: Any) -> None:
    assert (await project.http.get("/v1/deployments/pull")).json()["code"] == "nothing_active"
    await project.pushed(BUNDLE)
    pulled = (await project.http.get("/v1/skillpacks/default/deployments/pull?ttl=600")).json()
    assert pulled["version"] == 1
    url = pulled["download_url"]
    response = await project.http.get(url, headers={"Authorization": ""})
    assert response.content == pack_files(BUNDLE)
    forged = url[:-2] + ("AA" if url[-2:] != "AA" else "BB")
    assert (await project.http.get(forged)).status_code == 404
    assert (await project.http.get(url[:-5])).status_code == 404


async def test_pull_url_is_rejected_after_project_deletion(project: Any, instance: AppContext) -> None:
    await project.pushed(BUNDLE)
    url = (await project.http.get("/v1/deployments/pull?ttl=600")).json()["download_url"]
    async with instance.database.transaction() as session:
        await deletion.delete(session, project.principal)
    assert (await project.http.get(url, headers={"Authorization": ""})).status_code == 404


async def test_concurrent_pushes_get_consecutive_unique_numbers(project: Any) -> None:
    created = await asyncio.gather(*(project.pushed(BUNDLE) for _ in range(8)))
    assert sorted(one["version"] for one in created) == list(range(1, 9))


async def test_push_repeated_with_one_idempotency_key_is_one_version(project: Any) -> None:
    project.http.headers["Idempotency-Key"] = "push-1"
    first, again = await project.pushed(BUNDLE), await project.push(BUNDLE)
    assert again.json() == first
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await project.push(BUNDLE, notes="other")
    assert other.json()["code"] == "idempotency_key_reused"


async def test_versions_of_another_project_are_not_found(project: Any, make_project: Any) -> None:
    created = await project.pushed(BUNDLE)
    other = await make_project.make("Other")
    for method, path in (
        ("GET", f"/v1/deployments/{created['id']}"),
        ("POST", f"/v1/deployments/{created['id']}/activate"),
        ("DELETE", f"/v1/deployments/{created['id']}"),
        ("GET", f"/v1/deployments/{created['id']}/bundle"),
        ("GET", f"/v1/deployments/{created['id']}/diff"),
        ("GET", f"/v1/deployments/{created['id']}/files/skills/double/main.py"),
        ("GET", f"/v1/skillpacks/{created['skillpack_id']}"),
        ("GET", f"/v1/skillpacks/{created['skillpack_id']}/deployments"),
        ("GET", f"/v1/skills/{project.slug}/default/double"),
    ):
        assert (await other.http.request(method, path)).status_code == 404, path
    assert (await other.http.get("/v1/skills")).json() == []


async def test_publishable_key_can_neither_push_nor_list(make_project: Any) -> None:
    public = await make_project.make("Public", kind="publishable")
    assert (await public.push(BUNDLE)).status_code == 403
    for path in ("/v1/deployments", "/v1/skills", "/v1/skillpacks", "/v1/deployments/pull"):
        assert (await public.http.get(path)).status_code == 403, path


@pytest.mark.parametrize(
    "ref",
    ["0", "-1", "99", "1e3", "abc", "٣", "9" * 400, "0000000000001", "0d9c1f8e-3b1a-4c55-9d0e-6f7a8b9c0d1e"],
)
async def test_unknown_version_returns_404(project: Any, ref: str) -> None:
    await project.pushed(BUNDLE)
    assert (await project.http.get(f"/v1/deployments/{ref}")).status_code == 404


async def test_diff_marks_breaking_changes(project: Any) -> None:
    await project.pushed(BUNDLE)
    stricter = BUNDLE["skills/double/skill.yaml"].replace(
        b"properties: {n: {type: integer}}, required: [n]",
        b"properties: {n: {type: integer, minimum: 1}, unit: {type: string}}, required: [n, unit]",
    )
    changed = {
        **BUNDLE,
        "skills/double/skill.yaml": stricter,
        "skills/double/main.py": b"def run(n, unit):\n    return {'n': n}\n",
        "NOTES.md": b"hi",
    }
    created = await project.pushed(changed, activate="false")
    assert any("unit" in warning["message"] for warning in created["warnings"])
    found = (await project.http.get("/v1/deployments/2/diff")).json()
    assert found["is_breaking"] is True
    assert [file["path"] for file in found["files"]] == [
        "NOTES.md",
        "skills/double/main.py",
        "skills/double/skill.yaml",
    ]
    breaking = {change["path"] for change in found["skills"] if change["is_breaking"]}
    assert breaking == {"double.input_schema.n", "double.input_schema.unit"}
    backwards = (await project.http.get("/v1/deployments/1/diff?base=2")).json()
    assert backwards["is_breaking"] is True, "an input that callers send is gone"


async def test_deleted_bundles_are_removed_when_unused(project: Any, instance: AppContext) -> None:
    first = await project.pushed(BUNDLE)
    await project.pushed(BUNDLE)
    await project.http.delete("/v1/deployments/1")
    async with instance.database.transaction() as session:
        assert (await sweep.sweep(session, instance.storage)).bundles == 0, "version 2 has the same bytes"
    other = {**BUNDLE, "NOTES.md": b"other bytes"}
    await project.pushed(other)
    await project.http.delete("/v1/deployments/2")
    async with instance.database.transaction() as session:
        assert (await sweep.sweep(session, instance.storage)).bundles == 1
    with pytest.raises(PurasError):
        await instance.storage.get_bundle(first["sha256"])
    again = await project.pushed(BUNDLE)
    assert await instance.storage.get_bundle(again["sha256"]) == pack_files(BUNDLE)


async def test_draft_runs_by_id_and_is_never_active(project: Any, instance: AppContext) -> None:
    await project.pushed(BUNDLE)
    async with instance.database.transaction() as session:
        draft = await push.push_draft(
            session, project.principal, bundle=pack_files(BUNDLE), storage=instance.storage
        )
        found = await resolve_skill(session, project.principal, skill="double", deployment_id=draft.id)
        assert (found.deployment_id, found.version) == (draft.id, None)
    rejected = await project.http.post(f"/v1/deployments/{draft.id}/activate")
    assert (rejected.status_code, rejected.json()["code"]) == (409, "draft_not_activatable")
    assert [one["version"] for one in (await project.http.get("/v1/deployments")).json()] == [1]


async def test_every_action_is_in_the_audit_log(project: Any) -> None:
    await project.pushed(BUNDLE)
    await project.pushed(BUNDLE)
    await project.http.post("/v1/deployments/1/activate")
    await project.http.delete("/v1/deployments/2")
    actions = [row["action"] for row in (await project.http.get("/v1/audit")).json()]
    assert actions[:4] == [
        "deployment.deleted",
        "deployment.activated",
        "deployment.pushed",
        "deployment.pushed",
    ]


async def test_workers_read_the_row_of_a_deployment(project: Any, instance: AppContext) -> None:
    created = await project.pushed(BUNDLE)
    async with instance.database.transaction() as session:
        row = await session.get(Deployment, created["id"])
    assert row is not None
    assert row.manifest["skills"][0]["path"] == "skills/double"


async def test_file_of_a_version_is_read_unchanged(project: Any) -> None:
    await project.pushed(BUNDLE)
    await project.pushed({**BUNDLE, "skills/double/main.py": b"def run(n):\n    return {'n': n + n}\n"})
    path = "files/skills/double/main.py"
    first = await project.http.get(f"/v1/deployments/1/{path}")
    assert (first.status_code, first.content) == (200, BUNDLE["skills/double/main.py"])
    assert first.headers["content-disposition"] == "attachment"
    second = await project.http.get(f"/v1/skillpacks/default/deployments/2/{path}")
    assert b"n + n" in second.content
    missing = await project.http.get("/v1/deployments/1/files/skills/double/mian.py")
    assert (missing.status_code, missing.json()["code"]) == (404, "deployment_file_not_found")


async def test_list_shows_jobs_per_version_and_the_rollback_target(
    project: Any, instance: AppContext
) -> None:
    first = await project.pushed(BUNDLE)
    await project.pushed(BUNDLE)
    live = {"project_id": project.id, "skillpack_id": uuid4(), "deployment_id": first["id"], "inputs": {}}
    async with instance.database.transaction() as session:
        session.add(Job(skill_name="double", **live))
    listed = (await project.http.get("/v1/deployments")).json()
    assert [(one["version"], one["live_jobs"], one["skills"]) for one in listed] == [
        (2, 0, ["double"]),
        (1, 1, ["double"]),
    ]
    assert listed[0]["scores"] == []
    (pack,) = (await project.http.get("/v1/skillpacks")).json()
    assert pack["previous_deployment_id"] == listed[1]["id"]
    await project.http.post("/v1/deployments/1/activate")
    (pack,) = (await project.http.get("/v1/skillpacks")).json()
    assert (pack["active_deployment_id"], pack["previous_deployment_id"]) == (
        listed[1]["id"],
        listed[0]["id"],
    )


async def test_push_uses_the_skillpack_of_puras_yaml(project: Any) -> None:
    def named(text: str) -> dict[str, bytes]:
        return {**BUNDLE, "puras.yaml": text.encode()}

    both = await asyncio.gather(
        *(project.push(named("slug: birds\ntitle: All birds\ndescription: Names them.\n")) for _ in range(2))
    )
    assert [response.status_code for response in both] == [201, 201], [response.text for response in both]
    assert {response.json()["skillpack"] for response in both} == {"birds"}
    assert {response.json()["version"] for response in both} == {1, 2}
    pack = (await project.http.get("/v1/skillpacks/birds")).json()
    assert (pack["name"], pack["description"], pack["is_default"]) == ("All birds", "Names them.", False)
    by_id = await project.pushed(named(f"skillpack_id: {pack['id']}\nslug: of-another-instance\n"))
    assert (by_id["skillpack"], by_id["version"]) == ("birds", 3)
    unknown_id = await project.pushed(named(f"skillpack_id: {uuid4()}\nslug: birds\ntitle: Birds\n"))
    assert (unknown_id["skillpack"], unknown_id["version"]) == ("birds", 4)
    assert (await project.http.get("/v1/skillpacks/birds")).json()["name"] == "Birds"
    chosen = await project.pushed(named("slug: birds\n"), where="/v1/skillpacks/default")
    assert (chosen["skillpack"], chosen["version"]) == ("default", 1)
    untitled = await project.pushed(named("slug: cats\n"))
    assert (untitled["skillpack"], (await project.http.get("/v1/skillpacks/cats")).json()["name"]) == (
        "cats",
    ) * 2
    assert (await project.pushed(named("title: Plain\n")))["skillpack"] == "default"
    wrong = await project.push(named("title: x\nslug: My Birds\n"))
    assert (wrong.status_code, wrong.json()["errors"][0]["path"], wrong.json()["errors"][0]["line"]) == (
        422,
        "puras.yaml",
        2,
    )
    assert "my-birds" in wrong.json()["errors"][0]["message"]
    slugs = [one["slug"] for one in (await project.http.get("/v1/skillpacks")).json()]
    assert slugs == ["default", "birds", "cats"]
