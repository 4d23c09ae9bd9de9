"""The OpenAPI description matches the API, and changes only on purpose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from backend.openapi.application import as_text
from tests.factories.description import openapi

SNAPSHOT = Path(__file__).with_name("openapi.json")
SPEC: dict[str, Any] = openapi()
OPERATIONS = [
    (path, method, operation)
    for path, methods in SPEC["paths"].items()
    for method, operation in methods.items()
]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolved(reference: str) -> Any:
    found: Any = SPEC
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def headers_of(operation: dict[str, Any]) -> set[str]:
    return {one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"}


def test_api_matches_the_snapshot() -> None:
    snapshot = SNAPSHOT.read_text(encoding="utf-8")
    assert as_text(SPEC) == snapshot, (
        "The API has changed. If the change is intended, run `make openapi` and commit tests/contract/openapi.json."
    )


def test_every_reference_is_resolvable() -> None:
    for reference in set(references(SPEC)):
        assert isinstance(resolved(reference), dict), reference


def test_every_former_name_is_deprecated_alongside_its_current_name() -> None:
    found = [
        (name, properties.keys(), field.get("deprecated"), match[1])
        for name, schema in SPEC["components"]["schemas"].items()
        for properties in [schema.get("properties", {})]
        for field in properties.values()
        if (match := re.match(r"The former name of `(\w+)`", field.get("description", "")))
    ]
    assert len(found) > 30
    assert not [
        (name, current)
        for name, fields, deprecated, current in found
        if not deprecated or current not in fields
    ]


OPEN = ("/v1/drive/signed/", "/v1/shared-job")
"""Routes whose URL or header contains a token instead of a key."""
USER_OPERATIONS = {
    "change_password",
    "create_project",
    "end_other_sessions",
    "end_session",
    "get_preferences",
    "list_sessions",
    "update_preferences",
}
"""Operations that no API key may call."""


def test_every_schema_is_valid_json_schema() -> None:
    for schema in SPEC["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_unique_method_name() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert not [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name) or "v1" in name]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda one: str(one)[:60])
def test_every_operation_documents_its_responses(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "default" in responses
    for status in (status for status in responses if status.startswith(("4", "5"))):
        response = resolved(responses[status]["$ref"]) if "$ref" in responses[status] else responses[status]
        problem = response["content"]["application/json"]["schema"]
        name = "OpenAIError" if path.startswith("/v1/openai/") else "Problem"
        assert problem == {"$ref": f"#/components/schemas/{name}"}
    if path.startswith("/v1/") and not path.startswith(OPEN):
        assert {"api_key": []} in operation["security"] or operation["operationId"] in USER_OPERATIONS
        assert {"401", "403"} <= set(responses)
    else:
        assert "security" not in operation


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda one: str(one)[:60])
def test_every_creating_post_accepts_an_idempotency_key(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    creates = method == "post" and ("201" in operation["responses"] or path.endswith("/run"))
    creates |= method == "post" and path.startswith("/v1/openai/")  # status 200, as its SDKs expect
    creates |= method == "post" and "/environments/" in path  # a repeated rollback would undo itself
    # The tus protocol has no such key, and an abandoned upload expires. An event has an `id` for this.
    creates &= path not in ("/v1/drive/uploads", "/v1/events")
    assert ("Idempotency-Key" in headers_of(operation)) == creates


def test_path_parameters_are_required() -> None:
    for path, _, operation in OPERATIONS:
        for one in operation.get("parameters", ()):
            if one["in"] == "path":
                assert one["required"]
                assert "null" not in json.dumps(one["schema"]), path


def test_links_connect_response_fields_with_parameters() -> None:
    by_name = {operation["operationId"]: (path, operation) for path, _, operation in OPERATIONS}
    links = [
        (path, response, link)
        for path, _, operation in OPERATIONS
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert links
    for source, response, link in links:
        target, operation = by_name[link["operationId"]]
        required = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert set(link.get("parameters", {})) == (required if "parameters" in link else set()), (
            source,
            target,
        )
        body = link.get("requestBody", {})
        for expression in [*link.get("parameters", {}).values(), *body.values()]:
            kind, _, pointer = expression.strip("{}").partition("#")
            if kind == "$response.body":
                assert field_at(response["content"]["application/json"]["schema"], pointer), (
                    source,
                    expression,
                )
            else:
                assert f"{{{kind.removeprefix('$request.path.')}}}" in source


def field_at(schema: dict[str, Any], pointer: str) -> bool:
    """Return whether responses of the schema have a value at the pointer."""
    for step in pointer.split("/")[1:]:
        schema = resolved(schema["$ref"]) if "$ref" in schema else schema
        schema = schema["items"] if step == "0" else schema["properties"].get(step, {})
    return bool(schema)


def test_forms_streams_and_files_declare_their_content() -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in OPERATIONS}
    push = by_name["push_deployment"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    fields = resolved(push["$ref"])["properties"]
    assert set(fields) == {"bundle", "notes", "activate", "environment"}
    assert fields["bundle"]["format"] == "binary"
    assert "file" in json.dumps(by_name["upload_file"]["requestBody"]["content"]["multipart/form-data"])
    stream = by_name["stream_job_events"]["responses"]["200"]["content"]["text/event-stream"]
    assert "event: end" in stream["example"]
    assert "application/zip" in by_name["download_bundle"]["responses"]["200"]["content"]
    assert "Link" in by_name["list_jobs"]["responses"]["200"]["headers"]
