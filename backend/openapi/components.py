"""What every description shares: how to sign in, what an error looks like, which headers answers carry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from backend.core import errors
from backend.core.errors import PurasError

_NOTHING: Final[Mapping[int, str]] = MappingProxyType({})
API_KEY: Final[dict[str, list[str]]] = {"api_key": []}
SESSION: Final[dict[str, list[str]]] = {"session": []}
JOB_TOKEN: Final[dict[str, list[str]]] = {"job_token": []}

SECURITY_SCHEMES: Final = {
    "api_key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of one project: `puras_live_…` may do what its scopes allow; `puras_pub_…`, for "
        "browsers, may submit jobs and read those that it submitted.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "puras_session",
        "description": "The studio's session; writes carry its token in X-CSRF-Token, and X-Puras-Project names the "
        "project. The cookie's real name ends in the port, or begins with __Host- under https.",
    },
    "job_token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Puras-Service-Token",
        "description": "The token that a running job has in its environment; it ends with the job.",
    },
}

PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "An error: its description, its code, and the values that belong to it.",
    "required": ["detail", "code"],
    "additionalProperties": True,
    "properties": {
        "detail": {
            "type": "string",
            "description": "What went wrong, with which thing, and what to do next.",
        },
        "code": {"type": "string", "description": "The error code. Its meaning never changes."},
        "former_code": {
            "type": "string",
            "deprecated": True,
            "description": "The code before 0.2, if the code was renamed. Removed in 0.3.",
        },
        "request_id": {
            "type": "string",
            "description": "By which the operator finds the request in the log.",
        },
        "errors": {
            "type": "array",
            "description": "Of a 422: everything that is wrong, each with its place.",
            "items": {
                "type": "object",
                "title": "ProblemPlace",
                "required": ["path", "message"],
                "properties": {
                    "path": {
                        "type": "string",
                        "description": "`inputs.size`, `query.limit`, `items[0].name`.",
                    },
                    "message": {"type": "string"},
                },
            },
        },
    },
}

HEADERS: Final = {
    "Link": {
        "description": 'Address of the next page, as `<…>; rel="next"`; missing on the last one.',
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": "`true` when this is the answer that the same Idempotency-Key got before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RateLimit": {
        "description": 'What is left, while a rate is set: `"key";r=99;t=42`, so many requests for so many seconds; '
        "also for `person` and `project`.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The rates that hold, while one is set: `"key";q=100;w=60`, so many requests in so many '
        "seconds.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
}


def components() -> dict[str, Any]:
    """Return the shared components, to be completed with a description's own schemas."""
    return {
        "securitySchemes": SECURITY_SCHEMES,
        "headers": HEADERS,
        "responses": {"Problem": _problem("Any other error."), **_responses()},
        "schemas": {"Problem": PROBLEM},
    }


def refusals(statuses: set[int], said: Mapping[int, str] = _NOTHING) -> dict[str, Any]:
    """Return the responses of an operation for these statuses, and for every other error.

    A status that one protocol alone has, like 412 of resumable uploads, is described as the operation has `said`.
    """
    known = {error.status: error.__name__ for error in _kinds()}
    named = {
        str(status): _ref("responses", known[status]) if status in known else _problem(said[status])
        for status in sorted(statuses)
    }
    return {**named, "default": _ref("responses", "Problem")}


def header(name: str) -> dict[str, Any]:
    """Return the header of an answer, by reference."""
    return {name: _ref("headers", name)}


def _responses() -> dict[str, Any]:
    answers = {kind.__name__: _problem((kind.__doc__ or "").strip().splitlines()[0]) for kind in _kinds()}
    for name in ("TooMany", "Unavailable"):
        answers[name]["headers"] = header("Retry-After")
    answers["TooMany"]["headers"] |= header("RateLimit") | header("RateLimit-Policy")
    return answers


def _kinds() -> list[type[PurasError]]:
    """Return the kinds of errors that stand directly below the root: one per status."""
    return [kind for kind in PurasError.__subclasses__() if kind.__module__ == errors.__name__]


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref("schemas", "Problem")}},
    }


def _ref(section: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{section}/{name}"}
