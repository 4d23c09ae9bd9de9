"""Notebooks of a draft stay in it: a version contains one only if a file of its skill names it."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import pytest

from tests.integration.drafts.test_drafts import FILES, listed

FIRST, OWN = "notebooks/first.ipynb", "skills/double/page.ipynb"


@pytest.fixture
async def written(project: Any) -> Any:
    """Return the project, with two notebooks in its draft; a file of a skill names one of them."""
    await project.http.get("/v1/drafts")
    files = {FIRST: b"{}", OWN: b"{}", "skills/double/notes.md": b"Begin with page.ipynb."}
    for path, content in files.items():
        answer = await project.http.put(f"{FILES}/{path}", content=content)
        assert answer.status_code == 200, answer.text
    return project


async def names_in(project: Any, path: str) -> set[str]:
    answer = await project.http.get(path)
    assert answer.status_code == 200, answer.text
    return set(zipfile.ZipFile(BytesIO(answer.content)).namelist())


async def test_version_has_no_notebooks_and_the_diff_reports_it(written: Any) -> None:
    assert (await written.http.get("/v1/drafts/check")).json()["left_out"] == [FIRST]
    diff = (await written.http.get("/v1/drafts/diff")).json()
    assert diff["left_out"] == [FIRST]
    assert {file["path"] for file in diff["files"]} == {OWN, "skills/double/notes.md"}
    made = await written.http.post("/v1/drafts/publish", json={"revision": diff["revision"]})
    assert made.status_code == 201, made.text
    assert FIRST not in await names_in(written, "/v1/deployments/2/bundle")
    assert OWN in await names_in(written, "/v1/deployments/2/bundle")
    assert FIRST in await listed(written)
    assert FIRST in await names_in(written, "/v1/drafts/bundle")
    assert (await written.http.get("/v1/drafts/diff")).json()["files"] == []


async def test_reset_to_another_version_keeps_the_notebooks(written: Any) -> None:
    reset = await written.http.post("/v1/drafts/reset", json={"version": 1})
    assert reset.status_code == 200, reset.text
    assert {FIRST, OWN} <= set(await listed(written))
    assert "skills/double/notes.md" not in await listed(written)


async def test_run_of_the_draft_equals_what_would_be_published(written: Any) -> None:
    body = {"skill": "double", "inputs": {"n": 2}, "files": {"skills/double/notes.md": "page.ipynb, too"}}
    ran = await written.http.post("/v1/drafts/run", json=body)
    assert ran.status_code == 201, ran.text
    job = (await written.http.get(f"/v1/jobs/{ran.json()['job_id']}")).json()
    names = await names_in(written, f"/v1/deployments/{job['deployment_id']}/bundle")
    assert (FIRST in names, OWN in names) == (False, True)
