"""The page: the skills of the active version, and the suites, cases, gate and insights of the selected one."""

from __future__ import annotations

from typing import Final

import reflex as rx

from studio.components.elements import link_button
from studio.components.jobs import UrlQuery
from studio.components.live import Pulse, Tabs
from studio.components.snippets import from_code
from studio.pages.evals import case_bulk, views
from studio.pages.evals.cases import cases_tab
from studio.pages.evals.from_jobs import from_jobs
from studio.pages.evals.gates import gate_tab
from studio.pages.evals.insights import insights_tab
from studio.pages.evals.matrix import matrix, trend
from studio.pages.evals.runs import suite
from studio.pages.evals.skills import SkillItem
from studio.pages.evals.start import start_suites
from studio.pages.evals.state import IDLE_S, LIVE_S, Evals
from studio.shell import Crumb, Shell, shell
from studio.skillpacks import pack_choice
from studio.typing_of_reflex import as_var

_TABS: Final = {"suites": "Suites", "cases": "Cases", "gate": "Gate and baseline", "findings": "Insights"}
_YAML: Final = (
    "evals:\n  dataset: cases.jsonl\n  graders:\n    - {name: form, kind: schema}\n"
    "    - {name: right, kind: exact_match}\n"
)


def page() -> rx.Component:
    """Render the selection of the skillpack, and the evals of its skills."""
    return shell(
        "evals",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Evals")],
        rx.el.h1("Evals", class_name="hidden-label"),
        UrlQuery.of(Evals),
        Pulse.create(seconds=rx.cond(Evals.is_live, LIVE_S, IDLE_S), on_tick=Evals.refresh),
        rx.cond(
            Evals.is_loaded,
            rx.cond(as_var(Evals.skills).length() > 0, _board(), _no_skills()),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[
            rx.cond(as_var(Evals.skills).length() > 0, views.menu()),
            pack_choice(Evals.packs, Evals.slug, Evals.pick_pack),
        ],
    )


def _board() -> rx.Component:
    has_graders = as_var(Evals.skill.graders).length() > 0
    return rx.el.div(
        rx.el.nav(rx.foreach(Evals.skills, _skill), class_name="skills", aria_label="Skills"),
        rx.el.div(
            Tabs.create(
                items=[{"id": tab, "label": label} for tab, label in _TABS.items()],
                current=Evals.tab,
                label="Evals",
                on_pick=Evals.pick_tab,
            ),
            rx.el.div(
                rx.cond(
                    Evals.tab == "findings",
                    insights_tab(),
                    rx.cond(
                        has_graders,
                        rx.match(
                            Evals.tab,
                            (
                                "cases",
                                rx.fragment(
                                    _heading("Cases"),
                                    case_bulk.selection_bar(),
                                    cases_tab(),
                                    case_bulk.dialog(),
                                ),
                            ),
                            ("gate", gate_tab()),
                            _suites(),
                        ),
                        _no_graders(),
                    ),
                ),
                class_name="scroll grow column",
                role="tabpanel",
                aria_label=rx.match(Evals.tab, *_TABS.items(), ""),
                tab_index=0,
                style={"gap": "20px", "max_width": "1240px"},
            ),
            class_name="col grow",
            style={"min_height": "0"},
        ),
        class_name="evals",
    )


def _skill(skill: rx.Var[SkillItem]) -> rx.Component:
    mark = rx.cond(
        skill.has_gate,
        rx.el.span("gate", class_name="tag"),
        rx.cond(skill.graders.length() == 0, rx.el.span("no graders", class_name="t3")),
    )
    return rx.el.button(
        rx.el.span(skill.name, class_name="cut grow"),
        mark,
        type="button",
        on_click=Evals.pick_skill(skill.name),
        key=skill.name,
        custom_attrs={"aria-pressed": rx.cond(skill.name == Evals.skill.name, "true", "false")},
    )


def _heading(what: str) -> rx.Component:
    starts = [start_suites()] if what == "Suites" else []
    return rx.el.div(
        rx.el.h2(f"{what} of ", Evals.skill.name, class_name="grow"),
        from_jobs(),
        *starts,
        class_name="row wrap",
    )


def _suites() -> rx.Component:
    has_suites = Evals.suite.id != ""
    return rx.cond(
        Evals.is_reading,
        rx.el.p("Loading suites…", class_name="t3"),
        rx.fragment(
            _heading("Suites"),
            rx.cond(
                ~Evals.has_cases,
                rx.el.p(
                    "A suite runs the skill on each case as a job, and graders score the results. There are no cases "
                    "yet: create some from finished jobs, or write a dataset.",
                    class_name="t2",
                ),
            ),
            rx.cond(has_suites | Evals.has_cases, matrix()),
            trend(),
            rx.cond(has_suites, suite()),
            rx.cond(
                ~has_suites & Shell.can_write,
                rx.el.div(from_code(Evals.code), style={"max_width": "680px"}),
            ),
        ),
    )


def _editor_link() -> rx.Component:
    return link_button(
        "Open the editor",
        href="/p/" + Shell.project_slug + "/editor?skillpack=" + Evals.slug,
        kind="pri",
    )


def _no_skills() -> rx.Component:
    """Render the empty state of a skillpack without a published version."""
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.h2("No skills to evaluate yet"),
                rx.el.p(
                    "Evals measure the quality of the skills of a version. A skill runs on its cases, graders score "
                    "the results, and a gate prevents the activation of a worse version. To start, publish a version.",
                    class_name="t2",
                ),
            ),
            rx.el.div(_editor_link()),
            rx.cond(Shell.can_write, from_code(Evals.push)),
            class_name="col",
            style={"gap": "14px"},
        ),
        class_name="scroll grow pad none-yet",
    )


def _no_graders() -> rx.Component:
    return rx.el.div(
        rx.el.h2(Evals.skill.name, " has no graders"),
        rx.el.p(
            "Graders score a run: your own function, a language model with a rubric, a comparison with the expected "
            "output, or the schema. They score every job, and the runs of suites before a version becomes active. Add "
            "them to skill.yaml:",
            class_name="t2",
        ),
        rx.el.pre(_YAML, class_name="code", tab_index=0),
        rx.el.div(_editor_link()),
        rx.cond(
            Shell.can_write,
            rx.fragment(
                rx.el.p(
                    "After a version with graders is active, you can run its cases here.", class_name="t2"
                ),
                from_code(Evals.code),
            ),
        ),
        class_name="col",
        style={"gap": "10px", "max_width": "640px"},
    )
