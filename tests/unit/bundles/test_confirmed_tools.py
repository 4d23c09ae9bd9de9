"""Confirmed tools of a bundle, and the warnings about what an approval does not protect."""

from __future__ import annotations

import pytest

from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest import confirmed
from backend.skills.manifest.effects import Effect
from backend.skills.manifest.types import Manifest, Skill, Tool

AGENT = """\
entrypoint: SKILL.md
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
"""
PAY = """\
tools:
  - name: pay
    entrypoint: pay.py:pay
    confirm: true
    input_schema: {type: object, properties: {}}
    output_schema: {type: object, properties: {}}
"""


def warnings_of(more: str, other: str = "disable_bash: true\n") -> list[str]:
    """Return the warnings of a bundle with a skill that confirms its tool, and another skill."""
    files = {
        "skills/it/skill.yaml": f"{AGENT}{PAY}{more}",
        "skills/it/SKILL.md": "Do it.",
        "skills/it/pay.py": "def pay():\n    return {}\n",
        "skills/other/skill.yaml": f"{AGENT}{other}",
        "skills/other/SKILL.md": "Do it.",
    }
    read = read_bundle(pack_files({name: text.encode() for name, text in files.items()}))
    return [f"{warning.path}:{warning.line} {warning.message}" for warning in read.warnings]


@pytest.mark.parametrize(
    ("more", "readers"),
    [
        ("", "'bash'"),
        ("  - builtin: python\n", "'bash' and 'python'"),
        ("  - builtin: python\ndisable_bash: true\n", "'python'"),
        ("allowed_tools: [pay, bash]\n", "'bash'"),
    ],
)
def test_readable_modules_of_a_confirmed_tool_cause_a_warning(more: str, readers: str) -> None:
    (warning,) = warnings_of(more)
    assert warning.startswith("skills/it/skill.yaml:7 An approval guards this tool, but " + readers)
    assert "other than 'pay.py'" in warning
    assert "disable_bash: true" in warning


@pytest.mark.parametrize("more", ["disable_bash: true\n", "allowed_tools: [pay]\n"])
def test_no_warning_if_no_agent_runs_code(more: str) -> None:
    assert warnings_of(more) == []


def test_warning_names_agents_of_another_skill() -> None:
    (warning,) = warnings_of("disable_bash: true\n", other="")
    assert "The tool 'pay': An approval guards this tool, but agents of 'other' can read" in warning


def test_confirmed_kernel_with_unconfirmed_commands_causes_a_warning() -> None:
    warnings = warnings_of("  - {builtin: python, confirm: true}\n")
    assert any("'bash' runs Python without one" in warning for warning in warnings)


def skill(name: str, *tools: Tool, entrypoint: str = "p.md") -> Skill:
    return Skill(
        name=name,
        path=f"skills/{name}",
        entrypoint=entrypoint,
        is_agentic=entrypoint.endswith(".md"),
        input_schema={},
        output_schema={},
        tools=tools,
    )


def test_confirmed_skill_is_confirmed_by_its_target() -> None:
    function = skill("send", entrypoint="main.py:run")
    agent = skill("ask", Tool(name="wire", entrypoint="wire.py:go"))
    names = [Tool(name=name, skill=name, confirm=True) for name in ("send", "ask", "gone")]
    manifest = Manifest(skills=(skill("it", *names), function, agent))
    assert manifest.confirmed == {
        Effect("skill", "send"),
        Effect("function", "skills/send/main.py:run"),
        Effect("skill", "ask"),
        Effect("text", "skills/ask/p.md"),
        Effect("skill", "gone"),
    }
    hidden = {"skills/send/main.py", "skills/ask/wire.py"}
    assert confirmed.hidden_files(manifest, manifest.confirmed, "it") == hidden
    assert confirmed.hidden_files(manifest, manifest.confirmed, "ask") == {"skills/send/main.py"}


@pytest.mark.parametrize(
    ("section", "tool", "asks"),
    [
        (Tool(mcp="https://x.org/mcp"), "refund", True),
        (Tool(mcp="https://X.org:443/mcp/?key=1"), "refund", True),
        (Tool(mcp="https://x.org/mcp", allow=("refund",)), "refund", True),
        (Tool(mcp="https://x.org/mcp"), "look", False),
        (Tool(mcp="https://y.org/mcp"), "refund", False),
        (Tool(mcp="https://all.org/mcp"), "look", True),
        (Tool(mcp="https://all.org/mcp", allow=("look",)), "look", False),
    ],
)
def test_confirmed_server_tool_is_matched_by_less_specific_sections(
    section: Tool, tool: str, asks: bool
) -> None:
    confirming = (
        Tool(mcp="https://x.org/mcp", allow=("refund",), confirm=True),
        Tool(mcp="https://all.org/mcp", confirm=True),
    )
    manifest = Manifest(skills=(skill("it", *confirming),))
    assert confirmed.covers_server_tool(manifest.confirmed, section, tool) is asks
