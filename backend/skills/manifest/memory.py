"""The key `memory`: what an agent has of its project's memory."""

from __future__ import annotations

import re
from typing import Any, Final

from backend.core.errors import PurasError
from backend.core.names import suggestion
from backend.skills.manifest.sections import Section
from backend.skills.manifest.skill_reader import Reading
from backend.skills.manifest.types import MemoryUse
from backend.skills.schemas.schema_dialect import Schema

_TOOLS: Final = re.compile(
    rb"\bmemory_(?:(?:search|get|put|forget)\b|\*)|\b(?:workspace memory|memory tools?)\b", re.IGNORECASE
)
_NAMED: Final = MemoryUse(digest=True, identity=True)


def read(section: Section, reading: Reading, entrypoint: str, inputs: Schema | None) -> MemoryUse | None:
    """Return what it has: what the key says, else what Puras gives to a skill that names memory, else nothing."""
    value = section.raw("memory")
    if isinstance(value, bool):
        return MemoryUse() if value else None
    own = section.section("memory")
    if own is not None:
        return _memory(own, inputs)
    return _NAMED if _names_a_tool(section, reading, entrypoint) else None


def _memory(section: Section, inputs: Schema | None) -> MemoryUse:
    given: dict[str, Any] = {name: section.flag(name) for name in ("digest", "read_only")}
    scope = section.choice("scope", ("skillpack", "workspace"))
    keys = section.texts("keys")
    known = list((inputs or {}).get("properties") or {})
    for index, name in enumerate(keys):
        if name not in known:
            hint = suggestion(name, known) or " Name a property of 'input_schema'."
            section.error(("keys", index), f"There is no input {name!r}.{hint}")
    if keys and not given["digest"]:
        section.warn("keys", "'keys' are for the digest. Add 'digest: true', or remove them.")
    section.finish("'memory'")
    return MemoryUse(**given, keys=keys, **({"scope": scope} if scope else {}))


def _names_a_tool(section: Section, reading: Reading, entrypoint: str) -> bool:
    """Whether its list of tools or its prompt names one: bundles that were made elsewhere need no key for it."""
    if not entrypoint.lower().endswith(".md"):
        return False
    allowed = section.value.get("allowed_tools")
    if isinstance(allowed, list) and allowed:
        return any(isinstance(name, str) and name.startswith("memory_") for name in allowed)
    try:
        return _TOOLS.search(reading.archive.read(reading.folder.inside(entrypoint))) is not None
    except (PurasError, KeyError):
        return False  # that it is not there is told elsewhere
