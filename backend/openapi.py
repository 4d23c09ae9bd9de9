"""The description of the API as OpenAPI: what no single route can say of itself."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

TITLE: Final = "Puras Studio"
DESCRIPTION: Final = """\
Write skills, publish them as immutable versions, and run them as durable, observable, billed jobs.

Send an API key as `Authorization: Bearer puras_live_…`. Errors are `{"detail", "code", …facts}`: a sentence for
people, a code for programs. Lists take `limit` and `cursor`; the next page is in the `Link` header. Every POST that
creates something takes an `Idempotency-Key`.
"""
_SCHEMES: Final = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "An API key of one project."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "puras_session",
        "description": "The studio's session; writes carry its token in X-CSRF-Token, and X-Puras-Project names the "
        "project. The cookie's real name ends in the port, or begins with __Host- under https.",
    },
}
_PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "required": ["detail", "code"],
    "additionalProperties": True,
    "properties": {
        "detail": {
            "type": "string",
            "description": "What went wrong, with which thing, and what to do next.",
        },
        "code": {"type": "string", "description": "For programs; never changes its meaning."},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Of a 422: everything that is wrong, each with its place.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_ERROR: Final = {
    "description": "An error, as a sentence and a code.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe(app: FastAPI) -> None:
    """Make the application describe its keys and its errors too."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _describe(app: FastAPI) -> dict[str, Any]:
    spec = get_openapi(title=TITLE, version=app.version, description=DESCRIPTION, routes=app.routes)
    components = spec.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            _describe_operation(path, operation)
    return spec


def _describe_operation(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = _ERROR
    responses["503"] = _ERROR
    if path.startswith("/v1/") and "/signed/" not in path:
        operation["security"] = [{"api_key": []}, {"session": []}]
