"""Compare the skills of two versions, and find changes that break callers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from backend.core.errors import Problem
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.schemas.messages import shown
from backend.skills.schemas.schema_dialect import FILE_TYPES, Schema

Side = Literal["input", "output"]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SETTINGS = (
    *("entrypoint", "model", "description", "timeout_s", "retries", "limits", "network", "lane"),
    *("tools", "routing", "rails", "allowed_tools", "tool_limits", "disable_bash"),
)

_REMOVED: Final = (
    "This skill of the active version is not in the bundle. When the new version is active, jobs that name it fail. "
    "Add the skill to the bundle, or push the bundle to a skillpack of its own."
)


class Change(NamedTuple):
    """One difference of a skill between two versions."""

    skill: str
    place: str
    """`resize.input_schema.size`, or the key of skill.yaml."""
    message: str
    is_breaking: bool


def between(base: Manifest, head: Manifest) -> list[Change]:
    """Return the differences between the skills that are relevant to callers or authors."""
    names = sorted({skill.name for skill in (*base.skills, *head.skills)})
    return [change for name in names for change in _of_skill(name, base.find(name), head.find(name))]


def removed_skills(active: Manifest, pushed: Manifest) -> list[str]:
    """Return the names of the skills that the pushed version removes."""
    return sorted({skill.name for skill in active.skills} - {skill.name for skill in pushed.skills})


def removal_warnings(names: Iterable[str]) -> list[Problem]:
    """Return a warning for each removed skill."""
    return [Problem(name, _REMOVED) for name in names]


def removed_in(warnings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the skills that a stored version has removed, by its warnings."""
    return [warning["path"] for warning in warnings if warning["message"] == _REMOVED]


def _of_skill(name: str, base: Skill | None, head: Skill | None) -> Iterator[Change]:
    if base is None:
        yield Change(name, name, "The skill is new.", is_breaking=False)
    elif head is None:
        yield Change(name, name, "The skill was removed.", is_breaking=base.is_submittable)
    else:
        yield from _Comparison(name, "input", base, head).changes()
        yield from _Comparison(name, "output", base, head).changes()
        for key in _SETTINGS:
            if getattr(base, key) != getattr(head, key):
                yield Change(name, f"{name}.{key}", f"{key!r} changed.", is_breaking=False)


class _Comparison:
    """Compares one schema of one skill in two versions.

    A change of an input breaks callers if fewer values are accepted; a change of an output if other values
    are returned.
    """

    def __init__(self, skill: str, side: Side, base: Skill, head: Skill) -> None:
        self._skill = skill
        self._side = side
        self._base: Schema = base.input_schema if side == "input" else base.output_schema
        self._head: Schema = head.input_schema if side == "input" else head.output_schema
        self._root = f"{skill}.{side}_schema"

    def changes(self) -> Iterator[Change]:
        yield from self._objects(self._base, self._head, self._root)

    def _objects(self, base: Schema, head: Schema, place: str, depth: int = 0) -> Iterator[Change]:
        if base == head or depth > 32:
            return
        before, after = _properties(base), _properties(head)
        for name in before.keys() - after.keys():
            is_open = self._side == "input" and head.get("additionalProperties") not in (None, False)
            yield self._change(f"{place}.{name}", f"{name!r} was removed.", is_breaking=not is_open)
        for name in after.keys() - before.keys():
            needed = self._side == "input" and self._is_needed(head, name)
            how = "new and required" if needed else "new"
            yield self._change(f"{place}.{name}", f"{name!r} is {how}.", is_breaking=needed)
        for name in before.keys() & after.keys():
            yield from self._needs(base, head, name, place)
            yield from self._values(before[name], after[name], f"{place}.{name}", depth + 1)

    def _needs(self, base: Schema, head: Schema, name: str, place: str) -> Iterator[Change]:
        was, is_now = self._is_needed(base, name), self._is_needed(head, name)
        if was == is_now:
            return
        word = "required" if is_now else "optional"
        is_breaking = is_now if self._side == "input" else not is_now
        yield self._change(f"{place}.{name}", f"{name!r} is now {word}.", is_breaking=is_breaking)

    def _is_needed(self, schema: Schema, name: str) -> bool:
        required = schema.get("required")
        if self._side == "output" and required is None:
            return True
        has_default = self._side == "input" and "default" in _mapping(_properties(schema).get(name))
        return isinstance(required, list) and name in required and not has_default

    def _values(self, base: Any, head: Any, place: str, depth: int) -> Iterator[Change]:
        before, after = _mapping(base), _mapping(head)
        if before == after:
            return
        yield from self._types(before, after, place)
        yield from self._choices(before, after, place)
        yield from self._bounds(before, after, place)
        yield from self._objects(before, after, place, depth)
        if isinstance(before.get("items"), dict) and isinstance(after.get("items"), dict):
            yield from self._values(before["items"], after["items"], f"{place}[]", depth + 1)

    def _types(self, before: Schema, after: Schema, place: str) -> Iterator[Change]:
        was, is_now = _types(before), _types(after)
        if was == is_now:
            return
        narrower = bool(was - is_now) or (bool(is_now) and not was)
        wider = bool(is_now - was) or (bool(was) and not is_now)
        message = f"The type changed from {_named(was)} to {_named(is_now)}."
        yield self._change(place, message, is_breaking=narrower if self._side == "input" else wider)

    def _choices(self, before: Schema, after: Schema, place: str) -> Iterator[Change]:
        was, is_now = before.get("enum"), after.get("enum")
        if was == is_now:
            return
        gone = [value for value in was if value not in is_now] if was and is_now else []
        added = [value for value in is_now if value not in was] if was and is_now else []
        narrower, wider = bool(gone) or not was, bool(added) or not is_now
        said = [f"{_listed(gone)} removed" if gone else "", f"{_listed(added)} added" if added else ""]
        message = "; ".join(part for part in said if part) or (
            "any value" if not is_now else "only some values"
        )
        yield self._change(
            place, f"Allowed values: {message}.", is_breaking=narrower if self._side == "input" else wider
        )

    def _bounds(self, before: Schema, after: Schema, place: str) -> Iterator[Change]:
        for keyword in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
            was, is_now = before.get(keyword), after.get(keyword)
            if was == is_now or self._side == "output":
                continue
            is_tighter = was is None or (
                is_now is not None and (is_now > was if keyword in _LOWER_BOUNDS else is_now < was)
            )
            message = f"{keyword!r} changed from {shown(was)} to {shown(is_now)}."
            yield self._change(place, message, is_breaking=is_tighter)
        if self._side == "input" and before.get("pattern") != after.get("pattern"):
            yield self._change(place, "'pattern' changed.", is_breaking=after.get("pattern") is not None)

    def _change(self, place: str, message: str, *, is_breaking: bool) -> Change:
        return Change(self._skill, place, message, is_breaking)


def _mapping(schema: Any) -> Schema:
    return schema if isinstance(schema, dict) else {}


def _properties(schema: Schema) -> Schema:
    return _mapping(schema.get("properties"))


def _types(schema: Schema) -> frozenset[str]:
    """Return the kinds of value that callers see.

    All files are one kind, a text is a string, an integer is a number.
    """
    kinds = schema.get("type")
    names = kinds if isinstance(kinds, list) else [kinds] if kinds else []
    same = {"text": "string", "color": "string", **dict.fromkeys(FILE_TYPES, "file")}
    found = {same.get(name, name) for name in names if isinstance(name, str)}
    return frozenset(found | ({"integer"} if "number" in found else set()))


def _named(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds - {"integer"} if "number" in kinds else kinds)) or "anything"


def _listed(values: list[Any]) -> str:
    return ", ".join(shown(value) for value in values[:8])
