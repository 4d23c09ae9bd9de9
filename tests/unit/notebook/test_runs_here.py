"""Check runs in the kernel, their tables and their display."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import nbformat
import pytest
from puras import client
from puras.notebook.batch import run_rows
from puras.notebook.errors import CellRefused, RunFailed
from puras.notebook.form import fields_of
from puras.notebook.instance import Event, zipped
from puras.notebook.opened import notebook_of
from puras.notebook.runs import LocalRun, run_here
from puras.notebook.suites import Suite
from puras.notebook.trace import Trace, dollars
from puras.renamed import renamed_parameters

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def test_a_run_in_the_kernel_records_its_output_and_result() -> None:
    def double(n: int) -> dict[str, int]:
        print("doubling")
        return {"n": 2 * n}

    run = run_here("double", double, {"n": 4}, show=False)
    assert run.result == {"n": 8}
    assert run.cost_usd == 0
    assert [event.type for event in run.events] == ["started", "log", "succeeded"]
    assert run.events[1].payload == {"stream": "stdout", "text": "doubling"}


def test_the_last_event_is_displayed() -> None:
    shown = threading.Event()

    def show(trace: Trace) -> None:
        if any(line.text == "on the way" for line in trace.lines):
            shown.set()

    def waits() -> dict[str, bool]:
        print("on the way")
        return {"shown": shown.wait(30)}

    assert run_here("waits", waits, {}, on_change=show).result == {"shown": True}


def test_an_error_of_the_function_is_raised_only_with_its_result() -> None:
    def fails(n: int) -> int:
        return 1 // n

    run = run_here("fails", fails, {"n": 0}, show=False)
    assert run.status == "failed"
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        _ = run.result


def test_a_result_that_is_not_json_is_an_error() -> None:
    run = run_here("odd", lambda: {1, 2}, {}, show=False)
    with pytest.raises(RunFailed, match="JSON"):
        _ = run.result


def test_a_table_has_the_results_of_its_rows_in_order() -> None:
    def call(inputs: Mapping[str, Any], options: Mapping[str, Any]) -> LocalRun:
        return run_here("square", lambda n: {"square": n * n} if n else 1 // n, inputs, show=False)

    rows = [{"name": "a", "n": 3}, {"name": "b", "n": 0}, {"name": "c", "n": 2}]
    done = run_rows(rows, SCHEMA, call, concurrency=2, budget_usd=None, show=False)
    assert done["name"].tolist() == ["a", "b", "c"]
    assert done["status"].tolist() == ["succeeded", "failed", "succeeded"]
    assert done["square"].tolist()[::2] == [9, 4]
    assert "ZeroDivisionError" in done["error"][1]


class _Paid(LocalRun):
    """A run that costs as much as its cap."""

    def __init__(self, cap: float) -> None:
        super().__init__("paid")
        self.cost_usd = cap
        self.settle({}, None)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_rows_do_not_exceed_the_budget(concurrency: int) -> None:
    caps: list[float] = []
    lock = threading.Lock()

    def call(_: Mapping[str, Any], options: Mapping[str, Any]) -> LocalRun:
        with lock:
            caps.append(options["limits"]["cost_usd"])
        return _Paid(caps[-1] if len(caps) % 2 == 0 else 0.0)

    done = run_rows(
        [{"n": n} for n in range(40)], SCHEMA, call, concurrency=concurrency, budget_usd=0.000_02, show=False
    )
    assert sum(done["cost_usd"]) <= 0.000_02 + 1e-12
    assert all(cap > 0 for cap in caps)
    assert set(done["status"]) == {"succeeded", "not_run"}


def test_a_table_without_a_column_for_the_skill_is_rejected() -> None:
    with pytest.raises(CellRefused, match="No column"):
        run_rows([{"x": 1}], SCHEMA, lambda *_: LocalRun("x"), concurrency=1, budget_usd=None, show=False)


def test_text_of_a_run_is_escaped() -> None:
    trace = Trace("<b>job</b>")
    trace.add("log", {"text": "<script>alert(1)</script>"})
    trace.add("tool_result", {"tool": "<i>", "ok": True, "preview": "<img src=x onerror=y>"})
    trace.add("delta", {"text": "<iframe>"})
    assert "<script" not in trace.html()
    assert "<img" not in trace.html()
    assert "<iframe" not in trace.html()
    assert "<b>" not in trace.html()


def test_a_trace_sums_up_its_cost_and_has_an_end() -> None:
    trace = Trace("job")
    trace.add("model_response", {"step": 1, "model": "m", "billed_micros": 1200})
    trace.add("tool_result", {"tool": "t", "ok": False, "billed_micros": 3})
    assert trace.cost_micros == 1203
    assert not trace.has_ended
    trace.add("failed", {"code": "no_output"})
    assert trace.has_ended
    assert (dollars(0), dollars(1203), dollars(2_500_000)) == ("$0.00", "$0.001203", "$2.50")


def test_text_of_a_model_is_not_rendered_in_the_notebook_of_a_job() -> None:
    job = {
        "id": "j", "skill_name": "s", "deployment_version": 3, "status": "succeeded", "type": "agentic",
        "created_at": "2026-11-25T18:00:00Z", "cost_usd": 0.0012, "inputs": {"text": "it's \"quoted\""},
    }  # fmt: skip
    blocks = [{"type": "text", "text": "```\n<script>alert(1)</script>\n# heading"}]
    events = [
        Event(1, "model_response", {"step": 1, "blocks": blocks}),
        Event(2, "tool_use", {"step": 1, "tool_use_id": "u", "name": "t", "input": {"a": 1}}),
        Event(3, "tool_result", {"step": 1, "tool_use_id": "u", "tool": "t", "preview": "p", "ok": True}),
    ]
    notebook = notebook_of(job, events)
    nbformat.validate(nbformat.from_dict(notebook))
    sources = [cell["source"] for cell in notebook["cells"]]
    (reply,) = [one for one in sources if "alert" in one]
    assert reply.split("\n\n", 1)[1].startswith("``````text\n")
    assert any("arguments = {'a': 1}" in one for one in sources)
    namespace: dict[str, Any] = {}
    exec(next(one for one in sources if one.startswith("inputs")), namespace)
    assert namespace["inputs"] == job["inputs"]


def test_a_form_has_a_field_for_each_input() -> None:
    schema = {
        "properties": {"a": {"type": "text"}, "b": {"enum": [1, 2]}, "c": {"type": "array", "default": [1]}}
        | {"d": {"type": "image"}, "e": {"type": "file"}},
        "required": ["a"],
    }
    fields = fields_of(schema, {"a": "owl", "d": "in/owl.jpg", "e": {"drive_path": "in/a.txt"}})
    assert [(one["kind"], one["required"], one["value"]) for one in fields] == [
        ("text", True, "owl"),
        ("choice", False, None),
        ("json", False, "[1]"),
        ("file", False, "in/owl.jpg"),
        ("file", False, '{"drive_path": "in/a.txt"}'),
    ]
    json.dumps(fields)


def test_the_same_files_result_in_the_same_bundle() -> None:
    assert zipped({"b": "1", "a": "2"}) == zipped({"a": "2", "b": "1"})


def test_former_names_of_parameters_work_with_a_warning() -> None:
    @renamed_parameters(at_once="concurrency", cost_usd="budget_usd")
    def run(*, concurrency: int = 8, budget_usd: float | None = None) -> tuple[int, float | None]:
        return concurrency, budget_usd

    with pytest.warns(DeprecationWarning, match="'at_once' is now 'concurrency'"):
        assert run(at_once=2) == (2, None)
    assert run(concurrency=3, budget_usd=1.0) == (3, 1.0)
    with pytest.raises(TypeError, match="former name"):
        run(at_once=2, concurrency=3)


@pytest.mark.parametrize(
    ("former", "current"),
    [
        ("BudgetSpent", "BudgetExceeded"),
        ("Mapped", "MapResult"),
        ("NoAnswer", "NoResponse"),
        ("Opinion", "Feedback"),
        ("TooMany", "TooManyRequests"),
    ],
)
def test_former_names_of_classes_work_with_a_warning(former: str, current: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"'{former}' is now '{current}'"):
        assert getattr(client, former) is getattr(client, current)
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        client.Missing  # type: ignore[attr-defined]  # noqa: B018


def test_former_name_of_the_fields_of_an_error_works_with_a_warning() -> None:
    error = client.PurasAPIError("wrong", 409, code="conflict", limit=3)
    with pytest.warns(DeprecationWarning, match="'facts' is now 'fields'"):
        assert error.facts == error.fields == {"code": "conflict", "limit": 3}
    assert client.NoResponse("no").fields == {"code": "no_response", "former_code": "no_answer"}


def test_former_name_of_the_fields_of_a_suite_works_with_a_warning() -> None:
    suite = Suite({"id": "1", "gate_passed": True}, [])
    with pytest.warns(DeprecationWarning, match="'facts' is now 'fields'"):
        assert suite.facts == suite.fields
    assert suite.passed
