"""Compute numbers of versions, tools and steps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from backend.evals.insights.queries import Call, Reply, Run
from backend.evals.insights.schemas import StepNumbers, ToolNumbers, VersionNumbers

MAX_SHOWN: Final = 10
RESULT_TOOL: Final = "set_output"
"""The tool that submits results. Its errors are results that do not match the schema."""


def versions_of(runs: Iterable[Run]) -> list[VersionNumbers]:
    """Return the versions, newest first, drafts last."""
    by_version: dict[int | None, list[Run]] = defaultdict(list)
    for run in runs:
        by_version[run.version].append(run)
    order = sorted(by_version, key=lambda version: -1 if version is None else version, reverse=True)
    return [_version(version, by_version[version]) for version in order]


def _version(version: int | None, runs: Sequence[Run]) -> VersionNumbers:
    succeeded = [run for run in runs if run.succeeded]
    costs = [run.cost_micros for run in succeeded]
    durations = [run.duration_ms for run in succeeded if run.duration_ms is not None]
    scores = [run.eval_score for run in succeeded if run.eval_score is not None]
    return VersionNumbers(
        version=version,
        runs=len(runs),
        failed=sum(run.status == "failed" for run in runs),
        mean_eval_score=round(fmean(scores), 1) if scores else None,
        cost_p50_micros=whole(quantile(costs, 0.5)),
        cost_p95_micros=whole(quantile(costs, 0.95)),
        duration_p50_ms=whole(quantile(durations, 0.5)),
        duration_p95_ms=whole(quantile(durations, 0.95)),
    )


def tools_of(calls: Iterable[Call]) -> list[ToolNumbers]:
    """Return the tools with the longest total time, without the one that submits results."""
    by_tool: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.tool != RESULT_TOOL:
            by_tool[call.tool].append(call)
    tools = [_tool(name, tool_calls) for name, tool_calls in by_tool.items()]
    return sorted(tools, key=lambda tool: (-tool.total_ms, tool.name))[:MAX_SHOWN]


def _tool(name: str, calls: Sequence[Call]) -> ToolNumbers:
    timed = [(call.duration_ms, call.job_id) for call in calls if call.duration_ms is not None]
    durations = [duration for duration, _ in timed]
    return ToolNumbers(
        name=name,
        calls=len(calls),
        errors=sum(not call.ok for call in calls),
        total_ms=round(math.fsum(durations)),
        p50_ms=whole(quantile(durations, 0.5)),
        p95_ms=whole(quantile(durations, 0.95)),
        billed_micros=sum(call.billed_micros for call in calls),
        slowest_job_id=max(timed)[1] if timed else None,
    )


def steps_of(replies: Iterable[Reply]) -> list[StepNumbers]:
    """Return the steps whose replies cost most in total."""
    by_step: dict[int, list[Reply]] = defaultdict(list)
    for reply in replies:
        by_step[reply.step].append(reply)
    steps = [_step(step, step_replies) for step, step_replies in by_step.items()]
    return sorted(steps, key=lambda step: (-step.billed_micros, step.step))[:MAX_SHOWN]


def _step(step: int, replies: Sequence[Reply]) -> StepNumbers:
    billed = sum(reply.billed_micros for reply in replies)
    return StepNumbers(
        step=step,
        replies=len(replies),
        mean_ms=round(fmean(reply.duration_ms for reply in replies)),
        mean_billed_micros=round(billed / len(replies)),
        billed_micros=billed,
        costliest_job_id=max(replies, key=lambda reply: reply.billed_micros).job_id,
    )


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def whole(value: float | None) -> int | None:
    """Return the rounded value."""
    return None if value is None else round(value)
