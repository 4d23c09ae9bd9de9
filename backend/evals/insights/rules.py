"""Define the rules that derive insights from the numbers. Each rule has a threshold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from backend.evals.insights.queries import Call, RecentJobs, Reply, Run
from backend.evals.insights.schemas import (
    Finding,
    FindingChart,
    Severity,
    StepNumbers,
    ToolNumbers,
    VersionNumbers,
)
from backend.evals.insights.statistics import RESULT_TOOL, quantile

MAX_SHOWN: Final = 5
MIN_OCCURRENCES: Final = 2
"""A single occurrence can be chance."""
HIGH_FAILURE_SHARE: Final = 0.1
LARGE_SHARE: Final = 0.4
LONG_MS: Final = 5_000
CACHEABLE_TOKENS: Final = 2_000
"""Not every model caches a shorter prompt."""
MIN_CACHED_SHARE: Final = 0.5
ENOUGH_RUNS: Final = 5
REGRESSION_FACTOR: Final = 1.25
OUTLIER_FACTOR: Final = 5

FIXES: Final = {
    "timeout": "Reduce its work, check the slowest tools below, or raise `timeout_s`.",
    "step_limit": "Give the agent a smaller task, define in its prompt when it is done, or raise `limits.steps`.",
    "cost_capped": "Choose a cheaper model, shorten what tools return, or raise `limits.cost_usd`.",
    "token_limit": "Shorten what tools return, or raise `limits.tokens`.",
    "context_full": "Shorten what tools return, or split the task among subagents.",
    "no_output": "Describe the result in the prompt, and that `set_output` submits it.",
    "bad_output": "Make the function return what `output_schema` requires, or change the schema.",
    "memory_limit": "Work in smaller pieces, or raise `limits.memory_mb`.",
    "approval_denied": "Read why the starts were rejected, and check the agents and functions that make these calls.",
    "exception": "Read the error of one of these jobs, fix it, and save the job as an eval case.",
}
DEFAULT_FIX: Final = "Read the error and the last events of one of these jobs."


def failures(runs: Sequence[Run]) -> Iterator[Finding]:
    """Report runs that failed repeatedly for the same reason."""
    by_code: dict[str, list[UUID]] = defaultdict(list)
    for run in runs:
        if run.status == "failed":
            by_code[run.error_code or "unknown"].append(run.id)
    for code, jobs in by_code.items():
        if len(jobs) >= MIN_OCCURRENCES:
            yield Finding(
                kind="failures",
                severity="high" if len(jobs) >= HIGH_FAILURE_SHARE * len(runs) else "medium",
                title=f"{len(jobs)} of {len(runs)} runs failed with {code!r}.",
                recommendation=FIXES.get(code, DEFAULT_FIX),
                **_behind(jobs),
                value=f"{len(jobs) / len(runs):.0%}",
                chart=_by_version(jobs, runs),
                details={"error_code": code, "failed": len(jobs), "runs": len(runs)},
            )


def invalid_results(recent: RecentJobs) -> Iterator[Finding]:
    """Report results that did not match the schema and had to be submitted again."""
    jobs = [call.job_id for call in recent.calls if call.tool == RESULT_TOOL and not call.ok]
    affected = list(dict.fromkeys(jobs))
    if len(affected) < MIN_OCCURRENCES:
        return
    agents = len({reply.job_id for reply in recent.replies} | {call.job_id for call in recent.calls})
    complaints = Counter(call.preview for call in recent.calls if call.tool == RESULT_TOOL and not call.ok)
    yield Finding(
        kind="output_mismatches",
        severity="high" if len(affected) >= 0.3 * agents else "medium",
        title=f"In {len(affected)} of {agents} runs a result did not match `output_schema`, {len(jobs)} times.",
        recommendation="Describe the fields in `output_schema` or relax it; each invalid result costs a reply. The "
        f"most frequent error: {complaints.most_common(1)[0][0]!r}",
        **_behind(affected),
        value=f"{len(affected) / agents:.0%}",
        chart=_by_version(affected, recent.runs),
        details={
            "mismatches": len(jobs),
            "misfits": len(jobs),  # the former name, until 0.3
            "jobs": len(affected),
        },
    )


def tool_errors(calls: Sequence[Call]) -> Iterator[Finding]:
    """Report tools that return the same error more than once."""
    calls_by_tool = Counter(call.tool for call in calls)
    failed_by_tool = Counter(call.tool for call in calls if not call.ok)
    same: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for call in calls:
        if not call.ok and call.tool != RESULT_TOOL:
            same[call.tool, _without_digits(call.preview)].append(call.job_id)
    for (tool, message), jobs in same.items():
        if len(jobs) < MIN_OCCURRENCES:
            continue
        yield Finding(
            kind="tool_errors",
            severity="high" if len(jobs) >= 0.3 * calls_by_tool[tool] else "medium",
            title=f"{len(jobs)} of {calls_by_tool[tool]} calls of {tool!r} failed with the same error: {message!r}",
            recommendation="Fix the tool, or describe its arguments better: each such call costs a reply.",
            **_behind(jobs),
            value=f"{len(jobs) / calls_by_tool[tool]:.0%}",
            chart=FindingChart(
                unit="calls",
                labels=["This error", "Other errors", "No error"],
                values=[
                    len(jobs),
                    failed_by_tool[tool] - len(jobs),
                    calls_by_tool[tool] - failed_by_tool[tool],
                ],
                highlighted=0,
            ),
            details={"tool": tool, "errors": len(jobs), "calls": calls_by_tool[tool]},
        )


def tools(recent: RecentJobs, numbers: Iterable[ToolNumbers]) -> Iterator[Finding]:
    """Report tools that take much of the time or of the cost."""
    total_ms = sum(run.duration_ms or 0 for run in recent.runs)
    cost = sum(run.cost_micros for run in recent.runs)
    shown = list(numbers)
    for index, tool in enumerate(shown):
        share = tool.total_ms / total_ms if total_ms else 0.0
        if tool.slowest_job_id and share >= LARGE_SHARE and (tool.p95_ms or 0) >= LONG_MS:
            yield Finding(
                kind="slow_tool",
                severity="medium",
                title=f"{tool.name!r} takes {share:.0%} of the running time: {tool.calls} calls, half of them within "
                f"{_seconds(tool.p50_ms)}, and one in twenty longer than {_seconds(tool.p95_ms)}.",
                recommendation="Make the tool faster, have it return less, or mark it `read_only`, so that calls run "
                "concurrently.",
                **_behind((tool.slowest_job_id, *(c.job_id for c in recent.calls if c.tool == tool.name))),
                value=f"{share:.0%}",
                chart=FindingChart(
                    unit="seconds",
                    labels=[one.name for one in shown],
                    values=[one.total_ms / 1000 for one in shown],
                    highlighted=index,
                ),
                details={"tool": tool.name, "share": round(share, 3), "total_ms": tool.total_ms},
            )
        share = tool.billed_micros / cost if cost else 0.0
        if share >= LARGE_SHARE:
            costliest = sorted(
                (c for c in recent.calls if c.tool == tool.name), key=lambda c: -c.billed_micros
            )
            yield Finding(
                kind="expensive_tool",
                severity="medium",
                title=f"{tool.name!r} is {share:.0%} of the cost: {_dollars(tool.billed_micros)}, {tool.calls} calls.",
                recommendation="Choose a cheaper model for it, or limit its calls with `tool_limits`.",
                **_behind(call.job_id for call in costliest),
                value=f"{share:.0%}",
                chart=FindingChart(
                    unit="usd",
                    labels=[one.name for one in shown],
                    values=[one.billed_micros / 1e6 for one in shown],
                    highlighted=index,
                ),
                details={"tool": tool.name, "share": round(share, 3), "billed_micros": tool.billed_micros},
            )


def expensive_steps(replies: Sequence[Reply], numbers: Sequence[StepNumbers]) -> Iterator[Finding]:
    """Report a step whose replies cost much more than all others."""
    cost = sum(reply.billed_micros for reply in replies)
    if not numbers or not cost or len({reply.step for reply in replies}) < 3:
        return
    step = numbers[0]
    share = step.billed_micros / cost
    if share < LARGE_SHARE:
        return
    costliest = sorted((one for one in replies if one.step == step.step), key=lambda one: -one.billed_micros)
    in_order = sorted(numbers, key=lambda one: one.step)
    yield Finding(
        kind="expensive_step",
        severity="medium",
        title=f"Step {step.step} is {share:.0%} of what replies cost: {_dollars(step.mean_billed_micros)} each.",
        recommendation="Check what the step before it added to the conversation, and make that tool return less.",
        **_behind(one.job_id for one in costliest),
        value=f"{share:.0%}",
        chart=FindingChart(
            unit="usd",
            labels=[f"Step {one.step}" for one in in_order],
            values=[one.billed_micros / 1e6 for one in in_order],
            highlighted=in_order.index(step),
        ),
        details={"step": step.step, "share": round(share, 3), "billed_micros": step.billed_micros},
    )


def cache_misses(replies: Sequence[Reply]) -> Iterator[Finding]:
    """Report conversations that were read again at every step, although they only grew."""
    later = [one for one in replies if one.step > 1 and one.prompt_tokens >= CACHEABLE_TOKENS]
    prompt = sum(reply.prompt_tokens for reply in later)
    cached = sum(reply.cache_read for reply in later)
    if len(later) < ENOUGH_RUNS or cached >= MIN_CACHED_SHARE * prompt:
        return
    missed = sorted(later, key=lambda reply: reply.cache_read - reply.prompt_tokens)
    yield Finding(
        kind="cache_misses",
        severity="medium",
        title=f"Only {cached / prompt:.0%} of {prompt:,} prompt tokens after the first step came from the cache.",
        recommendation="The cache expires if tools or users take longer than five minutes: set `cache_ttl: 1h`. "
        "If no token was ever cached, the endpoint of the model has no cache: choose another model.",
        **_behind(reply.job_id for reply in missed),
        value=f"{cached / prompt:.0%}",
        chart=FindingChart(
            unit="tokens",
            labels=["From the cache", "Read again"],
            values=[cached, prompt - cached],
            highlighted=1,
        ),
        details={"cache_read_tokens": cached, "prompt_tokens": prompt, "replies": len(later)},
    )


def expensive_runs(runs: Sequence[Run]) -> Iterator[Finding]:
    """Report a few runs that cost many times as much as the others."""
    costs = [run.cost_micros for run in runs if run.succeeded and run.cost_micros]
    median, p95 = quantile(costs, 0.5), quantile(costs, 0.95)
    if len(costs) < 2 * ENOUGH_RUNS or not median or p95 is None or p95 < OUTLIER_FACTOR * median:
        return
    costliest = sorted((run for run in runs if run.succeeded), key=lambda run: -run.cost_micros)
    yield Finding(
        kind="expensive_runs",
        severity="medium",
        title=f"One run in twenty costs {_dollars(p95)} and more; half of them stay within {_dollars(median)}.",
        recommendation="Compare the inputs of these jobs with those of others, and set `limits.cost_usd`.",
        **_behind(run.id for run in costliest if run.cost_micros >= p95),
        value=_dollars(p95),
        chart=FindingChart(
            unit="usd",
            labels=["Half of the runs", "95 of 100 runs", "Maximum"],
            values=[median / 1e6, p95 / 1e6, max(costs) / 1e6],
            highlighted=1,
        ),
        details={"cost_p50_micros": round(median), "cost_p95_micros": round(p95)},
    )


def newer_version(runs: Sequence[Run], versions: Sequence[VersionNumbers]) -> Iterator[Finding]:
    """Compare the newest version with the one before, if both have enough runs."""
    comparable = [one for one in versions if one.version is not None and one.runs - one.failed >= ENOUGH_RUNS]
    if len(comparable) < 2:
        return
    new, old = comparable[:2]
    compared = [run.id for one in (new, old) for run in runs if run.version == one.version and run.succeeded]
    in_order = comparable[::-1][-MAX_SHOWN:]
    labels, newest = [f"v{one.version}" for one in in_order], len(in_order) - 1
    versions_compared = {"version": new.version, "before": old.version}
    if _is_worse(new.duration_p50_ms, old.duration_p50_ms):
        yield Finding(
            kind="version_slower",
            severity="medium",
            title=f"v{new.version} takes {_seconds(new.duration_p50_ms)}, v{old.version} took "
            f"{_seconds(old.duration_p50_ms)} (half of the runs).",
            recommendation="Compare the spans of a run of each, and the versions with their diff.",
            **_behind(compared),
            value=f"× {(new.duration_p50_ms or 0) / (old.duration_p50_ms or 1):.1f}",
            chart=FindingChart(
                unit="seconds",
                labels=labels,
                values=[(one.duration_p50_ms or 0) / 1000 for one in in_order],
                highlighted=newest,
            ),
            details=versions_compared,
        )
    if _is_worse(new.cost_p50_micros, old.cost_p50_micros):
        yield Finding(
            kind="version_more_expensive",
            severity="medium",
            title=f"v{new.version} costs {_dollars(new.cost_p50_micros or 0)}, v{old.version} cost "
            f"{_dollars(old.cost_p50_micros or 0)} (half of the runs).",
            recommendation="Compare the receipts of a run of each, and the versions with an eval suite.",
            **_behind(compared),
            value=f"× {(new.cost_p50_micros or 0) / (old.cost_p50_micros or 1):.1f}",
            chart=FindingChart(
                unit="usd",
                labels=labels,
                values=[(one.cost_p50_micros or 0) / 1e6 for one in in_order],
                highlighted=newest,
            ),
            details=versions_compared,
        )


def _is_worse(new: int | None, old: int | None) -> bool:
    return bool(new and old and new >= REGRESSION_FACTOR * old)


def _behind(job_ids: Iterable[UUID]) -> dict[str, Any]:
    """Return the fields about the jobs of an insight, each job once; the clearest examples come first."""
    unique = list(dict.fromkeys(job_ids))
    return {"job_ids": unique[:MAX_SHOWN], "jobs": len(unique), "all_job_ids": unique}


def _by_version(job_ids: Iterable[UUID], runs: Sequence[Run]) -> FindingChart:
    """Return how many of these jobs each version has, oldest first, drafts last."""
    behind = set(job_ids)
    counts = {run.version: 0 for run in runs}
    for run in runs:
        counts[run.version] += run.id in behind
    order = sorted(counts, key=lambda version: (version is None, version or 0))
    return FindingChart(
        unit="jobs",
        labels=["Drafts" if version is None else f"v{version}" for version in order],
        values=[counts[version] for version in order],
    )


def _without_digits(message: str) -> str:
    """Return the message without numbers, so that the same error about another file or line is equal."""
    return "".join("#" if character.isdigit() else character for character in message)


def _seconds(ms: int | None) -> str:
    return f"{(ms or 0) / 1000:.2g} s" if (ms or 0) < 100_000 else f"{(ms or 0) / 1000:.0f} s"


def _dollars(micros: float) -> str:
    return f"${micros / 1e6:.4f}"


ORDER: Final[dict[Severity, int]] = {"high": 0, "medium": 1, "low": 2}
