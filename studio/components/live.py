"""Wrappers of our own JSX in `assets/ui`: what needs the browser's clock, a stream, or a schema known at run time."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.actions import watched


def _no_arguments() -> list[Any]:
    return []


def _one(value: rx.Var[Any]) -> list[rx.Var[Any]]:
    return [value]


def _two(value: rx.Var[Any], key: rx.Var[str]) -> list[rx.Var[Any]]:
    return [value, key]


class Ago(rx.Component):
    """How long ago a moment was; the exact one on hover."""

    library = "$/public/ui/time.jsx"
    tag = "Ago"
    moment: rx.Var[str]


class Elapsed(rx.Component):
    """Time from `start` to `end`; ticks while there is no end."""

    library = "$/public/ui/time.jsx"
    tag = "Elapsed"
    start: rx.Var[str]
    end: rx.Var[str]


class Pulse(rx.Component):
    """Calls `on_beat` every so many seconds while somebody looks at the page."""

    library = "$/public/ui/time.jsx"
    tag = "Pulse"
    seconds: rx.Var[float]
    on_beat: rx.EventHandler[_no_arguments]


class Copy(rx.Component):
    """A button that copies a text."""

    library = "$/public/ui/controls.jsx"
    tag = "Copy"
    text: rx.Var[str]
    label: rx.Var[str]
    bare: rx.Var[bool]


class Confirm(rx.Component):
    """A button that asks before it acts; `typed` is what must be typed first, where that is not empty.

    `keys` is the key that presses it; `on_confirm` gets the key with which the server does the action once.
    """

    library = "$/public/ui/controls.jsx"
    tag = "Confirm"
    label: rx.Var[str]
    title: rx.Var[str]
    text: rx.Var[str]
    confirm: rx.Var[str]
    kind: rx.Var[str]
    typed: rx.Var[str]
    keys: rx.Var[str]
    disabled: rx.Var[bool]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[_one]
    on_confirm: rx.EventHandler[_one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the button, busy while its action is under way."""
        return super().create(*children, **watched(), **props)


class Action(rx.Component):
    """A button for an action with effects: busy while it is under way; `on_act` gets the action's key."""

    library = "$/public/ui/action.jsx"
    tag = "Action"
    label: rx.Var[str]
    kind: rx.Var[str]
    title: rx.Var[str]
    aria_name: rx.Var[str]
    keys: rx.Var[str]
    key_label: rx.Var[str]
    disabled: rx.Var[bool]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[_one]
    on_act: rx.EventHandler[_one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the button; its children are drawn before the label."""
        return super().create(*children, **watched(), **props)


class Submit(rx.Component):
    """The button that sends its form, busy while the form's action is under way."""

    library = "$/public/ui/action.jsx"
    tag = "Submit"
    label: rx.Var[str]
    kind: rx.Var[str]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[_one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the button and the hidden field with the action's key."""
        return super().create(*children, **watched(), **props)


class Tabs(rx.Component):
    """Tabs with arrow keys; `items` are `{id, label}`. The address names the picked one as `param`, if given."""

    library = "$/public/ui/controls.jsx"
    tag = "Tabs"
    items: rx.Var[list[dict[str, str]]]
    current: rx.Var[str]
    label: rx.Var[str]
    param: rx.Var[str]
    on_pick: rx.EventHandler[_one]


class Split(rx.Component):
    """Two panes side by side, with a bar between them that is moved; `name` is what its place is kept under."""

    library = "$/public/ui/split.jsx"
    tag = "Split"
    name: rx.Var[str]
    label: rx.Var[str]
    initial: rx.Var[int]


class Json(rx.Component):
    """JSON, coloured."""

    library = "$/public/ui/value.jsx"
    tag = "Json"
    value: rx.Var[Any]


class Value(rx.Component):
    """A value as its schema says it should be seen."""

    library = "$/public/ui/value.jsx"
    tag = "Value"
    value: rx.Var[Any]
    schema: rx.Var[dict[str, Any]]
    project: rx.Var[str]
    outputs: rx.Var[list[dict[str, Any]]]


class SchemaForm(rx.Component):
    """A form made from an input schema, with raw JSON beside it."""

    library = "$/public/ui/form.jsx"
    tag = "SchemaForm"
    schema: rx.Var[dict[str, Any]]
    value: rx.Var[dict[str, Any]]
    rev: rx.Var[int]
    errors: rx.Var[dict[str, str]]
    project: rx.Var[str]
    csrf: rx.Var[str]
    can_run: rx.Var[bool]
    busy: rx.Var[bool]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[_one]
    on_run: rx.EventHandler[_two]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the form, busy while a run is being submitted."""
        return super().create(*children, **watched(), **props)


class JobList(rx.Component):
    """The jobs of a project as they come and go, with filters that are in the address."""

    library = "$/public/ui/jobs/list.jsx"
    tag = "JobList"
    project: rx.Var[str]
    csrf: rx.Var[str]
    can_write: rx.Var[bool]


class Playground(rx.Component):
    """A skill with one form, run in up to four columns side by side."""

    library = "$/public/ui/play/playground.jsx"
    tag = "Playground"
    project: rx.Var[str]
    csrf: rx.Var[str]
    skill: rx.Var[str]
    skillpack: rx.Var[str]
    full_name: rx.Var[str]
    can_write: rx.Var[bool]


class Editor(rx.Component):
    """The editor of a skillpack's working copy, with the skill under the cursor to try."""

    library = "$/public/ui/editor/editor.jsx"
    tag = "Editor"
    lib_dependencies: list[str] = [  # pinned; the build takes them into reflex.lock
        "codemirror@6.0.2",
        "@codemirror/autocomplete@6.20.4",
        "@codemirror/language@6.13.1",
        "@codemirror/lang-json@6.0.2",
        "@codemirror/lang-markdown@6.5.2",
        "@codemirror/lang-python@6.2.1",
        "@codemirror/lang-yaml@6.1.3",
        "@codemirror/lint@6.9.8",
        "@codemirror/state@6.7.6",
        "@codemirror/view@6.43.15",
        "@lezer/highlight@1.2.5",
    ]
    project: rx.Var[str]
    csrf: rx.Var[str]
    user: rx.Var[str]
    """Id of who is signed in: text that is not saved is kept in the browser for them alone."""
    skillpack: rx.Var[str]
    can_write: rx.Var[bool]
    can_manage: rx.Var[bool]


class Notebook(Editor):
    """The notebooks of a skillpack's working copy, run in the project's kernels."""

    library = "$/public/ui/notebook/notebook.jsx"
    tag = "Notebook"
    email: rx.Var[str]


class Drive(rx.Component):
    """The files of a project; the address names the folder and the file that is looked at."""

    library = "$/public/ui/drive/drive.jsx"
    tag = "Drive"
    lib_dependencies: list[str] = ["pdfjs-dist@6.5.438"]
    project: rx.Var[str]
    csrf: rx.Var[str]
    can_write: rx.Var[bool]


class Commands(rx.Component):
    """The palette, the keys and their sheet; `places` are `{label, group, keys, href}`."""

    library = "$/public/ui/commands.jsx"
    tag = "Commands"
    places: rx.Var[list[dict[str, str]]]
    project: rx.Var[str]


class BundleDrop(rx.Component):
    """Where a bundle is dropped to be published."""

    library = "$/public/ui/bundle.jsx"
    tag = "BundleDrop"
    project: rx.Var[str]
    csrf: rx.Var[str]
    on_published: rx.EventHandler[_one]


class Timeline(rx.Component):
    """What a job did and when: a waterfall of its spans, with an inspector; `src` is `project/job`."""

    library = "$/public/ui/timeline.jsx"
    tag = "Timeline"
    src: rx.Var[str]
    skill: rx.Var[str]
    csrf: rx.Var[str]
    can_fork: rx.Var[bool]
    is_over: rx.Var[bool]


class Waterfall(rx.Component):
    """Spans as a tree beside their time; `now` is where those end that still last, in their milliseconds."""

    library = "$/public/ui/waterfall.jsx"
    tag = "Waterfall"
    spans: rx.Var[list[dict[str, Any]]]
    now: rx.Var[float]
    selected: rx.Var[str]
    on_select: rx.EventHandler[_one]


class Transcript(rx.Component):
    """What an agent and its tools said to each other, as it comes."""

    library = "$/public/ui/transcript.jsx"
    tag = "Transcript"
    src: rx.Var[str]


class Sandbox(rx.Component):
    """What held each attempt of a job."""

    library = "$/public/ui/sandbox.jsx"
    tag = "Sandbox"
    src: rx.Var[str]
    usage: rx.Var[dict[str, Any]]
    most: rx.Var[dict[str, float]]


class LiveCost(rx.Component):
    """What a job has cost so far, then what it was `charged`."""

    library = "$/public/ui/live.jsx"
    tag = "LiveCost"
    src: rx.Var[str]
    charged: rx.Var[str]
    is_over: rx.Var[bool]


class LiveSteps(rx.Component):
    """The steps and tokens of an agent so far."""

    library = "$/public/ui/live.jsx"
    tag = "LiveSteps"
    src: rx.Var[str]
    is_over: rx.Var[bool]
    steps: rx.Var[int]
    tokens: rx.Var[int]


class LiveProgress(rx.Component):
    """How far a function says that it is, while it runs."""

    library = "$/public/ui/live.jsx"
    tag = "LiveProgress"
    src: rx.Var[str]
    is_over: rx.Var[bool]


class Traceback(rx.Component):
    """The traceback with which a job failed; its frames lead to the editor of the skillpack."""

    library = "$/public/ui/traceback.jsx"
    tag = "Traceback"
    src: rx.Var[str]
    skillpack: rx.Var[str]


class EventsLoaded(rx.Component):
    """How many of a job's events are loaded, until all are."""

    library = "$/public/ui/live.jsx"
    tag = "EventsLoaded"
    src: rx.Var[str]
    total: rx.Var[int]


class EventList(rx.Component):
    """A job's events as they happen."""

    library = "$/public/ui/events.jsx"
    tag = "EventList"
    src: rx.Var[str]


class Logs(rx.Component):
    """What a job printed and logged, as it happens."""

    library = "$/public/ui/events.jsx"
    tag = "Logs"
    src: rx.Var[str]


class Turns(rx.Component):
    """Shows nothing; tells when a job's state has changed since the event `after`."""

    library = "$/public/ui/events.jsx"
    tag = "Turns"
    src: rx.Var[str]
    after: rx.Var[int]
    on_turn: rx.EventHandler[_one]


class ToSignIn(rx.Component):
    """Leaves for the sign-in form."""

    library = "$/public/ui/leave.jsx"
    tag = "ToSignIn"


class StaySignedIn(rx.Component):
    """Shows nothing; leaves for the sign-in form when the page's line is `off` because the session has ended."""

    library = "$/public/ui/leave.jsx"
    tag = "StaySignedIn"
    off: rx.Var[bool]


class SignOut(rx.Component):
    """The form that ends the session: a row of the sidebar, or a `button`; `user` is the id of who is signed in."""

    library = "$/public/ui/leave.jsx"
    tag = "SignOut"
    csrf: rx.Var[str]
    user: rx.Var[str]
    button: rx.Var[bool]
