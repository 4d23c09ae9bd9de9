"""The commands `puras eval`, `eval-report`, `eval-runs` and `eval-diff`: eval suites of a skill."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, of_a_skillpack
from puras.client.messages import new_key
from puras.client.shapes import label_text

_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
_REPORT_EVERY_S: Final = 5.0
"""Interval of progress messages. A message follows immediately when more runs await approval."""


def add(commands: Any) -> None:
    """Add the commands."""
    run = command(
        commands,
        "eval",
        _eval,
        "Run the eval cases of a skill as jobs and grade the results.",
        "puras eval summarize --repeat 3 --threshold 90",
    )
    run.add_argument("skill", help="name of the skill")
    of_a_skillpack(run)
    run.add_argument("--version", type=int, help="number of the version; default: the active version")
    run.add_argument(
        "--repeat", type=int, default=1, help="number of runs of each case; default: %(default)s"
    )
    run.add_argument("--threshold", type=float, metavar="PERCENT", help="percentage of runs that must pass")
    run.add_argument(
        "--case", action="append", metavar="ID", help="only this case; repeat the option for more cases"
    )
    run.add_argument("--model", help="another model; `recording` replays recorded replies without cost")
    run.add_argument(
        "--async", dest="is_async", action="store_true", help="print the ID of the suite and do not wait"
    )
    run.add_argument(
        "--timeout",
        type=float,
        default=900.0,
        metavar="S",
        help="seconds to wait for the end; default: %(default)s",
    )
    run.add_argument(
        "--interval",
        type=float,
        default=1.0,
        metavar="S",
        help="seconds between two requests; default: %(default)s",
    )
    report = command(
        commands, "eval-report", _report, "Show the result of a suite.", "puras eval-report SUITE_ID"
    )
    report.add_argument("suite_id", help="ID of the suite")
    runs = command(
        commands,
        "eval-runs",
        _runs,
        "List the runs of a suite, those without a result and with the lowest score first.",
        "puras eval-runs SUITE_ID --only not_passed",
    )
    runs.add_argument("suite_id", help="ID of the suite")
    runs.add_argument("--base", metavar="SUITE_ID", help="a suite to compare the runs with")
    runs.add_argument(
        "--only",
        choices=("all", "not_passed", "regressed"),
        default="all",
        help="which runs; `regressed` needs --base; default: %(default)s",
    )
    runs.add_argument(
        "--sort",
        choices=("number", "score", "cost", "duration"),
        default="score",
        help="the order: the order of the cases, the lowest score first, or the highest cost or duration first; "
        "default: %(default)s",
    )
    runs.add_argument("--limit", type=int, default=50, help="maximum number of runs; default: %(default)s")
    diff = command(
        commands,
        "eval-diff",
        _diff,
        "Compare two suites or versions of a skill.",
        "puras eval-diff summarize --base 3 --head 4",
    )
    diff.add_argument("skill", help="name of the skill")
    of_a_skillpack(diff)
    diff.add_argument("--base", help="number of a version or ID of a suite")
    diff.add_argument("--head", help="number of the newer version, or ID of its suite")


def _eval(arguments: Namespace, session: Session) -> int:
    body = {
        "skill": arguments.skill,
        "version": arguments.version,
        "repeat": arguments.repeat,
        "threshold": arguments.threshold,
        "case_ids": arguments.case,
        "model": arguments.model,
    }
    body = {name: value for name, value in body.items() if value is not None}
    suite = session.client.request("POST", _route(session), body=body, idempotency_key=new_key())
    if arguments.is_async:
        session.show(suite, lambda: printing.answer(suite["id"]))
        return exits.OK
    printing.say(f"Suite {suite['id']}: {suite['total_runs']} runs…")
    suite = _when_ended(session, suite, arguments)
    return _show(suite, session)


def _when_ended(session: Session, suite: Mapping[str, Any], arguments: Namespace) -> Mapping[str, Any]:
    deadline, printed_at = time.monotonic() + arguments.timeout, time.monotonic()
    printed, waiting = "", 0
    while suite["status"] not in _ENDS:
        is_due = suite["waiting_runs"] > waiting or time.monotonic() - printed_at >= _REPORT_EVERY_S
        waiting = suite["waiting_runs"]
        if is_due and (line := _so_far(suite)) != printed:
            printing.say(line)
            printed_at, printed = time.monotonic(), line
        if time.monotonic() > deadline:
            raise UsageProblem(
                f"The suite has not ended after {arguments.timeout:g} s and continues: puras eval-report {suite['id']}"
            )
        time.sleep(max(0.1, arguments.interval))
        suite = session.client.request("GET", f"/v1/evals/{suite['id']}")
    return suite


def _so_far(suite: Mapping[str, Any]) -> str:
    waiting = suite["waiting_runs"]
    approvals = f"; {waiting} awaiting approval: puras approvals" if waiting else ""
    return f"  {suite['completed_runs']} of {suite['total_runs']} runs have ended{approvals}"


def _report(arguments: Namespace, session: Session) -> int:
    return _show(session.client.request("GET", f"/v1/evals/{quote(arguments.suite_id, safe='')}"), session)


def _runs(arguments: Namespace, session: Session) -> int:
    runs = session.client.eval_runs(
        arguments.suite_id,
        base=arguments.base,
        only=arguments.only,
        sort=arguments.sort,
        max_entries=max(1, arguments.limit),
    )
    rows = [
        (
            f"{one['case_id']} #{one['round']}" if one["round"] > 1 else one["case_id"],
            _outcome(one),
            _number(one["score"]),
            _number((one["base"] or {}).get("score")),
            printing.dollars(one["cost_micros"]),
            "–" if one["latency_ms"] is None else f"{one['latency_ms'] / 1000:.1f} s",
            printing.shortened(one["error"] or "", 60),
        )
        for one in runs
    ]
    head = ("CASE", "RESULT", "SCORE", "BASE", "COST", "TIME", "ERROR")
    session.show(runs, lambda: printing.table(head, rows))
    return exits.OK


def _outcome(run: Mapping[str, Any]) -> str:
    if run["passed"] is None:
        return str(run["status"])
    return "passed" if run["passed"] else "not passed"


def _diff(arguments: Namespace, session: Session) -> int:
    query = {"skill": arguments.skill, "base": arguments.base, "head": arguments.head}
    diff = session.client.request("GET", f"{_route(session)}/diff", query=query)
    names = {
        "pass_rate_pct": "pass rate (%)",
        "mean_score": "mean score",
        "mean_cost_micros": "mean cost (micros)",
        "mean_latency_ms": "mean latency (ms)",
    }
    rows = [
        (title, *(_number(diff[side].get(field)) for side in ("base", "head", "deltas")))
        for field, title in names.items()
    ]

    def text() -> None:
        printing.table(("", "BASE", "HEAD", "CHANGE"), rows)
        # A server of 0.1 has the fixed cases under their former name.
        fixed = diff["fixed_cases"] if "fixed_cases" in diff else diff["mended_cases"]
        for label, cases in (("broken", diff["broken_cases"]), ("fixed", fixed)):
            if cases:
                printing.answer(f"{label}: {printing.shortened(', '.join(cases))}")
        printing.answer("Regressions in head." if diff["regressed"] else "No regressions in head.")

    session.show(diff, text)
    return exits.FAILED if diff["regressed"] else exits.OK


def _show(suite: Mapping[str, Any], session: Session) -> int:
    session.show(suite, lambda: _text(suite))
    return (
        exits.FAILED
        if suite["gate_passed"] is False or suite["status"] in ("failed", "cancelled")
        else exits.OK
    )


def _text(suite: Mapping[str, Any]) -> None:
    version = f" v{suite['version']}" if suite.get("version") else ""
    label = f"  ({label_text(suite['label'])}: no language model replied)" if suite.get("label") else ""
    printing.answer(f"{printing.plain(suite['skill_name'])}{version}  {suite['status']}{label}")
    printing.answer(
        f"runs     {suite['completed_runs']} of {suite['total_runs']}, {suite['failed_runs']} without a result"
    )
    printing.answer(f"passed   {_number(suite['pass_rate_pct'])} %")
    printing.answer(f"score    {_number(suite['mean_score'])} ± {_number(suite['score_stddev'])}")
    printing.answer(f"cost     {printing.dollars(suite['total_cost_micros'])}")
    rows = [
        (one["name"], one["kind"], _number(one["mean_score"]), _number(one["pass_rate"]), one["runs"])
        for one in suite["graders"]
    ]
    if rows:
        printing.table(("GRADER", "KIND", "SCORE", "PASSED", "RUNS"), rows)
    if suite["gate_passed"] is not None:
        outcome = "passed" if suite["gate_passed"] else "failed"
        printing.answer(
            f"gate     {printing.colored(outcome, outcome)} (threshold {_number(suite['threshold'])} %)"
        )


def _route(session: Session) -> str:
    return f"/v1/skillpacks/{quote(session.named_skillpack, safe='')}/evals"


def _number(value: float | None) -> str:
    return (
        "–"
        if value is None
        else f"{value:g}"
        if isinstance(value, int)
        else f"{value:.2f}".rstrip("0").rstrip(".")
    )
