"""The page on which a reviewer works through the jobs of a queue: the job, and the rubric next to it."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.annotation import Markdown, RubricForm, TopicChanges
from studio.components.elements import empty, link, link_button, note, short_id, status, tag
from studio.components.live import Pulse, Tabs, Transcript, Value
from studio.pages.annotation.review_state import OtherReview, Review
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

_RENEW_S: Final = 60.0


def page() -> rx.Component:
    """Render the job that the user reviews, or why there is none."""
    base = "/p/" + Shell.project_slug
    return shell(
        "annotation",
        [
            Crumb(Shell.project_name, base),
            Crumb("Annotation", base + "/annotation"),
            Crumb(rx.cond(Review.name != "", Review.name, "Queue")),
        ],
        rx.cond(
            Review.is_loaded,
            rx.fragment(
                rx.el.h1("Review of ", Review.name, class_name="hidden-label"),
                TopicChanges.create(
                    project=Shell.project_slug, topic="annotations", on_change=Review.refresh
                ),
                Pulse.create(seconds=_RENEW_S, on_tick=Review.renew),
                _progress(),
                rx.cond(Shell.can_write, _work(), _for_viewers()),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _progress() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.i(style={"width": f"{Review.finished}%"}),
            class_name="progress grow",
            role="progressbar",
            aria_label="Progress of the queue",
            custom_attrs={"aria-valuenow": Review.finished, "aria-valuemin": 0, "aria-valuemax": 100},
        ),
        rx.el.span(
            f"{Review.done} of {Review.total} reviewed",
            rx.cond(Review.skipped > 0, f", {Review.skipped} skipped", ""),
            role="status",
            class_name="t2 num",
        ),
        class_name="job-bar row queue-progress",
    )


def _for_viewers() -> rx.Component:
    return rx.el.div(
        note(
            "Viewers may read annotations on the page of each job, and may not write them. Ask an admin for the role "
            "developer."
        ),
        class_name="pad",
    )


def _work() -> rx.Component:
    return rx.fragment(
        rx.cond(
            Review.busy_with != "",
            note(Review.busy_with, state="wait", style={"margin": "12px 16px 0"}),
        ),
        rx.cond(Review.item != "", _review(), _nothing_left()),
    )


def _nothing_left() -> rx.Component:
    back: Any = "/p/" + Shell.project_slug + "/annotation"
    jobs: Any = "/p/" + Shell.project_slug + "/jobs"
    return empty(
        "clipboard-check",
        rx.cond(Review.total == 0, "No jobs in this queue yet", "Nothing left to review"),
        rx.cond(
            Review.total == 0,
            "Select jobs in the list of jobs and choose “Add to queue”, or give the queue a filter.",
            rx.cond(
                Review.pending > 0,
                "Other reviewers work on the last jobs. A job appears here when a review ends without a result.",
                "All jobs of the queue are reviewed or skipped. New jobs appear here.",
            ),
        ),
        rx.el.div(
            link_button("All queues", href=back, kind="pri"),
            link_button("Jobs", href=jobs),
            class_name="row",
        ),
    )


def _review() -> rx.Component:
    return rx.el.div(
        rx.el.section(
            _head(),
            Tabs.create(items=Review.tabs, current=Review.tab, label="Job", on_pick=Review.pick_tab),
            rx.el.div(
                _tab(),
                class_name="col grow",
                role="tabpanel",
                aria_label="Part of the job",
                style={"min_height": "0"},
            ),
            class_name="col reviewed",
            aria_label="Job",
        ),
        rx.el.aside(
            rx.cond(Review.instructions != "", _instructions()),
            rx.cond(Review.item_status != "pending", _ended()),
            RubricForm.create(
                subject=Review.subject,
                rubric=Review.rubric,
                scores=Review.scores,
                comment=Review.comment,
                corrected=Review.corrected,
                output=Review.output,
                is_text=Review.is_text,
                steps=Review.steps,
                step=Review.step,
                problem=Review.problem,
                can_go_back=as_var(Review.visited).length() > 0,
                on_save=Review.save,
                on_skip=Review.skip,
                on_next=Review.open_next,
                on_previous=Review.open_previous,
                on_step=Review.pick_step,
            ),
            rx.cond(as_var(Review.others).length() > 0, _others()),
            class_name="scroll pad col reviewing",
            aria_label="Rubric",
            tab_index=0,
        ),
        class_name="review grow",
    )


def _head() -> rx.Component:
    job = Review.facts
    href: Any = "/p/" + Shell.project_slug + "/jobs/" + job.id
    return rx.el.div(
        rx.el.h2(job.skill, class_name="cut"),
        tag(job.version),
        status(job.status, job.reason),
        rx.cond(job.simulation != "", tag("Simulated", state="wait")),
        rx.el.span(class_name="grow"),
        link(short_id(job.id), href=href, class_name="mono", title="Open the job"),
        class_name="row wrap job-bar",
    )


def _instructions() -> rx.Component:
    return rx.el.details(
        rx.el.summary("Instructions"),
        rx.el.div(Markdown.create(text=Review.instructions), class_name="prose markdown"),
        open=True,
    )


def _ended() -> rx.Component:
    return note(rx.cond(Review.item_status == "done", "This job was reviewed.", "This job was skipped."))


def _tab() -> rx.Component:
    return rx.match(
        Review.tab,
        (
            "inputs",
            _scroller(
                "Inputs",
                Value.create(value=Review.inputs, schema=Review.input_schema, project=Shell.project_slug),
            ),
        ),
        ("transcript", Transcript.create(src=Review.stream, is_over=True, key=Review.stream)),
        _scroller(
            "Result",
            rx.cond(
                Review.facts.status == "succeeded",
                Value.create(
                    value=Review.result["value"],
                    schema=Review.output_schema,
                    project=Shell.project_slug,
                    outputs=Review.outputs,
                ),
                rx.el.p(
                    "This job has no result, because it did not succeed. ",
                    Review.facts.error,
                    class_name="t2",
                ),
            ),
        ),
    )


def _others() -> rx.Component:
    return rx.el.section(
        rx.el.h3("Other annotations"),
        rx.el.ul(rx.foreach(Review.others, _other), class_name="entries", aria_label="Other annotations"),
    )


def _other(one: rx.Var[OtherReview]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(one.by, class_name="strong cut"),
            rx.cond(one.step != "", tag(f"step {one.step}")),
            class_name="row wrap",
        ),
        rx.cond(one.scores != "", rx.el.p(one.scores, class_name="t2")),
        rx.cond(one.comment != "", rx.el.p(one.comment, class_name="as-written")),
    )


def _scroller(label: str, *children: Any) -> rx.Component:
    return rx.el.div(*children, class_name="scroll grow pad", tab_index=0, role="region", aria_label=label)
