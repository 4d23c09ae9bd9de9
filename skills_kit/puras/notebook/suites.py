"""Evals from a notebook: the skill's cases as jobs of a version that nobody else uses, beside those of another one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from puras.notebook.bench import Bench
from puras.notebook.cells import CellSkill
from puras.notebook.errors import CellRefused
from puras.notebook.tables import show_table
from puras.notebook.trace import dollars

__all__ = ["Asked", "Suite", "evaluate"]

_LOOK_EVERY_S: Final = 0.5
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})


class Asked(NamedTuple):
    """What is to be run."""

    cases: str | None = None
    """A file of cases, which becomes the skill's dataset."""
    baseline: int | None = None
    """The version whose newest suite stands beside it."""
    repeat: int = 1
    threshold: float | None = None
    model: str | None = None


class Suite:
    """A suite that has ended."""

    def __init__(self, facts: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
        self.facts = facts
        self.runs = runs

    def __repr__(self) -> str:
        return f"<suite {self.facts['id']}: {_numbers(self.facts)}>"

    @property
    def passed(self) -> bool:
        """Whether it reached its threshold; without one, whether every run passed."""
        gate = self.facts.get("gate_passed")
        return bool(gate) if gate is not None else self.facts["passed_runs"] == self.facts["total_runs"]

    def frame(self) -> Any:
        """Every run as a DataFrame."""
        import pandas

        return pandas.DataFrame(list(self.runs))


def evaluate(bench: Bench, skill: CellSkill, asked: Asked) -> Suite:
    """Run the skill on its cases, wait, and show how each of them went.

    Raises:
        CellRefused: there are no cases or no graders, or the suite did not end with numbers.
        PurasAPIError: the instance refuses.
    """
    if asked.cases:
        _take_cases(bench, skill, asked.cases)
    instance = bench.instance
    version = _version(bench, skill)
    body = {
        "skill": skill.name,
        "version": version,
        "repeat": asked.repeat,
        "threshold": asked.threshold,
        "model": asked.model,
    }
    pack = instance.skillpack or "default"
    suite = instance.ask("POST", f"/v1/skillpacks/{pack}/evals", body)
    while suite["status"] not in _ENDS:
        time.sleep(_LOOK_EVERY_S)
        suite = instance.ask("GET", f"/v1/evals/{suite['id']}")
    if suite["status"] != "succeeded":
        raise CellRefused(f"The suite {suite['status']}: {suite['error'] or 'it was ended'}.")
    base = _newest_of(bench, pack, skill, asked.baseline) if asked.baseline is not None else None
    runs = instance.ask("GET", f"/v1/evals/{suite['id']}/cases", query={"limit": 200, "base": base})
    _show(skill, suite, runs)
    return Suite(suite, runs)


def _take_cases(bench: Bench, skill: CellSkill, file: str) -> None:
    """Make a local file the dataset that the skill names."""
    evals = skill.settings.get("evals")
    dataset = evals.get("dataset") if isinstance(evals, dict) else None
    if not dataset:
        raise CellRefused("The skill names no cases: write `evals: {dataset: cases.jsonl, graders: […]}`.")
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CellRefused(f"{file} cannot be read: {error.strerror}.") from None
    bench.add_file(skill.name, dataset, text)


def _version(bench: Bench, skill: CellSkill) -> int:
    """A version of the working copy as it stands, not active; the same files are not pushed twice."""
    instance = bench.instance
    bench.put(skill)
    bundle = instance.ask("GET", instance.pack("/drafts/bundle"), raw=True)
    digest = hashlib.sha256(bundle).hexdigest()
    for known in instance.ask("GET", instance.pack("/deployments"), query={"limit": 50}):
        if known["sha256"] == digest and known["version"] is not None:
            return int(known["version"])
    fields = {"activate": "false", "notes": f"For evals of {skill.name}, from a notebook"}
    pushed = instance.upload(instance.pack("/deployments"), bundle, fields)
    return int(pushed["version"])


def _newest_of(bench: Bench, pack: str, skill: CellSkill, version: int) -> str:
    suites = bench.instance.ask(
        "GET", f"/v1/skillpacks/{pack}/evals", query={"skill": skill.name, "limit": 200}
    )
    for suite in suites:
        if suite["version"] == version and suite["status"] == "succeeded":
            return str(suite["id"])
    raise CellRefused(f"There is no suite of version {version} to compare with.")


def _show(skill: CellSkill, suite: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
    rows = []
    for run in runs:
        before = run.get("base")
        rows.append(
            (
                run["case_id"],
                "passed" if run["passed"] else "not passed",
                run["score"],
                "" if before is None else _beside(run, before),
                dollars(int(run["cost_micros"])),
                run["error"] or run["output"],
            )
        )
    heads = ("case", "", "score", "before", "cost", "output")
    show_table(f"{skill.name}, version {suite['version']}: {_numbers(suite)}", heads, rows)


def _beside(run: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    if bool(run["passed"]) != bool(before["passed"]):
        return "mended" if run["passed"] else "broken"
    return str(before["score"])


def _numbers(suite: Mapping[str, Any]) -> str:
    label = f", {suite['label']}" if suite.get("label") else ""
    return (
        f"{suite['passed_runs']} of {suite['total_runs']} passed, mean score {suite['mean_score']}, "
        f"{dollars(int(suite['total_cost_micros']))}{label}"
    )
