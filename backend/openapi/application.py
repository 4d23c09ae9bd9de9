"""Create the OpenAPI document of the whole application, including what single routes cannot declare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from backend.identity.auth.credentials import IN_JOB_ROUTES
from backend.identity.auth.gate import AUTHENTICATED_PREFIX, SELF_AUTHENTICATED_PREFIXES
from backend.identity.auth.permissions import AuthorizedRoute, Permission
from backend.identity.auth.scopes import RESTRICTED
from backend.integrations.openai_api.errors import PREFIX as OPENAI_PREFIX
from backend.openapi import event_types
from backend.openapi.components import (
    API_KEY,
    JOB_TOKEN,
    SESSION,
    components,
    error_responses,
    header,
    openai_error_responses,
)
from backend.openapi.links import add_links

TITLE: Final = "Puras Studio"
DESCRIPTION: Final = """\
Write skills, publish them as immutable versions, and run them as durable, observable, billed jobs.

Send an API key as `Authorization: Bearer puras_live_…`. Errors are `{"detail", "code", …}`: a description, a code for
programs, and further fields. Lists take `limit` and `cursor`; the next page is in the `Link` header. Every POST that
creates something takes an `Idempotency-Key`. Amounts are integers in millionths of a US dollar, with the amount in
dollars as a number in another field; times are ISO 8601 in UTC. `workspace_id` is another name of `project_id`.

`GET /v1/projects/{project}/openapi.json` describes the skills of a project in the same format, with the types of their
inputs and results.
"""
TAGS: Final = {
    "skills": "The skills of the active versions, which jobs can run.",
    "jobs": "Submit, follow, cancel, replay and rate jobs. A job is one run of one skill.",
    "openai": "Call skills with the SDKs of OpenAI: the base URL is `/v1/openai`, and `model` is a skill.",
    "deployments": "Push and activate versions of a skillpack. A version never changes.",
    "environments": "Development, staging and production: what is active in each, promotions and rollbacks.",
    "skillpacks": "Series of versions in a project; most projects need only the default skillpack.",
    "secrets": "Values that jobs get as environment variables; the API never returns them.",
    "drive": "The files of the project; a job accesses them in `./drive`.",
    "money": "The wallet, the ledger and the spending.",
    "projects": "The tenants of the instance: each has keys, a wallet, a drive, members and jobs.",
    "members": "The users of a project, and their roles.",
    "keys": "API keys. One with a list of skills, a daily cap, an expiry or scopes is restricted: it can do what its "
    "scopes list, by default " + ", ".join(f"`{name}`" for name in sorted(RESTRICTED)) + ".",
    "who": "The caller.",
    "audit": "The record of actions, with their actors.",
    "health": "The health of the instance.",
}
_WRITING: Final = frozenset({"post", "put", "patch", "delete"})
_SUFFIX: Final = "_of_skillpack"


def describe(app: FastAPI) -> None:
    """Let the application describe its keys, headers and errors in the OpenAPI document."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]  # the documented way to extend it


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation in the document, and of its method in every generated client."""
    is_second = "{skillpack}" in route.path and "skillpack" not in route.name
    return route.name + (_SUFFIX if is_second else "")


def as_text(spec: dict[str, Any]) -> str:
    """Return the document as text, which is always the same and readable in a diff."""
    return json.dumps(spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _describe(app: FastAPI) -> dict[str, Any]:
    tags = [{"name": name, "description": what} for name, what in TAGS.items()]
    spec = get_openapi(
        title=TITLE,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=tags,
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "/"}],
    )
    shared = components()
    schemas = {
        **spec.get("components", {}).get("schemas", {}),
        **shared["schemas"],
        **event_types.schemas(),
    }
    schemas[event_types.BASE]["discriminator"] = event_types.discriminator()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    spec["components"] = {**shared, "schemas": schemas}
    permissions = _permissions(app)
    for path, method, operation in _operations(spec):
        _describe_operation(path, method, operation)
        if (path, method) in permissions:
            _describe_permission(operation, permissions[path, method])
    add_links(spec)
    return _with_named_forms(spec)


def _permissions(app: FastAPI) -> dict[tuple[str, str], Permission]:
    """Return the permission that each operation requires."""
    found: dict[tuple[str, str], Permission] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, AuthorizedRoute):
            path = str(context.path).replace(":path}", "}")
            found |= {(path, method.lower()): route.permission for method in context.methods or ()}
    return found


def _describe_permission(operation: dict[str, Any], permission: Permission) -> None:
    """Add the scopes of keys and the role of users that an operation requires, as text and as data."""
    needs: dict[str, Any] = {"who": permission.who, "scopes": list(permission.scopes)}
    if permission.who == "member":
        needs["role"] = permission.role.name.lower()
    operation["x-permission"] = needs
    if permission.scopes:
        scopes = " and ".join(f"`{scope}`" for scope in permission.scopes)
        operation["description"] = (
            f"{operation.get('description', '')}\n\nA restricted key needs {scopes}.".strip()
        )


def _operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def _describe_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    _set_summary(operation)
    _require_paths(operation)
    is_guarded = path.startswith(AUTHENTICATED_PREFIX) and not path.startswith(SELF_AUTHENTICATED_PREFIXES)
    if is_guarded:
        in_job = [JOB_TOKEN] if path in IN_JOB_ROUTES else []
        operation.setdefault("security", [API_KEY, SESSION, *in_job])
    responses = operation["responses"]
    declared = {status for status in responses if status.isdecimal() and int(status) >= 400}
    statuses = {int(status) for status in declared - {"422"}} | _error_statuses(
        path, method, operation, is_guarded
    )
    descriptions = {int(status): responses.pop(status)["description"] for status in declared}
    _describe_headers(operation)
    if path.startswith(OPENAI_PREFIX):
        of_jobs = {422, 429, 499, 504} if method == "post" else {429}
        responses.update(openai_error_responses((statuses - {422}) | of_jobs))
    else:
        responses.update(error_responses(statuses, descriptions))


def _set_summary(operation: dict[str, Any]) -> None:
    """Change a summary that the framework made from the name, `List Skills`, to the form `List skills`."""
    words = operation["operationId"].removesuffix(_SUFFIX).split("_")
    if operation["summary"] == " ".join(words).title():
        operation["summary"] = " ".join(words).capitalize()


def _require_paths(operation: dict[str, Any]) -> None:
    """Make path parameters required, even if one function serves a path with and a path without the parameter."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and "anyOf" in parameter["schema"]:
            kinds = [kind for kind in parameter["schema"].pop("anyOf") if kind != {"type": "null"}]
            parameter["schema"].update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _error_statuses(path: str, method: str, operation: dict[str, Any], is_guarded: bool) -> set[int]:
    """Return the statuses of errors that such an operation can return."""
    has_body = "requestBody" in operation
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    conditions = {
        400: True,
        401: is_guarded,
        403: is_guarded,
        # The project that a session names may not be the caller's, and a link may have expired.
        404: is_guarded or "{" in path or "X-Puras-Share" in names,
        409: is_guarded and method in _WRITING,
        413: has_body,
        415: has_body,
        422: has_body or bool(names),
        503: True,
    }
    return {status for status, applies in conditions.items() if applies}


def _describe_headers(operation: dict[str, Any]) -> None:
    parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
    for status, response in operation["responses"].items():
        if "cursor" in parameters:
            response.setdefault("headers", {}).update(header("Link"))
        if "Idempotency-Key" in parameters and status.startswith("2"):
            response.setdefault("headers", {}).update(header("Idempotent-Replayed"))


def _with_named_forms(spec: dict[str, Any]) -> dict[str, Any]:
    """Rename the schema of a form from `Body_push_deployment`, the name of the framework, to `PushDeploymentForm`."""
    schemas = spec["components"]["schemas"]
    names = {name: _form_name(name) for name in schemas if name.startswith("Body_")}
    for old, new in names.items():
        schemas[new] = {**schemas.pop(old), "title": new}
        for field in schemas[new]["properties"].values():
            if "contentMediaType" in field:
                field["format"] = (
                    "binary"  # the older keyword for a file, the only one that many generators support
                )
    text = re.sub(
        r'"#/components/schemas/(Body_\w+)"',
        lambda found: f'"#/components/schemas/{names[found[1]]}"',
        json.dumps(spec),
    )
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _form_name(name: str) -> str:
    words = name.removeprefix("Body_").removesuffix(_SUFFIX).split("_")
    return "".join(word.capitalize() for word in words) + "Form"
