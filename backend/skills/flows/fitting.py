"""Compare the type of a value with the schema that it has to be valid for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from backend.core.names import suggestion
from backend.skills.flows.cel.types import NUMERIC, Type
from backend.skills.schemas.messages import Path

MAX_DEPTH: Final = 16


class Mismatch(NamedTuple):
    """A part of a value that can never be valid."""

    path: Path
    message: str


def mismatches(given: Type, expected: Type, path: Path = ()) -> Iterator[Mismatch]:
    """Yield the parts of a value that can never be valid for what is expected.

    Values of unknown type may be valid; they are checked when the step runs.
    """
    if len(path) > MAX_DEPTH or "dyn" in (given.kind, expected.kind):
        return
    if given.kind == "null" and (expected.is_nullable or expected.kind == "null"):
        return
    if given.kind != expected.kind and not _are_numbers(given, expected):
        yield Mismatch(
            path, f"This is {_a(given)}, and {_a(expected)} is expected.{_conversion(given, expected)}"
        )
        return
    if given.kind == "list" and given.item is not None and expected.item is not None:
        yield from mismatches(given.item, expected.item, (*path, 0))
    if given.kind == "object":
        yield from _of_objects(given, expected, path)


def _of_objects(given: Type, expected: Type, path: Path) -> Iterator[Mismatch]:
    for name, kind in given.fields.items():
        wanted = expected.fields.get(name, expected.item)
        if wanted is not None:
            yield from mismatches(kind, wanted, (*path, name))
        elif expected.item is None:
            hint = suggestion(name, expected.fields) or (
                f" Declared are {', '.join(map(repr, sorted(expected.fields)))}." if expected.fields else ""
            )
            yield Mismatch((*path, name), f"{name!r} is not declared.{hint}")
    if given.item is None:
        for name in expected.fields:
            if name not in expected.optional and name not in given.fields:
                yield Mismatch(path, f"{name!r} is required. Add it.")


def _are_numbers(given: Type, expected: Type) -> bool:
    if expected.kind == "int":
        return given.kind in ("int", "number")
    return expected.kind in NUMERIC and given.kind in NUMERIC


def _a(kind: Type) -> str:
    name = str(kind)
    if name.startswith(("text", "null", "any")):
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _conversion(given: Type, expected: Type) -> str:
    functions = {"string": "string(…)", "int": "int(…)", "double": "double(…)", "number": "double(…)"}
    convertible = {"string", *NUMERIC, "bool"}
    if given.kind in convertible and expected.kind in functions and given.kind != "bool":
        return f" Convert it with {functions[expected.kind]}."
    return ""
