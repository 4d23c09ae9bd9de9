"""Calls in several languages, with the instance's and the project's own names: of a skill, or of any route.

The playground has its own (`assets/ui/play/code.js`), since it shows the inputs as they are typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from studio.skills import SkillView
from studio.wording import sample_inputs

_TYPES: Final = {
    "string": "string",
    "text": "string",
    "color": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
    "image": "DriveFile",
    "video": "DriveFile",
    "audio": "DriveFile",
    "file": "DriveFile",
}
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*\Z")


def path_of(skill: SkillView) -> str:
    """Its own endpoint."""
    return f"/v1/skills/{quote(skill.full_name)}/run"


def first_of(origin: str, skills: Sequence[SkillView]) -> dict[str, str]:
    """How the first of the skills is run; where there is none, one with a name to fill in."""
    return of_skill(origin, skills[0] if skills else SkillView(name="my-skill"))


def of_skill(origin: str, skill: SkillView) -> dict[str, str]:
    """How a skill is run, in each language; the key comes from the environment."""
    path = path_of(skill)
    inputs = json.loads(sample_inputs(skill.input_schema, [one.inputs for one in skill.examples]))
    return {
        "curl": curl(origin, "POST", path, inputs),
        "python": _python(
            origin, f"job = client.run_job({skill.full_name!r}, {inputs!r})", 'job["status"], job["result"]'
        ),
        "typescript": _typescript(origin + path, skill, inputs),
        "mcp": mcp(origin, "submit_job", {"skill": skill.full_name, "inputs": inputs}),
    }


def of_route(
    origin: str,
    method: str,
    path: str,
    body: Any,
    *,
    tool: str = "",
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """How a route is asked, from a shell, from Python, and by an agent where it has a tool for it."""
    texts = {
        "curl": curl(origin, method, path, body),
        "python": _python(origin, f"answer = client.request({method!r}, {path!r}, body={body!r})", "answer"),
    }
    return texts | {"mcp": mcp(origin, tool, arguments or {})} if tool else texts


def curl(origin: str, method: str, path: str, body: Any) -> str:
    """A request from a shell; a POST is what curl sends of itself where there is a body."""
    quoted = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl {'' if method == 'POST' else f'-X {method} '}'{origin}{path}' \\\n"
        '  -H "Authorization: Bearer $PURAS_API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{quoted}'"
    )


def mcp(origin: str, tool: str, arguments: Mapping[str, Any]) -> str:
    """What an agent's configuration gets, and the call that the agent then makes."""
    server = {"url": f"{origin}/mcp", "headers": {"Authorization": "Bearer ${env:PURAS_API_KEY}"}}
    return (
        "// .cursor/mcp.json; docs/mcp.md has those of other editors\n"
        + json.dumps({"mcpServers": {"puras": server}}, indent=2)
        + "\n\n// what the agent then calls\n"
        + json.dumps({"name": tool, "arguments": arguments}, indent=2, ensure_ascii=False)
    )


def _python(origin: str, call: str, shown: str) -> str:
    return f"""\
import os
from puras import Client

client = Client(os.environ["PURAS_API_KEY"], api_base="{origin}")
{call}
print({shown})"""


def _typescript(url: str, skill: SkillView, inputs: Any) -> str:
    takes, gives = _shape(skill.input_schema, ""), _shape(skill.output_schema, "")
    shapes = f"type Inputs = {takes};\ntype Result = {gives};"
    if "DriveFile" in shapes:
        shapes = "type DriveFile = string | { drive_path: string } | { url: string };\n" + shapes
    return f"""\
{shapes}

const inputs: Inputs = {json.dumps(inputs, ensure_ascii=False)};
const answer = await fetch("{url}", {{
  method: "POST",
  headers: {{ Authorization: `Bearer ${{process.env.PURAS_API_KEY}}`, "Content-Type": "application/json" }},
  body: JSON.stringify(inputs),
}});
if (!answer.ok) throw new Error((await answer.json()).detail);
const job: {{ id: string; status: string; result: Result | null; error: string | null }} = await answer.json();"""


def _shape(schema: dict[str, Any], indent: str) -> str:
    """The schema as a type of TypeScript."""
    if schema.get("enum"):
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    named = schema.get("type") or ("object" if "properties" in schema else "")
    if isinstance(named, list):
        return " | ".join(_TYPES.get(one, "unknown") for one in named)
    if named == "array":
        items = schema.get("items")
        inner = _shape(items, indent) if isinstance(items, dict) else "unknown"
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if named == "object":
        return _object(schema, indent)
    return _TYPES.get(str(named), "unknown")


def _object(schema: dict[str, Any], indent: str) -> str:
    fields = schema.get("properties") or {}
    if not fields:
        return "Record<string, unknown>"
    required, inside = schema.get("required", []), f"{indent}  "
    lines = [
        f"{inside}{_key(name)}{'' if name in required else '?'}: {_shape(one, inside)};"
        for name, one in fields.items()
        if isinstance(one, dict)
    ]
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"


def _key(name: str) -> str:
    return name if _WORD.match(name) else json.dumps(name)
