"""Generate `docs/reference/flow-yaml.md`, the keys of a flow.yaml, from its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from backend.docs_site.markdown import code, kind, table
from backend.skills.flows.cel.functions import FUNCTIONS
from backend.skills.flows.json_schema import flow_json_schema

_HEAD: Final = """\
# flow.yaml

A flow is a skill whose `entrypoint` is a YAML file. It runs other skills, functions and agents in steps, waits for
approvals, times and events, and combines the results. Its inputs and its result have the schemas of its
`skill.yaml`, as for any other skill. This flow runs the skill `tally` for each text of a list:

```yaml
# skills/post/flow.yaml
steps:
  - id: each
    for_each: ${{ inputs.texts }}
    concurrency: 4
    skill: tally
    inputs: {words: "${{ item }}"}
  - id: sign
    approval: {message: "Post ${{ size(steps.each) }} results?"}
output: {n: "${{ size(steps.each) }}", first: "${{ steps.each[0].total }}"}
```

A pushed bundle is validated as a whole. The response lists all problems of a flow with their lines: unknown paths
with the most similar right one, references to later steps, values that are not valid for the inputs of a skill or
for the `output_schema` of the flow. Editors complete and validate with the JSON Schema that every instance serves
at `/schemas/flow.json`. This page is generated from the same schema by `make settings`.

## Expressions

`${{ … }}` is an expression in the [Common Expression Language](https://cel.dev) (CEL). A text that is one
expression has the value of the expression, of any type. In other texts, values are inserted as text, and lists and
objects as JSON.

| Variable | Value |
|---|---|
| `inputs` | inputs of the flow |
| `steps.<id>` | result of an earlier step |
| `item`, `index` | in a step with `for_each`: the element, and its position from 0 |
| `job` | `id` and `skill` of the flow's job |
| `event` | in the `match` of an event: `id`, `type` and `data` |

Integers of JSON stay integers of 64 bits. Operators do not mix integers and decimal numbers: write `double(x) *
1.5`. A `number` of a schema may be either, so it needs `double(x)` too. A field that may be missing, and the result
of a step that may be skipped, is read as `has(inputs.note) ? inputs.note : ''`.

Macros of lists: `all`, `exists`, `exists_one`, `filter` and `map`, as in `inputs.rows.filter(r, r.total > 1)`.
"""
_LIMITS: Final = """\
An evaluation has a limit of 200,000 steps, and of 4,000,000 characters and elements that it creates. An expression
has at most 4,000 characters. Regular expressions have the syntax of RE2. Bytes, unsigned integers, times and types
as values are not supported.

## Keys

"""


def page() -> str:
    """Return the text of the page."""
    schema = flow_json_schema()
    functions = ", ".join(code(name) for name in sorted(FUNCTIONS))
    parts = [
        _HEAD,
        f"\nFunctions: {functions}.\n\n",
        _LIMITS,
        _properties(schema),
        *_steps(schema["$defs"]["step"]),
    ]
    return "".join(parts).rstrip() + "\n"


def _properties(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (code(name), _kind(one), "yes" if name in required else "no", one["description"])
        for name, one in schema["properties"].items()
    ]
    return table(("Key", "Value", "Required", "Meaning"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array" and "$ref" in schema.get("items", {}):
        return "list of steps"
    return kind(schema)


def _steps(step: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of each kind of step, and those of the objects in it."""
    shared = set.intersection(*(set(form["properties"]) for form in step["anyOf"]))
    first = step["anyOf"][0]
    common = {name: one for name, one in first["properties"].items() if name in shared}
    yield "## All steps\n\n" + _properties({"properties": common, "required": ["id"]})
    seen: set[str] = set()
    for form in step["anyOf"]:
        own = {name: one for name, one in form["properties"].items() if name not in shared}
        yield f"## {form['title']}\n\n" + _properties({**form, "properties": own})
        for name, one in own.items():
            if name not in seen:
                seen.add(name)
                yield from _inner(name, one)


def _inner(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    if "properties" in schema:
        yield f"### {path}\n\n" + _properties(schema)
        for name, one in schema["properties"].items():
            yield from _inner(f"{path}.{name}", one)
    for one in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from _inner(path, one)
