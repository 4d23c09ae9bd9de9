"""`docs/skill-yaml.md`: every key of a skill.yaml, from its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backend.docs_site.markdown import code, kind, table
from backend.skills.manifest.json_schema import skill_json_schema
from backend.skills.schemas.schema_dialect import DIALECT_TYPES

_HEAD: Final = """\
# skill.yaml

A skill is a folder with a `skill.yaml`. Its `entrypoint` decides how it runs: `main.py:run` names a **function**, a
`.md` file is the prompt of an **agent**. Everything else has a default. The smallest one:

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

A pushed bundle is read as a whole: whatever is wrong comes back at once, each with file, line, and what to write
instead. Nothing is executed for that. Editors complete and check with the JSON Schema that every instance serves at
`/schemas/skill.json`. This page is generated from the same schema by `make settings`.

"""
_DIALECT: Final = """\
## Schemas

`input_schema` and `output_schema` are JSON Schema with a few words more. Inputs are checked before a job is stored, and
`default` values filled in; inputs that are not declared are refused, with the nearest name, unless the object says
`additionalProperties: true`. In a result, what is not declared is dropped, and every declared property is needed unless
the object names its own `required`.

Types: {types}. `text` is a string that people write in a larger field; `image`, `video`, `audio` and `file` are
[files](inputs.md).

"""


def page() -> str:
    """The page as it should be."""
    schema = skill_json_schema()
    needed = set(schema["required"])
    rows = [
        (code(name), _kind(one), "yes" if name in needed else "no", one.get("description", ""))
        for name, one in schema["properties"].items()
    ]
    parts = [_HEAD, "## Keys\n\n", table(("Key", "Value", "Needed", "Meaning"), rows)]
    for name, one in schema["properties"].items():
        parts += [f"### {name}\n\n{table(('Key', 'Value', 'Needed'), rows)}" for rows in _objects(one)]
    types = ", ".join(code(name) for name in sorted(DIALECT_TYPES))
    return "".join(parts) + _DIALECT.format(types=types).rstrip() + "\n"


def _kind(schema: Mapping[str, Any]) -> str:
    return kind(schema) if schema.get("type") != "object" else "object"


def _objects(schema: Mapping[str, Any]) -> list[list[tuple[str, str, str]]]:
    """The rows of each object that a key may hold."""
    inner = [
        schema,
        schema.get("items", {}),
        *schema.get("anyOf", ()),
        *schema.get("items", {}).get("anyOf", ()),
    ]
    inner += [one["items"] for one in schema.get("anyOf", ()) if "items" in one]
    return [
        [
            (code(name), _kind(field), "yes" if name in one.get("required", ()) else "no")
            for name, field in one["properties"].items()
        ]
        for one in inner
        if one.get("properties")
    ]
