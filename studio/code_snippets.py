"""Calls in several languages, with the instance's and the project's own names: of a skill, or of any route.

The playground has its own (`assets/ui/play/code.js`), since it shows the inputs as they are typed.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from backend.skills.schemas.value_schemas import all_required
from studio.formatting import sample_inputs
from studio.skills import SkillView

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


def of_skill(origin: str, skill: SkillView) -> dict[str, str]:
    """How a skill is run, in each language; the key comes from the environment."""
    path = path_of(skill)
    inputs = json.loads(sample_inputs(skill.input_schema, [one.inputs for one in skill.examples]))
    return {
        "curl": curl(origin, "POST", path, inputs),
        "python": python(
            origin, f"job = client.run_job({skill.full_name!r}, {inputs!r})", 'job["status"], job["result"]'
        ),
        "terminal": terminal(
            origin, "run", skill.full_name, "--inputs", json.dumps(inputs, ensure_ascii=False)
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
    command: Sequence[str] = (),
    tool: str = "",
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """How a route is asked from code; by `puras` and by an agent where they have a command or a tool for it."""
    texts = {
        "curl": curl(origin, method, path, body),
        "python": python(origin, f"answer = client.request({method!r}, {path!r}, body={body!r})", "answer"),
        "typescript": fetch(origin + path, method, f"JSON.stringify({json.dumps(body, ensure_ascii=False)})")
        + "\nconsole.log(await answer.json());",
    }
    if command:
        texts["terminal"] = terminal(origin, *command)
    if tool:
        texts["mcp"] = mcp(origin, tool, arguments or {})
    return texts


def curl(origin: str, method: str, path: str, body: Any) -> str:
    """A request from a shell; a POST is what curl sends of itself where there is a body."""
    quoted = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl {'' if method == 'POST' else f'-X {method} '}'{origin}{path}' \\\n"
        '  -H "Authorization: Bearer $PURAS_API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{quoted}'"
    )


def terminal(origin: str, *words: str) -> str:
    """A command of `puras`, which finds its key and the instance in the environment."""
    return (
        f"export PURAS_API_BASE={origin}  # the key stands in PURAS_API_KEY\n{shlex.join(('puras', *words))}"
    )


def mcp(origin: str, tool: str, arguments: Mapping[str, Any]) -> str:
    """What an agent's configuration gets, and the call that the agent then makes."""
    server = {"url": f"{origin}/mcp", "headers": {"Authorization": "Bearer ${env:PURAS_API_KEY}"}}
    return (
        "// .cursor/mcp.json; docs/reference/mcp.md has those of other editors\n"
        + json.dumps({"mcpServers": {"puras": server}}, indent=2)
        + "\n\n// what the agent then calls\n"
        + json.dumps({"name": tool, "arguments": arguments}, indent=2, ensure_ascii=False)
    )


def python(origin: str, call: str, shown: str) -> str:
    """A call of the client, and what of its answer is printed."""
    return f"""\
import os
from puras import Client

client = Client(os.environ["PURAS_API_KEY"], api_base="{origin}")
{call}
print({shown})"""


def _typescript(url: str, skill: SkillView, inputs: Any) -> str:
    takes, gives = _shape(skill.input_schema, ""), _shape(all_required(skill.output_schema), "")
    shapes = f"type Inputs = {takes};\ntype Result = {gives};"
    if "DriveFile" in shapes:
        shapes = "type DriveFile = string | { drive_path: string } | { url: string };\n" + shapes
    return f"""\
{shapes}

const inputs: Inputs = {json.dumps(inputs, ensure_ascii=False)};
{fetch(url, "POST", "JSON.stringify(inputs)")}
const job: {{ id: string; status: string; result: Result | null; error: string | null }} = await answer.json();
console.log(job.status, job.result);"""


def fetch(
    url: str, method: str, body: str, *, media_type: str = "application/json", answer: str = "answer"
) -> str:
    """A request from TypeScript that throws what the API says against it; `body` is an expression."""
    kind = f', "Content-Type": "{media_type}"' if media_type else ""
    return f"""\
const {answer} = await fetch("{url}", {{
  method: "{method}",
  headers: {{ Authorization: `Bearer ${{process.env.PURAS_API_KEY}}`{kind} }},
  body: {body},
}});
if (!{answer}.ok) throw new Error((await {answer}.json()).detail);"""


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
