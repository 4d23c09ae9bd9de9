"""The API is described as it is, and its description changes only on purpose."""

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


def test_the_api_is_as_the_snapshot_describes_it() -> None:
    written = SNAPSHOT.read_text(encoding="utf-8")
    assert as_text(SPEC) == written, (
        "The API has changed. When that is meant, run `make openapi` and commit tests/contract/openapi.json."
    )


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(SPEC)):
        assert isinstance(resolved(reference), dict), reference


OF_PEOPLE = {
    "change_password",
    "create_project",
    "end_other_sessions",
    "end_session",
    "list_sessions",
}
"""What no key may do."""


def test_every_schema_is_json_schema() -> None:
    for schema in SPEC["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_a_name_for_a_method_and_no_two_the_same() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))
    assert not [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name) or "v1" in name]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda one: str(one)[:60])
def test_every_operation_tells_a_caller_what_to_expect(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    answers = operation["responses"]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "default" in answers
    for status in (status for status in answers if status.startswith(("4", "5"))):
        answer = resolved(answers[status]["$ref"]) if "$ref" in answers[status] else answers[status]
        problem = answer["content"]["application/json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}
    if path.startswith("/v1/") and not path.startswith("/v1/drive/signed/"):
        assert {"api_key": []} in operation["security"] or operation["operationId"] in OF_PEOPLE
        assert {"401", "403"} <= set(answers)
    else:
        assert "security" not in operation


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda one: str(one)[:60])
def test_every_post_that_creates_can_be_sent_twice(path: str, method: str, operation: dict[str, Any]) -> None:
    creates = method == "post" and ("201" in operation["responses"] or path.endswith("/run"))
    creates &= (
        path != "/v1/drive/uploads"
    )  # the tus protocol has no such key; what nobody goes on with expires
    assert ("Idempotency-Key" in headers_of(operation)) == creates


def test_nothing_in_a_path_may_be_left_out() -> None:
    for path, _, operation in OPERATIONS:
        for one in operation.get("parameters", ()):
            if one["in"] == "path":
                assert one["required"]
                assert "null" not in json.dumps(one["schema"]), path


def test_every_link_leads_from_a_field_of_the_answer_to_a_parameter_of_an_operation() -> None:
    by_name = {operation["operationId"]: (path, operation) for path, _, operation in OPERATIONS}
    links = [
        (path, answer, link)
        for path, _, operation in OPERATIONS
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    for source, answer, link in links:
        target, operation = by_name[link["operationId"]]
        taken = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert set(link.get("parameters", {})) == (taken if "parameters" in link else set()), (source, target)
        body = link.get("requestBody", {})
        for place in [*link.get("parameters", {}).values(), *body.values()]:
            kind, _, pointer = place.strip("{}").partition("#")
            if kind == "$response.body":
                assert field_at(answer["content"]["application/json"]["schema"], pointer), (source, place)
            else:
                assert f"{{{kind.removeprefix('$request.path.')}}}" in source


def field_at(schema: dict[str, Any], pointer: str) -> bool:
    """Whether answers of the schema have something there."""
    for step in pointer.split("/")[1:]:
        schema = resolved(schema["$ref"]) if "$ref" in schema else schema
        schema = schema["items"] if step == "0" else schema["properties"].get(step, {})
    return bool(schema)


def test_forms_streams_and_files_say_what_they_carry() -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in OPERATIONS}
    push = by_name["push_deployment"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    fields = resolved(push["$ref"])["properties"]
    assert set(fields) == {"bundle", "notes", "activate"}
    assert fields["bundle"]["format"] == "binary"
    assert "file" in json.dumps(by_name["upload_file"]["requestBody"]["content"]["multipart/form-data"])
    stream = by_name["stream_job_events"]["responses"]["200"]["content"]["text/event-stream"]
    assert "event: end" in stream["example"]
    assert "application/zip" in by_name["download_bundle"]["responses"]["200"]["content"]
    assert "Link" in by_name["list_jobs"]["responses"]["200"]["headers"]
