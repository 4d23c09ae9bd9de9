"""The URL, the rows and the comparison of the list of jobs."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest

from backend.execution.events.schemas import SpanRead
from backend.execution.jobs.schemas import JobRead
from studio.pages.jobs.differences import LineGroup, compare_jobs
from studio.pages.jobs.query import JobQuery
from studio.pages.jobs.rows import JobItem
from studio.skillpacks import JobNames

JOB = UUID("01920000-0000-7000-8000-0000deadbeef")
OTHER = UUID("01920000-0000-7000-8000-0000deadbee0")
MOMENT = datetime(2026, 11, 30, tzinfo=UTC)


def job(**changes: Any) -> JobRead:
    values = dict.fromkeys(JobRead.model_fields) | {
        **dict.fromkeys(("id", "project_id", "workspace_id", "skillpack_id"), JOB),
        **dict.fromkeys(("listing", "skill_name", "source", "lane", "submitted_by"), "x"),
        **dict.fromkeys(
            ("price_micros", "attempt", "steps", "cost_micros", "subjob_cost_micros", "priority"), 0
        ),
        **dict.fromkeys(("used_micros", "forgiven_micros"), 0),
        **{key: {} for key in ("inputs", "usage", "limits", "metadata")},
        "outputs": [],
        "feedback": [],
        "type": "deterministic",
        "status": "succeeded",
        "simulated": False,
        "environment": "production",
        "cost_usd": 0.0,
        "created_at": MOMENT,
    }
    return JobRead(**{**values, **changes})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=failed&source=api&min_seconds=1",
        "skill=a%2Fb&q=x+y&sort=-cost&columns=job,cost",
        "since=2026-11-30T01%3A00%3A00%2B00%3A00",
        f"compare={JOB},{JOB}",
    ],
)
def test_a_query_is_the_same_after_it_was_read(query: str) -> None:
    assert JobQuery.parse(dict(parse_qsl(query))).encode() == query


def test_invalid_parts_of_a_url_are_ignored() -> None:
    parameters = {
        "status": "done",
        "version": "0",
        "key": "mine",
        "min_seconds": "nan",
        "since": "2026-11-30",
        "until": "1700000000",
        "sort": "price",
        "columns": "inputs",
        "compare": f"{JOB}",
        "unknown": "x",
        "skill": "echo",
    }
    assert JobQuery.parse(parameters) == JobQuery({"skill": "echo"})


def test_rows_contain_neither_inputs_nor_results() -> None:
    names = {field.name for field in fields(JobItem)}
    assert not names & {"inputs", "result", "outputs", "metadata", "prompt", "limits", "usage"}


def test_the_comparison_marks_what_differs() -> None:
    first = job(
        inputs={"n": 1, "tags": ["a", "b"]}, result={"ok": True}, cost_micros=10, deployment_version=3
    )
    second = job(inputs={"n": 2, "tags": ["a"]}, result={"ok": True}, cost_micros=10, deployment_version=4)
    times = ([_span("llm", "model", 100.0), _span("llm", "model", 50.0)], [_span("llm", "model", None)])
    groups = {one.title: one for one in compare_jobs(first, second, times, ("echo", "echo"))}
    assert _different(groups["Job"]) == {"Version": ("v3", "v4")}
    assert _different(groups["Inputs"]) == {"n": ("1", "2"), "tags[1]": ("b", "")}
    assert groups["Result"].differences == 0
    assert _different(groups["Spans"]) == {"model (llm)": ("150 ms (2)", "running")}


def test_durations_are_compared_as_they_are_shown() -> None:
    quick = job(started_at=MOMENT, finished_at=MOMENT + timedelta(seconds=1))
    slow = job(started_at=MOMENT, finished_at=MOMENT + timedelta(seconds=90))
    group = compare_jobs(quick, slow, ([], []), ("echo", "other"))[0]
    assert _different(group) == {"Skill": ("echo", "other"), "Duration": ("1.00 s", "1 m 30 s")}


def _different(group: LineGroup) -> dict[str, tuple[str, str]]:
    return {one.name: (one.first, one.second) for one in group.lines if one.is_different}


def _span(kind: str, name: str, duration_ms: float | None) -> SpanRead:
    return SpanRead(
        trace_id=JOB,
        span_id="0" * 16,
        parent_span_id=None,
        kind=kind,
        name=name,
        started_at=MOMENT,
        duration_ms=duration_ms,
        attributes={},
    )


def test_only_skills_of_other_skillpacks_have_a_prefix() -> None:
    names = JobNames({JOB: "main", OTHER: "tools"}, JOB)
    called = [names.called("resize", pack) for pack in (JOB, OTHER, None)]
    assert called == ["resize", "tools/resize", "resize"]
    assert names.slugs[JOB] == "main", "links to the editor need the slug"
