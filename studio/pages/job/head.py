"""The head of the page of one job: its details, its origin, its cost, and its actions."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import (
    action,
    facts,
    identifier,
    link,
    link_button,
    note,
    short_id,
    status,
    tag,
)
from studio.components.live import Ago, Confirm, Elapsed, LiveCost, LiveSteps, ShareJob
from studio.job_facts import JobFacts
from studio.pages.job.feedback import feedback_bar
from studio.pages.job.state import JobPage
from studio.shell import Shell
from studio.typing_of_reflex import as_var


def head() -> rx.Component:
    """Render the head."""
    job = JobPage.facts
    return rx.el.section(
        rx.el.div(
            rx.el.h1(job.skill, class_name="cut"),
            tag(job.version),
            rx.cond(job.environment != "production", tag(job.environment)),
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
                "Agent steps",
                LiveSteps.create(src=JobPage.stream, is_over=job.is_over, steps=job.steps, tokens=job.tokens),
            ),
            ("Cost", _cost(job)),
        ),
        _origin(job),
        rx.cond(
            (job.simulation != "") & (JobPage.tab != "result"),  # that tab shows the note itself
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
        rx.cond((JobPage.assistant != "") | (job.error_signature != ""), _next_steps(job)),
        class_name="head",
        aria_label="Job",
    )


def _next_steps(job: rx.Var[JobFacts]) -> rx.Component:
    """Render links to the jobs with the same error, and to the editor with the assistant."""
    return rx.el.div(
        rx.cond(
            job.error_signature != "",
            link_button(
                "Jobs with this error",
                href="/p/" + Shell.project_slug + "/jobs?error_signature=" + job.error_signature,
                title="List the jobs that failed for the same reason",
            ),
        ),
        rx.cond(JobPage.error_state != "", tag(JobPage.error_state)),
        rx.cond(
            JobPage.assistant != "",
            rx.fragment(
                link_button(
                    "Explain this failure",
                    href=JobPage.assistant + "&assistant=explain",
                    title="Ask the assistant in the editor",
                ),
                link_button(
                    "Fix this",
                    href=JobPage.assistant + "&assistant=fix",
                    title="Let the assistant propose a change of the draft",
                ),
            ),
        ),
        class_name="row wrap",
        style={"gap": "6px", "margin_top": "8px"},
    )


def _cost(job: rx.Var[JobFacts]) -> rx.Component:
    return rx.fragment(
        LiveCost.create(src=JobPage.stream, charged=job.cost, is_over=job.is_over),
        rx.cond(
            job.called_cost != "",
            rx.el.span(" · " + job.called_cost + " of it for subjobs", class_name="t3"),
        ),
    )


def _origin(job: rx.Var[JobFacts]) -> rx.Component:
    """Render links to the jobs that it comes from."""
    jobs = "/p/" + Shell.project_slug + "/jobs/"
    return rx.el.div(
        rx.cond(
            job.parent != "",
            rx.el.span(
                "Subjob of ",
                link(short_id(job.parent), href=jobs + job.parent, class_name="mono"),
                rx.cond(job.is_paid_with_parent, ", which pays for it", ""),
                class_name="t2",
            ),
        ),
        rx.cond(
            job.replay_of != "",
            rx.el.span(
                rx.cond(job.source == "fork", "Fork of ", "Replay of "),
                link(short_id(job.replay_of), href=jobs + job.replay_of, class_name="mono"),
                class_name="t2",
            ),
        ),
        class_name="kin",
    )


def _duration(job: rx.Var[JobFacts]) -> rx.Component:
    running = Elapsed.create(start=job.started_at, end=job.finished_at)
    at_rest = rx.cond(job.attempt > 0, "not running", "not started")  # it awaits approval, or another attempt
    return rx.cond(job.started_at != "", running, rx.el.span(at_rest, class_name="t3"))


def _actions() -> rx.Component:
    job = JobPage.facts
    return rx.el.div(
        rx.cond(job.is_over, feedback_bar()),
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
            (JobPage.try_draft != "") & job.is_agentic,
            link_button(
                "Prompt",
                href="/p/" + Shell.project_slug + "/prompts?job=" + job.id,
                icon="message-square-quote",
                title="Open the version of the prompt that this job has used",
            ),
        ),
        rx.cond(
            (JobPage.try_draft != "") & Shell.can_write & job.is_over,
            link_button(
                "Try on draft",
                href=JobPage.try_draft,
                icon="columns-2",
                title="Run these inputs with the draft, next to this job",
            ),
        ),
        rx.cond(
            Shell.can_write,
            rx.fragment(
                rx.cond(
                    job.is_kernel,
                    rx.fragment(),
                    ShareJob.create(project=Shell.project_slug, job=job.id, csrf=Shell.csrf),
                ),
                rx.cond(
                    job.is_over & ~job.is_kernel,
                    link_button(
                        "Notebook",
                        href=JobPage.notebook,
                        icon="notebook-pen",
                        title="Open this job as a notebook in the draft",
                    ),
                ),
                rx.cond(
                    job.is_kernel,
                    rx.fragment(),
                    action(
                        "Replay",
                        icon="rotate-ccw",
                        title="Run the same inputs again on the same version",
                        on_act=JobPage.replay,
                        keys="r",
                    ),
                ),
                rx.cond(
                    JobPage.newest > 0,
                    action(
                        rx.Var.create("Replay on v") + as_var(JobPage.newest).to_string(),
                        title="Run the same inputs on the active version",
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
                        text="The job and its subjobs stop within seconds. What they have already done is not undone.",
                        confirm="Cancel job",
                        on_confirm=JobPage.cancel,
                    ),
                ),
            ),
        ),
        class_name="row wrap",
        style={"gap": "6px"},
    )
