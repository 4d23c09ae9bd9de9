"""Values of jobs against the schemas of their skill: inputs on the way in, outputs on the way out."""

from __future__ import annotations

from typing import Any

from backend.skills.manifest.types import Skill
from backend.skills.schemas.value_schemas import Checked


def check_inputs(skill: Skill, value: Any) -> Checked:
    """The inputs with the schema's defaults filled in, and every problem with its path below `inputs`."""
    return skill.inputs.check(value)


def check_output(skill: Skill, value: Any) -> Checked:
    """What a skill returned, without undeclared names, and every problem with its path below `result`."""
    return skill.output.check(value)
