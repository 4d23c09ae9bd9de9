"""The checklist of the first steps on the page of a new project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import reflex as rx

from backend.administration.projects.first_steps import FirstSteps
from studio.components.elements import button, link, tag
from studio.skills import SkillView

NEW_SKILL: Final = "/editor?new"
"""The end of the URL of the editor with the open dialog for a new skill."""


@dataclass
class Step:
    """A step with the page on which it is taken."""

    label: str
    text: str
    href: str
    is_done: bool


def steps_of(found: FirstSteps, project: str, skills: Sequence[SkillView]) -> list[Step]:
    """Return the steps of the checklist; none if it is complete or was dismissed."""
    if found.is_dismissed or found.is_complete:
        return []
    base = f"/p/{project}"
    run = f"{base}/play/{skills[0].play}" if skills else f"{base}/editor"
    return [
        Step(
            "Create a skill",
            "Choose what it is: an agent, a function, or a flow.",
            base + NEW_SKILL,
            found.has_skill,
        ),
        Step("Run a skill", "Fill in its inputs, and follow its steps live.", run, found.has_run),
        Step(
            "Publish",
            "Activate a version of your skills, which all callers then use.",
            f"{base}/editor",
            found.has_published,
        ),
        Step(
            "Create an API key",
            "Your application identifies itself with it.",
            f"{base}/settings/keys",
            found.has_key,
        ),
        Step(
            "Call it from your code",
            "Copy a snippet for curl, Python or TypeScript.",
            f"{base}/api",
            found.has_called,
        ),
    ]


def checklist(steps: rx.Var[list[Step]], progress: rx.Var[str], on_dismiss: Any) -> rx.Component:
    """Render the steps, which can be collapsed and dismissed."""
    return rx.cond(
        steps.length() > 0,
        rx.el.section(
            rx.el.details(
                rx.el.summary(rx.el.h2("First steps", class_name="grow"), tag(progress)),
                rx.el.ol(rx.foreach(steps, _step)),
                button(
                    "Dismiss", kind="quiet small", on_click=on_dismiss, aria_label="Dismiss the first steps"
                ),
                open=True,
                class_name="first-steps",
            ),
            aria_label="First steps",
        ),
    )


def _step(step: rx.Var[Step]) -> rx.Component:
    return rx.el.li(
        rx.cond(
            step.is_done,
            rx.icon("circle-check", size=16, color="var(--ok)"),
            rx.icon("circle", size=16, color="var(--t3)"),
        ),
        rx.el.span(
            link(step.label, href=step.href),
            rx.cond(step.is_done, rx.el.span(" (done)", class_name="hidden-label")),
            rx.el.span(step.text, class_name="t2"),
            class_name="col",
        ),
        key=step.label,
        custom_attrs={"data-done": rx.cond(step.is_done, "true", "false")},
    )
