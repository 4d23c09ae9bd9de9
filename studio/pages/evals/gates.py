"""The gate of the skill, its baseline, and its graders."""

from __future__ import annotations

from typing import Final

import reflex as rx

from studio.components.elements import code, link
from studio.pages.evals.skills import GraderItem
from studio.pages.evals.state import Evals
from studio.shell import Shell

_GATE: Final = """\
evals:
  dataset: cases.jsonl
  gate: {threshold: 90, repeat: 3}
  graders:
    - {name: form, kind: schema}
"""


def gate_tab() -> rx.Component:
    """Render the condition of the gate, the suite with which gates compare, and the graders."""
    return rx.el.section(
        _gate(), _baseline(), _graders(), aria_label="Gate", class_name="col", style={"gap": "24px"}
    )


def _gate() -> rx.Component:
    skill = Evals.skill
    editor = "/p/" + Shell.project_slug + "/editor?skillpack=" + Evals.slug
    return rx.el.div(
        rx.el.h2("Gate"),
        rx.el.p(
            rx.cond(
                skill.has_gate,
                skill.gate,
                "No gate: versions become active without running their cases. With a gate, the cases must pass first.",
            ),
            class_name="t2",
        ),
        rx.el.p(
            "The gate is part of the skill and is versioned with it. ",
            link("Edit skill.yaml", href=editor),
            class_name="t2",
        ),
        rx.cond(~skill.has_gate, rx.el.div(code(_GATE), style={"margin_top": "8px"})),
    )


def _baseline() -> rx.Component:
    return rx.el.div(
        rx.el.h2("Baseline"),
        rx.cond(
            Evals.baseline.id != "",
            rx.el.p(
                "Gates reject versions that are worse than the suite of ",
                _suite(Evals.baseline.label, Evals.baseline.id),
                ".",
                class_name="t2",
            ),
            rx.el.p(
                "No baseline: gates do not compare versions. Review a suite with good results and set it as the "
                "baseline; later versions must not be worse.",
                class_name="t2",
            ),
        ),
        rx.cond(
            Evals.latest.id != "",
            rx.el.p("Latest suite: ", _suite(Evals.latest.label, Evals.latest.id), class_name="t2"),
        ),
    )


def _suite(label: rx.Var[str], suite_id: rx.Var[str]) -> rx.Component:
    return rx.el.button(label, type="button", class_name="plain-link", on_click=Evals.open_suite(suite_id))


def _graders() -> rx.Component:
    return rx.el.div(
        rx.el.h2("Graders"),
        rx.el.ul(rx.foreach(Evals.skill.graders, _grader), class_name="problems"),
    )


def _grader(grader: rx.Var[GraderItem]) -> rx.Component:
    return rx.el.li(
        rx.el.span(
            rx.el.span(grader.name, class_name="strong"), " ", rx.el.span(grader.kind, class_name="t3")
        ),
        rx.el.span(grader.rule, class_name="t2"),
        key=grader.name,
    )
