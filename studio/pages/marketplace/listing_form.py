"""The form that offers a skill to other projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.marketplace.schemas import ListingCreate
from studio.components.elements import button, field, note
from studio.components.live import Submit
from studio.forms import micros, parsed, text


def asked(typed: Mapping[str, Any]) -> ListingCreate:
    """What the form asks for.

    Raises:
        Invalid: with everything that is wrong.
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
    """Which skill, for how much, and which versions of it callers get."""
    return rx.el.form(
        rx.el.div(
            field(
                "Skill",
                "skill",
                rx.el.select,
                rx.foreach(skills, lambda name: rx.el.option(name, value=name)),
            ),
            field(
                "Name of the listing",
                "slug",
                rx.el.input,
                hint="In the whole instance. It stays.",
                class_name="in mono",
                placeholder="shouter",
                required=True,
                max_length=64,
                spell_check=False,
                auto_complete="off",
            ),
            field(
                "Dollars for each run",
                "price",
                rx.el.input,
                hint="That succeeds, beside what it costs itself. Empty: free.",
                input_mode="decimal",
                placeholder="0.05",
                auto_complete="off",
            ),
            class_name="three",
        ),
        field(
            "Callers get",
            "versions",
            rx.el.select,
            rx.el.option("the version that is active now, until you add another", value="pinned"),
            rx.el.option("each version that you activate, by itself", value="follows"),
        ),
        field(
            "Approvals",
            "approvals",
            rx.el.select,
            rx.el.option("Runs ask for none", value=""),
            rx.el.option("Callers approve calls, and see the tool and its arguments", value="show"),
            hint="For skills of a bundle with confirm: true.",
        ),
        field("Title", "title", rx.el.input, hint="Empty: the skill's own.", max_length=200),
        field(
            "Description",
            "description",
            rx.el.textarea,
            hint="Empty: the skill's own.",
            max_length=4000,
            rows=2,
        ),
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(
            Submit.create(label="Make a draft"),
            button("Not now", on_click=on_cancel),
            rx.el.span("Nobody else sees it before you publish it.", class_name="t3"),
            class_name="row wrap",
        ),
        on_submit=on_submit,
        class_name="form",
    )
