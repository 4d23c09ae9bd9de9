"""Agents that no manifest declares: a prompt of a request, or a text of the bundle, in the place of a skill's own.

Such an agent has no schemas and no tools of its own. One that a skill makes is in all else that skill: the same files,
network, rails and limits, so that a prompt is no way around what its skill may do.
"""

from __future__ import annotations

import posixpath
from typing import Final

from backend.core.errors import Invalid
from backend.skills.manifest.types import Manifest, Retries, Skill
from backend.skills.schemas.schema_dialect import Schema

INLINE: Final = "@inline"
"""Name of the agent whose prompt is the request's own; of one that a skill makes, behind `skill:`."""
NOTEBOOK: Final = "@notebook"
"""Name of the job that is the Python kernel of a notebook: it has the files of the version and what commands have."""
MAX_PROMPT_CHARACTERS: Final = 200_000
MAX_KERNEL_S: Final = 8 * 3600.0
"""A kernel ends by then, whoever still uses it: a working day."""
NO_SKILLS: Final = Manifest(skills=())
"""Of a job that runs without a deployment."""

_SUFFIX: Final = ".md"
_INPUTS: Final[Schema] = {
    "type": "object",
    "properties": {
        "attachments": {
            "type": "array",
            "items": {"type": "file"},
            "description": "Files that are there to be looked at.",
        }
    },
    "additionalProperties": True,
}


def is_text(target: str) -> bool:
    """Whether what is called by that name is a text of the bundle, and not a skill."""
    return target.lower().endswith(_SUFFIX)


def name_of(caller: str, entry: str = INLINE) -> str:
    """What the agent is called that a skill, or another such agent, makes."""
    base = caller.partition(":")[0]
    return INLINE if base == entry == INLINE else f"{base}:{entry}"


def entry_of(base: Skill | None, target: str) -> str:
    """The text that a skill means, relative to its folder.

    Raises:
        Invalid: it lies outside of the bundle.
    """
    entry = posixpath.normpath(target)
    inside = posixpath.normpath(posixpath.join(base.path if base else "", entry))
    if target.startswith("/") or inside.startswith("../") or ":" in target or "\\" in target:
        raise Invalid(
            f"The text {target!r} is not in the bundle. Name one relative to the skill's folder, like "
            "'references/check.md'."
        )
    return entry


def agent_of(name: str, manifest: Manifest) -> Skill | None:
    """The agent of that name, or the kernel; None: it is no such name, or its skill is not there."""
    if name == NOTEBOOK:
        return _KERNEL
    base_name, _, entry = name.rpartition(":")
    if entry != INLINE and not (base_name and is_text(entry)):
        return None
    base = _BARE if base_name in ("", INLINE) else manifest.find(base_name)
    if base is None:
        return None
    kept = {field: getattr(base, field) for field in Skill.model_fields}  # and nothing that it has compiled
    return Skill(**{**kept, **_OWN, "name": name, "entrypoint": entry})


_OWN: Final = {
    "title": None,
    "description": "",
    "is_agentic": True,
    "input_schema": _INPUTS,
    "output_schema": {},
    "parent_skill": None,
    "tools": (),
    "examples": (),
    "evals": (),
    "eval_dataset": None,
    "eval_mocks": {},
    "eval_gate": None,
    "routing": None,
    "marketing": None,
}
_KERNEL: Final = Skill(
    name=NOTEBOOK,
    path="",
    entrypoint=NOTEBOOK,
    is_agentic=False,
    input_schema={},
    output_schema={},
    timeout_s=MAX_KERNEL_S,
    retries=Retries(max=0, on=()),  # what its variables held is gone: nobody is told that it goes on
)
"""What a notebook runs in: nothing but Python and the files."""
_BARE: Final = Skill(
    name=INLINE, path="", entrypoint=INLINE, is_agentic=True, input_schema=_INPUTS, output_schema={}
)
