"""Validate examples, defaults and the parameters of the function against the schemas."""

from __future__ import annotations

import re
from typing import Any, Final

from backend.core.errors import Problem
from backend.skills.manifest.functions import Parameters
from backend.skills.manifest.skill_reader import Section
from backend.skills.manifest.types import Example
from backend.skills.schemas.messages import Path
from backend.skills.schemas.schema_dialect import Schema
from backend.skills.schemas.value_schemas import InputSchema

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def check_example(example: Example, section: Section) -> Example:
    """Report examples whose inputs are not valid for the skill, and warn of invalid outputs."""
    reading, number = section.reading, int(section.path[-1]) + 1
    if example.inputs is not None and reading.inputs is not None:
        for problem in fits(reading.inputs, example.inputs):
            message = f"Example {number} is not valid for input_schema: {problem.path}: {problem.message}"
            section.error(("inputs", *_steps(problem.path)), message)
    if example.outputs is not None and reading.output is not None:
        for problem in reading.output.check(example.outputs).problems:
            message = f"Example {number} is not valid for output_schema: {problem.path}: {problem.message}"
            section.warn(("outputs", *_steps(problem.path)), message)
    return example


def check_defaults(section: Section, schema: Schema) -> None:
    """Report each `default:` of an input that is not valid for its own schema."""
    inputs = InputSchema(schema)
    filled = inputs.check({})
    names = filled.value.keys() if isinstance(filled.value, dict) else ()
    for problem in filled.problems:
        path = _steps(problem.path)
        if not path or path[0] in names:
            place = ("input_schema", "properties", *path[:1], "default")
            section.error(place, f"The default is not valid: {problem.path}: {problem.message}")


def check_call(section: Section, schema: Schema, parameters: Parameters) -> None:
    """Warn when the function cannot be called with the inputs that the schema declares."""
    properties = schema.get("properties")
    declared = set(properties) if isinstance(properties, dict) else set()
    if parameters.takes_one_dict and "inputs" not in declared:
        return
    if parameters.positional_only:
        name = parameters.positional_only[0]
        section.warn(
            "entrypoint", f"Inputs are passed by name, but {name!r} is positional-only. Remove the '/'."
        )
    for name in parameters.needed:
        if name not in declared:
            section.warn(
                "entrypoint",
                f"The function requires {name!r}, which input_schema does not declare. Declare it.",
            )
    if not parameters.takes_any:
        for name in sorted(declared - parameters.names):
            section.warn(
                ("input_schema", "properties", name),
                f"The function has no parameter {name!r}, so calls with it fail. Add the parameter, or **inputs.",
            )


def fits(inputs: InputSchema, value: dict[str, Any]) -> list[Problem]:
    """Return the problems of inputs in the bundle."""
    return inputs.check(value).problems


def _steps(path: str) -> Path:
    """Return the parts of a path: `inputs.a[0].b` as `("a", 0, "b")`."""
    _, dot, rest = path.partition(".")
    return tuple(name or int(index) for name, index in _STEP.findall(dot + rest))
