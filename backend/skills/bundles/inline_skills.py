"""Agents that no manifest declares: they run a prompt of a request, or a text of the bundle.

Such an agent has no schemas and no tools of its own. One that a skill starts is otherwise that skill: it has
the same files, network, guardrails and limits, so that a prompt cannot circumvent what its skill may do.
"""

from __future__ import annotations

import posixpath
from typing import Final

from backend.core.errors import Invalid
from backend.skills.assistant.skill import ASSISTANT, assistant_skill
from backend.skills.manifest.derived import derive_skill
from backend.skills.manifest.types import Manifest, Retries, Skill
from backend.skills.schemas.schema_dialect import Schema

INLINE: Final = "@inline"
"""Name of the agent that runs the prompt of a request; after `skill:` if a skill starts it."""
NOTEBOOK: Final = "@notebook"
"""Name of the job that is the Python kernel of a notebook: it has the files of the version and the privileges
of commands."""
MAX_PROMPT_CHARACTERS: Final = 200_000
MAX_KERNEL_S: Final = 8 * 3600.0
"""A kernel ends after this time, even if it is still in use: a working day."""
NO_SKILLS: Final = Manifest(skills=())
"""SHA-256 of a job that runs without a deployment."""

_SUFFIX: Final = ".md"
_INPUTS: Final[Schema] = {
    "type": "object",
    "properties": {
        "attachments": {
            "type": "array",
            "items": {"type": "file"},
            "description": "Files to show to the agent.",
        }
    },
    "additionalProperties": True,
}


def is_text(target: str) -> bool:
    """Return whether the name is that of a text of the bundle, not of a skill."""
    return target.lower().endswith(_SUFFIX)


def name_of(caller: str, entry: str = INLINE) -> str:
    """Return the name of an agent that a skill, or another such agent, starts."""
    base = caller.partition(":")[0]
    return INLINE if base == entry == INLINE else f"{base}:{entry}"


def entry_of(base: Skill | None, target: str) -> str:
    """Return the path of the text that a skill names relative to its folder.

    Raises:
        Invalid: it is outside of the bundle.
    """
    entry = posixpath.normpath(target)
    inside = posixpath.normpath(posixpath.join(base.path if base else "", entry))
    if target.startswith("/") or inside.startswith("../") or ":" in target or "\\" in target:
        raise Invalid(
            f"The text {target!r} is not in the bundle. Give a path relative to the skill's folder, like "
            "'references/check.md'."
        )
    return entry


def agent_of(name: str, manifest: Manifest) -> Skill | None:
    """Return the agent of that name, the kernel, or the assistant.

    Return None if it is not such a name, or its skill does not exist.
    """
    if name == NOTEBOOK:
        return _KERNEL
    if name == ASSISTANT:
        return assistant_skill()
    base_name, _, entry = name.rpartition(":")
    if entry != INLINE and not (base_name and is_text(entry)):
        return None
    base = _BARE if base_name in ("", INLINE) else manifest.find(base_name)
    if base is None:
        return None
    return derive_skill(
        base, name=name, entrypoint=entry, is_agentic=True, input_schema=_INPUTS, output_schema={}
    )


_KERNEL: Final = Skill(
    name=NOTEBOOK,
    path="",
    entrypoint=NOTEBOOK,
    is_agentic=False,
    input_schema={},
    output_schema={},
    timeout_s=MAX_KERNEL_S,
    retries=Retries(max=0, on=()),  # its variables are lost, so it must not continue without a notice
)
"""Return the skill that a notebook runs in: only Python and the files."""
_BARE: Final = Skill(
    name=INLINE, path="", entrypoint=INLINE, is_agentic=True, input_schema=_INPUTS, output_schema={}
)
