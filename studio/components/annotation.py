"""Wrappers of the widgets of annotation queues and comments."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.actions import watched
from studio.components.event_arguments import none, one, two


class TopicChanges(rx.Component):
    """An invisible component that calls `on_change` when a topic of a project, or of a job, may have changed."""

    library = "$/public/ui/topic.tsx"
    tag = "TopicChanges"
    project: rx.Var[str]
    topic: rx.Var[str]
    job: rx.Var[str]
    on_change: rx.EventHandler[none]


class HashTarget(rx.Component):
    """An invisible component that scrolls to the element that the URL names; `count` is the number of elements."""

    library = "$/public/ui/hash_target.tsx"
    tag = "HashTarget"
    count: rx.Var[int]


class Markdown(rx.Component):
    """Rendered Markdown. HTML in it is shown as text, and nothing that it references is loaded."""

    library = "$/public/ui/markdown.tsx"
    tag = "Markdown"
    text: rx.Var[str]


class RubricForm(rx.Component):
    """The rubric of a job, with keyboard shortcuts; `on_save` receives the review and the action key."""

    library = "$/public/ui/annotation/rubric_form.tsx"
    tag = "RubricForm"
    subject: rx.Var[str]
    rubric: rx.Var[list[dict[str, Any]]]
    scores: rx.Var[dict[str, Any]]
    comment: rx.Var[str]
    corrected: rx.Var[str]
    output: rx.Var[str]
    is_text: rx.Var[bool]
    steps: rx.Var[list[str]]
    step: rx.Var[str]
    problem: rx.Var[str]
    can_go_back: rx.Var[bool]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[one]
    on_save: rx.EventHandler[two]
    on_skip: rx.EventHandler[none]
    on_next: rx.EventHandler[none]
    on_previous: rx.EventHandler[none]
    on_step: rx.EventHandler[one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the form, which is busy while it is saved."""
        return super().create(*children, **watched(), **props)
