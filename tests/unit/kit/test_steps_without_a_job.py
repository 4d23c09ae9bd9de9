"""Durable steps in a process that runs no job: functions are called, and nothing is stored."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from puras import (
    EventTimeout,
    StepError,
    StepTimeout,
    emit_event,
    idempotency_key,
    parallel,
    sleep,
    step,
    stub_event,
    wait_for_event,
)
from puras.durable.errors import StepFailed, describe, restored


def test_step_calls_its_function_and_returns_json() -> None:
    assert step("pair", lambda n, *, m: (n, m), 1, m=2) == [1, 2]
    with pytest.raises(StepError, match="not JSON data"):
        step("bad", object)
    with pytest.raises(StepError, match="needs a function"):
        step("bad", 5)  # type: ignore[arg-type]  # what a caller may do
    with pytest.raises(StepError, match="retries"):
        step("bad", int, retries=-1)


def test_retries_and_idempotency_key() -> None:
    calls: list[tuple[str, str | None]] = []

    def fail_once() -> str:
        calls.append((idempotency_key(), os.environ.get("PURAS_IDEMPOTENCY_KEY")))
        if len(calls) == 1:
            raise ConnectionError("lost")
        return "worked"

    assert step("request", fail_once, retries=1, backoff_s=0) == "worked"
    assert len(calls) == 2
    assert len({key for pair in calls for key in pair}) == 1
    assert "PURAS_IDEMPOTENCY_KEY" not in os.environ
    with pytest.raises(StepError, match="No step runs"):
        idempotency_key()


def test_timeout_interrupts_python_code() -> None:
    ended = threading.Event()

    def spin() -> None:
        try:
            while True:
                time.sleep(0.01)
        finally:
            ended.set()

    with pytest.raises(StepTimeout, match=r"0\.1 s"):
        step("spin", spin, timeout_s=0.1)
    assert ended.wait(5)


def test_sleeps_sleep() -> None:
    began = time.monotonic()
    sleep(0.05)
    sleep(until=datetime.now(UTC) + timedelta(seconds=0.05))
    sleep(timedelta(seconds=-5))
    assert 0.09 < time.monotonic() - began < 5
    for wrong in (
        {},
        {"seconds": 1, "until": datetime.now(UTC)},
        {"until": datetime(2026, 1, 1)},
        {"seconds": float("nan")},
        {"seconds": 1e9},
    ):
        with pytest.raises(StepError):
            sleep(**wrong)  # type: ignore[arg-type]


def test_stub_events_fit_or_the_error_explains_them() -> None:
    with pytest.raises(StepError, match="stub_event"):
        wait_for_event("paid")
    stub_event("paid", {"order": {"id": 7}, "lines": [1, 2]})
    with pytest.raises(StepError):
        wait_for_event("paid", {"order.id": 8})
    assert wait_for_event("paid", {"order.id": 7, "lines.1": 2})["type"] == "paid"
    emit_event("made", [1])
    assert wait_for_event("made")["data"] == [1]
    with pytest.raises(StepError, match="flat dictionary"):
        wait_for_event("paid", {"order": {"id": 7}})  # type: ignore[dict-item]
    assert issubclass(EventTimeout, TimeoutError)


def test_branches_run_concurrently() -> None:
    both = threading.Barrier(2, timeout=10)
    assert sorted(parallel(both.wait, lambda: step("wait", both.wait))) == [0, 1]
    with pytest.raises(StepError, match="concurrency"):
        parallel(int, concurrency=0)
    with pytest.raises(StepError, match="Argument 1"):
        parallel(int, 5)  # type: ignore[arg-type]


def test_errors_are_restored_with_their_class() -> None:
    error = restored("x", describe(KeyError("a", 1)))
    assert isinstance(error, KeyError)
    assert error.args == ("a", 1)

    class Local(Exception):
        pass

    assert isinstance(restored("x", describe(Local("a"))), StepFailed)
    decode_error = restored("x", describe(UnicodeDecodeError("utf-8", b"x", 0, 1, "why")))
    assert isinstance(decode_error, StepFailed), "its arguments are not JSON"


def test_tools_of_agents_are_rejected() -> None:
    code = "from puras import step\nstep('x', int)"
    environment = {**os.environ, "PURAS_SERVICE_TOKEN": "token", "PURAS_JOB_ID": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "Durable steps work in functions only" in ran.stderr


def test_child_processes_are_rejected() -> None:
    code = (
        "import os\nfrom puras import step, StepError\nstep('x', int)\n"
        "if os.fork() == 0:\n    try:\n        step('y', int)\n    except StepError as error:\n"
        "        print(error, flush=True)\n    os._exit(0)\nos.wait()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "that the function has started" in ran.stdout
