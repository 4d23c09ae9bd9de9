"""The head of the page of one job: what it is, where it comes from, what it costs, and what can be done."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import action, facts, identifier, link, link_button, note, status, tag
from studio.components.live import Ago, Confirm, Elapsed, LiveCost, LiveSteps
from studio.job_facts import JobFacts
from studio.pages.job.feedback import opinion
from studio.pages.job.state import JobPage
from studio.shell import Shell


def head() -> rx.Component:
    """The head."""
    job = JobPage.facts
    return rx.el.section(
        rx.el.div(
            rx.el.h1(job.skill, class_name="cut"),
            tag(job.version),
            status(job.status, job.reason, is_big=True),
            rx.cond(job.simulation != "", tag("Simulated", state="wait")),
            rx.el.div(class_name="grow"),
            _actions(),
            class_name="row wrap",
        ),
        facts(
            ("Job", identifier(job.id)),
            ("Attempt", rx.el.span(job.attempt, class_name="num")),
            ("Submitted by", rx.fragment(job.submitted_by, rx.el.span(" · " + job.source, class_name="t3"))),
            ("Submitted", Ago.create(moment=job.created_at)),
            ("Duration", _duration(job)),
            (
                "Steps",
                LiveSteps.create(src=JobPage.stream, is_over=job.is_over, steps=job.steps, tokens=job.tokens),
            ),
            ("Cost", _cost(job)),
        ),
        _kin(job),
        rx.cond(
            (job.simulation != "") & (JobPage.tab != "result"),  # which has the note itself
            note(job.simulation, state="wait", style={"margin_top": "12px"}),
        ),
        rx.cond(
            job.status == "failed",
            note(
                rx.el.span(job.error_code, class_name="mono strong"),
                rx.cond(job.error_code != "", " · ", ""),
                job.error,
                state="fail",
                style={"margin_top": "12px"},
            ),
        ),
        class_name="head",
        aria_label="Job",
    )


def _cost(job: rx.Var[JobFacts]) -> rx.Component:
    return rx.fragment(
        LiveCost.create(src=JobPage.stream, charged=job.cost, is_over=job.is_over),
        rx.cond(
            job.called_cost != "",
            rx.el.span(" · " + job.called_cost + " of it for what it called", class_name="t3"),
        ),
    )


def _kin(job: rx.Var[JobFacts]) -> rx.Component:
    """Which jobs it comes from."""
    jobs = "/p/" + Shell.project_slug + "/jobs/"
    return rx.el.div(
        rx.cond(
            job.parent != "",
            rx.el.span(
                "Called by ",
                link(job.parent[:8], href=jobs + job.parent, class_name="mono"),
                rx.cond(job.is_paid_with_parent, ", which pays for it", ""),
                class_name="t2",
            ),
        ),
        rx.cond(
            job.replay_of != "",
            rx.el.span(
                "Begins with the inputs of ",
                link(job.replay_of[:8], href=jobs + job.replay_of, class_name="mono"),
                class_name="t2",
            ),
        ),
        class_name="kin",
    )


def _duration(job: rx.Var[JobFacts]) -> rx.Component:
    running = Elapsed.create(start=job.started_at, end=job.finished_at)
    at_rest = rx.cond(job.attempt > 0, "not running", "not started")  # it waits for consent, or to run again
    return rx.cond(job.started_at != "", running, rx.el.span(at_rest, class_name="t3"))


def _actions() -> rx.Component:
    job = JobPage.facts
    return rx.el.div(
        rx.cond(job.is_over, opinion()),
        rx.cond(
            JobPage.play != "",
            link_button(
                "Playground",
                href=JobPage.play,
                icon="flask-conical",
                title="Open these inputs in the playground",
                custom_attrs={"data-key": "o"},
            ),
        ),
        rx.cond(
            Shell.can_write,
            rx.fragment(
                rx.cond(
                    job.is_over & ~job.is_kernel,
                    link_button(
                        "Notebook",
                        href=JobPage.notebook,
                        icon="notebook-pen",
                        title="Open this job as a notebook of the working copy",
                    ),
                ),
                rx.cond(
                    job.is_kernel,
                    rx.fragment(),
                    action(
                        "Replay",
                        icon="rotate-ccw",
                        title="The same inputs on the same version again",
                        on_act=JobPage.replay,
                        keys="r",
                    ),
                ),
                rx.cond(
                    JobPage.newest > 0,
                    action(
                        rx.Var.create("On v") + JobPage.newest.to_string(),
                        title="The same inputs on the active version",
                        aria_name="Replay on the active version",
                        on_act=JobPage.replay_on_newest,
                        keys="R",
                        key_label="Replay on the active version",
                    ),
                ),
                rx.cond(
                    job.is_over,
                    rx.fragment(),
                    Confirm.create(
                        label="Cancel",
                        keys="c",
                        kind="danger",
                        title="Cancel this job?",
                        text="It ends within seconds, with all that it has started. What it has done stays done.",
                        confirm="Cancel the job",
                        on_confirm=JobPage.cancel,
                    ),
                ),
            ),
        ),
        class_name="row wrap",
        style={"gap": "6px"},
    )
