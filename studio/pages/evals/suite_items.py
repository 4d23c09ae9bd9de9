"""What the page shows of suites: the matrix, the trend, the numbers of one suite, and its comparison with another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from backend.evals.schemas import Comparison, SuiteRead
from studio.formatting import duration, usd

OWN_MODEL: Final = ""
"""The model of a suite that does not name one: the default model of the skill."""
MODEL_NAMES: Final = {
    OWN_MODEL: "default model",
    "recording": "recorded replies",
    "puras/rehearsal": "simulated model",
}
MAX_POINTS: Final = 40
_MAX_NAMED_CASES: Final = 10


@dataclass
class Cell:
    """A version and a model, with the newest suite of both; without one, `suite_id` is empty."""

    key: str
    version: int
    model: str
    model_name: str
    suite_id: str = ""
    score: str = "–"
    difference: str = ""
    before: str = ""
    """The version with which the score is compared."""
    tags: list[str] = field(default_factory=list)
    good: str = ""
    waiting: str = ""
    bad: str = ""
    counts: str = ""
    is_live: bool = False
    share_pct: int = 0
    reason: str = ""
    started: str = ""


@dataclass
class Row:
    """The suites of a version."""

    version: int
    is_active: bool
    cells: list[Cell]


@dataclass
class Point:
    """A suite in the trend of the scores."""

    id: str
    version: int
    score: float
    is_baseline: bool


@dataclass
class Choice:
    """A suite that can be selected."""

    id: str
    label: str


@dataclass
class Number:
    """A number of a suite, and its difference from that of another suite."""

    name: str
    kind: str
    value: str
    difference: str = ""


@dataclass
class SuiteItem:
    """The open suite."""

    id: str = ""
    name: str = ""
    skill: str = ""
    status: str = ""
    is_waiting: bool = False
    details: str = ""
    error: str = ""
    is_live: bool = False
    is_succeeded: bool = False
    is_baseline: bool = False


@dataclass
class Verdict:
    """The comparison of the open suite with another one."""

    title: str = ""
    details: str = ""
    is_regressed: bool = False


def is_live(suite: SuiteRead) -> bool:
    """Return whether the suite still runs."""
    return suite.finished_at is None


def model_name(model: str | None) -> str:
    """Return the name of a model as the page shows it."""
    return MODEL_NAMES.get(model or OWN_MODEL, model or "")


def name_of(suite: SuiteRead, *, is_agent: bool) -> str:
    """Return the version of a suite, with its model for an agent."""
    version = "draft" if suite.version is None else f"v{suite.version}"
    return f"{version} on {model_name(suite.model)}" if is_agent else version


def models_of(suites: Sequence[SuiteRead]) -> list[str]:
    """Return the models of the matrix, the default one first."""
    return list(
        dict.fromkeys([OWN_MODEL, *(one.model or OWN_MODEL for one in suites if one.version is not None)])
    )


def matrix_of(suites: Sequence[SuiteRead], active: int) -> list[Row]:
    """Return the newest suite of each version and model, the newest version first."""
    newest: dict[tuple[int, str], SuiteRead] = {}
    for suite in suites:
        if suite.version is not None:
            newest.setdefault((suite.version, suite.model or OWN_MODEL), suite)
    versions = sorted({version for version, _ in newest} | ({active} if active else set()), reverse=True)
    return [
        Row(
            version,
            version == active,
            [_cell(newest, versions, version, model) for model in models_of(suites)],
        )
        for version in versions
    ]


def _cell(
    newest: dict[tuple[int, str], SuiteRead], versions: Sequence[int], version: int, model: str
) -> Cell:
    cell = Cell(f"{version} {model}", version, model, model_name(model))
    suite = newest.get((version, model))
    if suite is None:
        return cell
    earlier = (newest.get((one, model)) for one in versions if one < version)
    before = next((one for one in earlier if one is not None and one.status == "succeeded"), None)
    live = is_live(suite)
    cell.suite_id, cell.is_live, cell.reason = str(suite.id), live, suite.waiting_reason
    cell.score = _plain(suite.mean_score)
    if before is not None:
        cell.difference, cell.before = difference(suite.mean_score, before.mean_score), f"v{before.version}"
    cell.good = "baseline" if suite.is_baseline else ""
    cell.tags = [suite.label] if suite.label else []
    cell.waiting = awaiting_approval(suite.waiting_runs) if live and suite.waiting_runs else ""
    cell.bad = _bad(suite)
    done = f"{suite.completed_runs} of {suite.total_runs} runs"
    passed = f"{suite.passed_runs} of {suite.completed_runs} passed"
    cell.counts = f"{done if live else passed} · {usd(suite.total_cost_micros)}"
    cell.share_pct = round(100 * suite.completed_runs / suite.total_runs) if suite.total_runs else 0
    cell.started = f"{suite.created_by}, {suite.created_at:%Y-%m-%d %H:%M} UTC"
    return cell


def _bad(suite: SuiteRead) -> str:
    if suite.status in ("failed", "cancelled"):
        return status_word(suite)
    is_below = suite.gate_passed is False and suite.status == "succeeded"
    return f"below {suite.threshold:g} %" if is_below else ""


def points_of(suites: Sequence[SuiteRead]) -> list[Point]:
    """Return the scores of the suites on the default model, oldest first; none if there are not at least two."""
    found = [
        Point(str(one.id), one.version or 0, one.mean_score, one.is_baseline)
        for one in suites
        if one.status == "succeeded" and one.model is None and one.mean_score is not None
    ]
    return found[:MAX_POINTS][::-1] if len(found) > 1 else []


def base_of(suites: Sequence[SuiteRead], suite: SuiteRead) -> SuiteRead | None:
    """Return the suite to compare another one with: the baseline, or the newest one of an earlier version."""
    finished = [one for one in suites if one.status == "succeeded" and one.id != suite.id]
    rules: tuple[Callable[[SuiteRead], bool], ...] = (
        lambda one: one.is_baseline,
        lambda one: (one.version or 0) < (suite.version or 0),
        lambda one: one.created_at < suite.created_at,
    )
    return next((one for rule in rules for one in finished if rule(one)), None)


def choices_of(suites: Sequence[SuiteRead], suite: SuiteRead, *, is_agent: bool) -> list[Choice]:
    """Return the suites with which a suite can be compared."""
    return [
        Choice(
            str(one.id),
            f"{name_of(one, is_agent=is_agent)}, {_plain(one.mean_score)}"
            + (" (baseline)" if one.is_baseline else ""),
        )
        for one in suites
        if one.id != suite.id and one.finished_at
    ]


def item_of(suite: SuiteRead, *, is_agent: bool) -> SuiteItem:
    """Return what the page shows above the numbers of a suite."""
    is_waiting = is_live(suite) and suite.waiting_runs > 0
    return SuiteItem(
        str(suite.id),
        name_of(suite, is_agent=is_agent),
        suite.skill_name,
        awaiting_approval(suite.waiting_runs) if is_waiting else status_word(suite),
        is_waiting,
        f"each case {suite.repeat} times" if suite.repeat > 1 else "",
        suite.error,
        is_live(suite),
        suite.status == "succeeded",
        suite.is_baseline,
    )


def numbers_of(suite: SuiteRead, base: SuiteRead | None) -> list[Number]:
    """Return the numbers of a suite, compared with those of another one."""
    cost, latency = suite.mean_cost_micros, suite.mean_latency_ms
    base_cost = base.mean_cost_micros if base else None
    base_latency = base.mean_latency_ms if base else None
    is_other_cost = cost is not None and base_cost is not None and base_cost != cost
    return [
        Number(
            "Mean score",
            "",
            _plain(suite.mean_score),
            difference(suite.mean_score, base.mean_score if base else None),
        ),
        Number(
            "Passed",
            "",
            "–" if suite.pass_rate_pct is None else f"{suite.pass_rate_pct:g} %",
            difference(suite.pass_rate_pct, base.pass_rate_pct if base else None),
        ),
        Number(
            "Mean cost per run",
            "",
            "–" if cost is None else usd(cost),
            f"vs {usd(base_cost)}" if is_other_cost and base_cost is not None else "",
        ),
        Number(
            "Mean duration",
            "",
            "–" if latency is None else duration(latency / 1000),
            f"vs {duration(base_latency / 1000)}" if latency is not None and base_latency is not None else "",
        ),
        *[
            Number(one.name, one.kind, "skipped" if one.mean_score is None else f"{100 * one.mean_score:.1f}")
            for one in suite.graders
        ],
    ]


def verdict_of(compared: Comparison) -> Verdict:
    """Return the comparison of two suites as text."""
    base = f"v{compared.base.version}{' (baseline)' if compared.base.is_baseline else ''}"
    parts = (
        ("Passed before, fails now", compared.broken_cases),
        ("Failed before, passes now", compared.fixed_cases),
    )
    details = [
        f"{title}: {', '.join(cases[:_MAX_NAMED_CASES])}{' …' if len(cases) > _MAX_NAMED_CASES else ''}."
        for title, cases in parts
        if cases
    ]
    title = f"Regressions vs {base}." if compared.regressed else f"No regressions vs {base}."
    return Verdict(title, " ".join(details), compared.regressed)


def status_word(suite: SuiteRead) -> str:
    """Return the status of a suite as text."""
    return "canceled" if suite.status == "cancelled" else suite.status


def awaiting_approval(runs: int) -> str:
    """Return the number of runs that wait for an approval as text."""
    return f"{runs} awaiting approval"


def difference(now: float | None, before: float | None, digits: int = 1) -> str:
    """Return `+2.5`, `−3` or `±0`; an empty text if one of the values is unknown."""
    if now is None or before is None:
        return ""
    by = round(now - before, digits)
    return "±0" if by == 0 else f"+{by:g}" if by > 0 else f"−{-by:g}"


def _plain(score: float | None) -> str:
    return "–" if score is None else f"{score:g}"
