"""Run eval suites from a notebook, on an inactive version with the files of the draft."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from puras.client.shapes import label_text
from puras.notebook.bench import Bench
from puras.notebook.cells import CellSkill
from puras.notebook.errors import CellRefused
from puras.notebook.tables import show_table
from puras.notebook.trace import dollars

__all__ = ["Suite", "SuiteRequest", "evaluate"]

_POLL_INTERVAL_S: Final = 0.5
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})


class SuiteRequest(NamedTuple):
    """The options of a suite."""

    cases: str | None = None
    """A file with cases, which replaces the dataset of the skill."""
    baseline: int | None = None
    """The version with whose newest suite the results are compared."""
    repeat: int = 1
    threshold: float | None = None
    model: str | None = None


class Suite:
    """A suite that has ended."""

    def __init__(self, fields: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
        self.fields = fields
        """The fields of the suite in the REST API."""
        self.runs = runs

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return `fields` under its name before 0.2, until 0.3."""
        warnings.warn("'facts' is now 'fields'.", DeprecationWarning, stacklevel=2)
        return self.fields

    def __repr__(self) -> str:
        return f"<suite {self.fields['id']}: {_numbers(self.fields)}>"

    @property
    def passed(self) -> bool:
        """Return whether the threshold was reached; without a threshold, whether all runs passed."""
        gate = self.fields.get("gate_passed")
        return bool(gate) if gate is not None else self.fields["passed_runs"] == self.fields["total_runs"]

    def frame(self) -> Any:
        """Return all runs as a DataFrame."""
        import pandas

        return pandas.DataFrame(list(self.runs))


def evaluate(bench: Bench, skill: CellSkill, request: SuiteRequest) -> Suite:
    """Run the skill with its eval cases, wait for the results, and show them.

    Raises:
        CellRefused: There are no cases or no graders, or the suite did not succeed.
        PurasAPIError: The instance rejected the request.
    """
    if request.cases:
        _set_cases(bench, skill, request.cases)
    instance = bench.instance
    version = _version(bench, skill)
    body = {
        "skill": skill.name,
        "version": version,
        "repeat": request.repeat,
        "threshold": request.threshold,
        "model": request.model,
    }
    pack = instance.skillpack or "default"
    suite = instance.ask("POST", f"/v1/skillpacks/{pack}/evals", body)
    while suite["status"] not in _ENDS:
        time.sleep(_POLL_INTERVAL_S)
        suite = instance.ask("GET", f"/v1/evals/{suite['id']}")
    if suite["status"] != "succeeded":
        raise CellRefused(
            f"The suite {suite['id']} {suite['status']}: {suite['error'] or 'no error message'}."
        )
    base = _newest_of(bench, pack, skill, request.baseline) if request.baseline is not None else None
    runs = instance.ask("GET", f"/v1/evals/{suite['id']}/cases", query={"limit": 200, "base": base})
    _show(skill, suite, runs)
    return Suite(suite, runs)


def _set_cases(bench: Bench, skill: CellSkill, file: str) -> None:
    """Use a local file as the dataset of the skill."""
    evals = skill.settings.get("evals")
    dataset = evals.get("dataset") if isinstance(evals, dict) else None
    if not dataset:
        raise CellRefused(
            "The skill has no dataset. Add `evals: {dataset: cases.jsonl, graders: […]}` to its settings."
        )
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise CellRefused(f"The file {file} cannot be read: {error.strerror}.") from None
    bench.add_file(skill.name, dataset, text)


def _version(bench: Bench, skill: CellSkill) -> int:
    """Return an inactive version with the files of the draft. Push it, unless such a version exists."""
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
    raise CellRefused(
        f"Version {version} has no successful suite to compare with. Run its evals first: puras eval {skill.name} "
        f"--version {version}"
    )


def _show(skill: CellSkill, suite: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> None:
    rows = []
    for run in runs:
        before = run.get("base")
        rows.append(
            (
                run["case_id"],
                "passed" if run["passed"] else "failed",
                run["score"],
                "" if before is None else _compared(run, before),
                dollars(int(run["cost_micros"])),
                run["error"] or run["output"],
            )
        )
    heads = ("Case", "Result", "Score", "Baseline", "Cost", "Output")
    show_table(f"{skill.name}, version {suite['version']}: {_numbers(suite)}", heads, rows)


def _compared(run: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    if bool(run["passed"]) != bool(before["passed"]):
        return "fixed" if run["passed"] else "broken"
    return str(before["score"])


def _numbers(suite: Mapping[str, Any]) -> str:
    label = f", {label_text(suite['label'])}" if suite.get("label") else ""
    return (
        f"{suite['passed_runs']} of {suite['total_runs']} passed, mean score {suite['mean_score']}, "
        f"{dollars(int(suite['total_cost_micros']))}{label}"
    )
