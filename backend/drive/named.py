"""The drive paths that inputs and results name: where their schema says that a file is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from backend.bundles.dialect import file_kind
from backend.bundles.manifest import Skill
from backend.bundles.value_schemas import ATTACHMENTS, FILES


class NamedFile(NamedTuple):
    """A value that is a file, and where it is in the whole."""

    name: str
    """`photos[2].original`."""
    path: str
    """As it was written: it may be an address or data, and no path at all."""


def input_files(skill: Skill, inputs: dict[str, Any]) -> Iterator[NamedFile]:
    """The files that the inputs of a job name; an agent takes attachments, declared or not."""
    yield from named_files(skill.input_schema, inputs)
    if skill.is_agentic:
        yield from named_files(FILES, inputs.get(ATTACHMENTS), ATTACHMENTS)


def named_files(schema: Any, value: Any, name: str = "") -> Iterator[NamedFile]:
    """The files that a value names."""
    if not isinstance(schema, dict):
        return
    if file_kind(schema) is not None:
        path = value.get("drive_path") if isinstance(value, dict) else value
        if isinstance(path, str):
            yield NamedFile(name, path)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from named_files(
                schema.get("properties", {}).get(key), part, f"{name}.{key}" if name else key
            )
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from named_files(schema.get("items"), part, f"{name}[{place}]")
