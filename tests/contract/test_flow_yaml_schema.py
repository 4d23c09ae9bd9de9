"""The JSON Schema of flow.yaml accepts and rejects the same flows as the parser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from backend.skills.flows.json_schema import flow_json_schema
from backend.skills.manifest.yaml_document import read_document
from tests.unit.flows.bundles import EXAMPLE, problems, read, steps

ACCEPTED = [
    EXAMPLE,
    steps("{id: a, skill: tally, inputs: {words: x}, version: 3, retries: 2, timeout: 90}"),
    steps(
        "{id: a, skill: tally, inputs: {words: x}, retries: {max: 2, backoff: {initial_s: 3}}, timeout: 1.5h}"
    ),
    steps("{id: a, if: true, for_each: [1, 2], on_error: continue, skill: tally, inputs: {words: x}}")
    + "output: {}\n",
    steps("{id: a, prompt: x, output_schema: {type: object}, limits: {cost_usd: 1}}"),
    steps("{id: a, python: 'tools.py:clean', inputs: {text: x}}"),
    steps("{id: a, switch: [{when: true, steps: [{id: b, emit: {type: x}}]}]}"),
    steps("{id: a, parallel: [{steps: [{id: b, wait: {until: '2026-01-31T09:00:00Z'}}]}]}"),
    steps("{id: a, approval: {message: x, form: {type: object}, reviewers: [admin], expires_after: 3d}}"),
    steps("{id: a, wait: {event: {type: x, match: '${{ event.id == inputs.texts[0] }}'}}, timeout: 60}"),
]
REJECTED = [
    "steps: []",
    "stepz: [{id: a, emit: {type: x}}]",
    steps("{id: a, skil: tally}"),
    steps("{id: a, skill: tally, inputs: {words: x}, retries: 21}"),
    steps("{id: a, skill: tally, inputs: {words: x}, concurrncy: 2}"),
    steps("{id: a b, emit: {type: x}}"),
    steps("{id: a, prompt: x}"),
    steps("{id: a, emit: {typ: x}}"),
    steps("{id: a, emit: {type: x}, if: perhaps}"),
    steps("{id: a, wait: {duration: soon}}"),
    steps("{id: a, on_error: ignore, for_each: [], skill: tally}"),
]


@pytest.mark.parametrize("flow", ACCEPTED)
def test_schema_accepts_what_the_parser_accepts(flow: str) -> None:
    read(flow)
    Draft202012Validator(flow_json_schema()).validate(read_document("flow.yaml", flow.encode()).value)


@pytest.mark.parametrize("flow", REJECTED)
def test_schema_rejects_what_the_parser_rejects(flow: str) -> None:
    assert problems(flow)
    value = read_document("flow.yaml", flow.encode()).value
    assert not Draft202012Validator(flow_json_schema()).is_valid(value)


def test_schema_is_valid() -> None:
    Draft202012Validator.check_schema(flow_json_schema())


def test_every_key_has_a_description() -> None:
    def descriptions(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            yield from (one["description"] for one in schema.get("properties", {}).values())
            yield from (found for one in schema.values() for found in descriptions(one))
        elif isinstance(schema, list):
            yield from (found for one in schema for found in descriptions(one))

    schema = flow_json_schema()
    found = [*descriptions(schema["properties"]), *descriptions(schema["$defs"]["step"])]
    assert len(found) > 60
    assert all(one.endswith(".") for one in found)
