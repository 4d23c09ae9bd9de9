"""A trace receiver that is unavailable or rejects spans: jobs run, with one log line and a quick stop."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from backend.core.metrics.instruments import SPANS_EXPORTED
from backend.core.tracing import otlp, spans
from backend.core.tracing.setup import tracing
from benchmarks.client import Client
from benchmarks.instance import NOOP_SKILL, free_port
from tests.integration.observability.conftest import eventually
from tests.integration.observability.receiver import Receiver, receiving
from tests.integration.operations.instances import Up, new_up

EXPORT_FAILED = "trace export failed"


@pytest.fixture(params=["unavailable", "silent"])
def up(request: pytest.FixtureRequest) -> Iterator[Up]:
    with receiving() as receiver, new_up() as up:
        receiver.is_silent = True
        url = receiver.url if request.param == "silent" else f"http://127.0.0.1:{free_port()}"
        up.settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PURAS_LOG_FORMAT": "json",
        }
        up.start()
        up.wait_ready()
        yield up


def test_jobs_and_shutdown_are_not_delayed(up: Up) -> None:
    made = up.json("project", "create", "Untraced", "--credit-usd", "5")
    with Client(up.port, made["api_key"]) as client:
        client.push(NOOP_SKILL)
        for number in range(20):
            assert client.run("noop", {"n": number})["result"] == {"n": number}
        eventually(lambda: EXPORT_FAILED in up.log, 30)
        for number in range(20):
            assert client.run("noop", {"n": number})["status"] == "succeeded"
    failures = [json.loads(line) for line in up.log.splitlines() if EXPORT_FAILED in line]
    assert 1 <= len(failures) <= 3, (
        "one per minute and process: API, worker, and another one if a minute has passed"
    )
    assert "Traceback" not in up.log
    assert up.process is not None
    began = time.monotonic()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(30) == 0
    assert time.monotonic() - began < 25
    assert "did not end in time" not in up.log


async def test_queue_of_spans_is_bounded_and_does_not_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "512")
    monkeypatch.setattr(otlp, "FLUSH_S", 0.5)
    with receiving() as receiver:
        receiver.is_silent = True
        async with tracing(receiver.url, role="worker", version="0"):
            began = time.monotonic()
            for _ in range(5_000):
                with spans.span("one"):
                    pass
            assert time.monotonic() - began < 30, "at most 6 ms per span, while the receiver is silent"
            ending = time.monotonic()
        assert time.monotonic() - ending < 30
    assert not spans.is_on()


async def test_spans_in_the_queue_are_sent_at_process_end(receiver: Receiver) -> None:
    async with tracing(receiver.url, role="worker", version="0"):
        with spans.span("outer") as outer, spans.span("inner"):
            pass
    seen = {span.name: span for span in receiver.spans()}
    assert seen["inner"].parent_id == seen["outer"].span_id
    assert outer.traceparent == f"00-{seen['outer'].trace_id}-{seen['outer'].span_id}-01"


async def test_rejected_spans_are_counted_and_logged_once(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("opentelemetry"), "handlers", [])
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    receiver.status = 400
    failed = SPANS_EXPORTED.labels("failed")
    before = failed._value.get()
    with capture_logs() as logs:
        async with tracing(receiver.url, role="worker", version="0"):
            for number in range(1, 4):
                with spans.span("rejected"):
                    pass
                eventually(lambda wanted=before + number: failed._value.get() == wanted, 10)  # type: ignore[misc]
    failures = [line for line in logs if EXPORT_FAILED in line["event"]]
    assert [line["status"] for line in failures] == [400]
    assert str(receiver.port) not in str(failures)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "http://"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp"),
    ],
)
async def test_invalid_settings_disable_traces_with_a_log_entry(
    name: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    endpoint = value if name.endswith("ENDPOINT") else "http://127.0.0.1:4318"
    with capture_logs() as logs:
        async with tracing(endpoint, role="api", version="0"):
            assert not spans.is_on()
            with spans.span("nothing") as span:
                assert span.traceparent == ""
    (line,) = logs
    assert line["event"].startswith("tracing is off")
    assert why in line["error"]


async def test_sampler_that_drops_all_spans_propagates_the_decision(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with tracing(receiver.url, role="api", version="0"):
        with spans.span("unseen") as span:
            assert span.traceparent.endswith("-00")
    assert receiver.spans() == []


def test_trace_libraries_are_not_loaded_without_a_receiver() -> None:
    code = (
        "import asyncio, sys, backend.app, workers.main\n"
        "from backend.core.tracing.setup import tracing\n"
        "async def main():\n"
        "    async with tracing(None, role='api', version='0'):\n"
        "        ours = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'opentelemetry.proto')\n"
        "        print([name for name in sys.modules if name.startswith(ours)])\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "[]\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
