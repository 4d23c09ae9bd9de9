"""The shared parts of OpenAPI documents: authentication, the schema of errors, headers of responses."""

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
        "description": "An API key of one project: `puras_live_…` can do what its scopes allow; `puras_pub_…`, for "
        "browsers, can submit jobs and read those that it submitted.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "puras_session",
        "description": "The session of the studio. Requests that change something send its token in X-CSRF-Token, and "
        "the project in X-Puras-Project. The actual name of the cookie ends with the port, or starts with __Host- "
        "under https.",
    },
    "job_token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Puras-Service-Token",
        "description": "The token in the environment of a running job; it expires with the job.",
    },
}

PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "An error: its description, its code, and further fields.",
    "required": ["detail", "code"],
    "additionalProperties": True,
    "properties": {
        "detail": {
            "type": "string",
            "description": "What failed, which value, and how to fix it.",
        },
        "code": {"type": "string", "description": "The error code. Its meaning never changes."},
        "former_code": {
            "type": "string",
            "deprecated": True,
            "description": "The code before 0.2, if the code was renamed. Removed in 0.3.",
        },
        "request_id": {
            "type": "string",
            "description": "The ID with which the operator finds the request in the log.",
        },
        "errors": {
            "type": "array",
            "description": "With status 422: all problems, each with its path.",
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

OPENAI_ERROR: Final = {
    "type": "object",
    "title": "OpenAIError",
    "description": "An error in the format of OpenAI.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "title": "OpenAIErrorBody",
            "required": ["message", "type", "param", "code"],
            "additionalProperties": True,
            "properties": {
                "message": {
                    "type": "string",
                    "description": "What failed, which value, and how to fix it.",
                },
                "type": {"type": "string", "description": "`invalid_request_error`, `job_error` and others."},
                "param": {
                    "type": ["string", "null"],
                    "description": "The path of the value that is not valid.",
                },
                "code": {
                    "type": "string",
                    "description": "The code, as OpenAI has it where it has one for this error.",
                },
                "puras_code": {"type": "string", "description": "The code that other routes return."},
                "job_id": {"type": "string", "description": "The ID of the job, if it was submitted."},
                "request_id": {
                    "type": "string",
                    "description": "The ID with which the operator finds the request in the log.",
                },
            },
        }
    },
}

HEADERS: Final = {
    "Link": {
        "description": 'URL of the next page, as `<…>; rel="next"`; missing on the last page.',
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": "`true` if this is the stored response of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RateLimit": {
        "description": 'The remaining requests, if a rate limit is set: `"key";r=99;t=42` means 99 requests in the '
        "next 42 seconds; also for `person` and `project`.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The rate limits, if one is set: `"key";q=100;w=60` means 100 requests in 60 seconds.',
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
}


def components() -> dict[str, Any]:
    """Return the shared components, to which a document adds its own schemas."""
    return {
        "securitySchemes": SECURITY_SCHEMES,
        "headers": HEADERS,
        "responses": {
            "Problem": _problem("Any other error."),
            "OpenAIError": _problem("An error.", "OpenAIError"),
            **_responses(),
        },
        "schemas": {"Problem": PROBLEM, "OpenAIError": OPENAI_ERROR},
    }


def error_responses(statuses: set[int], descriptions: Mapping[int, str] = _NOTHING) -> dict[str, Any]:
    """Return the responses of an operation for these statuses, and for every other error.

    A status of a single protocol, such as 412 of resumable uploads, has the description of the operation.
    """
    known = {error.status: error.__name__ for error in _kinds()}
    named = {
        str(status): _ref("responses", known[status]) if status in known else _problem(descriptions[status])
        for status in sorted(statuses)
    }
    return {**named, "default": _ref("responses", "Problem")}


def openai_error_responses(statuses: set[int]) -> dict[str, Any]:
    """Return the responses of an operation whose errors have the format of OpenAI."""
    return {status: _ref("responses", "OpenAIError") for status in (*map(str, sorted(statuses)), "default")}


def header(name: str) -> dict[str, Any]:
    """Return a reference to the header of a response."""
    return {name: _ref("headers", name)}


def _responses() -> dict[str, Any]:
    responses = {kind.__name__: _problem((kind.__doc__ or "").strip().splitlines()[0]) for kind in _kinds()}
    for name in ("TooMany", "Unavailable"):
        responses[name]["headers"] = header("Retry-After")
    responses["TooMany"]["headers"] |= header("RateLimit") | header("RateLimit-Policy")
    return responses


def _kinds() -> list[type[PurasError]]:
    """Return the direct subclasses of the base class of errors: one per status."""
    return [kind for kind in PurasError.__subclasses__() if kind.__module__ == errors.__name__]


def _problem(description: str, schema: str = "Problem") -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref("schemas", schema)}},
    }


def _ref(section: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{section}/{name}"}
