"""Define the skill of the assistant. It belongs to the product: no manifest declares it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from backend.skills.manifest.types import Limits, Skill
from backend.skills.schemas.schema_dialect import Schema

ASSISTANT: Final = "@assistant"
"""Name of the skill. Its jobs run with a deployment that contains the files of the draft and no skills."""
MAX_BUDGET_USD: Final = 20.0
MAX_TASK_CHARACTERS: Final = 20_000
MAX_STEPS: Final = 100
_TIMEOUT_S: Final = 1_800.0

_INPUTS: Final[Schema] = {
    "type": "object",
    "properties": {
        "task": {"type": "text", "description": "What the user wants."},
        "skill": {"type": "string", "description": "The skill that the user has open."},
        "file": {"type": "string", "description": "The file that the user has open."},
        "problem": {"type": "text", "description": "A problem of the draft that the task refers to."},
        "job_id": {"type": "string", "description": "A job that the task refers to; read_job reads it."},
        "draft_revision": {"type": "integer", "description": "The revision of the draft that was copied."},
    },
    "required": ["task"],
}
_SUMMARY: Final[dict[str, Any]] = {
    "type": "text",
    "description": "What was found, what the changes do, how they were tested, and what the user still has to do.",
}
_OUTPUTS: Final[Schema] = {
    "type": "object",
    "properties": {
        "summary": _SUMMARY,
        "base_revision": {"type": "integer", "description": "The revision of the draft that was copied."},
        "files": {
            "type": "array",
            "description": "The proposed changes.",
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "action": {"type": "string", "enum": ["create", "change", "delete"]},
                    "before": {"type": "text", "description": "The text in the draft that was copied."},
                    "after": {"type": "text", "description": "The proposed text."},
                },
                "required": ["path", "action", "before", "after"],
            },
        },
        "problems": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Problems that a draft with all proposed changes has.",
        },
    },
    "required": ["summary", "files"],
}


def assistant_skill() -> Skill:
    """Return the skill of the assistant's jobs."""
    return _SKILL


def submitted_by_model() -> Skill:
    """Return the skill with the part of the result that the model writes; the worker adds the rest."""
    return _BY_MODEL


@cache
def prompt() -> str:
    """Return the instructions of the assistant."""
    return (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8").strip()


def _skill(outputs: Schema) -> Skill:
    return Skill(
        name=ASSISTANT,
        path="",
        title="Assistant",
        entrypoint=ASSISTANT,
        is_agentic=True,
        input_schema=_INPUTS,
        output_schema=outputs,
        timeout_s=_TIMEOUT_S,
        limits=Limits(steps=MAX_STEPS, cost_usd=MAX_BUDGET_USD),
        network="none",
        disable_bash=True,
    )


_SKILL: Final = _skill(_OUTPUTS)
_BY_MODEL: Final = _skill({"type": "object", "properties": {"summary": _SUMMARY}, "required": ["summary"]})
