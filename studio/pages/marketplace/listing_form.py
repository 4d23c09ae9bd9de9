"""The form that creates a listing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.marketplace.schemas import ListingCreate
from studio.components.elements import button, field, note
from studio.components.live import Submit
from studio.forms import micros, parsed, text


def listing_of(typed: Mapping[str, Any]) -> ListingCreate:
    """Return the listing of the form.

    Raises:
        Invalid: If a field is invalid; it contains all problems.
    """
    values = {
        "slug": text(typed, "slug"),
        "skill": text(typed, "skill"),
        "price_micros": micros(typed, "price") or 0,
        "follows_active": text(typed, "versions") == "follows",
        "shows_approvals": text(typed, "approvals") == "show",
        "title": text(typed, "title") or None,
        "description": text(typed, "description") or None,
    }
    return parsed(ListingCreate, values)


def form(skills: rx.Var[list[str]], on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the fields: the skill, its price, and the versions that callers get."""
    return rx.el.form(
        rx.el.div(
            field(
                "Skill",
                "skill",
                rx.el.select,
                rx.foreach(skills, lambda name: rx.el.option(name, value=name)),
            ),
            field(
                "Listing name",
                "slug",
                rx.el.input,
                hint="Unique in the instance. It cannot be changed.",
                class_name="in mono",
                placeholder="shouter",
                required=True,
                max_length=64,
                spell_check=False,
                auto_complete="off",
            ),
            field(
                "Price per run (USD)",
                "price",
                rx.el.input,
                hint="Charged for succeeded runs, in addition to usage. Leave empty for free.",
                input_mode="decimal",
                placeholder="0.05",
                auto_complete="off",
            ),
            class_name="three",
        ),
        field(
            "Versions",
            "versions",
            rx.el.select,
            rx.el.option("Pinned: the active version, until you add another one", value="pinned"),
            rx.el.option("Automatic: each version that you activate", value="follows"),
        ),
        field(
            "Approvals",
            "approvals",
            rx.el.select,
            rx.el.option("No approvals", value=""),
            rx.el.option("Callers approve calls and see the tool and its arguments", value="show"),
            hint="For skills with confirm: true.",
        ),
        field("Title", "title", rx.el.input, hint="Leave empty to use that of the skill.", max_length=200),
        field(
            "Description",
            "description",
            rx.el.textarea,
            hint="Leave empty to use that of the skill.",
            max_length=4000,
            rows=2,
        ),
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(
            Submit.create(label="Create draft"),
            button("Cancel", on_click=on_cancel),
            rx.el.span("Other projects see the listing after you publish it.", class_name="t3"),
            class_name="row wrap",
        ),
        on_submit=on_submit,
        class_name="form",
    )
