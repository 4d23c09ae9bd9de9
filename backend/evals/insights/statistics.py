"""Numbers of versions, tools and steps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from backend.evals.insights.queries import Call, Reply, Run
from backend.evals.insights.schemas import StepNumbers, ToolNumbers, VersionNumbers

MAX_SHOWN: Final = 10
FINISH: Final = "set_output"
"""The tool that hands in results; its errors are results that did not fit."""


def versions_of(runs: Iterable[Run]) -> list[VersionNumbers]:
    """The versions, newest first, drafts last."""
    by_version: dict[int | None, list[Run]] = defaultdict(list)
    for run in runs:
        by_version[run.version].append(run)
    order = sorted(by_version, key=lambda version: -1 if version is None else version, reverse=True)
    return [_version(version, by_version[version]) for version in order]


def _version(version: int | None, runs: Sequence[Run]) -> VersionNumbers:
    well = [run for run in runs if run.succeeded]
    costs = [run.cost_micros for run in well]
    durations = [run.duration_ms for run in well if run.duration_ms is not None]
    scores = [run.eval_score for run in well if run.eval_score is not None]
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
    """The tools that took longest in all, without the one that hands in."""
    by_tool: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.tool != FINISH:
            by_tool[call.tool].append(call)
    tools = [_tool(name, made) for name, made in by_tool.items()]
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
    """The steps whose replies cost most in all."""
    by_step: dict[int, list[Reply]] = defaultdict(list)
    for reply in replies:
        by_step[reply.step].append(reply)
    steps = [_step(step, given) for step, given in by_step.items()]
    return sorted(steps, key=lambda step: (-step.billed_micros, step.step))[:MAX_SHOWN]


def _step(step: int, replies: Sequence[Reply]) -> StepNumbers:
    billed = sum(reply.billed_micros for reply in replies)
    return StepNumbers(
        step=step,
        replies=len(replies),
        mean_ms=round(fmean(reply.duration_ms for reply in replies)),
        mean_billed_micros=round(billed / len(replies)),
        billed_micros=billed,
        dearest_job_id=max(replies, key=lambda reply: reply.billed_micros).job_id,
    )


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that so many of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def whole(value: float | None) -> int | None:
    """Rounded, if there is one."""
    return None if value is None else round(value)
