"""Examples, defaults and the function's own parameters, held against the schemas."""

from __future__ import annotations

import re
from typing import Any, Final

from backend.core.errors import Problem
from backend.skills.manifest.functions import Parameters
from backend.skills.manifest.sections import Section
from backend.skills.manifest.types import Example
from backend.skills.schemas.messages import Path
from backend.skills.schemas.schema_dialect import Schema
from backend.skills.schemas.value_schemas import InputSchema, OutputSchema

MAX_EXAMPLES: Final = 100

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def read(
    section: Section, input_schema: Schema | None, output_schema: Schema | None, *, is_agentic: bool
) -> tuple[Example, ...]:
    """The examples of the skill."""
    found: list[Example] = []
    inputs = InputSchema(input_schema, takes_attachments=is_agentic) if input_schema is not None else None
    output = OutputSchema(output_schema) if output_schema is not None else None
    for number, example in enumerate(section.sections("examples", "examples"), 1):
        if number > MAX_EXAMPLES or example.is_late:
            section.error(
                "examples", f"There are more than {MAX_EXAMPLES} examples, or too large ones. Keep the best."
            )
            break
        found.append(_example(example, number, inputs, output))
    return tuple(found)


def check_defaults(section: Section, schema: Schema) -> None:
    """Every `default:` of an input has to fit its own schema."""
    inputs = InputSchema(schema)
    filled = inputs.check({})
    names = filled.value.keys() if isinstance(filled.value, dict) else ()
    for problem in filled.problems:
        path = _steps(problem.path)
        if not path or path[0] in names:
            place = ("input_schema", "properties", *path[:1], "default")
            section.error(place, f"The default does not fit: {problem.path}: {problem.message}")


def check_call(section: Section, schema: Schema, parameters: Parameters) -> None:
    """Warn when the function cannot be called with the inputs that the schema declares."""
    properties = schema.get("properties")
    declared = set(properties) if isinstance(properties, dict) else set()
    if parameters.takes_one_dict and "inputs" not in declared:
        return
    if parameters.positional_only:
        name = parameters.positional_only[0]
        section.warn(
            "entrypoint", f"Inputs are given by name, and {name!r} is positional-only. Remove the '/'."
        )
    for name in parameters.needed:
        if name not in declared:
            section.warn(
                "entrypoint", f"The function needs {name!r}, which input_schema does not declare. Declare it."
            )
    if not parameters.takes_any:
        for name in sorted(declared - parameters.names):
            section.warn(
                ("input_schema", "properties", name),
                f"The function has no parameter {name!r}, so calls with it fail. Add the parameter, or **inputs.",
            )


def fits(inputs: InputSchema, value: dict[str, Any]) -> list[Problem]:
    """What is wrong with inputs that an author wrote down."""
    return inputs.check(value).problems


def _example(
    section: Section, number: int, inputs: InputSchema | None, output: OutputSchema | None
) -> Example:
    title = section.text("title", most=200) or ""
    description = section.loose_text("description")
    values = section.mapping("inputs", is_required=True)
    outputs = section.mapping("outputs")
    section.finish("An example")
    if values is not None and inputs is not None:
        for problem in fits(inputs, values):
            path = ("inputs", *_steps(problem.path))
            section.error(
                path, f"Example {number} does not fit input_schema: {problem.path}: {problem.message}"
            )
    if outputs is not None and output is not None:
        for problem in output.check(outputs).problems:
            path = ("outputs", *_steps(problem.path))
            section.warn(
                path, f"Example {number} does not fit output_schema: {problem.path}: {problem.message}"
            )
    return Example(inputs=values or {}, title=title, description=description, outputs=outputs)


def _steps(path: str) -> Path:
    """`inputs.a[0].b` as `("a", 0, "b")`."""
    _, dot, rest = path.partition(".")
    return tuple(name or int(index) for name, index in _STEP.findall(dot + rest))
