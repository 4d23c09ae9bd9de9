"""`puras eval`, `eval-report`, `eval-diff`: eval suites of a skill."""

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

_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
_TELL_EVERY_S: Final = 5.0
"""How often a person is told how far a suite is; at once when runs begin to wait for consent."""


def add(commands: Any) -> None:
    """Add these commands."""
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
    return _tell(suite, session)


def _when_ended(session: Session, suite: Mapping[str, Any], arguments: Namespace) -> Mapping[str, Any]:
    deadline, told_at, told, waiting = time.monotonic() + arguments.timeout, time.monotonic(), "", 0
    while suite["status"] not in _ENDS:
        is_news = suite["waiting_runs"] > waiting or time.monotonic() - told_at >= _TELL_EVERY_S
        waiting = suite["waiting_runs"]
        if is_news and (line := _so_far(suite)) != told:
            printing.say(line)
            told_at, told = time.monotonic(), line
        if time.monotonic() > deadline:
            raise UsageProblem(
                f"The suite has not ended after {arguments.timeout:g} s and continues: puras eval-report {suite['id']}"
            )
        time.sleep(max(0.1, arguments.interval))
        suite = session.client.request("GET", f"/v1/evals/{suite['id']}")
    return suite


def _so_far(suite: Mapping[str, Any]) -> str:
    waiting = suite["waiting_runs"]
    consent = f"; {waiting} awaiting approval: puras approvals" if waiting else ""
    return f"  {suite['completed_runs']} of {suite['total_runs']} runs have ended{consent}"


def _report(arguments: Namespace, session: Session) -> int:
    return _tell(session.client.request("GET", f"/v1/evals/{quote(arguments.suite_id, safe='')}"), session)


def _diff(arguments: Namespace, session: Session) -> int:
    query = {"skill": arguments.skill, "base": arguments.base, "head": arguments.head}
    told = session.client.request("GET", f"{_route(session)}/diff", query=query)
    names = ("pass_rate_pct", "mean_score", "mean_cost_micros", "mean_latency_ms")
    rows = [(name, *(_number(told[side].get(name)) for side in ("base", "head", "deltas"))) for name in names]

    def text() -> None:
        printing.table(("", "BASE", "HEAD", "CHANGE"), rows)
        for kind in ("broken", "mended"):
            if told[f"{kind}_cases"]:
                printing.answer(f"{kind}: {printing.shortened(', '.join(told[f'{kind}_cases']))}")
        printing.answer("Regressions in head." if told["regressed"] else "No regressions in head.")

    session.show(told, text)
    return exits.FAILED if told["regressed"] else exits.OK


def _tell(suite: Mapping[str, Any], session: Session) -> int:
    session.show(suite, lambda: _text(suite))
    return (
        exits.FAILED
        if suite["gate_passed"] is False or suite["status"] in ("failed", "cancelled")
        else exits.OK
    )


def _text(suite: Mapping[str, Any]) -> None:
    version = f" v{suite['version']}" if suite.get("version") else ""
    label = f"  ({suite['label']}: no language model answered)" if suite.get("label") else ""
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
        said = "passed" if suite["gate_passed"] else "failed"
        printing.answer(
            f"gate     {printing.coloured(said, said)} (threshold {_number(suite['threshold'])} %)"
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
