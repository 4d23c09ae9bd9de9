"""Jobs and inputs that are opened as notebooks of the draft."""

from __future__ import annotations

import json
from uuid import uuid4

import nbformat
import pytest

from tests.integration.deployments.conftest import BUNDLE
from tests.integration.notebooks.conftest import Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_ended_job_is_opened_as_one_notebook(lab: Lab) -> None:
    project = await lab.project()
    response = await project.http.post(
        "/v1/jobs", params={"wait": "true"}, json={"skill": "double", "inputs": {"n": 4}}
    )
    job = response.json()
    assert job["status"] == "succeeded", job
    opened = await project.http.post("/v1/notebooks/opened", json={"job_id": job["id"]})
    assert opened.status_code == 201, opened.text
    path = opened.json()["path"]
    assert opened.json()["skillpack"] == (await project.http.get("/v1/skillpacks")).json()[0]["slug"]
    text = (await project.http.get(f"/v1/drafts/files/{path}")).text
    nbformat.validate(nbformat.reads(text, as_version=4))
    sources = [cell["source"] for cell in json.loads(text)["cells"]]
    assert "inputs = {'n': 4}" in sources
    assert not any("load_ext" in source or "attach" in source for source in sources)
    again = await project.http.post("/v1/notebooks/opened", json={"job_id": job["id"]})
    assert again.json()["path"] == path


async def test_running_job_and_job_of_another_project_are_not_opened(lab: Lab) -> None:
    mine, other = await lab.project(), await lab.project("Other")
    kernel = await lab.kernel(mine)
    running = await mine.http.post("/v1/notebooks/opened", json={"job_id": kernel.id})
    assert (running.status_code, running.json()["code"]) == (409, "job_still_runs")
    assert (await other.http.post("/v1/notebooks/opened", json={"job_id": kernel.id})).status_code == 404


async def test_job_is_opened_in_the_skillpack_of_its_skill(lab: Lab) -> None:
    project = await lab.project()
    await project.http.post("/v1/skillpacks", json={"slug": "birds", "name": "Birds"})
    pushed = await project.push(BUNDLE, where="/v1/skillpacks/birds")
    assert pushed.status_code == 201, pushed.text
    body = {"skill": "birds/double", "inputs": {"n": 4}}
    job = (await project.http.post("/v1/jobs", params={"wait": "true"}, json=body)).json()
    opened = await project.http.post("/v1/notebooks/opened", json={"job_id": job["id"]})
    assert opened.json()["skillpack"] == "birds"
    found = await project.http.get(f"/v1/skillpacks/birds/drafts/files/{opened.json()['path']}")
    assert "runpy.run_path('skills/double/main.py')" in found.json()["cells"][-1]["source"]


async def test_inputs_create_a_new_notebook_each_time(lab: Lab) -> None:
    project = await lab.project()
    body = {"skill": "double", "inputs": {"n": 4}}
    paths = []
    for _ in range(2):
        opened = await project.http.post("/v1/notebooks/opened", json=body)
        assert opened.status_code == 201, opened.text
        paths.append(opened.json()["path"])
    assert paths == ["notebooks/double.ipynb", "notebooks/double-2.ipynb"]
    text = (await project.http.get(f"/v1/drafts/files/{paths[1]}")).text
    nbformat.validate(nbformat.reads(text, as_version=4))
    codes = [cell["source"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    kernel = await lab.kernel(project, paths[1])
    assert (await kernel.run(*codes))["outputs"][0]["data"]["text/plain"] == "{'n': 8}"


@pytest.mark.parametrize("body", [{}, {"job_id": str(uuid4()), "skill": "double"}])
async def test_exactly_one_of_job_and_skill_is_required(lab: Lab, body: dict[str, str]) -> None:
    project = await lab.project()
    rejected = await project.http.post("/v1/notebooks/opened", json=body)
    assert rejected.status_code == 422
    assert "job_id" in rejected.json()["detail"]
