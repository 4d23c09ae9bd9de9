"""A column of the playground: its version, model and prompt, and its run."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.elements import link, tag
from studio.components.play import ColumnRun, PromptOfColumn, RunButton
from studio.pages.play.choices import VersionOption
from studio.pages.play.columns import DRAFT, Column
from studio.pages.play.state import Play
from studio.shell import Shell
from studio.typing_of_reflex import as_var


def column(one: rx.Var[Column], place: rx.Var[int]) -> rx.Component:
    """Render a column."""
    number = place + 1
    return rx.el.article(
        rx.el.div(
            rx.el.div(
                _version(one, number),
                rx.el.span(class_name="grow"),
                rx.cond(as_var(Play.columns).length() > 1, _of_many(one, number)),
                class_name="row",
            ),
            rx.cond(one.is_agent, _of_agent(one, number)),
            class_name="column-head",
        ),
        rx.cond(one.failure != "", _line_note(one.failure, state="fail")),
        rx.cond(as_var(one.refusal).length() > 0, _refusal(one)),
        rx.cond(one.job != "", _run(one), rx.cond(as_var(one.refusal).length() == 0, _before(one))),
        class_name="column-of-play",
        aria_label=_named("Column", number),
        key=one.key,
    )


def _named(text: str, number: rx.Var[int]) -> rx.Var[str]:
    return rx.Var.create(f"{text} ") + number.to_string()


def _version(one: rx.Var[Column], number: rx.Var[int]) -> rx.Component:
    active = rx.cond(Play.active != "", "v" + Play.active + " (active)", "Active version")
    return rx.el.select(
        rx.el.option(active, value=""),
        rx.foreach(Play.versions, lambda version: _option(version, one)),
        rx.cond(Shell.can_write, rx.el.option("Draft", value=DRAFT)),
        value=one.version,
        on_change=lambda version: Play.pick_version(one.key, version),
        aria_label=_named("Version of column", number),
        class_name="in",
    )


def _option(version: rx.Var[VersionOption], one: rx.Var[Column]) -> rx.Component:
    """Render a version. The active one is the first option, unless the column has chosen it by its number."""
    is_listed = (version.number != Play.active) | (version.number == one.version)
    return rx.cond(is_listed, rx.el.option(version.label, value=version.number))


def _of_many(one: rx.Var[Column], number: rx.Var[int]) -> rx.Component:
    return rx.fragment(
        rx.cond(
            Shell.can_write,
            RunButton.create(
                label=_named("Run column", number),
                on_run=lambda inputs, key: Play.run_one(one.key, inputs, key),
            ),
        ),
        rx.el.button(
            "✕",
            type="button",
            class_name="btn quiet icon",
            aria_label=_named("Remove column", number),
            on_click=Play.remove(one.key),
        ),
    )


def _of_agent(one: rx.Var[Column], number: rx.Var[int]) -> rx.Component:
    model = rx.el.select(
        rx.el.option(
            rx.cond(one.default_model != "", one.default_model + " (default)", "Default model"), value=""
        ),
        rx.cond(one.has_other_model, rx.el.option(one.model, value=one.model)),
        rx.foreach(Play.models, lambda model: rx.el.option(model.label, value=model.slug)),
        value=one.model,
        on_change=lambda slug: Play.pick_model(one.key, slug),
        aria_label=_named("Model of column", number),
        class_name="in",
    )
    prompt = PromptOfColumn.create(
        project=Shell.project_slug,
        csrf=Shell.csrf,
        skill=Play.name,
        skillpack=Play.skillpack,
        version=rx.cond(one.version == "", Play.active, one.version),
        number=number,
        in_url=one.prompt,
        on_change=lambda in_url, edited: Play.edit_prompt(one.key, in_url, edited),
        on_restore=lambda in_url, edited: Play.restore_prompt(one.key, in_url, edited),
    )
    return rx.el.div(model, rx.cond(Shell.can_write, prompt), class_name="row")


def _line_note(*children: Any, state: Any) -> rx.Component:
    return rx.el.div(*children, class_name="note line-note", role="alert", custom_attrs={"data-s": state})


def _refusal(one: rx.Var[Column]) -> rx.Component:
    """Render why the job was not submitted; if the wallet is too low, its balance and how to add credit."""
    usage = "/p/" + Shell.project_slug + "/usage"
    top_up = rx.el.span("puras-studio topup " + Shell.project_slug + " 5", class_name="mono")
    is_money = one.balance != ""
    return _line_note(
        rx.foreach(one.refusal, lambda text: rx.el.p(text)),
        rx.cond(
            is_money,
            rx.el.p(
                one.balance,
                " An operator of the instance adds credit with ",
                top_up,
                ". ",
                link("Usage and wallet", href=usage),
            ),
        ),
        rx.cond(one.is_budget, rx.el.p(link("Budgets of the project", href=usage))),
        state=rx.cond(is_money, "wait", "fail"),
    )


def _before(one: rx.Var[Column]) -> rx.Component:
    how = rx.cond(
        as_var(Play.columns).length() > 1,
        "Differences between the results are highlighted.",
        "A run is a normal job. Click Compare… to run another version, model or prompt alongside it.",
    )
    return rx.el.div(
        rx.el.p("Fill in the form and run the skill. Its steps appear here while it runs.", class_name="t2"),
        rx.el.p(how, class_name="t3"),
        rx.cond(one.number != "", tag(one.number)),
        class_name="col nothing",
    )


def _run(one: rx.Var[Column]) -> rx.Component:
    return ColumnRun.create(
        project=Shell.project_slug,
        skillpack=Play.skillpack,
        job=one.job,
        jobs=Play.jobs,
        view=Play.view,
        is_agent=one.is_agent,
        output_schema=one.output_schema,
        can_write=Shell.can_write,
        on_ended=Play.end,
        key=one.job,
    )
