"""The versions of the prompt of an agent: numbers by text, statistics, labels, and who may see and label them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from backend.core.db.engine import Database
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import BUNDLE, Project, Projects

AGENT = b"""
entrypoint: prompt.md
input_schema: {type: object}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {}, outputs: {team: shipping}}]
"""
PATH = "/v1/skills/triage/prompts"
ENDS = (("succeeded", 100), ("succeeded", 300), ("failed", 500), ("cancelled", 900))


def bundle(prompt: str) -> dict[str, bytes]:
    return {**BUNDLE, "skills/triage/skill.yaml": AGENT, "skills/triage/prompt.md": prompt.encode()}


async def history(project: Project, query: str = "") -> Any:
    response = await project.http.get(f"{PATH}{query}")
    assert response.status_code == 200, response.text
    return response.json()


async def test_equal_texts_are_one_version_with_all_of_its_deployments(project: Project) -> None:
    for prompt in ("Sort it.", "Sort it well.", "Sort it."):
        await project.pushed(bundle(prompt))
    found = await history(project)
    assert (found["skill"], found["is_complete"]) == ("triage", True)
    assert [one["number"] for one in found["versions"]] == [2, 1]
    second, first = found["versions"]
    assert [one["version"] for one in first["deployments"]] == [3, 1]
    assert [one["version"] for one in second["deployments"]] == [2]
    assert [one["active_in"] for one in first["deployments"]] == [["production"], []]
    assert first["created_by"].startswith("key:")
    assert (first["is_stored"], first["eval_score"], first["statistics"]["jobs"]) == (True, None, 0)
    read = (await project.http.get(f"{PATH}/1")).json()
    assert (read["text"], read["path"], read["sha256"]) == (
        "Sort it.",
        "skills/triage/prompt.md",
        first["sha256"],
    )
    missing = await project.http.get(f"{PATH}/3")
    assert (missing.status_code, missing.json()["code"]) == (404, "prompt_not_found")
    function = await project.http.get("/v1/skills/double/prompts")
    assert (function.status_code, function.json()["code"]) == (404, "no_prompts")


async def test_numbers_stay_when_deployments_are_deleted(project: Project) -> None:
    first = await project.pushed(bundle("One."))
    await project.pushed(bundle("Two."))
    await history(project)
    deleted = await project.http.delete(f"/v1/deployments/{first['id']}")
    assert deleted.status_code in (200, 204), deleted.text
    await project.pushed(bundle("Three."))
    found = await history(project)
    assert [(one["number"], one["is_stored"]) for one in found["versions"]] == [
        (3, True),
        (2, True),
        (1, False),
    ]
    gone = (await project.http.get(f"{PATH}/1")).json()
    assert (gone["text"], gone["deployments"]) == (None, [])


async def test_statistics_are_of_the_jobs_with_the_version(project: Project, database: Database) -> None:
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(bundle("One."))
    body = {"skill": "triage", "inputs": {}}
    jobs = [(await project.http.post("/v1/jobs", json=body)).json() for _ in ENDS]
    await project.pushed(bundle("Two."))
    ended = text("update jobs set status = :status, finished_at = now(), cost_micros = :cost where id = :id")
    async with database.transaction() as session:
        for job, (status, cost) in zip(jobs, ENDS, strict=True):
            await session.execute(ended, {"status": status, "cost": cost, "id": job["id"]})
    _, first = (await history(project))["versions"]
    assert first["statistics"] == {
        "jobs": 4,
        "success_rate_pct": 66.7,
        "p50_cost_micros": 300,
        "environments": ["production"],
    }


async def test_label_moves_to_another_version_and_is_audited(project: Project) -> None:
    for prompt in ("One.", "Two."):
        await project.pushed(bundle(prompt))
    for number in (1, 2, 2):
        response = await project.http.put(f"{PATH}/labels/approved", json={"number": number})
        assert (response.status_code, response.json()["number"]) == (200, number), response.text
    await project.http.put(f"{PATH}/labels/candidate", json={"number": 2})
    assert [one["labels"] for one in (await history(project))["versions"]] == [["approved", "candidate"], []]
    wrong = await project.http.put(f"{PATH}/labels/approved", json={"number": 9})
    assert (wrong.status_code, wrong.json()["code"]) == (404, "prompt_not_found")
    assert (await project.http.put(f"{PATH}/labels/No%20Label", json={"number": 1})).status_code == 422
    assert (await project.http.delete(f"{PATH}/labels/approved")).status_code == 204
    again = await project.http.delete(f"{PATH}/labels/approved")
    assert (again.status_code, again.json()["code"]) == (404, "prompt_label_not_found")
    entries = (await project.http.get("/v1/audit?action=prompt")).json()
    assert [(one["action"], one["facts"].get("before")) for one in entries] == [
        ("prompt.unlabeled", None),
        ("prompt.labeled", None),
        ("prompt.labeled", 1),
        ("prompt.labeled", None),
    ]
    for number in range(20):
        made = await project.http.put(f"{PATH}/labels/label-{number}", json={"number": 1})
    assert (made.status_code, made.json()["code"]) == (409, "too_many_prompt_labels")


async def test_prompts_belong_to_their_project(project: Project, make_project: Projects) -> None:
    await project.pushed(bundle("Ours."))
    await history(project)
    foreign = await make_project.make("Foreign")
    for query in ("", "?skillpack=default"):
        assert (await foreign.http.get(f"{PATH}{query}")).status_code == 404
        assert (await foreign.http.get(f"{PATH}/1{query}")).status_code == 404
        put = await foreign.http.put(f"{PATH}/labels/approved{query}", json={"number": 1})
        assert put.status_code == 404
    await foreign.pushed(bundle("Theirs."))
    (only,) = (await history(foreign))["versions"]
    assert (only["number"], only["labels"]) == (1, [])
    assert (await foreign.http.get(f"{PATH}/1")).json()["text"] == "Theirs."
