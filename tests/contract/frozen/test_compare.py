"""Each kind of difference between two versions of a contract is found, and classified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.contract.frozen.compare import Difference, compare, compare_descriptions
from tests.contract.frozen.event_sources import EventSources

Json = Any
Case = tuple[str, Json, Json, str, str]

FLAG: Final = {"required": False, "default": None}


def schema(direction: str, *required: str, **properties: Json) -> Json:
    """Return a contract that is one schema of an object."""
    return {f"{direction}_schema": {"type": "object", "properties": properties, "required": list(required)}}


TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "integer"}
BOTH: Final = {"anyOf": [TEXT, NUMBER]}
A_B: Final = {"enum": ["a", "b"]}
ONLY_A: Final = {"enum": ["a"]}

BREAKING: Final[list[Case]] = [
    ("event type", {"log": [], "end": []}, {"log": []}, "end", "removed"),
    ("event field", {"log": ["text", "level"]}, {"log": ["text"]}, "log > level", "removed"),
    ("setting", {"PURAS_A": {}}, {"PURAS_B": {}}, "PURAS_A", "removed"),
    ("setting's default", {"A": {"default": "1"}}, {"A": {"default": "2"}}, "A > default", "changed"),
    ("command", {"puras run": {}}, {}, "puras run", "removed"),
    ("flag", {"puras run": {"--json": FLAG}}, {"puras run": {}}, "puras run > --json", "removed"),
    ("flag to give", {"run": {}}, {"run": {"--a": {"required": True}}}, "run > --a", "added as required"),
    (
        "flag now needed",
        {"--a": {"required": False}},
        {"--a": {"required": True}},
        "--a > required",
        "changed",
    ),
    ("name of the SDK", {"Client": {}, "skill": {}}, {"skill": {}}, "Client", "removed"),
    ("type of a value", {"position": 1}, {"position": True}, "position", "changed"),
    ("error code", {"not_found": ["404"]}, {}, "not_found", "removed"),
    ("status", {"not_found": ["404"]}, {"not_found": ["410"]}, "not_found > 404", "removed"),
    ("request field", schema("request", a=TEXT), schema("request"), "a", "removed"),
    ("new field to send", schema("request"), schema("request", "a", a=TEXT), "a", "added as required"),
    ("field now to send", schema("request", a=TEXT), schema("request", "a", a=TEXT), "a", "newly required"),
    ("type of request", schema("request", a=TEXT), schema("request", a=NUMBER), "a <string>", "type removed"),
    ("null of request", schema("request", a=BOTH), schema("request", a=TEXT), "a <integer>", "type removed"),
    ("value of request", schema("request", a=A_B), schema("request", a=ONLY_A), "a > b", "removed"),
    ("listed values", schema("request", a=TEXT), schema("request", a=A_B), "a", "limited"),
    (
        "default of request",
        schema("request", a={**TEXT, "default": "x"}),
        schema("request", a={**TEXT, "default": "y"}),
        "a",
        "default changed",
    ),
    (
        "upper bound",
        schema("request", a={**NUMBER, "maximum": 9}),
        schema("request", a={**NUMBER, "maximum": 8}),
        "a",
        "maximum",
    ),
    (
        "lower bound",
        schema("request", a=TEXT),
        schema("request", a={**TEXT, "minLength": 1}),
        "a",
        "minLength",
    ),
    ("pattern", schema("request", a=TEXT), schema("request", a={**TEXT, "pattern": "x"}), "a", "pattern"),
    ("format", schema("response", a={**TEXT, "format": "uuid"}), schema("response", a=TEXT), "a", "changed"),
    (
        "other fields",
        {"request_schema": {"type": "object"}},
        {"request_schema": {"type": "object", "additionalProperties": False}},
        "*",
        "rejected",
    ),
    ("response field", schema("response", a=TEXT), schema("response"), "a", "removed"),
    (
        "field of response",
        schema("response", "a", a=TEXT),
        schema("response", a=TEXT),
        "a",
        "no longer always",
    ),
    (
        "type of response",
        schema("response", a=TEXT),
        schema("response", a=NUMBER),
        "a <integer>",
        "type added",
    ),
    ("value of response", schema("response", a=A_B), schema("response", a=ONLY_A), "a > b", "removed"),
    (
        "field in a list",
        {"response_schema": {"type": "array", "items": schema("response", a=TEXT)["response_schema"]}},
        {"response_schema": {"type": "array", "items": schema("response")["response_schema"]}},
        "[] > a",
        "removed",
    ),
    (
        "field behind a reference",
        {
            "request_schema": {
                "$ref": "#/$defs/x",
                "$defs": {"x": schema("request", a=TEXT)["request_schema"]},
            }
        },
        {"request_schema": {"$ref": "#/$defs/y", "$defs": {"y": schema("request")["request_schema"]}}},
        "a",
        "removed",
    ),
]

COMPATIBLE: Final[list[tuple[str, Json, Json]]] = [
    ("new event type and field", {"log": []}, {"log": ["text"], "end": []}),
    ("new optional flag", {"run": {}}, {"run": {"--a": FLAG}}),
    ("flag no longer needed", {"--a": {"required": True}}, {"--a": {"required": False}}),
    ("new status of a code", {"a": ["404"]}, {"a": ["404", "410"]}),
    ("new optional request field", schema("request"), schema("request", a=TEXT)),
    ("request field no longer needed", schema("request", "a", a=TEXT), schema("request", a=TEXT)),
    ("wider request", schema("request", a=TEXT), schema("request", a=BOTH)),
    ("number for integer", schema("request", a=NUMBER), schema("request", a={"type": "number"})),
    ("any value in a request", schema("request", a=TEXT), schema("request", a={})),
    ("new value", schema("request", a=ONLY_A), schema("request", a=A_B)),
    (
        "raised bound",
        schema("request", a={**NUMBER, "maximum": 8}),
        schema("request", a={**NUMBER, "maximum": 9}),
    ),
    ("new response field", schema("response"), schema("response", "a", a=TEXT)),
    ("narrower response", schema("response", a=BOTH), schema("response", a=TEXT)),
    ("text of a description", schema("request", a={**TEXT, "title": "A"}), schema("request", a=TEXT)),
]


@pytest.mark.parametrize(
    ("case", "before", "after", "path", "change"), BREAKING, ids=lambda one: str(one)[:24]
)
def test_breaking_difference_is_found(case: str, before: Json, after: Json, path: str, change: str) -> None:
    found = [one for one in compare(before, after) if one.kind == "breaking"]
    assert len(found) == 1, case
    assert found[0].path == path
    assert change in found[0].change
    assert not compare(before, before)
    assert not compare(after, after)


@pytest.mark.parametrize(("case", "before", "after"), COMPATIBLE, ids=lambda one: str(one)[:24])
def test_compatible_difference_is_not_breaking(case: str, before: Json, after: Json) -> None:
    assert not [one for one in compare(before, after) if one.kind == "breaking"], case


def description() -> Json:
    """Return a small OpenAPI description."""
    job = {
        "type": "object",
        "properties": {
            "status": {"enum": ["queued", "failed"]},
            "parent": {"$ref": "#/components/schemas/Job"},
        },
    }
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}
    get = {
        "operationId": "get_job",
        "parameters": [
            {"in": "path", "name": "job_id", "required": True, "schema": TEXT},
            {"in": "query", "name": "wait", "schema": {"type": "boolean", "default": False}},
        ],
        "responses": {"200": {"content": reference, "headers": {"Link": {}}}, "404": {}},
    }
    post = {
        "operationId": "submit_job",
        "requestBody": {"content": {"application/json": {"schema": TEXT}}},
        "responses": {"200": {"content": reference}},
    }
    return {
        "paths": {"/v1/jobs/{job_id}": {"get": get}, "/v1/jobs": {"post": post}},
        "components": {"schemas": {"Job": job}},
    }


OPERATION: Final = "GET /v1/jobs/{}"
CHANGES: Final[dict[str, tuple[str, Difference]]] = {
    "operation": (
        "del paths['/v1/jobs']",
        Difference("breaking", "POST /v1/jobs", "removed"),
    ),
    "parameter": (
        "del get['parameters'][1]",
        Difference("breaking", f"{OPERATION} > parameters > query wait", "removed"),
    ),
    "required parameter": (
        "get['parameters'].append({'in': 'query', 'name': 'a', 'required': True, 'schema': {}})",
        Difference("breaking", f"{OPERATION} > parameters > query a", "added as required"),
    ),
    "default of a parameter": (
        "get['parameters'][1]['schema'] = {'type': 'boolean'}",
        Difference("breaking", f"{OPERATION} > parameters > query wait", "default removed"),
    ),
    "required body": (
        "post['requestBody']['required'] = True",
        Difference("breaking", "POST /v1/jobs > request > required", "changed from False to True"),
    ),
    "new required body": (
        "get['requestBody'] = {'required': True}",
        Difference("breaking", f"{OPERATION} > request", "added as required"),
    ),
    "name of an operation": (
        "get['operationId'] = 'read_job'",
        Difference("breaking", f"{OPERATION} > operationId", "changed from 'get_job' to 'read_job'"),
    ),
    "key": (
        "get['security'] = [{}]",
        Difference("breaking", f"{OPERATION} > access", "changed from 'open' to 'key'"),
    ),
    "successful status": (
        "get['responses']['202'] = get['responses'].pop('200')",
        Difference("breaking", f"{OPERATION} > responses > 200", "removed"),
    ),
    "header": (
        "get['responses']['200']['headers'] = {}",
        Difference("breaking", f"{OPERATION} > responses > 200 > headers > Link", "removed"),
    ),
    "value of a shape, once": (
        "job['properties']['status']['enum'].remove('failed')",
        Difference("breaking", "response Job > status > failed", "removed"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_breaking_difference_of_a_description_is_found(name: str) -> None:
    statement, expected = CHANGES[name]
    after = description()
    paths = after["paths"]
    parts = {"get": paths["/v1/jobs/{job_id}"]["get"], "post": paths["/v1/jobs"]["post"]}
    exec(statement, {"paths": paths, "job": after["components"]["schemas"]["Job"], **parts})
    assert [one for one in compare_descriptions(description(), after) if one.kind == "breaking"] == [expected]


def test_names_that_are_not_sent_may_change() -> None:
    text = json.dumps(description()).replace("{job_id}", "{id}").replace("schemas/Job", "schemas/JobRead")
    after = json.loads(text.replace('"Job":', '"JobRead":'))
    assert compare_descriptions(description(), after) == []


def test_payloads_that_sql_builds_are_read_from_code_and_from_sql_files(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "workers").mkdir()
    (tmp_path / "backend" / "writers.py").write_text(
        '''\
SQL = """insert into job_events (job_id, type, payload)
select id, 'started', jsonb_build_object('attempt', attempt, 'worker', :worker) from started"""
QUEUE = f"""insert into job_events (type, payload) select 'queued', cast(:event as jsonb) from {TABLE}"""
''',
        encoding="utf-8",
    )
    (tmp_path / "workers" / "writers.sql").write_text(
        """\
with child as (select jsonb_build_object('label', metadata ->> 'name', 'job_id', id) as facts from jobs)
insert into job_events (type, payload) select 'subagent_end', child.facts from child;
""",
        encoding="utf-8",
    )
    assert EventSources(tmp_path).sql_payloads() == {
        "started": ["attempt", "worker"],
        "subagent_end": ["job_id", "label"],
    }


def test_error_codes_of_jobs_are_read_from_constants(tmp_path: Path) -> None:
    for package, code in (("backend", "ignored"), ("workers", "from_a_class")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "failing.py").write_text(
            f"""\
CLOSED = ("from_a_variable", "The process closed its channel.")


class Failing(Exception):
    code = "{code}"


def fail():
    Ending("failed", error_code="from_an_argument")
    return Failure(*CLOSED) or Failure("from_a_constant", "text")
""",
            encoding="utf-8",
        )
    codes = ["from_a_class", "from_a_constant", "from_a_variable", "from_an_argument"]
    assert EventSources(tmp_path).job_error_codes() == codes
