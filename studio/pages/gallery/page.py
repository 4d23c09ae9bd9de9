"""The page with one section for each kind of component."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from backend.core.clock import now
from studio.code_snippets import of_skill
from studio.components.elements import (
    button,
    code,
    empty,
    facts,
    field,
    framed_table,
    identifier,
    note,
    section,
    status,
    tag,
)
from studio.components.live import (
    Ago,
    Confirm,
    Copy,
    Elapsed,
    Json,
    SchemaForm,
    Split,
    Tabs,
    Value,
    Waterfall,
)
from studio.components.snippets import snippets
from studio.components.versions import Diff
from studio.formatting import duration, size, usd
from studio.pages.gallery import samples
from studio.shell import Crumb, Shell, shell
from studio.skills import SkillView
from studio.theme import STATUS_WORDS
from studio.typing_of_reflex import as_var

_TABS: Final = [{"id": "one", "label": "One"}, {"id": "two", "label": "Another"}]


class Gallery(rx.State):
    """The state of the components of the page."""

    times: dict[str, str] = {}
    tab: str = _TABS[0]["id"]
    span: str = "reply"
    message: str = ""

    @rx.event
    def load(self) -> None:
        """Compute the sample times from the current time."""
        self.reset()
        self.times = {name: (now() + away).isoformat() for name, away in samples.TIMES.items()}

    @rx.event
    def pick_tab(self, tab: str) -> None:
        """Show one tab."""
        self.tab = tab

    @rx.event
    def pick_span(self, span: str) -> None:
        """Select a span."""
        self.span = span

    @rx.event
    def confirm(self) -> None:
        """Show that the action was confirmed."""
        self.message = "Confirmed."

    @rx.event
    def run(self, inputs: dict[str, Any]) -> None:
        """Show the number of values in the form."""
        self.message = f"The form has {len(inputs)} values."


def page() -> rx.Component:
    """Render all components, in one section per kind."""
    return shell(
        "components",
        [Crumb("Projects", "/"), Crumb("Components")],
        rx.el.div(
            rx.el.h1("Components"),
            section("Status", _statuses()),
            section("Money, time and size", _amounts()),
            section("Times", _times()),
            section("IDs, tags and facts", _small()),
            section("Buttons and confirmations", _buttons()),
            section("Notices", _notices()),
            section("Tables, empty and loading", _tables()),
            section("Code", _code()),
            section("Differences", _differences()),
            section("Values", _values()),
            section("Form from a schema", _form()),
            section("Settings fields", _fields()),
            section("Waterfall", _waterfall()),
            section("Panes", _panes()),
            class_name="scroll grow column gallery",
        ),
    )


def _statuses() -> rx.Component:
    rows = [status(state, samples.REASONS.get(state, "")) for state in STATUS_WORDS]
    big = [status(state, is_big=True) for state in STATUS_WORDS]
    return rx.fragment(
        rx.el.div(*rows, class_name="col", style={"gap": "6px"}), rx.el.div(*big, class_name="row wrap")
    )


def _amounts() -> rx.Component:
    def cell(text: str) -> rx.Component:
        return rx.el.td(text, class_name="num")

    rows = [
        rx.el.tr(cell(usd(micros)), cell(duration(seconds)), cell(size(size_bytes)))
        for micros, seconds, size_bytes in zip(samples.MICROS, samples.SECONDS, samples.BYTES, strict=False)
    ]
    columns = [("Money", "34%", "num"), ("Duration", "33%", "num"), ("Size", "33%", "num")]
    return framed_table("Amounts", columns, rx.fragment(*rows))


def _times() -> rx.Component:
    shown = [(name, Ago.create(moment=Gallery.times[name])) for name in samples.TIMES]
    running = ("running", Elapsed.create(start=Gallery.times["some time ago"], end=""))
    return rx.cond(
        as_var(Gallery.times).length() > 0, facts(*shown, running), rx.el.p("Loading…", class_name="skeleton")
    )


def _small() -> rx.Component:
    made = rx.Var.create("0192f0c1-7b6e-7c3a-9d55-0242ac120002")
    return rx.el.div(
        identifier(made),
        Copy.create(text="copied"),
        tag("v14"),
        tag("active", state="ok"),
        rx.el.span(rx.el.i(style={"width": "40%"}), class_name="share", style={"width": "120px"}),
        rx.el.span(
            rx.el.i(style={"width": "85%"}),
            class_name="share",
            style={"width": "120px"},
            custom_attrs={"data-s": "wait"},
        ),
        rx.el.span(
            rx.el.i(style={"width": "100%"}),
            class_name="share",
            style={"width": "120px"},
            custom_attrs={"data-s": "fail"},
        ),
        rx.el.kbd("g"),
        class_name="row wrap",
    )


def _buttons() -> rx.Component:
    kinds = [button(kind or "plain", kind=kind) for kind in ("", "pri", "quiet", "danger", "small")]
    return rx.el.div(
        *kinds,
        button("disabled", disabled=True),
        button("with an icon", icon="plus"),
        rx.el.button(
            rx.el.span(class_name="spin"), "busy", type="button", class_name="btn pri", disabled=True
        ),
        Confirm.create(
            label="With confirmation…",
            title="Run the action?",
            text="The action can be repeated.",
            confirm="Run action",
            on_confirm=Gallery.confirm,
        ),
        Confirm.create(
            label="With a typed name…",
            kind="danger",
            title="Delete owls?",
            text="This action cannot be undone.",
            confirm="Delete project",
            typed="owls",
            on_confirm=Gallery.confirm,
        ),
        rx.el.span(Gallery.message, class_name="t2", role="status"),
        class_name="row wrap",
    )


def _notices() -> rx.Component:
    texts = {
        "": "Information.",
        "ok": "The action succeeded.",
        "wait": "Your approval is required.",
        "fail": "The action failed. Try again.",
    }
    return rx.el.div(
        *[note(text, state=state) for state, text in texts.items()], class_name="col", style={"gap": "8px"}
    )


def _tables() -> rx.Component:
    rows = [
        rx.el.tr(rx.el.td(name), rx.el.td(usd(micros), class_name="num"))
        for name, micros in (("owls", 61_200), ("bats", 0))
    ]
    return rx.fragment(
        framed_table("Two rows", [("Name", "70%", ""), ("Cost", "30%", "num")], rx.fragment(*rows)),
        rx.el.p("Loading…", class_name="skeleton"),
        rx.el.div(
            empty(
                "blocks",
                "No items yet",
                "What an item is, and how to create the first one.",
                button("Create item", kind="pri"),
            ),
            class_name="pane",
        ),
    )


def _code() -> rx.Component:
    texts = of_skill("https://studio.example.com", SkillView("resize"))
    return rx.fragment(code("puras deploy"), snippets(rx.Var.create(texts)))


def _differences() -> rx.Component:
    return rx.fragment(
        *[
            rx.el.div(
                rx.el.div(title, class_name="pane-head"),
                Diff.create(before=before, after=after, label=title),
                class_name="pane",
            )
            for title, before, after in samples.DIFFERENCES
        ]
    )


def _values() -> rx.Component:
    return rx.fragment(
        Value.create(
            value=samples.VALUE, schema=samples.VALUE_SCHEMA, project=Shell.project_slug, outputs=[]
        ),
        Json.create(value=samples.VALUE),
    )


def _form() -> rx.Component:
    return rx.el.div(
        SchemaForm.create(
            schema=samples.FORM,
            value={"count": 61},
            rev=0,
            errors={"count": "At most 60."},
            project="",
            csrf="",
            can_run=True,
            busy=False,
            on_run=Gallery.run,
        ),
        class_name="pane col",
        style={"max_width": "480px", "height": "640px"},
    )


def _fields() -> rx.Component:
    return rx.el.form(
        field("Name", "sample-name", rx.el.input, hint="The display name.", placeholder="Owls"),
        field("Kind", "sample-kind", rx.el.select, rx.el.option("secret"), rx.el.option("publishable")),
        field("Locked", "sample-locked", rx.el.input, default_value="read-only", disabled=True),
        class_name="form",
    )


def _waterfall() -> rx.Component:
    names = ("id", "parent", "kind", "name", "start", "end", "cost", "state")
    spans = [
        {**dict(zip(names, span, strict=True)), "hint": "", "tokens": None, "event": 1}
        for span in samples.SPANS
    ]
    return rx.el.div(
        Waterfall.create(spans=spans, now=4_200, selected=Gallery.span, on_select=Gallery.pick_span),
        class_name="pane col",
        style={"height": "340px"},
    )


def _panes() -> rx.Component:
    sides = [
        rx.el.div(text, class_name="pad", tab_index=0, role="region", aria_label=text)
        for text in ("Main pane", "Side pane")
    ]
    return rx.el.div(
        Tabs.create(items=_TABS, current=Gallery.tab, label="Tabs", on_pick=Gallery.pick_tab),
        Split.create(*sides, name="sample", label="Side pane width", initial=260),
        class_name="pane col",
        style={"height": "180px"},
    )
