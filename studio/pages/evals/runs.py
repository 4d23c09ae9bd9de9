"""The open suite: its numbers compared with another suite, and its runs with both outputs."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import button, link, note, segments, status
from studio.components.evals import Approvals
from studio.components.live import Confirm, Json
from studio.components.versions import Diff
from studio.pages.evals.run_items import GraderVerdict, Outcome, RunDetails, RunItem
from studio.pages.evals.state import Evals
from studio.pages.evals.suite_items import Number
from studio.shell import Shell
from studio.typing_of_reflex import as_var

_ONLY: Final = {"all": "All", "not_passed": "Not passed", "regressed": "Regressions"}
_SORTS: Final = {
    "number": "Order of cases",
    "score": "Lowest score",
    "cost": "Highest cost",
    "duration": "Longest duration",
}


def suite() -> rx.Component:
    """Render the open suite."""
    return rx.el.section(
        _head(),
        rx.cond(Evals.suite.error != "", note(Evals.suite.error, state="fail")),
        rx.el.dl(rx.foreach(Evals.numbers, _number), class_name="numbers"),
        rx.cond(Evals.verdict.title != "", _verdict()),
        _filters(),
        rx.el.ul(rx.foreach(Evals.runs, _run), class_name="runs", aria_label="Runs"),
        rx.cond(
            as_var(Evals.runs).length() == 0,
            rx.el.p(
                rx.cond(
                    Evals.only == "all",
                    "No runs yet. The first jobs are being submitted.",
                    "No matching runs.",
                ),
                class_name="t2",
            ),
        ),
        rx.cond(Evals.has_more_runs, rx.el.div(button("Show more", on_click=Evals.more_runs))),
        aria_label="Suite",
        class_name="col",
        style={"gap": "12px"},
    )


def _head() -> rx.Component:
    cancel = Confirm.create(
        label="Cancel…",
        title="Cancel this suite?",
        text="Unfinished jobs of the suite are canceled. Finished runs are kept.",
        confirm="Cancel suite",
        kind="danger",
        on_confirm=Evals.cancel,
    )
    baseline = Confirm.create(
        label="Set as baseline…",
        title="Set this suite as the baseline?",
        text="Review the outputs of the suite first. Gates will reject versions of "
        + Evals.suite.skill
        + " that are worse than this suite.",
        confirm="Set baseline",
        on_confirm=Evals.set_baseline,
    )
    return rx.el.div(
        rx.el.h2(Evals.suite.name),
        rx.cond(
            Evals.suite.is_waiting,
            status("waiting", word=Evals.suite.status),
            rx.el.span(Evals.suite.status, class_name="t3"),
        ),
        rx.cond(Evals.suite.details != "", rx.el.span("· ", Evals.suite.details, class_name="t3")),
        rx.el.span(class_name="grow"),
        rx.cond(Shell.can_write & Evals.suite.is_live, cancel),
        rx.cond(Shell.can_write & Evals.suite.is_succeeded & ~Evals.suite.is_baseline, baseline),
        class_name="row wrap",
    )


def _number(number: rx.Var[Number]) -> rx.Component:
    is_worse = number.difference.startswith("−")
    return rx.el.div(
        rx.el.dt(number.name, " ", rx.el.span(number.kind, class_name="t3")),
        rx.el.dd(
            number.value,
            " ",
            rx.cond(
                number.difference != "",
                rx.el.span(number.difference, class_name=rx.cond(is_worse, "by fail-text", "by t3")),
            ),
            class_name="num",
        ),
        key=number.name,
    )


def _verdict() -> rx.Component:
    return rx.el.div(
        rx.el.span(Evals.verdict.title, class_name="strong"),
        " ",
        Evals.verdict.details,
        class_name="note",
        role="status",
        custom_attrs={"data-s": rx.cond(Evals.verdict.is_regressed, "fail", "ok")},
    )


def _filters() -> rx.Component:
    return rx.el.div(
        segments("Filter runs", _ONLY, Evals.only, Evals.pick_only),
        rx.el.span(class_name="grow"),
        _select(
            "Sort by",
            *[rx.el.option(word, value=sort) for sort, word in _SORTS.items()],
            value=Evals.sort,
            on_change=Evals.pick_sort,
        ),
        _select(
            "Compare with",
            rx.el.option("None", value=""),
            rx.foreach(Evals.bases, lambda one: rx.el.option(one.label, value=one.id)),
            value=Evals.base,
            on_change=Evals.pick_base,
        ),
        class_name="row wrap",
    )


def _select(label: str, *options: Any, **props: Any) -> rx.Component:
    return rx.el.label(
        rx.el.span(label, class_name="t2"), rx.el.select(*options, class_name="in", **props), class_name="row"
    )


def _run(run: rx.Var[RunItem]) -> rx.Component:
    is_open = as_var(Evals.details).contains(run.key)
    return rx.el.li(
        rx.el.button(
            rx.el.span(rx.cond(is_open, "▾", "▸"), class_name="t3", aria_hidden="true"),
            status(run.state, word=run.word),
            rx.el.span(run.case, class_name="mono"),
            rx.cond(
                run.is_regressed,
                rx.el.span("regression", class_name="tag", custom_attrs={"data-s": "fail"}),
            ),
            rx.el.span(run.reason, class_name="t2 cut grow"),
            rx.el.span(run.score, " ", rx.el.span(run.difference, class_name="t3"), class_name="num"),
            type="button",
            class_name="row",
            on_click=Evals.toggle_run(run.key),
            custom_attrs={"aria-expanded": rx.cond(is_open, "true", "false")},
        ),
        rx.cond(
            as_var(Evals.approvals).contains(run.job_id),
            Approvals.create(
                approvals=Evals.approvals[run.job_id],
                project=Shell.project_slug,
                csrf=Shell.csrf,
                can_write=Shell.can_write,
                on_decided=lambda _: Evals.refresh(),
                on_error=Shell.show_error,
            ),
        ),
        rx.cond(is_open, _opened(Evals.details[run.key])),
        key=run.key,
    )


def _opened(run: rx.Var[RunDetails]) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.cond(run.has_base, _figure(run.base)),
            _figure(run.outcome),
            rx.cond(
                run.has_expected,
                rx.el.figure(rx.el.figcaption("Expected", class_name="cap"), Json.create(value=run.expected)),
            ),
            class_name="side-by-side",
        ),
        rx.cond(
            run.after != "",
            rx.el.details(
                rx.el.summary("Differences"), Diff.create(before=run.before, after=run.after, label=run.label)
            ),
        ),
        rx.cond(run.graders.length() > 0, rx.el.ul(rx.foreach(run.graders, _grader), class_name="problems")),
        rx.el.details(rx.el.summary("Inputs"), Json.create(value=run.inputs)),
        rx.el.p(run.totals, class_name="t3"),
        class_name="opened",
    )


def _figure(outcome: rx.Var[Outcome]) -> rx.Component:
    return rx.el.figure(
        rx.el.figcaption(outcome.caption, class_name="cap"),
        rx.cond(
            outcome.error != "",
            rx.el.p(outcome.error, class_name="fail-text break"),
            Json.create(value=outcome.output),
        ),
        rx.cond(
            outcome.job_id != "",
            link("Open the job", href="/p/" + Shell.project_slug + "/jobs/" + outcome.job_id),
            rx.cond(outcome.is_gone, rx.el.span("The job is no longer stored.", class_name="t3")),
        ),
    )


def _grader(grader: rx.Var[GraderVerdict]) -> rx.Component:
    return rx.el.li(
        rx.el.span(
            rx.el.span(grader.name, class_name="strong"),
            " ",
            rx.el.span(grader.verdict, class_name=rx.cond(grader.is_bad, "fail-text", "t3")),
        ),
        rx.el.span(grader.detail, class_name="break"),
        key=grader.name,
    )
