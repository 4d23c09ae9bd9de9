"""Wrappers of the widgets of the playground: the form, the prompt, the run of a column, and what is made of runs.

The inputs that the user types, and the jobs that have ended, stay in the browser, where these widgets share them.
"""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.actions import watched
from studio.components.event_arguments import none, one, two
from studio.skills import ExampleView


class PlayForm(rx.Component):
    """The form of the inputs. The keys of a run work on the whole page; `on_run` receives inputs and action key."""

    library = "$/public/ui/play/play_form.tsx"
    tag = "PlayForm"
    schema: rx.Var[dict[str, Any]]
    value: rx.Var[dict[str, Any]]
    filled: rx.Var[int]
    """Increases when `value` is to replace the inputs."""
    examples: rx.Var[list[ExampleView]]
    errors: rx.Var[dict[str, str]]
    project: rx.Var[str]
    csrf: rx.Var[str]
    can_run: rx.Var[bool]
    busy: rx.Var[bool]
    label: rx.Var[str]
    estimate: rx.Var[str]
    """URL of the estimate of the cost of a run; empty if there is none."""
    stamp: rx.Var[int]
    """The estimate is read again after it has changed."""
    settled: rx.Var[str]
    on_settle: rx.EventHandler[one]
    on_run: rx.EventHandler[two]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the form with the key of its submission."""
        return super().create(*children, **watched(), **props)


class _OfSkill(rx.Component):
    """A widget for a skill of a skillpack."""

    project: rx.Var[str]
    csrf: rx.Var[str]
    skill: rx.Var[str]
    skillpack: rx.Var[str]


class PromptOfColumn(_OfSkill):
    """A button with a dialog to edit the prompt of a column.

    `on_change` and `on_restore` receive the form of the prompt in the URL, and its path and text.
    """

    library = "$/public/ui/play/prompt.tsx"
    tag = "PromptOfColumn"
    version: rx.Var[str]
    number: rx.Var[int]
    in_url: rx.Var[str]
    on_change: rx.EventHandler[two]
    on_restore: rx.EventHandler[two]


class RunButton(rx.Component):
    """A button that runs one column; `on_run` receives the inputs of the form and the key of the action."""

    library = "$/public/ui/play/run_button.tsx"
    tag = "RunButton"
    label: rx.Var[str]
    on_run: rx.EventHandler[two]


class ColumnRun(rx.Component):
    """The run of a column, updated live; differences from the results of the other `jobs` are marked."""

    library = "$/public/ui/play/column_run.tsx"
    tag = "ColumnRun"
    project: rx.Var[str]
    skillpack: rx.Var[str]
    job: rx.Var[str]
    jobs: rx.Var[list[str]]
    view: rx.Var[str]
    is_agent: rx.Var[bool]
    output_schema: rx.Var[dict[str, Any]]
    can_write: rx.Var[bool]
    on_ended: rx.EventHandler[one]


class Differences(rx.Component):
    """The number of values that differ between the results of jobs; nothing for fewer than two results."""

    library = "$/public/ui/play/differences.tsx"
    tag = "Differences"
    jobs: rx.Var[list[str]]


class SaveMenu(_OfSkill):
    """Buttons that save inputs and runs as an example or an eval case, or show them as code."""

    library = "$/public/ui/play/save_menu.tsx"
    tag = "SaveMenu"
    full_name: rx.Var[str]
    can_write: rx.Var[bool]
    columns: rx.Var[list[Any]]
    schema: rx.Var[dict[str, Any]]
    on_example: rx.EventHandler[none]


class InputsInNotebook(_OfSkill):
    """A button that opens the inputs of the form in a new notebook."""

    library = "$/public/ui/play/notebook.tsx"
    tag = "InputsInNotebook"
    on_error: rx.EventHandler[one]
