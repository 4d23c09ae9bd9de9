"""The form of an annotation queue: its name, instructions, filter and rubric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import reflex as rx

from backend.evals.annotations.schemas import MAX_CRITERIA, AnnotationQueueRead, Criterion
from studio.components.elements import button, field
from studio.forms import text
from studio.pages.jobs.query import FILTERS

KINDS: Final = {"score": "Score from 0 to 1", "yes_no": "Yes or no", "category": "Category"}
ENDED: Final = {"": "Any result", "succeeded": "Succeeded", "failed": "Failed", "cancelled": "Canceled"}
_KEY_CHARACTERS: Final = 40
_SHOWN_FILTERS: Final = ("status", "skill", "environment", "q")


@dataclass
class CriterionRow:
    """A criterion in the form."""

    uid: str
    key: str
    label: str
    kind: str
    categories: str
    """Separated by commas."""
    description: str
    is_required: bool


def new_row(label: str = "", kind: str = "score") -> CriterionRow:
    """Return an empty criterion."""
    return CriterionRow(uuid4().hex, "", label, kind, "", "", True)


def rows_of(queue: AnnotationQueueRead) -> list[CriterionRow]:
    """Return the rubric of a queue as it is in the form."""
    return [
        CriterionRow(
            uuid4().hex,
            one.key,
            one.label,
            one.kind,
            ", ".join(one.categories),
            one.description,
            one.required,
        )
        for one in queue.rubric
    ]


def typed_rows(typed: Mapping[str, Any], rows: Sequence[CriterionRow]) -> list[CriterionRow]:
    """Return the criteria with what the form contains."""
    return [
        CriterionRow(
            row.uid,
            row.key,
            text(typed, f"label_{row.uid}"),
            text(typed, f"kind_{row.uid}") or row.kind,
            text(typed, f"categories_{row.uid}"),
            text(typed, f"description_{row.uid}"),
            f"required_{row.uid}" in typed and bool(typed[f"required_{row.uid}"]),
        )
        for row in rows
    ]


def body_of(
    typed: Mapping[str, Any], rows: Sequence[CriterionRow], others: Mapping[str, str]
) -> dict[str, Any]:
    """Return the form as the body of a request.

    Args:
        typed: The fields of the form.
        rows: The criteria of the form.
        others: Conditions of the filter that the form does not show.
    """
    conditions = {**others, **{name: text(typed, name) for name in _SHOWN_FILTERS}}
    wanted = {name: value for name, value in conditions.items() if value}
    keys: set[str] = {row.key for row in rows if row.key}
    return {
        "name": text(typed, "name"),
        "instructions": text(typed, "instructions"),
        "filter": wanted if text(typed, "source_of_jobs") == "filter" else None,
        "rubric": [_criterion(row, keys) for row in rows],
    }


def hidden_filters(conditions: Mapping[str, str]) -> dict[str, str]:
    """Return the conditions that the form does not show."""
    return {name: conditions[name] for name in FILTERS if conditions.get(name) and name not in _SHOWN_FILTERS}


def described(criteria: Sequence[Criterion]) -> str:
    """Return the labels of a rubric as text."""
    return ", ".join(one.label for one in criteria)


def _criterion(row: CriterionRow, keys: set[str]) -> dict[str, Any]:
    key = row.key
    if not key:
        plain = re.sub(r"[^a-z0-9]+", "_", row.label.lower()).strip("_")
        name = plain if plain[:1].isalpha() else f"criterion_{plain}".strip("_")
        key, number = name[:_KEY_CHARACTERS], 2
        while key in keys:
            key, number = f"{name[: _KEY_CHARACTERS - 3]}_{number}", number + 1
        keys.add(key)
    categories = [one.strip() for one in row.categories.split(",") if one.strip()]
    return {
        "key": key,
        "label": row.label,
        "kind": row.kind,
        "description": row.description,
        "categories": categories if row.kind == "category" else [],
        "required": row.is_required,
    }


def criterion_fields(row: rx.Var[CriterionRow], *, on_kind: Any, on_remove: Any) -> rx.Component:
    """Render a criterion of the form."""
    return rx.el.li(
        rx.el.div(
            rx.el.input(
                name=f"label_{row.uid}",
                default_value=row.label,
                placeholder="Name, such as Accuracy",
                aria_label="Name of the criterion",
                max_length=100,
                required=True,
                class_name="in grow",
            ),
            rx.el.select(
                *[rx.el.option(label, value=kind) for kind, label in KINDS.items()],
                name=f"kind_{row.uid}",
                value=row.kind,
                on_change=on_kind,
                aria_label="Kind of the criterion",
                class_name="in",
            ),
            rx.el.label(
                rx.el.input(type="checkbox", name=f"required_{row.uid}", default_checked=row.is_required),
                "Required",
                class_name="row",
                style={"gap": "6px"},
            ),
            button("Remove", kind="small quiet", on_click=on_remove),
            class_name="row wrap",
        ),
        rx.cond(
            row.kind == "category",
            rx.el.input(
                name=f"categories_{row.uid}",
                default_value=row.categories,
                placeholder="Categories, separated by commas: correct, partly correct, wrong",
                aria_label="Categories, separated by commas",
                class_name="in",
            ),
        ),
        rx.el.input(
            name=f"description_{row.uid}",
            default_value=row.description,
            placeholder="How to choose the value (optional)",
            aria_label="Description of the criterion",
            max_length=1_000,
            class_name="in",
        ),
        key=row.uid,
    )


def filter_fields(
    skills: rx.Var[list[str]], conditions: rx.Var[dict[str, str]], others: rx.Var[str]
) -> rx.Component:
    """Render the conditions of the jobs that are added automatically."""
    return rx.el.div(
        field(
            "Result",
            "status",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in ENDED.items()],
            default_value=conditions["status"],
        ),
        field(
            "Skill",
            "skill",
            rx.el.input,
            default_value=conditions["skill"],
            placeholder="All skills",
            list="queue-skills",
        ),
        field(
            "Environment",
            "environment",
            rx.el.select,
            *[
                rx.el.option(label, value=value)
                for value, label in {
                    "": "Any environment",
                    "development": "development",
                    "staging": "staging",
                    "production": "production",
                }.items()
            ],
            default_value=conditions["environment"],
        ),
        field(
            "Text",
            "q",
            rx.el.input,
            default_value=conditions["q"],
            max_length=200,
            hint="A part of the ID, the skill, the error or the metadata.",
        ),
        rx.el.datalist(rx.foreach(skills, lambda name: rx.el.option(value=name)), id="queue-skills"),
        rx.cond(others != "", rx.el.p("Also: ", others, class_name="t2")),
        class_name="col filter-of-queue",
    )


def may_add(rows: Any) -> Any:
    """Return whether the rubric can have another criterion."""
    return rows.length() < MAX_CRITERIA
