"""Rename a field of a schema in the values of a skill.yaml that name it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from backend.skills.manifest.yaml_text import Step
from backend.skills.schemas.messages import Path

_EXAMPLE_KEYS: Final = {"input_schema": "inputs", "output_schema": "outputs"}
_Way: TypeAlias = tuple[str | None, ...]
"""Names of fields from the outermost value to an inner one; None stands for each item of a list."""


class Renaming(NamedTuple):
    """A new name of a field. A value that already has the new name is not changed, since one of both would be lost."""

    name: str
    to: str

    def steps(self, document: Mapping[str, Any], schema_path: Sequence[str | int]) -> Iterator[Step]:
        """Yield the changes of what names a field of the schema at a path, except in this schema itself."""
        root, way = str(schema_path[0]), _way(schema_path[1:])
        if root not in _EXAMPLE_KEYS or way is None:
            return
        yield from self._in_defaults(document.get(root), (root,), way)
        key = _EXAMPLE_KEYS[root]
        for index, example in enumerate(_items(document.get("examples"))):
            yield from self._in_value(_inside(example, key), ("examples", index, key), way)
        if root == "output_schema":
            yield from self._in_graders(document.get("evals"), way)
        elif not way:
            keys = _items(_inside(document.get("memory"), "keys"))
            yield from (
                Step("set", ("memory", "keys", at), self.to)
                for at, one in enumerate(keys)
                if one == self.name
            )

    def _in_defaults(self, schema: Any, path: Path, way: _Way) -> Iterator[Step]:
        """Yield the changes of the defaults of the schemas that contain the field."""
        yield from self._in_value(_inside(schema, "default"), (*path, "default"), way)
        if way:
            keys = ("items",) if way[0] is None else ("properties", way[0])
            for key in keys:
                schema = _inside(schema, key)
            yield from self._in_defaults(schema, (*path, *keys), way[1:])

    def _in_value(self, value: Any, path: Path, way: _Way) -> Iterator[Step]:
        """Yield the changes of the keys of a value."""
        if not way:
            if isinstance(value, dict) and self.name in value and self.to not in value:
                yield Step("rename", (*path, self.name), self.to)
        elif way[0] is None:
            for index, item in enumerate(_items(value)):
                yield from self._in_value(item, (*path, index), way[1:])
        else:
            yield from self._in_value(_inside(value, way[0]), (*path, way[0]), way[1:])

    def _in_graders(self, evals: Any, way: _Way) -> Iterator[Step]:
        """Yield the changes of the paths of compared values, like `items[0].name`."""
        graders, path = (
            (evals, ("evals",))
            if isinstance(evals, list)
            else (_inside(evals, "graders"), ("evals", "graders"))
        )
        outer = "".join(r"(?:\[\d+\]|\.\d+)" if one is None else rf"\.{re.escape(one)}" for one in way)
        pattern = re.compile(rf"({outer}\.){re.escape(self.name)}(?=[.\[]|$)")
        for index, grader in enumerate(_items(graders)):
            field = _inside(grader, "field")
            found = pattern.match(f".{field}") if isinstance(field, str) else None
            if found:
                renamed = f"{found[1]}{self.to}{found.string[found.end() :]}"
                yield Step("set", (*path, index, "field"), renamed.removeprefix("."))


def _way(schema_path: Sequence[str | int]) -> _Way | None:
    """Return how the values of a schema are reached in those of an outer one; None if its path is unusual."""
    keys = iter(schema_path)
    found: list[str | None] = []
    for key in keys:
        name = next(keys, None) if key == "properties" else None
        if key != "items" and not isinstance(name, str):
            return None
        found.append(name if isinstance(name, str) else None)
    return tuple(found)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _inside(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
