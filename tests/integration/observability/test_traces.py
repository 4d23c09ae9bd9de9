"""A request and its job are one trace, from the span of the caller to the function, without secrets."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.client import Client
from tests.integration.observability.conftest import TOKEN, eventually
from tests.integration.observability.receiver import Receiver, Seen, receiving
from tests.integration.observability.scraping import Scrape
from tests.integration.operations.instances import Up, new_up

SECRET = "hush-hush-value-of-a-secret"
GIVEN = "private-input-of-a-caller"
ANSWERED = "private-answer-of-a-function"
COLLECTOR_KEY = "key-of-the-operators-collector"
SKILLS = {
    "skills/look/skill.yaml": b"""\
entrypoint: main.py:run
input_schema: {type: object, properties: {word: {type: string}}}
output_schema: {type: object, properties: {variables: {type: object}, answer: {type: string}}}
""",
    "skills/look/main.py": b"""\
import os


def run(word=""):
    print("a line of the job", os.environ.get("API_SECRET"))
    own = {name: value for name, value in os.environ.items() if "TOKEN" not in name and name != "API_SECRET"}
    return {"variables": own, "answer": "private-answer-of-a-function"}
""",
    "skills/fail/skill.yaml": b"""\
entrypoint: main.py:run
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
""",
    "skills/fail/main.py": b"def run(inputs):\n    raise ValueError('private-answer-of-a-function')\n",
}


@dataclass(frozen=True, slots=True)
class World:
    """An instance, a client of it, and the receiver of its traces."""

    up: Up
    client: Client
    receiver: Receiver
    api_key: str

    def wait_for_spans(self, trace_id: str, *names: str) -> dict[str, Seen]:
        """Wait for the named spans of a trace, and return all of its spans by name."""
        eventually(
            lambda: set(names) <= {span.name for span in self.receiver.spans(trace_id)},
            30,
        )
        return {span.name: span for span in self.receiver.spans(trace_id)}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with receiving() as receiver, new_up() as up:
        up.settings = {
            "PURAS_LOG_FORMAT": "json",
            "PURAS_METRICS_TOKEN": TOKEN,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-collector-key={COLLECTOR_KEY}",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
        up.start()
        up.wait_ready()
        made = up.json("project", "create", "Traced", "--credit-usd", "5")
        with Client(up.port, made["api_key"]) as client:
            client.push(SKILLS)
            client.call("PUT", "/v1/secrets", {"name": "API_SECRET", "value": SECRET})
            yield World(up, client, receiver, made["api_key"])


def traceparent() -> tuple[str, str, str]:
    """Create a span of the caller; return the header, the trace ID and the span ID."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return f"00-{trace_id}-{span_id}-01", trace_id, span_id


def submit(client: Client, skill: str, header: str, **headers: str) -> dict[str, object]:
    body = {"skill": skill, "inputs": {"word": GIVEN} if skill == "look" else {}}
    job: dict[str, object] = client.call(
        "POST", "/v1/jobs?wait=true&timeout=55", body, **{"traceparent": header, **headers}
    )
    return job


def test_a_request_and_its_job_are_one_trace_across_processes(world: World) -> None:
    header, trace_id, caller = traceparent()
    job = submit(world.client, "look", header)
    assert job["status"] == "succeeded", job
    inside = ("prepare", "sandbox start", "run", "finish", "function")
    seen = world.wait_for_spans(trace_id, "POST /v1/jobs", "submit", "queue", "claim", "attempt", *inside)
    parents = {name: span.parent_id for name, span in seen.items()}
    ids = {name: span.span_id for name, span in seen.items()}
    assert parents["POST /v1/jobs"] == caller
    assert parents["submit"] == ids["POST /v1/jobs"]
    assert {parents[name] for name in ("queue", "claim", "attempt")} == {ids["submit"]}
    assert {parents[name] for name in inside} == {ids["attempt"]}
    assert {seen[name].role for name in ("POST /v1/jobs", "submit")} == {"api"}
    assert {seen[name].role for name in ("queue", "attempt", *inside)} == {"worker"}
    assert {span.service for span in seen.values()} == {"puras-studio"}
    assert all(span.began_ns <= span.ended_ns for span in seen.values())
    assert seen["queue"].ended_ns <= seen["attempt"].began_ns <= seen["run"].began_ns
    request = seen["POST /v1/jobs"].attributes
    assert (request["http.route"], request["http.response.status_code"]) == ("/v1/jobs", 201)
    attempt = seen["attempt"].attributes
    assert (attempt["puras.job.id"], attempt["puras.outcome"]) == (job["id"], "succeeded")


def test_job_gets_its_trace_but_no_settings_of_the_receiver(world: World) -> None:
    header, trace_id, _ = traceparent()
    job = submit(world.client, "look", header)
    variables = job["result"]["variables"]  # type: ignore[index]
    run = world.wait_for_spans(trace_id, "run")["run"]
    assert variables["TRACEPARENT"] == f"00-{trace_id}-{run.span_id}-01"
    assert not [name for name in variables if name.startswith("OTEL_")]
    assert COLLECTOR_KEY not in json.dumps(variables)


def test_spans_contain_no_inputs_results_or_secrets(world: World) -> None:
    header, trace_id, _ = traceparent()
    submit(world.client, "look", header)
    world.wait_for_spans(trace_id, "function", "finish", "attempt", "POST /v1/jobs")
    failed_header, failed_id, _ = traceparent()
    failed = submit(world.client, "fail", failed_header)
    seen = world.wait_for_spans(failed_id, "attempt")
    assert failed["error_code"] == "exception"
    assert seen["attempt"].is_error
    assert seen["attempt"].attributes["error.type"] == "exception"
    sent = b"".join(world.receiver.bodies)
    for private in (SECRET, GIVEN, ANSWERED, world.api_key, COLLECTOR_KEY, "a line of the job"):
        assert private.encode() not in sent, private
    assert {headers["x-collector-key"] for headers in world.receiver.headers} == {COLLECTOR_KEY}


@pytest.mark.parametrize(
    "header",
    ["nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "a" * 32 + "-" + "b" * 16 + "-01"],
)
def test_invalid_traceparent_starts_a_new_trace(world: World, header: str) -> None:
    job = submit(world.client, "look", header)
    eventually(
        lambda: any(
            span.name == "attempt" and span.attributes["puras.job.id"] == job["id"]
            for span in world.receiver.spans()
        ),
        30,
    )
    (attempt,) = (
        span
        for span in world.receiver.spans()
        if span.name == "attempt" and span.attributes["puras.job.id"] == job["id"]
    )
    assert world.wait_for_spans(attempt.trace_id, "POST /v1/jobs")["POST /v1/jobs"].parent_id == ""


def test_publishable_key_cannot_join_the_trace_of_another_caller(world: World) -> None:
    made = world.client.call("POST", "/v1/api-keys", {"kind": "publishable"})
    key = made.get("api_key") or made["key"]
    header, trace_id, _ = traceparent()
    with Client(world.up.port, key) as publishable:
        job = submit(publishable, "look", header)
    assert not str(job["result"]["variables"]["TRACEPARENT"]).startswith(f"00-{trace_id}")  # type: ignore[index]
    with Client(world.up.port, "puras_live_12345678." + "x" * 32) as unknown:
        assert unknown.request("GET", "/v1/jobs", traceparent=header).status == 401
    own_header, own_id, _ = traceparent()
    submit(world.client, "look", own_header)
    world.wait_for_spans(own_id, "attempt", "POST /v1/jobs")  # earlier spans were received before these
    assert world.receiver.spans(trace_id) == []


def log_lines(world: World) -> list[dict[str, Any]]:
    """Return the log entries of the processes, without the welcome text and an incomplete last line."""
    whole, _, _ = world.up.log.rpartition("\n")
    lines = [json.loads(line) for line in whole.splitlines() if line.strip() and not line.startswith("  ")]
    assert all(isinstance(line, dict) and line["event"] for line in lines)
    return lines


def test_logs_of_all_processes_are_json_with_request_job_and_trace(world: World) -> None:
    header, trace_id, _ = traceparent()
    request_id = f"req-{secrets.token_hex(6)}"
    job = submit(world.client, "look", header, **{"X-Request-Id": request_id})

    def entries(event: str, **facts: object) -> list[dict[str, Any]]:
        return [line for line in log_lines(world) if line["event"] == event and facts.items() <= line.items()]

    # Two processes write these entries, at different times.
    eventually(lambda: entries("job succeeded", job_id=job["id"]), 10)
    eventually(lambda: entries("request answered", request_id=request_id), 10)
    (ended,) = entries("job succeeded", job_id=job["id"])
    assert (ended["request_id"], ended["trace_id"]) == (request_id, trace_id)
    (answered,) = entries("request answered", request_id=request_id)
    assert answered["trace_id"] == trace_id
    for private in (SECRET, GIVEN, ANSWERED, world.api_key, COLLECTOR_KEY, TOKEN):
        assert private not in world.up.log, private


def test_metrics_of_a_killed_worker_are_counted_once(world: World) -> None:
    def scraped() -> Scrape:
        response = world.client.request("GET", "/metrics", Authorization=f"Bearer {TOKEN}")
        assert response.status == 200, response.body
        return Scrape(response.body)

    def finished() -> float:
        return scraped().value("puras_jobs_finished_total", status="succeeded", code="")

    for _ in range(3):
        submit(world.client, "look", traceparent()[0])
    done = len(world.client.call("GET", "/v1/jobs?status=succeeded&limit=200"))
    eventually(lambda: finished() == done, 15)  # a worker writes its metrics every few seconds
    before = scraped()
    assert before.value("puras_job_run_seconds_count", type="deterministic") >= done
    assert before.value("puras_sandbox_starts_total", kind="warm") >= 1
    assert before.value("puras_sandbox_memory_bytes") > 1_000_000
    assert before.value("puras_workers", lane="default") == 1
    assert before.total("puras_spans_exported_total") > 0
    (worker,) = world.up.processes("workers.main")
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: world.up.processes("workers.main") not in (set(), {worker}), 20)
    assert finished() == done
    submit(world.client, "look", traceparent()[0])
    eventually(lambda: finished() == done + 1, 15)
