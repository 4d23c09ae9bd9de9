"""Write the files of a skill whose tools call an API: skill.yaml, prompt.md and tools.py.

Texts of the source are written only as literals of Python and YAML, so that they cannot become code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from backend.authoring.api_tools.operations import READING, Credential, Operation, Parameter

FILE: Final = "tools.py"
_HEAD: Final = '''\
"""Tools that call an API. Each function makes one request, and returns its status and body."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request

from puras import secret

TIMEOUT_S = 30
MAX_BYTES = 1_000_000
'''
_CALL: Final = '''

def _call(method, url, *, path=None, query=None, headers=None, body=None, form=None):
    """Make a request; arguments that are None are omitted."""
    for name, value in (path or {}).items():
        url = url.replace("{" + name + "}", urllib.parse.quote(str(value), safe=""))
    given = _given(query)
    if given:
        url += "?" + urllib.parse.urlencode(given, doseq=True)
    sent = {name: str(value) for name, value in _given(headers).items()}
    data = None
    if body is not None:
        data, sent["Content-Type"] = json.dumps(_given(body)).encode(), "application/json"
    elif form is not None:
        data = urllib.parse.urlencode(_given(form), doseq=True).encode()
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return _result(response.status, response)
    except urllib.error.HTTPError as error:
        return _result(error.code, error)


def _given(values):
    return {name: value for name, value in values.items() if value is not None} if isinstance(values, dict) else values


def _result(status, response):
    text = response.read(MAX_BYTES).decode("utf-8", "replace")
    return {"status": status, "body": text}


def _basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
'''
_RESULT: Final = {
    "type": "object",
    "properties": {
        "status": {"type": "integer", "description": "Status of the HTTP response."},
        "body": {"type": "text", "description": "Text of the response, JSON for most APIs."},
    },
}


def files_of(operations: Sequence[Operation], title: str, file: str = FILE) -> dict[str, str]:
    """Return the files of an agent with the operations as tools, by name; `file` has their functions."""
    hosts = sorted({one.host for one in operations})
    return {
        "skill.yaml": _skill_yaml(operations, title, hosts, file),
        "prompt.md": _prompt(operations, title, hosts),
        file: tools_py(operations),
    }


def tools_py(operations: Sequence[Operation]) -> str:
    """Return the Python file with a function for each operation."""
    return _HEAD + "".join(f"\n\n{_function(one)}" for one in operations) + _CALL


def tool_of(operation: Operation, file: str = FILE) -> dict[str, Any]:
    """Return the entry of an operation in `tools`. Requests that may change something need an approval."""
    needed = [one.name for one in operation.parameters if one.is_required]
    schema = {
        "type": "object",
        "properties": {one.name: one.schema for one in operation.parameters},
        **({"required": needed} if needed else {}),
    }
    flag = "read_only" if operation.method in READING else "confirm"
    return {
        "name": operation.name,
        "description": operation.description,
        "entrypoint": f"{file}:{operation.name}",
        "input_schema": schema,
        "output_schema": _RESULT,
        flag: True,
    }


def _skill_yaml(operations: Sequence[Operation], title: str, hosts: Sequence[str], file: str) -> str:
    changes = any(one.method not in READING for one in operations)
    document = {
        "entrypoint": "prompt.md",
        "title": title,
        "description": f"Answers requests with {', '.join(hosts)}.",
        "input_schema": {
            "type": "object",
            "properties": {"task": {"type": "text", "description": "What the agent does."}},
            "required": ["task"],
        },
        "output_schema": {"type": "object", "properties": {"answer": {"type": "text"}}},
        "limits": {"steps": 20, "cost_usd": 0.25},
        "network": list(hosts),
        # Commands could call the functions without the approval that their tools need.
        **({"disable_bash": True} if changes else {}),
        "tools": [tool_of(one, file) for one in operations],
    }
    written: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return written


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _prompt(operations: Sequence[Operation], title: str, hosts: Sequence[str]) -> str:
    lines = [f"- `{one.name}`: {one.description}" for one in operations]
    return (
        f"# {title}\n\nDo what `task` says with the API at {', '.join(hosts)}. Use these tools:\n\n"
        + "\n".join(lines)
        + "\n\nA status of 400 or more is an error: read the body, fix the arguments, or report the error.\n"
    )


def _function(operation: Operation) -> str:
    parameters = sorted(operation.parameters, key=lambda one: not one.is_required)
    signature = ", ".join(
        one.name if one.is_required else f"{one.name}={one.schema.get('default')!r}" for one in parameters
    )
    arguments = ", ".join([repr(operation.method), repr(operation.url), *_parts(operation)])
    return (
        f"def {operation.name}({signature}):\n    {operation.description!r}\n    return _call({arguments})\n"
    )


def _parts(operation: Operation) -> Iterator[str]:
    """Yield the keyword arguments of the call."""
    headers = [f"{name!r}: {value!r}" for name, value in operation.headers.items()]
    for keyword, place in (("path", "path"), ("query", "query"), ("headers", "header")):
        entries = [*(headers if place == "header" else ()), *_entries(operation, place)]
        if entries:
            yield f"{keyword}={{{', '.join(entries)}}}"
    for keyword in ("body", "form"):
        entries = list(_entries(operation, keyword))
        if entries:
            yield f"{keyword}={{{', '.join(entries)}}}"
    for one in operation.parameters:
        if one.place == "whole_body":
            yield f"body={one.name}"


def _entries(operation: Operation, place: str) -> Iterator[str]:
    for parameter in operation.parameters:
        if parameter.place == place:
            yield _entry(parameter)
    for credential in operation.credentials:
        if credential.place == place:
            yield f"{credential.key!r}: {_secret(credential)}"


def _entry(parameter: Parameter) -> str:
    return f"{parameter.key!r}: {parameter.name}"


def _secret(credential: Credential) -> str:
    values = [f"secret({name!r})" for name in credential.secrets]
    if credential.is_basic:
        return f"_basic({', '.join(values)})"
    return f"{credential.prefix!r} + {values[0]}" if credential.prefix else values[0]
