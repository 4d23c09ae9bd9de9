"""The form of a skill.yaml lists the built-in tools that the validator knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from backend.skills.manifest.agent import BUILT_IN_TOOLS

LIST: Final = Path(__file__).parents[3] / "assets/ui/editor/builtin_tools.ts"


def test_every_built_in_tool_can_be_switched() -> None:
    text = LIST.read_text(encoding="utf-8")
    assert {*re.findall(r'^    \["(\w+)"', text, re.MULTILINE), "set_output"} == BUILT_IN_TOOLS
