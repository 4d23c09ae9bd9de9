"""What the code of a listing may reach includes the skills that it may call."""

from __future__ import annotations

import pytest

from backend.marketplace.reach import Network, network_of, reached_by, servers_of
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle

SCHEMAS = "input_schema: {type: object}\noutput_schema: {type: object}\n"
CODE = b"def run():\n    return {}\n"


def skill(entrypoint: str, network: str, more: str = "") -> bytes:
    """Return a skill.yaml."""
    return f"entrypoint: {entrypoint}\nnetwork: {network}\n{SCHEMAS}{more}".encode()


FILES = {
    "skills/quiet/skill.yaml": skill("flow.yaml", "none"),
    "skills/quiet/flow.yaml": b"steps: [{id: a, skill: nested}, {id: b, skill: nested}]\n",
    "skills/nested/skill.yaml": skill("flow.yaml", "public"),
    "skills/nested/flow.yaml": b"steps: [{id: wait, wait: {duration: 1s}}, {id: sign, approval: {message: Go?}}]\n",
    "skills/coded/skill.yaml": skill("flow.yaml", "none"),
    "skills/coded/flow.yaml": b"steps: [{id: a, python: 'main.py:run'}]\n",
    "skills/coded/main.py": CODE,
    "skills/one/skill.yaml": skill("main.py:run", "[api.example.org]"),
    "skills/one/main.py": CODE,
    "skills/talk/skill.yaml": skill(
        "prompt.md", "[b.example.org]", "tools: [{mcp: 'https://mcp.example.org/x'}]\n"
    ),
    "skills/talk/prompt.md": b"Talk.",
}
ALL = ["api.example.org", "b.example.org"]


@pytest.mark.parametrize(
    ("name", "steps", "network", "servers"),
    [
        ("quiet", "", "none", []),
        ("quiet", "steps: [{id: a, skill: talk}]", ALL, ["mcp.example.org"]),
        ("quiet", "steps: [{id: a, skill: nested, compensate: {skill: one}}]", ALL, ["mcp.example.org"]),
        ("coded", "", ALL, ["mcp.example.org"]),
        ("one", "", ALL, ["mcp.example.org"]),
    ],
)
def test_reach(name: str, steps: str, network: Network, servers: list[str]) -> None:
    files = {**FILES, **({f"skills/{name}/flow.yaml": steps.encode()} if steps else {})}
    manifest = read_bundle(pack_files(files)).manifest
    listed = manifest.find(name)
    assert listed is not None
    reached = reached_by(manifest, listed)
    assert (network_of(reached), servers_of(reached)) == (network, servers)


def test_one_public_skill_makes_all_public() -> None:
    files = {**FILES, "skills/one/skill.yaml": skill("main.py:run", "public")}
    manifest = read_bundle(pack_files(files)).manifest
    assert network_of(manifest.skills) == "public"
