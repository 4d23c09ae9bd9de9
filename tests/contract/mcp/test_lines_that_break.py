"""Break connections between server and instance at any byte: a submit creates one job, a push one version."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from mcp import Client
from tests.contract.clients.cutting import Cut, Way, cut_line, ends_before, sample
from tests.contract.mcp.conftest import SKILL, Project, call, new_project

CUTS_EACH_WAY = 8


async def test_a_submit_with_broken_connections_creates_one_job(project: Project) -> None:
    submit = {"skill": "tally", "inputs": {"upto": 1}}
    returned: list[str] = []
    with cut_line(project.up.port) as line:
        through = project.with_key | {"PURAS_API_BASE": line.address}
        async with project.over_stdio(environment=through) as client:
            known = set(await _jobs(client))
            returned.append((await call(client, "submit_job", **submit))["id"])
            lengths = dict(line.passed[-1])
            ways: tuple[Way, Way] = ("request", "answer")
            for cut in [Cut(way, at) for way in ways for at in sample(lengths[way], CUTS_EACH_WAY)]:
                line.cuts.append(cut)
                tries = len(line.passed)
                returned.append((await call(client, "submit_job", **submit))["id"])
                assert len(line.passed) - tries >= 2 or ends_before(line, cut), f"{cut} broke nothing"
            made = await _jobs(client)
    assert Counter(one for one in made if one not in known) == Counter(returned)


async def test_a_push_with_broken_connections_creates_one_version(project: Project, tmp_path: Path) -> None:
    """Checks and activations use the same broken connections."""
    mine = new_project(project.up, "Pushed over a broken line", tmp_path)
    for name, text in SKILL.items():
        (tmp_path / "pack" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pack" / name).write_text(text, encoding="utf-8")
    push = {"project_dir": str(tmp_path / "pack")}
    returned: list[int] = []
    with cut_line(mine.up.port) as line:
        through = mine.with_key | {"PURAS_API_BASE": line.address}
        async with mine.over_stdio(environment=through) as client:
            returned.append((await call(client, "push", **push))["version"])
            lengths = dict(line.passed[-1])
            ways: tuple[Way, Way] = ("request", "answer")
            for cut in [Cut(way, at) for way in ways for at in sample(lengths[way], CUTS_EACH_WAY)]:
                line.cuts.append(cut)
                tries = len(line.passed)
                returned.append((await call(client, "push", **push, notes=f"{cut}"))["version"])
                assert len(line.passed) - tries >= 2 or ends_before(line, cut), f"{cut} broke nothing"
            for tool, given in {"validate": push, "activate_deployment": {"deployment_id": "1"}}.items():
                line.cuts.append(Cut("answer", 20))
                await call(client, tool, **given)
            listed = await call(client, "list_deployments", limit=100)
    versions = {one["version"]: one["is_active"] for one in listed["deployments"]}
    assert sorted(versions) == sorted(returned) == list(range(1, len(returned) + 1))
    assert [version for version, is_active in versions.items() if is_active] == [1]


async def _jobs(client: Client) -> list[str]:
    """Return the IDs of all jobs of the project."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await call(client, "list_jobs", limit=200, cursor=cursor)
        found += [one["id"] for one in page["jobs"]]
        cursor = page["next_cursor"]
    return found
