"""Spans are derived from events: for any history they nest, and closed spans do not depend on later events."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from backend.execution.events.schemas import EventRead
from backend.execution.events.spans import fold

JOB = UUID(int=7)
START = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def histories(draw: st.DrawFn) -> list[EventRead]:
    """Draw a history that the state machine allows, with logs in between, ended or not."""
    types = ["queued"]
    for attempt in range(draw(st.integers(0, 4))):
        types += [f"started:{attempt + 1}", *draw(st.lists(st.just("log"), max_size=3))]
        types += draw(st.sampled_from([[], ["environment", "sandbox"]]))
        types += draw(st.sampled_from([[], ["function_start"]]))
        types.append(draw(st.sampled_from(["requeued", "waiting"])))
    types += draw(st.sampled_from([[], ["started:9"], ["started:9", "function_start"]]))
    types += draw(st.sampled_from([[], ["succeeded"], ["failed"], ["cancelled"]]))
    offsets_ms = draw(st.lists(st.integers(0, 10_000), min_size=len(types), max_size=len(types)).map(sorted))
    return [
        EventRead(
            id=number,
            job_id=JOB,
            ts=START + timedelta(milliseconds=offset_ms),
            type=kind.partition(":")[0],
            payload={"attempt": int(kind.partition(":")[2])} if ":" in kind else {},
        )
        for number, (kind, offset_ms) in enumerate(zip(types, offsets_ms, strict=True), start=1)
    ]


@given(histories())
def test_every_span_starts_within_its_parent(history: list[EventRead]) -> None:
    spans = {span.span_id: span for span in fold(JOB, "echo", history)}
    for span in spans.values():
        assert span.parent_span_id is None or span.parent_span_id in spans
        if span.parent_span_id is not None:
            assert span.started_at >= spans[span.parent_span_id].started_at


@given(histories())
def test_ended_history_leaves_no_span_open(history: list[EventRead]) -> None:
    spans = fold(JOB, "echo", history)
    is_ended = history[-1].type in ("succeeded", "failed", "cancelled")
    assert is_ended == all(span.duration_ms is not None for span in spans)


@given(histories())
def test_there_is_one_root_and_one_span_per_attempt(history: list[EventRead]) -> None:
    spans = fold(JOB, "echo", history)
    assert [span.kind for span in spans].count("run") == 1
    assert [span.kind for span in spans].count("attempt") == sum(event.type == "started" for event in history)


@given(histories(), st.data())
def test_closed_spans_of_a_prefix_do_not_change(history: list[EventRead], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(history)))
    closed = [span for span in fold(JOB, "echo", history[:cut]) if span.duration_ms is not None]
    assert all(span in fold(JOB, "echo", history) for span in closed)
