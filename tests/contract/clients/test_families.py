"""The clients offer the same: Python and TypeScript have equal methods, and the CLI reaches each family of routes."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import puras.client
import pytest
from puras.cli.main import parser
from puras.client import AsyncClient, Client

ROOT: Final = Path(__file__).parents[3]
TYPESCRIPT: Final = ROOT / "clients" / "typescript" / "src"
PARTS: Final = {
    "Client": "puras.ts",
    "Sessions": "sessions.ts",
    "AnnotationQueues": "annotation_queues.ts",
    "Environments": "environments.ts",
}
"""The file of the TypeScript client for each class of the Python client."""
ONLY_IN_PYTHON: Final = {
    "Client.content": "`api` has the routes that return content",
    "Client.map": "`Promise.all` over `run` does the same",
    "Client.pages": "methods of TypeScript return whole lists",
    "Client.request": "`api` has a method for every route",
    "Client.runJob": "`submit` with `wait`, then `wait`",
    "Client.send": "`upload` takes the content of a file, which is all that a browser has",
    "Client.withFiles": "only Python has types for local files",
}
ONLY_IN_TYPESCRIPT: Final = {
    "Client.api": "Python has `request`",
    "Client.apiBase": "`api_base` is an attribute of objects, which their class does not have",
}
NOT_IN_CLIENTS: Final = {
    "alerts": "settings of a project",
    "api-tools": "for the editor",
    "audit": "for admins, in the studio",
    "budgets": "settings of a project",
    "docs": "pages of the documentation",
    "flow-yaml": "for the editor",
    "hindsight": "called by running jobs",
    "instance": "for operators: `puras-studio` on the host",
    "saved-views": "filters that users have saved in the studio",
    "marketplace": "in the studio",
    "media": "called by running jobs",
    "memory": "called by running jobs, and edited in the studio",
    "notebooks": "for the editor",
    "openai": "called by clients for the API of OpenAI",
    "projects": "in the studio",
    "schedules": "settings of a project",
    "shared-job": "for the page that a link opens",
    "skill-yaml": "for the editor",
    "subagent": "called by running jobs",
    "templates": "for the editor",
    "usage": "in the studio",
    "web": "called by running jobs",
    "webhooks": "settings of a project",
}
"""Families of routes without methods or commands, which `api` of TypeScript and `request` of Python reach."""


def test_python_and_typescript_have_the_same_methods() -> None:
    python = {f"{name}.{method}" for name in PARTS for method in _methods_of_python(name)}
    typescript = {f"{name}.{method}" for name, file in PARTS.items() for method in _methods_of(file)}
    assert python - typescript == ONLY_IN_PYTHON.keys()
    assert typescript - python == ONLY_IN_TYPESCRIPT.keys()


@pytest.mark.parametrize("name", PARTS)
def test_asynchronous_classes_have_the_same_methods(name: str) -> None:
    asynchronous = AsyncClient if name == "Client" else getattr(puras.client, f"Async{name}")
    missing = _public(getattr(puras.client, name)) - _public(asynchronous)
    assert missing <= {"content", "pages", "request", "with_files", "send", "url"}, missing


def test_every_family_of_routes_has_methods_or_commands_or_a_reason() -> None:
    python, commands = _sources("skills_kit/puras/client/*.py"), _sources("skills_kit/puras/cli/*.py")
    reached = {family for family in _families() if f"/{family}" in python + commands}
    assert _families() - reached == NOT_IN_CLIENTS.keys()


def test_commands_that_change_errors_and_queues_exist() -> None:
    actions = next(one for one in parser()._actions if one.dest == "==SUPPRESS==" or one.choices)
    found = set(actions.choices or ())
    for method in ("failures", "resolve_failure", "ignore_failure", "reopen_failure", "comment", "activity"):
        assert hasattr(Client, method)
        assert method.replace("_", "-") in found


def _methods_of_python(name: str) -> Iterator[str]:
    for method in _public(getattr(puras.client, name)):
        first, *rest = method.split("_")
        yield first + "".join(word.capitalize() for word in rest)


def _public(client: Any) -> set[str]:
    """Return the names of the methods and properties of a class, without those of a former release."""
    return {
        name
        for name, value in inspect.getmembers(client)
        if not name.startswith("_") and (callable(value) or isinstance(value, property))
    }


def _methods_of(file: str) -> set[str]:
    """Return the public methods and fields of the class in a file of the TypeScript client."""
    source = (TYPESCRIPT / file).read_text(encoding="utf-8")
    body = source[source.index("export class ") :]
    methods = re.findall(r"^  (?:async \*?)?([a-z]\w*)(?:<[^(]*>)?\(", body, re.MULTILINE)
    fields = re.findall(r"^  readonly (\w+): \w+;", body, re.MULTILINE)
    return {*methods, *fields} - {"constructor"}


def _families() -> set[str]:
    """Return the first part of the path of each route, without the skillpack that it may name."""
    document = json.loads((ROOT / "tests/contract/openapi.json").read_text(encoding="utf-8"))
    paths = [path.removeprefix("/v1/") for path in document["paths"] if path.startswith("/v1/")]
    return {path.removeprefix("skillpacks/{skillpack}/").partition("/")[0] for path in paths}


def _sources(pattern: str) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in ROOT.glob(pattern))
