"""Runs of unpublished content: changed files for one run, and runs that are saved as an example."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from backend.authoring.drafts.examples import with_example
from backend.authoring.drafts.reading import unpack
from backend.core.db.engine import Database
from backend.core.errors import Invalid
from backend.money.ledger import service as ledger

PROMPT = "skills/describe/prompt.md"
AGENT = {
    "skills/describe/skill.yaml": b"""# of owls
entrypoint: prompt.md
description: Describes a bird.
input_schema: {type: object, properties: {bird: {type: string}}, required: [bird]}
output_schema: {type: object, properties: {tale: {type: string}}}
examples:
  - title: The first   # kept as it is
    inputs: {bird: owl}
    outputs: {tale: "Once, an owl."}
# how much it may do
limits: {steps: 5}
""",
    PROMPT: b"Describe the bird.\n",
}
RUN = "/v1/drafts/run"
EXAMPLE = {"title": "Wrens", "inputs": {"bird": "wren"}, "outputs": {"tale": "Once: a wren."}}


@pytest.fixture
async def project(make_project: Any, database: Database) -> Any:
    """Create a project with money and the agent `describe`."""
    project = await make_project.make("Mine")
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(AGENT)
    return project


async def bundle_of(project: Any, job_id: str) -> dict[str, bytes]:
    """Return the files that a job runs with."""
    job = (await project.http.get(f"/v1/jobs/{job_id}")).json()
    response = await project.http.get(f"/v1/deployments/{job['deployment_id']}/bundle")
    assert response.status_code == 200, response.text
    return {path: content.data for path, content in unpack(response.content).items()}


async def test_changed_files_apply_to_one_run(project: Any) -> None:
    body = {"skill": "describe", "inputs": {"bird": "owl"}, "files": {PROMPT: "Sing of the bird.\n"}}
    ran = await project.http.post(RUN, json=body)
    assert ran.status_code == 201, ran.text
    files = await bundle_of(project, ran.json()["job_id"])
    assert files[PROMPT] == b"Sing of the bird.\n"
    assert files["skills/describe/skill.yaml"] == AGENT["skills/describe/skill.yaml"]
    assert (await project.http.get(f"/v1/drafts/files/{PROMPT}")).content == AGENT[PROMPT]


async def test_version_runs_with_changed_files_regardless_of_the_draft(project: Any) -> None:
    await project.http.get("/v1/drafts")
    written = await project.http.put(
        f"/v1/drafts/files/{PROMPT}", content=b"Not this.", headers={"If-Match": "*"}
    )
    assert written.status_code == 200
    body = {"skill": "describe", "inputs": {"bird": "owl"}, "version": 1}
    ran = await project.http.post(RUN, json=body)
    assert (await bundle_of(project, ran.json()["job_id"]))[PROMPT] == AGENT[PROMPT]
    for wrong in ({"version": 7}, {"files": {"skills/describe/none.md": "x"}}):
        assert (await project.http.post(RUN, json={**body, **wrong})).status_code == 404


async def test_prompt_of_a_version_is_readable_within_its_project(project: Any, make_project: Any) -> None:
    await project.pushed({**AGENT, PROMPT: b"Describe it briefly.\n"})
    where = "/v1/skillpacks/default/prompts/describe"
    first = await project.http.get(where, params={"version": 1})
    assert first.json() == {"path": PROMPT, "text": "Describe the bird.\n"}
    assert (await project.http.get(where)).json()["text"] == "Describe it briefly.\n"
    assert (await project.http.get(where, params={"version": 9})).status_code == 404
    other_project = await make_project.make("Other")
    assert (await other_project.http.get(where)).status_code == 404
    public = await make_project.make("Shop", kind="publishable")
    assert (await public.http.get(where)).status_code == 403


async def test_function_has_no_prompt(project: Any) -> None:
    skill = b"entrypoint: main.py:run\ninput_schema: {type: object}\noutput_schema: {type: object}\n"
    await project.pushed(
        {"skills/plain/skill.yaml": skill, "skills/plain/main.py": b"def run():\n    return {}\n"}
    )
    assert (await project.http.get("/v1/skillpacks/default/prompts/plain")).status_code == 422


async def test_example_is_added_after_the_others(project: Any) -> None:
    response = await project.http.post("/v1/drafts/examples", json={"skill": "describe", **EXAMPLE})
    assert response.status_code == 201, response.text
    text = (await project.http.get("/v1/drafts/files/skills/describe/skill.yaml")).text
    assert yaml.safe_load(text)["examples"][1] == EXAMPLE
    assert text.startswith("# of owls\n")
    assert "# kept as it is" in text
    assert text.endswith("# how much it may do\nlimits: {steps: 5}\n")
    checked = (await project.http.get("/v1/drafts/check")).json()
    assert [one["title"] for one in checked["skills"][0]["examples"]] == ["The first", "Wrens"]


async def test_example_needs_a_skill_that_accepts_it(project: Any) -> None:
    unknown = await project.http.post("/v1/drafts/examples", json={"skill": "none", **EXAMPLE})
    assert unknown.status_code == 422
    plain = b"---\nname: plain\ndescription: Describes.\n---\nDescribe.\n"
    await project.http.put("/v1/drafts/files/skills/plain/SKILL.md", content=plain)
    rejected = await project.http.post("/v1/drafts/examples", json={"skill": "plain", **EXAMPLE})
    assert rejected.status_code == 422
    assert "skill.yaml" in rejected.json()["detail"]


@pytest.mark.parametrize(
    "text",
    [
        "entrypoint: a",
        "examples:\n  - inputs: {a: 1}\n    outputs:\n      b: |\n        # none\n        x\n# of tools\ntools: []\n",
        "examples:\n- inputs: {a: 1}\n\ntools: []\n",
        "examples: []\ntools: []\n",
        "examples: [{inputs: {a: 1}}]\n",
        "examples:\ntools: []\n",
        "examples:\n  - inputs: {a: 1}",
    ],
)
def test_example_can_be_added_to_any_yaml_style(text: str) -> None:
    before, after = yaml.safe_load(text), yaml.safe_load(with_example(text, EXAMPLE))
    assert after == {**before, "examples": [*(before.get("examples") or []), EXAMPLE]}


def test_unsupported_yaml_is_not_changed() -> None:
    with pytest.raises(Invalid):
        with_example("base: &all\n  - inputs: {a: 1}\nexamples: *all\n", EXAMPLE)
