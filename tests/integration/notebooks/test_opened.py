"""A job is opened as a notebook of the working copy."""

from __future__ import annotations

import json

import nbformat
import pytest

from tests.integration.notebooks.conftest import Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_job_that_has_ended_is_a_notebook_once(lab: Lab) -> None:
    project = await lab.project()
    answer = await project.http.post(
        "/v1/jobs", params={"wait": "true"}, json={"skill": "double", "inputs": {"n": 4}}
    )
    job = answer.json()
    assert job["status"] == "succeeded", job
    made = await project.http.post("/v1/notebooks/opened", json={"job_id": job["id"]})
    assert made.status_code == 201, made.text
    path = made.json()["path"]
    text = (await project.http.get(f"/v1/drafts/files/{path}")).text
    nbformat.validate(nbformat.reads(text, as_version=4))
    sources = [cell["source"] for cell in json.loads(text)["cells"]]
    assert "inputs = {'n': 4}" in sources
    assert not any("load_ext" in source or "attach" in source for source in sources)
    again = await project.http.post("/v1/notebooks/opened", json={"job_id": job["id"]})
    assert again.json()["path"] == path


async def test_a_job_of_others_or_one_that_runs_is_not_opened(lab: Lab) -> None:
    mine, other = await lab.project(), await lab.project("Other")
    kernel = await lab.kernel(mine)
    running = await mine.http.post("/v1/notebooks/opened", json={"job_id": kernel.id})
    assert (running.status_code, running.json()["code"]) == (409, "job_still_runs")
    assert (await other.http.post("/v1/notebooks/opened", json={"job_id": kernel.id})).status_code == 404
