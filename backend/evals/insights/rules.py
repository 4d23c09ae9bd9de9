"""What stands out in the numbers, and what to do about it. Each rule says from when on it speaks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

from backend.evals.insights.queries import Call, Read, Reply, Run
from backend.evals.insights.schemas import Finding, Severity, StepNumbers, ToolNumbers, VersionNumbers
from backend.evals.insights.statistics import FINISH, quantile

MAX_SHOWN: Final = 5
REPEATED: Final = 2
"""Once can be chance."""
OFTEN: Final = 0.1
LARGE_SHARE: Final = 0.4
LONG_MS: Final = 5_000
CACHEABLE_TOKENS: Final = 2_000
"""A shorter prompt is not cached by every model."""
FEW_READ: Final = 0.5
ENOUGH_RUNS: Final = 5
WORSE: Final = 1.25
FAR_ABOVE: Final = 5

MENDS: Final = {
    "timeout": "Give it less to do, look at the slowest tools below, or raise `timeout_s`.",
    "step_limit": "Give the agent a smaller task, say in its prompt when it is done, or raise `limits.steps`.",
    "cost_capped": "Choose a cheaper model, shorten what tools return, or raise `limits.cost_usd`.",
    "token_limit": "Shorten what tools return, or raise `limits.tokens`.",
    "context_full": "Shorten what tools return, or split the task among subagents.",
    "no_output": "Say in the prompt what the result is and that `set_output` hands it in.",
    "bad_output": "Make the function return what `output_schema` says, or change the schema.",
    "memory_limit": "Work in smaller pieces, or raise `limits.memory_mb`.",
    "approval_denied": "Read why the starts were rejected, and look at the agents and functions that make these calls.",
    "exception": "Look at the error of one of these jobs, and keep it as an eval case once it is mended.",
}
LOOK: Final = "Look at the error and the last events of one of these jobs."


def failures(runs: Sequence[Run]) -> Iterator[Finding]:
    """Runs that failed for the same reason, again and again."""
    by_code: dict[str, list[UUID]] = defaultdict(list)
    for run in runs:
        if run.status == "failed":
            by_code[run.error_code or "unknown"].append(run.id)
    for code, jobs in by_code.items():
        if len(jobs) >= REPEATED:
            yield Finding(
                kind="failures",
                severity="high" if len(jobs) >= OFTEN * len(runs) else "medium",
                title=f"{len(jobs)} of {len(runs)} runs failed with {code!r}.",
                recommendation=MENDS.get(code, LOOK),
                job_ids=jobs[:MAX_SHOWN],
                facts={"error_code": code, "failed": len(jobs), "runs": len(runs)},
            )


def misfits(read: Read) -> Iterator[Finding]:
    """Results that did not fit the schema, and had to be asked for again."""
    jobs = [call.job_id for call in read.calls if call.tool == FINISH and not call.ok]
    concerned = list(dict.fromkeys(jobs))
    if len(concerned) < REPEATED:
        return
    agents = len({reply.job_id for reply in read.replies} | {call.job_id for call in read.calls})
    complaints = Counter(call.preview for call in read.calls if call.tool == FINISH and not call.ok)
    yield Finding(
        kind="output_misfits",
        severity="high" if len(concerned) >= 0.3 * agents else "medium",
        title=f"In {len(concerned)} of {agents} runs a result did not fit `output_schema`, {len(jobs)} times in all.",
        recommendation="Describe the fields in `output_schema` or loosen it; each misfit costs another reply. The most "
        f"frequent complaint: {complaints.most_common(1)[0][0]!r}",
        job_ids=concerned[:MAX_SHOWN],
        facts={"misfits": len(jobs), "jobs": len(concerned)},
    )


def tool_errors(calls: Sequence[Call]) -> Iterator[Finding]:
    """Tools that say the same is wrong more than once."""
    made = Counter(call.tool for call in calls)
    same: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for call in calls:
        if not call.ok and call.tool != FINISH:
            same[call.tool, _without_digits(call.preview)].append(call.job_id)
    for (tool, words), jobs in same.items():
        if len(jobs) < REPEATED:
            continue
        yield Finding(
            kind="tool_errors",
            severity="high" if len(jobs) >= 0.3 * made[tool] else "medium",
            title=f"{len(jobs)} of {made[tool]} calls of {tool!r} failed alike: {words!r}",
            recommendation="Mend the tool, or say in its description what it takes: each such call costs a reply.",
            job_ids=list(dict.fromkeys(jobs))[:MAX_SHOWN],
            facts={"tool": tool, "errors": len(jobs), "calls": made[tool]},
        )


def tools(read: Read, numbers: Iterable[ToolNumbers]) -> Iterator[Finding]:
    """Tools in which much of the time, or of the money, goes."""
    lasted = sum(run.duration_ms or 0 for run in read.runs)
    cost = sum(run.cost_micros for run in read.runs)
    for tool in numbers:
        share = tool.total_ms / lasted if lasted else 0.0
        if tool.slowest_job_id and share >= LARGE_SHARE and (tool.p95_ms or 0) >= LONG_MS:
            yield Finding(
                kind="slow_tool",
                severity="medium",
                title=f"{tool.name!r} takes {share:.0%} of the running time: {tool.calls} calls, half of them within "
                f"{_seconds(tool.p50_ms)}, and one in twenty longer than {_seconds(tool.p95_ms)}.",
                recommendation="Make the tool faster, have it return less, or mark it `read_only`, so that calls run "
                "beside each other.",
                job_ids=_first(tool.slowest_job_id, (c.job_id for c in read.calls if c.tool == tool.name)),
                facts={"tool": tool.name, "share": round(share, 3), "total_ms": tool.total_ms},
            )
        share = tool.billed_micros / cost if cost else 0.0
        if share >= LARGE_SHARE:
            dear = sorted((c for c in read.calls if c.tool == tool.name), key=lambda c: -c.billed_micros)
            yield Finding(
                kind="dear_tool",
                severity="medium",
                title=f"{tool.name!r} is {share:.0%} of the cost: {_dollars(tool.billed_micros)}, {tool.calls} calls.",
                recommendation="Choose a cheaper model for it, or bound its calls with `tool_limits`.",
                job_ids=list(dict.fromkeys(call.job_id for call in dear))[:MAX_SHOWN],
                facts={"tool": tool.name, "share": round(share, 3), "billed_micros": tool.billed_micros},
            )


def dear_steps(replies: Sequence[Reply], numbers: Sequence[StepNumbers]) -> Iterator[Finding]:
    """A step whose replies cost much more than all others."""
    cost = sum(reply.billed_micros for reply in replies)
    if not numbers or not cost or len({reply.step for reply in replies}) < 3:
        return
    step = numbers[0]
    share = step.billed_micros / cost
    if share < LARGE_SHARE:
        return
    dear = sorted((one for one in replies if one.step == step.step), key=lambda one: -one.billed_micros)
    yield Finding(
        kind="dear_step",
        severity="medium",
        title=f"Step {step.step} is {share:.0%} of what replies cost: {_dollars(step.mean_billed_micros)} each.",
        recommendation="Look at what the step before it put into the conversation, and have that tool return less.",
        job_ids=list(dict.fromkeys(one.job_id for one in dear))[:MAX_SHOWN],
        facts={"step": step.step, "share": round(share, 3), "billed_micros": step.billed_micros},
    )


def cache_misses(replies: Sequence[Reply]) -> Iterator[Finding]:
    """Conversations that were read anew at every step, though they only grew."""
    later = [one for one in replies if one.step > 1 and one.prompt_tokens >= CACHEABLE_TOKENS]
    prompt = sum(reply.prompt_tokens for reply in later)
    read = sum(reply.cache_read for reply in later)
    if len(later) < ENOUGH_RUNS or read >= FEW_READ * prompt:
        return
    missed = sorted(later, key=lambda reply: reply.cache_read - reply.prompt_tokens)
    yield Finding(
        kind="cache_misses",
        severity="medium",
        title=f"Only {read / prompt:.0%} of {prompt:,} prompt tokens behind the first step came from the prompt cache.",
        recommendation="Tools or people that take longer than five minutes let the cache expire: set `cache_ttl: 1h`. "
        "If no token was ever read, the model's endpoint does not cache: choose another.",
        job_ids=list(dict.fromkeys(reply.job_id for reply in missed))[:MAX_SHOWN],
        facts={"cache_read_tokens": read, "prompt_tokens": prompt, "replies": len(later)},
    )


def dear_runs(runs: Sequence[Run]) -> Iterator[Finding]:
    """A few runs that cost many times what the others do."""
    costs = [run.cost_micros for run in runs if run.succeeded and run.cost_micros]
    half, most = quantile(costs, 0.5), quantile(costs, 0.95)
    if len(costs) < 2 * ENOUGH_RUNS or not half or most is None or most < FAR_ABOVE * half:
        return
    dear = sorted((run for run in runs if run.succeeded), key=lambda run: -run.cost_micros)
    yield Finding(
        kind="dear_runs",
        severity="medium",
        title=f"One run in twenty costs {_dollars(most)} and more; half of them stay within {_dollars(half)}.",
        recommendation="Compare the inputs of these jobs with those of others, and set `limits.cost_usd`.",
        job_ids=[run.id for run in dear[:MAX_SHOWN]],
        facts={"cost_p50_micros": round(half), "cost_p95_micros": round(most)},
    )


def newer_version(runs: Sequence[Run], versions: Sequence[VersionNumbers]) -> Iterator[Finding]:
    """The newest version beside the one before it, where both have runs enough."""
    enough = [one for one in versions if one.version is not None and one.runs - one.failed >= ENOUGH_RUNS]
    if len(enough) < 2:
        return
    new, old = enough[:2]
    shown = [run.id for run in runs if run.version == new.version and run.succeeded][:MAX_SHOWN]
    versions_told = {"version": new.version, "before": old.version}
    if _is_worse(new.duration_p50_ms, old.duration_p50_ms):
        yield Finding(
            kind="version_slower",
            severity="medium",
            title=f"v{new.version} takes {_seconds(new.duration_p50_ms)}, v{old.version} took "
            f"{_seconds(old.duration_p50_ms)} (half of the runs).",
            recommendation="Compare the spans of a run of each, and the versions with their diff.",
            job_ids=shown,
            facts=versions_told,
        )
    if _is_worse(new.cost_p50_micros, old.cost_p50_micros):
        yield Finding(
            kind="version_dearer",
            severity="medium",
            title=f"v{new.version} costs {_dollars(new.cost_p50_micros or 0)}, v{old.version} cost "
            f"{_dollars(old.cost_p50_micros or 0)} (half of the runs).",
            recommendation="Compare the receipts of a run of each, and the versions with an eval suite.",
            job_ids=shown,
            facts=versions_told,
        )


def _is_worse(new: int | None, old: int | None) -> bool:
    return bool(new and old and new >= WORSE * old)


def _first(job_id: UUID, others: Iterable[UUID]) -> list[UUID]:
    return list(dict.fromkeys((job_id, *others)))[:MAX_SHOWN]


def _without_digits(words: str) -> str:
    """The same complaint about another file or line is the same complaint."""
    return "".join("#" if character.isdigit() else character for character in words)


def _seconds(ms: int | None) -> str:
    return f"{(ms or 0) / 1000:.2g} s" if (ms or 0) < 100_000 else f"{(ms or 0) / 1000:.0f} s"


def _dollars(micros: float) -> str:
    return f"${micros / 1e6:.4f}"


ORDER: Final[dict[Severity, int]] = {"high": 0, "medium": 1, "low": 2}
