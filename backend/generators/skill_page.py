"""Generate `docs/reference/skill-yaml.md`, the keys of a skill.yaml, from its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from backend.docs_site.markdown import code, kind, table
from backend.skills.manifest.json_schema import pack_json_schema, skill_json_schema
from backend.skills.schemas.schema_dialect import DIALECT_TYPES

_HEAD: Final = """\
# skill.yaml

A skill is a folder with a `skill.yaml`. Its `entrypoint` determines how it runs: `main.py:run` names a
**function**, a `.md` file is the prompt of an **agent**, and a [flow.yaml](flow-yaml.md) has the steps of a
**flow**. All other keys have defaults. A minimal example:

```yaml
# skills/greet/skill.yaml
entrypoint: main.py:run
input_schema:
  type: object
  properties:
    name: {type: string, default: you}
output_schema:
  type: object
  properties:
    greeting: {type: string}
```

```python
# skills/greet/main.py
def run(name: str) -> dict[str, str]:
    return {"greeting": f"Hello, {name}!"}
```

A pushed bundle is validated as a whole: the response lists all problems, each with its file, its line and how to fix
it. No code is executed for that. Editors complete and validate with the JSON Schema that every instance serves at
`/schemas/skill.json`. This page is generated from the same schema by `make settings`.

"""
_DIALECT: Final = """\
## Schemas

`input_schema` and `output_schema` are JSON Schema with a few additional keywords. Inputs are validated before a job is
stored, and `default` values are added. Inputs that are not declared are rejected, with the most similar name, unless
the object has `additionalProperties: true`. In a result, properties that are not declared are dropped, and every
declared property is required unless the object has its own `required`.

Types: {types}. `text` is a string that users enter in a larger field; `image`, `video`, `audio` and `file` are
[files](../guides/files-as-inputs.md).

"""
_PACK: Final = """\
## puras.yaml

A `puras.yaml` at the root of a bundle describes the whole skillpack. All of its keys are optional.

"""


def page() -> str:
    """Return the text of the page."""
    schema = skill_json_schema()
    types = ", ".join(code(name) for name in sorted(DIALECT_TYPES))
    dialect = _DIALECT.format(types=types)
    return (
        "".join(
            [_HEAD, "## Keys\n\n", *_tables(schema), dialect, _PACK, *_tables(pack_json_schema())]
        ).rstrip()
        + "\n"
    )


def _tables(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the table of an object, and those of the objects in it."""
    title = (
        f"{path}: {schema['title'][0].lower()}{schema['title'][1:]}" if path and "title" in schema else path
    )
    rows = [
        (code(name), kind(one), "yes" if name in schema.get("required", ()) else "no", one["description"])
        for name, one in schema["properties"].items()
    ]
    heading = f"### {title}\n\n" if path else ""
    yield heading + table(("Key", "Value", "Required", "Meaning"), rows)
    for name, one in schema["properties"].items():
        for inner in _objects(one):
            yield from _tables(inner, f"{path}.{name}" if path else name)


def _objects(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each object that the value of a key may be, or contain in a list."""
    if "properties" in schema:
        yield schema
    for one in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from _objects(one)
