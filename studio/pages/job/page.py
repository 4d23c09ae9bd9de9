"""The page `/p/{project}/jobs/{job}`: one job, updated live."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.elements import note, short_id
from studio.components.live import (
    EventList,
    EventsLoaded,
    FlowSteps,
    JsonTree,
    LiveProgress,
    Logs,
    PageTitle,
    Pulse,
    Sandbox,
    Tabs,
    Timeline,
    Traceback,
    Transcript,
    Turns,
    Value,
)
from studio.pages.job.approval_bar import approval_bar
from studio.pages.job.comments import comments_tab, watch_comments
from studio.pages.job.head import head
from studio.pages.job.receipt import receipt_tab
from studio.pages.job.state import JobPage
from studio.shell import Crumb, Shell, shell


def page() -> rx.Component:
    """Render the head, the tabs, and the selected tab."""
    base = "/p/" + Shell.project_slug
    return shell(
        "jobs",
        [Crumb(Shell.project_name, base), Crumb("Jobs", base + "/jobs"), Crumb(short_id(JobPage.facts.id))],
        rx.cond(
            JobPage.is_loaded
            & JobPage.router.url.contains(JobPage.facts.id),  # the state may be of an earlier job
            rx.fragment(
                _watch(),
                head(),
                LiveProgress.create(src=JobPage.stream, is_over=JobPage.facts.is_over, key=JobPage.stream),
                rx.cond(JobPage.needs_events, EventsLoaded.create(src=JobPage.stream, total=JobPage.seen)),
                rx.cond(JobPage.facts.status == "waiting", approval_bar()),
                rx.cond(
                    JobPage.has_traceback,
                    Traceback.create(
                        src=JobPage.stream, skillpack=JobPage.skillpack, version=JobPage.version
                    ),
                ),
                Tabs.create(
                    items=JobPage.tabs,
                    current=JobPage.tab,
                    label="Job",
                    on_pick=JobPage.pick_tab,
                    param="tab",
                ),
                rx.el.div(
                    _tab(),
                    class_name="col grow",
                    role="tabpanel",
                    aria_label="Tab",
                    style={"min_height": "0"},
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _watch() -> rx.Component:
    """Load the job again when its state changes, and periodically while it is queued."""
    return rx.fragment(
        rx.cond(
            JobPage.facts.is_over,
            None,
            Turns.create(src=JobPage.stream, after=JobPage.seen, on_turn=JobPage.turn, key=JobPage.stream),
        ),
        PageTitle.create(text=JobPage.title),
        watch_comments(Shell.project_slug, JobPage.count_comments),
        rx.cond(JobPage.facts.status == "queued", Pulse.create(seconds=2, on_tick=JobPage.look)),
    )


def _tab() -> rx.Component:
    return rx.match(
        JobPage.tab,
        (
            "timeline",
            Timeline.create(
                src=JobPage.stream,
                skill=JobPage.facts.skill,
                csrf=Shell.csrf,
                is_over=JobPage.facts.is_over,
                can_fork=Shell.can_write & JobPage.facts.is_agentic,
                key=JobPage.stream,
            ),
        ),
        (
            "steps",
            FlowSteps.create(
                src=JobPage.stream,
                csrf=Shell.csrf,
                is_over=JobPage.facts.is_over,
                can_fork=Shell.can_write,
                key=JobPage.stream,
            ),
        ),
        ("transcript", Transcript.create(src=JobPage.stream, is_over=JobPage.facts.is_over)),
        (
            "logs",
            Logs.create(
                src=JobPage.stream,
                is_over=JobPage.facts.is_over,
                start=JobPage.facts.created_at,
                key=JobPage.stream,
            ),
        ),
        ("result", _scroller("Result", _result())),
        (
            "inputs",
            _scroller(
                "Inputs",
                Value.create(value=JobPage.inputs, schema=JobPage.input_schema, project=Shell.project_slug),
                rx.el.h2("As JSON", style={"margin": "24px 0 8px"}),
                JsonTree.create(value=JobPage.inputs, name="inputs", label="Inputs as JSON"),
            ),
        ),
        ("receipt", _scroller("Receipt", receipt_tab(JobPage.receipt))),
        ("sandbox", Sandbox.create(src=JobPage.stream, usage=JobPage.usage, most=JobPage.limits)),
        ("events", EventList.create(src=JobPage.stream)),
        ("comments", _scroller("Comments", comments_tab())),
        rx.fragment(),
    )


def _result() -> rx.Component:
    none = rx.cond(
        JobPage.facts.is_over,
        rx.el.p("This job has no result, because it did not succeed.", class_name="t2"),
        rx.el.p("The result is shown here after the job succeeds.", class_name="t2"),
    )
    shown = rx.fragment(
        rx.cond(
            JobPage.facts.simulation != "",
            note(JobPage.facts.simulation, state="wait", style={"margin_bottom": "12px"}),
        ),
        Value.create(
            value=JobPage.result["value"],
            schema=JobPage.output_schema,
            project=Shell.project_slug,
            outputs=JobPage.outputs,
        ),
        rx.el.h2("As JSON", style={"margin": "24px 0 8px"}),
        JsonTree.create(value=JobPage.result["value"], name="result", label="Result as JSON"),
    )
    return rx.cond(JobPage.has_result, shown, none)


def _scroller(label: str, *children: Any) -> rx.Component:
    return rx.el.div(*children, class_name="scroll grow pad", tab_index=0, role="region", aria_label=label)
