"""`puras.memory` in a function: from a real sandbox, through its gateway, to the instance."""

from __future__ import annotations

from backend.context import AppContext
from tests.integration.deployments.conftest import Project
from tests.integration.media.conftest import api_base, app, instance, project, settings
from tests.integration.media.test_local_media import run_code

__all__ = ["api_base", "app", "instance", "project", "settings"]

CODE = """
import puras
from puras import memory
first = memory.put("owl", {"says": "hoo"}, entity_key="barn", summary="Hunts at night.", importance=1)
results.append([first["version"], first["created"]])
results.append(memory.put("owl", {"says": "hoot"}, entity_key="barn")["version"])
results.append([one["record"] for one in memory.search("hunting")])
results.append(memory.get(first["id"])["version"])
memory.forget(first["id"], "wrong")
results.append(memory.search(key="barn"))
for refused in (lambda: memory.get(first["id"]), lambda: memory.put("owl", {"x": object()}),
                lambda: memory.put("owl", {}, entity_key="img:1"), lambda: memory.put("owl", {}, sumary="x")):
    try:
        refused()
    except puras.MemoryProblem as error:
        results.append(str(error))
"""


async def test_function_stores_finds_and_deletes_memory(
    instance: AppContext, project: Project, api_base: str
) -> None:
    job = await run_code(instance, project, api_base, CODE)
    assert job["status"] == "succeeded", job
    results = job["result"]["results"]
    assert results[:5] == [[1, True], 2, [{"says": "hoot"}], 2, []]
    assert "No memory record" in results[5]
    assert "not JSON" in results[6]
    assert "SHA-256" in results[7]
    assert "sumary" in results[8]
    (kept,) = (await project.http.get("/v1/memory?state=forgotten")).json()
    assert (kept["job_id"], kept["forgotten_reason"]) == (job["id"], "wrong")
    (entry,) = (await project.http.get("/v1/audit?action=memory")).json()
    assert entry["actor"] == f"job:{job['id']}"
