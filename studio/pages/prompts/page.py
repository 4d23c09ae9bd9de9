"""The page of prompts: the table of the versions, and two of them side by side."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import button, empty, link, link_button, note, tag
from studio.components.jobs import UrlQuery
from studio.components.live import Ago, Submit
from studio.components.prompts import WordDiff
from studio.pages.prompts.state import DRAFT, PromptItem, Prompts
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

_HEADS: Final = (
    ("Version", "", "130px"),
    ("Labels", "", "210px"),
    ("Deployments", "", "160px"),
    ("Author", "", ""),
    ("Jobs (30 d)", "num", "86px"),
    ("Succeeded", "num", "86px"),
    ("p50 cost", "num", "82px"),
    ("Eval score", "num", "82px"),
    ("Created", "num", "100px"),
)
_SUGGESTIONS: Final = ("candidate", "approved")


def page() -> rx.Component:
    """Render the versions of the prompt of an agent, or the empty state."""
    base = "/p/" + Shell.project_slug
    selection = rx.cond(
        as_var(Prompts.agents).length() > 1,
        rx.el.select(
            rx.foreach(
                Prompts.agents,
                lambda one: rx.el.option(one.full_name, value=one.pack + " " + one.name),
            ),
            value=Prompts.pack + " " + Prompts.skill,
            on_change=Prompts.pick_agent,
            aria_label="Agent",
            class_name="in",
            style={"max_width": "180px"},
        ),
    )
    return shell(
        "prompts",
        [Crumb(Shell.project_name, base), Crumb("Prompts", base + "/prompts"), Crumb(Prompts.full_name)],
        rx.el.h1("Prompts", class_name="hidden-label"),
        UrlQuery.of(Prompts),
        rx.cond(
            Prompts.is_loaded,
            rx.cond(as_var(Prompts.rows).length() > 0, _versions(), _none_yet(base)),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[selection],
    )


def _versions() -> rx.Component:
    return rx.el.div(
        rx.cond(Prompts.job_id != "", _of_job()),
        rx.cond(
            ~Prompts.is_complete,
            note("More deployments are to be read. ", button("Read more", on_click=Prompts.more)),
        ),
        rx.el.div(
            rx.el.table(
                rx.el.thead(rx.el.tr(*[_head(*head) for head in _HEADS])),
                rx.el.tbody(rx.foreach(Prompts.rows, _row)),
                class_name="tbl prompts",
                aria_label="Versions of the prompt",
            ),
            class_name="scroll-x",
            role="region",
            aria_label="Versions of the prompt",
            tab_index=0,
        ),
        _comparison(),
        rx.el.datalist(*[rx.el.option(value=one) for one in _SUGGESTIONS], id="prompt-labels"),
        class_name="scroll grow col prompts-page",
        tab_index=-1,
    )


def _head(label: str, kind: str, width: str) -> rx.Component:
    return rx.el.th(label, scope="col", class_name=kind, style={"width": width} if width else {})


def _of_job() -> rx.Component:
    return note(
        "This job has used ",
        rx.cond(
            Prompts.job_number != "",
            rx.el.b("prompt ", Prompts.job_number, "."),
            "a prompt that is not among these versions.",
        ),
        " ",
        link("Open the job", href="/p/" + Shell.project_slug + "/jobs/" + Prompts.job_id),
        " ",
        rx.cond(
            Shell.can_write & (Prompts.job_play != ""),
            link("Try its inputs on the draft", href=Prompts.job_play),
        ),
    )


def _row(one: rx.Var[PromptItem]) -> rx.Component:
    is_draft = one.number == DRAFT
    return rx.el.tr(
        rx.el.td(
            rx.el.button(
                one.title,
                type="button",
                class_name="btn quiet small",
                on_click=Prompts.show(one.number),
                disabled=~one.is_stored,
                title=rx.cond(
                    one.is_stored,
                    "Compare with the version before",
                    "Its deployments are deleted, so its text is not stored any more",
                ),
                custom_attrs={"aria-pressed": rx.cond(Prompts.head == one.number, "true", "false")},
            ),
            rx.cond(Prompts.job_number == one.number, tag("this job", state="ok")),
        ),
        rx.el.td(rx.cond(is_draft, None, _labels(one)), class_name="labels"),
        rx.el.td(
            rx.el.span(rx.cond(is_draft, "not published", one.deployments), class_name="t2"),
            rx.foreach(one.active_in, lambda name: tag(name)),
            title=rx.cond(one.used_in != "", "Jobs in " + one.used_in, ""),
        ),
        rx.el.td(one.author, class_name="t2 cut", title=one.author),
        rx.el.td(one.jobs, class_name="num"),
        rx.el.td(one.success, class_name="num"),
        rx.el.td(one.cost, class_name="num"),
        rx.el.td(one.score, class_name="num"),
        rx.el.td(rx.cond(is_draft, "", Ago.create(moment=one.created_at)), class_name="num t3"),
        key=one.number,
    )


def _labels(one: rx.Var[PromptItem]) -> rx.Component:
    return rx.el.div(
        rx.foreach(one.labels, lambda label: _label(one, label)),
        rx.cond(
            Shell.can_write,
            rx.cond(
                Prompts.labeling == one.number,
                _label_form(),
                rx.el.button(
                    "Label…",
                    type="button",
                    class_name="btn quiet small",
                    aria_label=f"Label {one.title}",
                    on_click=Prompts.start_label(one.number),
                ),
            ),
        ),
        class_name="row wrap",
        style={"gap": "4px"},
    )


def _label(one: rx.Var[PromptItem], label: rx.Var[str]) -> rx.Component:
    remove = rx.el.button(
        "✕",
        type="button",
        class_name="bare",
        aria_label=f"Remove label {label} of {one.title}",
        on_click=Prompts.remove_label(label),
    )
    return rx.el.span(label, rx.cond(Shell.can_write, remove), class_name="tag", key=label)


def _label_form() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            class_name="in small",
            placeholder="candidate",
            aria_label="Label",
            name="label",
            max_length=40,
            auto_focus=True,
            list="prompt-labels",
        ),
        Submit.create(label="Set", kind="pri small"),
        button("Cancel", kind="small", on_click=Prompts.cancel_label),
        rx.cond(Prompts.problem != "", rx.el.span(Prompts.problem, class_name="err", role="alert")),
        on_submit=Prompts.add_label,
        class_name="row wrap",
    )


def _comparison() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            _pick("base", "Compare", Prompts.base),
            rx.el.span("with", class_name="t2"),
            _pick("head", "With", Prompts.head),
            rx.el.span(class_name="grow"),
            link_button("Playground", href=Prompts.play, icon="flask-conical"),
            class_name="row wrap pane-head",
        ),
        rx.el.div(
            rx.foreach(Prompts.rows, lambda one: rx.cond(one.number == Prompts.base, _numbers(one))),
            rx.foreach(Prompts.rows, lambda one: rx.cond(one.number == Prompts.head, _numbers(one))),
            class_name="sides",
        ),
        WordDiff.create(
            before=Prompts.before,
            after=Prompts.after,
            before_label=_title(Prompts.base),
            after_label=_title(Prompts.head),
        ),
        aria_label="Comparison",
    )


def _title(number: Any) -> Any:
    return rx.cond(number == DRAFT, "Draft", "Prompt " + number)


def _numbers(one: rx.Var[PromptItem]) -> rx.Component:
    """Render the numbers of one side of the comparison."""
    return rx.el.dl(
        *[
            rx.el.div(rx.el.dt(label), rx.el.dd(rx.cond(value == "", "–", value)))
            for label, value in (
                ("Jobs (30 d)", one.jobs),
                ("Succeeded", one.success),
                ("p50 cost", one.cost),
                ("Eval score", one.score),
            )
        ],
        aria_label=f"Numbers of {one.title}",
    )


def _pick(side: str, label: str, value: rx.Var[str]) -> rx.Component:
    return rx.el.select(
        rx.foreach(
            Prompts.rows,
            lambda one: rx.el.option(one.title, value=one.number, disabled=~one.is_stored),
        ),
        value=value,
        on_change=lambda number: Prompts.pick(side, number),
        aria_label=label,
        class_name="in",
    )


def _none_yet(base: Any) -> rx.Component:
    return empty(
        "message-square-quote",
        "No agents yet",
        "This page shows each version of the prompt of an agent, with its deployments, success rate, cost and eval "
        "score, and compares any two of them.",
        link_button("Open the editor", href=base + "/editor", icon="file-code-2", kind="pri"),
    )
