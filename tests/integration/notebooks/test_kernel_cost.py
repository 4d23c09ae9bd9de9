"""The cost of a kernel: it reserves at most the cap of a job, and ends when this amount is used up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.notebooks.conftest import Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def notebook_settings() -> dict[str, Any]:
    return {"compute_micros_per_second": 50_000, "job_cap_usd": 0.4}


async def test_kernel_reserves_its_cap_and_ends_when_it_is_used_up(lab: Lab) -> None:
    kernel = await lab.kernel()
    wallet = (await kernel.project.http.get("/v1/billing/balance")).json()
    assert wallet["reserved_micros"] == 400_000, "of one dollar; eight hours would cost 1,440 dollars"
    (cell,) = await kernel.queue("print('on', flush=True)\nwhile True: pass")
    seen = await kernel.until(lambda one: one["status"] == "ended")
    assert "is used up" in seen["reason"]
    (run,) = [one for one in seen["cells"] if one["id"] == cell]
    assert (run["status"], run["outputs"][0]["text"]) == ("interrupted", "on\n")
    job = (await kernel.project.http.get(f"/v1/jobs/{kernel.id}")).json()
    assert (job["status"], job["cost_micros"]) == ("succeeded", 400_000)
    wallet = (await kernel.project.http.get("/v1/billing/balance")).json()
    assert (wallet["balance_micros"], wallet["reserved_micros"]) == (600_000, 0)
