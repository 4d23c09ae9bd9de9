"""The newest suite of each version and model as a table, and the scores of suites as a chart."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.elements import action, tag
from studio.components.evals import Trend
from studio.pages.evals.state import Evals
from studio.pages.evals.suite_items import Cell, Row
from studio.shell import Shell
from studio.typing_of_reflex import as_var


def matrix() -> rx.Component:
    """Render the table; the cells of running suites are updated as their runs end."""
    return rx.el.div(
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    rx.el.th("Version", scope="col"),
                    rx.foreach(Evals.models, lambda name: rx.el.th(name, scope="col", title=name)),
                )
            ),
            rx.el.tbody(rx.foreach(Evals.matrix, _row)),
            class_name="tbl matrix",
            aria_label="Run matrix",
        ),
        class_name="pane wide",
        tab_index=0,
        role="region",
        aria_label="Scores by version and model",
    )


def trend() -> rx.Component:
    """Render the scores on the default model, if there are at least two."""
    on_model = rx.cond(Evals.skill.is_agent, " on the default model", "")
    return rx.cond(
        as_var(Evals.points).length() > 0,
        rx.el.figure(
            rx.el.figcaption(f"Mean score of each suite{on_model}, oldest first", class_name="cap"),
            Trend.create(points=Evals.points),
            class_name="trend",
        ),
    )


def _row(row: rx.Var[Row]) -> rx.Component:
    return rx.el.tr(
        rx.el.th(
            rx.el.span(f"v{row.version}", class_name="tag"),
            " ",
            rx.cond(row.is_active, tag("active", state="ok")),
            scope="row",
        ),
        rx.foreach(row.cells, lambda cell: rx.el.td(_cell(cell), key=cell.key)),
        key=row.version.to_string(),
    )


def _cell(cell: rx.Var[Cell]) -> rx.Component:
    on_model = rx.cond(Evals.skill.is_agent, f" on {cell.model_name}", "")
    run = action(
        "Run",
        kind="quiet small",
        aria_name=f"Run v{cell.version}{on_model}",
        on_act=lambda key: Evals.run_cell(cell.version, cell.model, key),
    )
    can_run = Shell.can_write & Evals.has_cases
    return rx.cond(
        cell.suite_id != "", _suite(cell), rx.cond(can_run, run, rx.el.span("Not run", class_name="t3"))
    )


def _suite(cell: rx.Var[Cell]) -> rx.Component:
    is_worse = cell.difference.startswith("−")
    mark: Any = rx.cond(cell.waiting != "", "wait", "")
    return rx.el.button(
        rx.el.span(
            rx.el.b(cell.score, class_name="score num"),
            rx.cond(
                cell.difference != "",
                rx.el.span(
                    cell.difference,
                    class_name=rx.cond(is_worse, "num fail-text", "num t3"),
                    title="Compared with " + cell.before,
                ),
            ),
            rx.cond(cell.good != "", tag(cell.good, state="ok")),
            rx.foreach(
                cell.tags,
                lambda label: rx.el.span(label, class_name="tag", title="No language model was used"),
            ),
            rx.cond(cell.waiting != "", tag(cell.waiting, state="wait")),
            rx.cond(cell.bad != "", tag(cell.bad, state="fail")),
            class_name="row",
        ),
        rx.el.span(cell.counts, class_name="t2 num"),
        rx.cond(
            cell.is_live,
            rx.el.span(
                rx.el.i(style={"width": f"{cell.share_pct}%"}),
                class_name="progress",
                role="progressbar",
                aria_label="Finished runs",
                custom_attrs={
                    "data-s": mark,
                    "aria-valuenow": cell.share_pct,
                    "aria-valuemin": 0,
                    "aria-valuemax": 100,
                },
            ),
        ),
        rx.cond(cell.reason != "", rx.el.span("Waiting: ", cell.reason, class_name="t3")),
        type="button",
        class_name="cell",
        title=cell.started,
        on_click=Evals.open_suite(cell.suite_id),
        custom_attrs={"aria-pressed": rx.cond(Evals.suite.id == cell.suite_id, "true", "false")},
    )
