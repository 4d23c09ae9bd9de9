"""Notebooks of a draft stay in it: a version contains one only if a file of its skill names it."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import pytest

from tests.integration.drafts.test_drafts import FILES, listed

FIRST, OWN = "notebooks/first.ipynb", "skills/double/page.ipynb"


@pytest.fixture
async def project_with_notebooks(project: Any) -> Any:
    """Return the project, with two notebooks in its draft; a file of a skill names one of them."""
    await project.http.get("/v1/drafts")
    files = {FIRST: b"{}", OWN: b"{}", "skills/double/notes.md": b"Begin with page.ipynb."}
    for path, content in files.items():
        response = await project.http.put(f"{FILES}/{path}", content=content)
        assert response.status_code == 200, response.text
    return project


async def names_in(project: Any, path: str) -> set[str]:
    response = await project.http.get(path)
    assert response.status_code == 200, response.text
    return set(zipfile.ZipFile(BytesIO(response.content)).namelist())


async def test_version_has_no_notebooks_and_the_diff_reports_it(project_with_notebooks: Any) -> None:
    assert (await project_with_notebooks.http.get("/v1/drafts/check")).json()["excluded_files"] == [FIRST]
    diff = (await project_with_notebooks.http.get("/v1/drafts/diff")).json()
    assert diff["excluded_files"] == [FIRST]
    assert {file["path"] for file in diff["files"]} == {OWN, "skills/double/notes.md"}
    created = await project_with_notebooks.http.post(
        "/v1/drafts/publish", json={"revision": diff["revision"]}
    )
    assert created.status_code == 201, created.text
    assert FIRST not in await names_in(project_with_notebooks, "/v1/deployments/2/bundle")
    assert OWN in await names_in(project_with_notebooks, "/v1/deployments/2/bundle")
    assert FIRST in await listed(project_with_notebooks)
    assert FIRST in await names_in(project_with_notebooks, "/v1/drafts/bundle")
    assert (await project_with_notebooks.http.get("/v1/drafts/diff")).json()["files"] == []


async def test_reset_to_another_version_keeps_the_notebooks(project_with_notebooks: Any) -> None:
    reset = await project_with_notebooks.http.post("/v1/drafts/reset", json={"version": 1})
    assert reset.status_code == 200, reset.text
    assert {FIRST, OWN} <= set(await listed(project_with_notebooks))
    assert "skills/double/notes.md" not in await listed(project_with_notebooks)


async def test_run_of_the_draft_equals_what_would_be_published(project_with_notebooks: Any) -> None:
    body = {"skill": "double", "inputs": {"n": 2}, "files": {"skills/double/notes.md": "page.ipynb, too"}}
    ran = await project_with_notebooks.http.post("/v1/drafts/run", json=body)
    assert ran.status_code == 201, ran.text
    job = (await project_with_notebooks.http.get(f"/v1/jobs/{ran.json()['job_id']}")).json()
    names = await names_in(project_with_notebooks, f"/v1/deployments/{job['deployment_id']}/bundle")
    assert (FIRST in names, OWN in names) == (False, True)
