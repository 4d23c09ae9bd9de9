"""A version with gates becomes active only after its eval suites have passed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.core.errors import NotAllowed
from backend.identity.auth.principal import Role
from backend.publishing import versions
from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.agents.test_eval_suites import (
    DOUBLE,
    EVALS,
    MAIN,
    SKILL,
    get,
    post,
    run_suite,
    suite_end,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATED = {
    **DOUBLE,
    "skills/double/skill.yaml": SKILL.replace(
        b"  graders:", b"  gate: {threshold: 50, repeat: 1}\n  graders:"
    ),
}
WORSE = {**GATED, "skills/double/main.py": MAIN.replace(b"2 * n", b"2 * n + (n == 4)")}
WORST = {**GATED, "skills/double/main.py": MAIN.replace(b"2 * n", b"3 * n")}


async def wait_for_gate(agents: Agents, version: dict[str, Any]) -> Any:
    """Return the version when its gate has a result."""
    async with sandboxed_worker(agents, models_for(agents), capacity=4):
        for suite_id in version["gate"]["suites"]:
            await suite_end(agents, suite_id)
    return await get(agents, f"/v1/deployments/{version['id']}")


async def activate(agents: Agents, version: int, *, force: str = "", status: int = 200) -> Any:
    return await post(agents, f"/v1/deployments/{version}/activate{force}", status=status)


async def test_gate_accepts_good_version_rejects_bad_one_and_can_be_forced(agents: Agents) -> None:
    good = await agents.project.pushed(GATED)
    assert (good["is_active"], good["gate"]["state"], len(good["gate"]["suites"])) == (False, "gating", 1)
    again = await activate(agents, good["version"])
    assert again["gate"]["suites"] == good["gate"]["suites"]
    good = await wait_for_gate(agents, good)
    assert (good["is_active"], good["gate"]["state"]) == (True, "passed")
    (suite,) = await get(agents, EVALS)
    assert (suite["is_gate"], suite["gate_passed"], suite["threshold"]) == (True, True, 50.0)
    listed = (await get(agents, "/v1/deployments"))[0]
    assert [(one["skill"], one["suite_id"]) for one in listed["scores"]] == [("double", suite["id"])]
    assert (listed["scores"][0]["mean_score"], listed["live_jobs"]) == (suite["mean_score"], 0)

    bad = await wait_for_gate(agents, await agents.project.pushed(WORST))
    assert (bad["is_active"], bad["gate"]["state"]) == (False, "refused")
    assert "the gate requires 50 %" in bad["gate"]["reason"]
    assert (await get(agents, "/v1/skills/double"))["version"] == good["version"]
    forced = await activate(agents, bad["version"], force="?force=true")
    assert forced["is_active"] is True
    # The version has already passed its gate.
    back = await activate(agents, good["version"])
    assert back["is_active"] is True
    audit_rows = await get(agents, "/v1/audit?action=deployment&limit=20")
    assert [row["action"] for row in audit_rows if row["action"] != "deployment.pushed"][:4] == [
        *("deployment.activated", "deployment.activated", "deployment.refused", "deployment.gating"),
    ]
    assert audit_rows[1]["details"]["is_forced"] is True


async def test_gate_rejects_version_worse_than_baseline(agents: Agents) -> None:
    good = await wait_for_gate(agents, await agents.project.pushed(GATED))
    assert good["is_active"] is True
    (suite,) = await get(agents, EVALS)
    await post(agents, f"/v1/evals/{suite['id']}/baseline", status=200)
    worse = await wait_for_gate(agents, await agents.project.pushed(WORSE))
    assert (worse["is_active"], worse["gate"]["state"]) == (False, "refused")
    assert f"worse than the baseline of v{good['version']}" in worse["gate"]["reason"]


async def test_newer_version_supersedes_gate_and_cancels_its_suites(agents: Agents) -> None:
    first = await agents.project.pushed(GATED)
    second = await agents.project.pushed({**GATED, "skills/double/notes.txt": b"second"})
    async with sandboxed_worker(agents, models_for(agents), capacity=4):
        unneeded_suite = await suite_end(agents, first["gate"]["suites"][0])
        await suite_end(agents, second["gate"]["suites"][0])
    assert unneeded_suite["status"] == "cancelled"
    first = await get(agents, f"/v1/deployments/{first['id']}")
    second = await get(agents, f"/v1/deployments/{second['id']}")
    assert (first["gate"]["state"], first["is_active"]) == ("superseded", False)
    assert (second["gate"]["state"], second["is_active"]) == ("passed", True)


async def test_only_admin_can_force_gate(agents: Agents) -> None:
    version = await agents.project.pushed(GATED)
    developer = replace(agents.project.principal, role=Role.DEVELOPER)
    with pytest.raises(NotAllowed):
        async with agents.instance.database.transaction() as session:
            await versions.activate(session, developer, version["id"], force=True)
    assert (await get(agents, f"/v1/deployments/{version['id']}"))["is_active"] is False
    assert (await run_suite(agents, version=version["version"]))["gate_passed"] is True
