"""Code snippets in several languages that call a skill or a REST route of this instance.

The playground has separate snippets (`assets/ui/play/code.ts`), since they contain the inputs as the user types them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from backend.execution.sessions.inputs import text_input
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
    """Return the path of the endpoint of a skill."""
    return f"/v1/skills/{quote(skill.full_name)}/run"


def of_skill(origin: str, skill: SkillView) -> dict[str, str]:
    """Return the code that runs a skill, by language; the API key comes from the environment."""
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
        "openai": openai(origin, skill, inputs),
        "page": in_page(origin, skill),
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
    """Return the code that requests a route, by language.

    Args:
        origin: The URL of the instance.
        method: The HTTP method.
        path: The path of the route.
        body: The JSON body.
        command: The arguments of the `puras` command for this route, if there is one.
        tool: The MCP tool for this route, if there is one.
        arguments: The arguments of the MCP tool.
    """
    texts = {
        "curl": curl(origin, method, path, body),
        "python": python(
            origin, f"response = client.request({method!r}, {path!r}, body={body!r})", "response"
        ),
        "typescript": fetch(origin + path, method, f"JSON.stringify({json.dumps(body, ensure_ascii=False)})")
        + "\nconsole.log(await response.json());",
    }
    if command:
        texts["terminal"] = terminal(origin, *command)
    if tool:
        texts["mcp"] = mcp(origin, tool, arguments or {})
    return texts


def curl(origin: str, method: str, path: str, body: Any) -> str:
    """Return a curl command; curl sends a request with a body as POST by default."""
    quoted = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl {'' if method == 'POST' else f'-X {method} '}'{origin}{path}' \\\n"
        '  -H "Authorization: Bearer $PURAS_API_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{quoted}'"
    )


def terminal(origin: str, *words: str) -> str:
    """Return a `puras` command, which reads the API key and the URL of the instance from the environment."""
    command = shlex.join(("puras", *words))
    return f"export PURAS_API_BASE={origin}  # PURAS_API_KEY contains the API key\n{command}"


def mcp(origin: str, tool: str, arguments: Mapping[str, Any]) -> str:
    """Return the MCP configuration of an agent, and the tool call that the agent makes."""
    server = {"url": f"{origin}/mcp", "headers": {"Authorization": "Bearer ${env:PURAS_API_KEY}"}}
    return (
        "// .cursor/mcp.json; see docs/reference/mcp.md for other editors\n"
        + json.dumps({"mcpServers": {"puras": server}}, indent=2)
        + "\n\n// the tool call of the agent\n"
        + json.dumps({"name": tool, "arguments": arguments}, indent=2, ensure_ascii=False)
    )


def python(origin: str, call: str, shown: str) -> str:
    """Return a call of the Python client, followed by a `print` of the expressions in `shown`."""
    return f"""\
import os
from puras import Client

client = Client(os.environ["PURAS_API_KEY"], api_base="{origin}")
{call}
print({shown})"""


def openai(origin: str, skill: SkillView, inputs: Mapping[str, Any]) -> str:
    """Return a call of the SDK of OpenAI, whose message is the text input of the skill, or all inputs as JSON."""
    name = text_input(skill.input_schema)
    if name is not None and name in inputs:
        content, more = str(inputs[name]), {key: value for key, value in inputs.items() if key != name}
    else:
        content, more = json.dumps(inputs, ensure_ascii=False), {}
    extra = f"    extra_body={{'inputs': {more!r}}},\n" if more else ""
    return f"""\
import os
from openai import OpenAI

client = OpenAI(base_url="{origin}/v1/openai", api_key=os.environ["PURAS_API_KEY"])
completion = client.chat.completions.create(
    model={skill.full_name!r},
    messages=[{{"role": "user", "content": {content!r}}}],
{extra})
print(completion.choices[0].message.content)"""


def in_page(origin: str, skill: SkillView) -> str:
    """Return the element that shows the form of a skill in a page of another site."""
    return f"""\
<!-- Visitors can read the key: use a publishable key that is limited to this skill, with a daily cap -->
<script src="{origin}/embed.js" async
  data-skill="{skill.full_name}"
  data-key="puras_pub_xxxxxxxx.…"
  data-mode="form"></script>
<!-- Or share a link with this key: {origin}/share#skill={skill.full_name}&key=puras_pub_xxxxxxxx.… -->"""


def _typescript(url: str, skill: SkillView, inputs: Any) -> str:
    inputs_type, result_type = _shape(skill.input_schema, ""), _shape(all_required(skill.output_schema), "")
    types = f"type Inputs = {inputs_type};\ntype Result = {result_type};"
    if "DriveFile" in types:
        types = "type DriveFile = string | { drive_path: string } | { url: string };\n" + types
    return f"""\
{types}

const inputs: Inputs = {json.dumps(inputs, ensure_ascii=False)};
{fetch(url, "POST", "JSON.stringify(inputs)")}
const job: {{ id: string; status: string; result: Result | null; error: string | null }} = await response.json();
console.log(job.status, job.result);"""


def fetch(
    url: str, method: str, body: str, *, media_type: str = "application/json", variable: str = "response"
) -> str:
    """Return a TypeScript request that throws the error of the API; `body` is a TypeScript expression."""
    kind = f', "Content-Type": "{media_type}"' if media_type else ""
    return f"""\
const {variable} = await fetch("{url}", {{
  method: "{method}",
  headers: {{ Authorization: `Bearer ${{process.env.PURAS_API_KEY}}`{kind} }},
  body: {body},
}});
if (!{variable}.ok) throw new Error((await {variable}.json()).detail);"""


def _shape(schema: dict[str, Any], indent: str) -> str:
    """Return the schema as a TypeScript type."""
    if schema.get("enum"):
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = schema.get("type") or ("object" if "properties" in schema else "")
    if isinstance(kind, list):
        return " | ".join(_TYPES.get(one, "unknown") for one in kind)
    if kind == "array":
        items = schema.get("items")
        inner = _shape(items, indent) if isinstance(items, dict) else "unknown"
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        return _object(schema, indent)
    return _TYPES.get(str(kind), "unknown")


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
