"""Wrappers of the JSX in `assets/ui`: components that need a timer, a stream, or a schema known at run time."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.actions import watched
from studio.components.event_arguments import none, one, two

_REACT_FLOW: Final = "@xyflow/react@12.12.1"
"""The library of the canvas, which pages load when it is opened."""


class Ago(rx.Component):
    """The time since a timestamp, with the exact timestamp as its title."""

    library = "$/public/ui/time.tsx"
    tag = "Ago"
    moment: rx.Var[str]


class FirstAndLast(rx.Component):
    """When something occurred first and last, relative to the same moment."""

    library = "$/public/ui/time.tsx"
    tag = "FirstAndLast"
    first: rx.Var[str]
    last: rx.Var[str]


class Elapsed(rx.Component):
    """The time from `start` to `end`; it is updated every second while `end` is empty."""

    library = "$/public/ui/time.tsx"
    tag = "Elapsed"
    start: rx.Var[str]
    end: rx.Var[str]


class Pulse(rx.Component):
    """A timer that calls `on_tick` every `seconds` seconds while the page is visible."""

    library = "$/public/ui/time.tsx"
    tag = "Pulse"
    seconds: rx.Var[float]
    on_tick: rx.EventHandler[none]


class Copy(rx.Component):
    """A button that copies a text to the clipboard."""

    library = "$/public/ui/controls.tsx"
    tag = "Copy"
    text: rx.Var[str]
    label: rx.Var[str]
    bare: rx.Var[bool]


class Confirm(rx.Component):
    """A button that opens a confirmation dialog; if `typed` is not empty, the user must enter it to confirm.

    `keys` is the keyboard shortcut of the button; `on_confirm` receives the action key.
    """

    library = "$/public/ui/controls.tsx"
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
    on_settle: rx.EventHandler[one]
    on_confirm: rx.EventHandler[one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the button, which is busy while its action is in progress."""
        return super().create(*children, **watched(), **props)


class Action(rx.Component):
    """A button for an action that changes something, busy while in progress; `on_act` receives the action key."""

    library = "$/public/ui/action.tsx"
    tag = "Action"
    label: rx.Var[str]
    kind: rx.Var[str]
    title: rx.Var[str]
    aria_name: rx.Var[str]
    keys: rx.Var[str]
    key_label: rx.Var[str]
    disabled: rx.Var[bool]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[one]
    on_act: rx.EventHandler[one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the button; its children appear before the label."""
        return super().create(*children, **watched(), **props)


class Submit(rx.Component):
    """The submit button of a form, busy while the action of the form is in progress."""

    library = "$/public/ui/action.tsx"
    tag = "Submit"
    label: rx.Var[str]
    kind: rx.Var[str]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the button and the hidden field with the action's key."""
        return super().create(*children, **watched(), **props)


class Check(rx.Component):
    """A checkbox that shows a change immediately, before the server confirms it."""

    library = "$/public/ui/controls.tsx"
    tag = "Check"
    checked: rx.Var[bool]
    label: rx.Var[str]
    on_change: rx.EventHandler[none]


class Tabs(rx.Component):
    """Tabs with arrow keys; `items` are `{id, label}`. If `param` is set, the URL contains the selected tab."""

    library = "$/public/ui/controls.tsx"
    tag = "Tabs"
    items: rx.Var[list[dict[str, str]]]
    current: rx.Var[str]
    label: rx.Var[str]
    param: rx.Var[str]
    segmented: rx.Var[bool]
    """Whether the tabs look like one button with parts, for a choice within a toolbar."""
    on_pick: rx.EventHandler[one]


class Split(rx.Component):
    """Two panes with a movable separator; its position is stored in the browser under `name`."""

    library = "$/public/ui/split.tsx"
    tag = "Split"
    name: rx.Var[str]
    label: rx.Var[str]
    initial: rx.Var[int]


class Json(rx.Component):
    """JSON with syntax highlighting."""

    library = "$/public/ui/value.tsx"
    tag = "Json"
    value: rx.Var[Any]


class JsonTree(rx.Component):
    """JSON as a tree that folds, with search, copy and download; `name` is that of the file."""

    library = "$/public/ui/json_tree.tsx"
    tag = "JsonTree"
    value: rx.Var[Any]
    name: rx.Var[str]
    label: rx.Var[str]


class ShareJob(rx.Component):
    """A button with a dialog that creates, lists and revokes links to a job."""

    library = "$/public/ui/share_job.tsx"
    tag = "ShareJob"
    project: rx.Var[str]
    job: rx.Var[str]
    csrf: rx.Var[str]


class PageTitle(rx.Component):
    """An invisible component that sets the title of the page."""

    library = "$/public/ui/page_title.tsx"
    tag = "PageTitle"
    text: rx.Var[str]


class Value(rx.Component):
    """A value, rendered according to its schema."""

    library = "$/public/ui/value.tsx"
    tag = "Value"
    value: rx.Var[Any]
    schema: rx.Var[dict[str, Any]]
    project: rx.Var[str]
    outputs: rx.Var[list[dict[str, Any]]]


class ShownData(rx.Component):
    """The data that a step of a flow shows to the reviewer, or their size if they are too long."""

    library = "$/public/ui/approvals/shown_data.tsx"
    tag = "ShownData"
    value: rx.Var[Any]
    bytes: rx.Var[int]
    project: rx.Var[str]


class _SubmittedForm(rx.Component):
    """A form whose values follow a schema, busy from its submission until the server has answered."""

    schema: rx.Var[dict[str, Any]]
    errors: rx.Var[dict[str, str]]
    project: rx.Var[str]
    csrf: rx.Var[str]
    settled: rx.Var[str]
    on_settle: rx.EventHandler[one]

    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        """Create the form with the key of its submission."""
        return super().create(*children, **watched(), **props)


class SchemaForm(_SubmittedForm):
    """A form generated from an input schema, with a view of the raw JSON."""

    library = "$/public/ui/form.tsx"
    tag = "SchemaForm"
    value: rx.Var[dict[str, Any]]
    rev: rx.Var[int]
    can_run: rx.Var[bool]
    busy: rx.Var[bool]
    on_run: rx.EventHandler[two]


class ApprovalForm(_SubmittedForm):
    """The values that a reviewer enters for an approval of a flow, with the button that approves it."""

    library = "$/public/ui/approvals.tsx"
    tag = "ApprovalForm"
    on_approve: rx.EventHandler[two]


class ArgumentsForm(_SubmittedForm):
    """The arguments of a call, which a reviewer changes before approving it."""

    library = "$/public/ui/approvals/arguments.tsx"
    tag = "ArgumentsForm"
    value: rx.Var[dict[str, Any]]
    on_approve: rx.EventHandler[two]
    on_cancel: rx.EventHandler[none]


class ApprovalRows(rx.Component):
    """The region of the pending approvals: it follows the jobs of the project, and handles the keys of approvals."""

    library = "$/public/ui/approvals/inbox.tsx"
    tag = "ApprovalRows"
    project: rx.Var[str]
    can_write: rx.Var[bool]
    fresh: rx.Var[int]
    on_change: rx.EventHandler[one]
    """Receives whether the rows are held, because the pointer or the focus is on them."""
    on_toggle: rx.EventHandler[one]
    on_act: rx.EventHandler[two]
    on_leave: rx.EventHandler[none]


class Chat(rx.Component):
    """The open conversation with an agent; a new one is created with its first message.

    `on_open` receives the ID of the conversation to open, `on_changed` is called when its entry in the list may differ.
    """

    library = "$/public/ui/chat/chat.tsx"
    tag = "Chat"
    project: rx.Var[str]
    csrf: rx.Var[str]
    skill: rx.Var[str]
    """The full name of the agent."""
    environment: rx.Var[str]
    """The environment of new conversations."""
    can_write: rx.Var[bool]
    session: rx.Var[str]
    """The ID of the conversation; empty for a new one."""
    started: rx.Var[int]
    """Increases when the field of the message is to get the focus."""
    on_open: rx.EventHandler[one]
    on_changed: rx.EventHandler[none]


class Editor(rx.Component):
    """The editor of a skillpack's draft, in which the current skill can be run."""

    library = "$/public/ui/editor/editor.tsx"
    tag = "Editor"
    lib_dependencies: list[str] = [  # pinned; the build adds them to reflex.lock
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
        _REACT_FLOW,
    ]
    project: rx.Var[str]
    csrf: rx.Var[str]
    user: rx.Var[str]
    """The ID of the signed-in user. The browser stores unsaved text separately for each user."""
    skillpack: rx.Var[str]
    can_write: rx.Var[bool]
    can_manage: rx.Var[bool]
    has_model: rx.Var[bool]
    """Whether the project can use a language model, which the assistant needs."""


class Notebook(Editor):
    """The notebooks of a skillpack's draft, which run in kernels of the project."""

    library = "$/public/ui/notebook/notebook.tsx"
    tag = "Notebook"
    email: rx.Var[str]


class Commands(rx.Component):
    """The command palette, the keyboard shortcuts and their list; `places` are `{label, group, keys, href}`."""

    library = "$/public/ui/commands.tsx"
    tag = "Commands"
    places: rx.Var[list[dict[str, str]]]
    project: rx.Var[str]


class BundleDrop(rx.Component):
    """The area in which users drop a bundle to publish it."""

    library = "$/public/ui/bundle.tsx"
    tag = "BundleDrop"
    project: rx.Var[str]
    csrf: rx.Var[str]
    on_published: rx.EventHandler[one]


class Timeline(rx.Component):
    """A waterfall of the spans of a job, with an inspector; `src` is `project/job`."""

    library = "$/public/ui/timeline.tsx"
    tag = "Timeline"
    src: rx.Var[str]
    skill: rx.Var[str]
    csrf: rx.Var[str]
    can_fork: rx.Var[bool]
    is_over: rx.Var[bool]


class FlowSteps(rx.Component):
    """The steps of the job of a flow; `src` is `project/job`."""

    library = "$/public/ui/flow/steps.tsx"
    tag = "FlowSteps"
    lib_dependencies: list[str] = [_REACT_FLOW]
    src: rx.Var[str]
    csrf: rx.Var[str]
    can_fork: rx.Var[bool]
    is_over: rx.Var[bool]


class Waterfall(rx.Component):
    """A tree of spans on a time axis; `now` is the end of spans that are still open, in milliseconds."""

    library = "$/public/ui/waterfall.tsx"
    tag = "Waterfall"
    spans: rx.Var[list[dict[str, Any]]]
    now: rx.Var[float]
    selected: rx.Var[str]
    on_select: rx.EventHandler[one]


class Transcript(rx.Component):
    """The live conversation of an agent with its tools, or a graph of what it has called."""

    library = "$/public/ui/transcript.tsx"
    tag = "Transcript"
    lib_dependencies: list[str] = [_REACT_FLOW]
    src: rx.Var[str]
    is_over: rx.Var[bool]


class Sandbox(rx.Component):
    """The sandbox of each attempt of a job, with its limits and usage."""

    library = "$/public/ui/sandbox.tsx"
    tag = "Sandbox"
    src: rx.Var[str]
    usage: rx.Var[dict[str, Any]]
    most: rx.Var[dict[str, float]]


class LiveCost(rx.Component):
    """The cost of a running job so far, or the amount that a finished job was `charged`."""

    library = "$/public/ui/live.tsx"
    tag = "LiveCost"
    src: rx.Var[str]
    charged: rx.Var[str]
    is_over: rx.Var[bool]


class LiveSteps(rx.Component):
    """The number of steps and tokens of an agent so far."""

    library = "$/public/ui/live.tsx"
    tag = "LiveSteps"
    src: rx.Var[str]
    is_over: rx.Var[bool]
    steps: rx.Var[int]
    tokens: rx.Var[int]


class LiveProgress(rx.Component):
    """The progress that a running function reports."""

    library = "$/public/ui/live.tsx"
    tag = "LiveProgress"
    src: rx.Var[str]
    is_over: rx.Var[bool]


class Traceback(rx.Component):
    """The traceback of a failed job, with the source of its frames in the version, and links to the editor."""

    library = "$/public/ui/traceback.tsx"
    tag = "Traceback"
    src: rx.Var[str]
    skillpack: rx.Var[str]
    version: rx.Var[int]


class EventsLoaded(rx.Component):
    """The number of loaded events of a job, until all are loaded."""

    library = "$/public/ui/live.tsx"
    tag = "EventsLoaded"
    src: rx.Var[str]
    total: rx.Var[int]


class EventList(rx.Component):
    """The live list of the events of a job."""

    library = "$/public/ui/events.tsx"
    tag = "EventList"
    src: rx.Var[str]


class Logs(rx.Component):
    """The live output and log of a job."""

    library = "$/public/ui/logs.tsx"
    tag = "Logs"
    src: rx.Var[str]
    is_over: rx.Var[bool]
    start: rx.Var[str]


class Turns(rx.Component):
    """An invisible component that calls `on_turn` when the status of a job changes after the event `after`."""

    library = "$/public/ui/events.tsx"
    tag = "Turns"
    src: rx.Var[str]
    after: rx.Var[int]
    on_turn: rx.EventHandler[one]


class ToSignIn(rx.Component):
    """A component that navigates to the sign-in form."""

    library = "$/public/ui/leave.tsx"
    tag = "ToSignIn"


class StaySignedIn(rx.Component):
    """An invisible component that goes to the sign-in form if the connection is `off` because the session ended."""

    library = "$/public/ui/leave.tsx"
    tag = "StaySignedIn"
    off: rx.Var[bool]


class ApplyPreferences(rx.Component):
    """An invisible component that applies the theme and the time zone of the user to the page."""

    library = "$/public/ui/apply_preferences.tsx"
    tag = "ApplyPreferences"
    theme: rx.Var[str]
    time_zone: rx.Var[str]
    is_known: rx.Var[bool]
    on_theme: rx.EventHandler[none]


class SignOut(rx.Component):
    """The form that ends the session, as an item of the sidebar or as a `button`; `user` is the ID of the user."""

    library = "$/public/ui/leave.tsx"
    tag = "SignOut"
    csrf: rx.Var[str]
    user: rx.Var[str]
    button: rx.Var[bool]
