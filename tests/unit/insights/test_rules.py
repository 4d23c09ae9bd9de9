"""The thresholds of the rules for insights."""

from __future__ import annotations

from uuid import uuid4

from backend.evals.insights import rules
from backend.evals.insights.queries import Call, RecentJobs, Reply, Run
from backend.evals.insights.statistics import quantile, steps_of, tools_of, versions_of


def run(version: int = 1, *, cost: int = 100, ms: int = 1_000, status: str = "succeeded") -> Run:
    code = None if status == "succeeded" else "timeout"
    return Run(uuid4(), version, status, code, cost, None, ms)


def reply(step: int, *, fresh: int = 5_000, cached: int = 0, billed: int = 10) -> Reply:
    return Reply(uuid4(), step, fresh, cached, 0, billed, 100.0)


def call(tool: str = "look", *, ok: bool = True, preview: str = "", ms: float = 10, billed: int = 0) -> Call:
    return Call(uuid4(), tool, ok, preview, billed, ms)


def test_quantile_is_an_observed_value() -> None:
    assert [quantile([3, 1, 2, 4], share) for share in (0.5, 0.95, 1.0)] == [2, 4, 4]
    assert quantile([], 0.5) is None


def test_two_failures_are_reported_and_one_is_not() -> None:
    well = [run() for _ in range(50)]
    assert not list(rules.failures([*well, run(status="failed")]))
    (found,) = rules.failures([*well, run(status="failed"), run(status="failed")])
    assert (found.severity, len(found.job_ids), "timeout_s" in found.recommendation) == ("medium", 2, True)


def test_errors_of_a_tool_are_grouped_without_their_numbers() -> None:
    errors = [call(ok=False, preview=f"line {number} is wrong") for number in (7, 8)]
    (found,) = rules.tool_errors([*errors, call(ok=False, preview="other"), call()])
    assert (found.facts["errors"], found.facts["calls"]) == (2, 4)


def test_tools_are_reported_by_their_share_of_time_and_cost() -> None:
    slow = [call("fetch", ms=6_000), call("paint", billed=900)]
    read = RecentJobs([run(cost=1_000, ms=10_000)], False, [], slow)
    kinds = {found.kind: found.facts["tool"] for found in rules.tools(read, tools_of(slow))}
    assert kinds == {"slow_tool": "fetch", "expensive_tool": "paint"}
    quick = RecentJobs([run(cost=10_000, ms=100_000)], False, [], slow)
    assert not list(rules.tools(quick, tools_of(slow)))


def test_step_is_expensive_only_compared_with_others() -> None:
    alone = [reply(1, billed=100)]
    assert not list(rules.expensive_steps(alone, steps_of(alone)))
    several = [reply(1), reply(2, billed=100), reply(3)]
    (found,) = rules.expensive_steps(several, steps_of(several))
    assert found.facts["step"] == 2


def test_only_cacheable_conversations_count_as_cache_misses() -> None:
    assert not list(rules.cache_misses([reply(1) for _ in range(9)]))
    assert not list(rules.cache_misses([reply(2, fresh=100) for _ in range(9)]))
    assert not list(rules.cache_misses([reply(2, fresh=1_000, cached=9_000) for _ in range(9)]))
    (found,) = rules.cache_misses([reply(2) for _ in range(9)])
    assert found.facts["cache_read_tokens"] == 0


def test_versions_are_compared_when_both_have_enough_runs() -> None:
    old, new = [run(1) for _ in range(5)], [run(2, cost=200, ms=2_000) for _ in range(5)]
    runs = [*new, *old]
    assert {found.kind for found in rules.newer_version(runs, versions_of(runs))} == {
        "version_slower",
        "version_more_expensive",
    }
    few = [*new[:4], *old]
    assert not list(rules.newer_version(few, versions_of(few)))


def test_few_runs_with_much_higher_cost_are_reported() -> None:
    runs = [*(run() for _ in range(18)), *(run(cost=1_000) for _ in range(2))]
    (found,) = rules.expensive_runs(runs)
    assert set(found.job_ids[:2]) == {one.id for one in runs[18:]}
    assert not list(rules.expensive_runs(runs[:18]))
