"""The small things that pages are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reflex as rx
from reflex_components_core.react_router import link as router_link

from studio.components.live import Action, Copy, Submit
from studio.theme import STATUS_WORDS

Text = str | rx.Var[str]


def link(*children: Any, href: Text, **props: Any) -> rx.Component:
    """A link within the studio."""
    return router_link(*children, to=href, **props)


def way_out(*children: Any, href: Text, **props: Any) -> rx.Component:
    """A link to what the server itself answers: a form, or a download."""
    return router_link(*children, to=href, reload_document=True, **props)


def button(label: Text, *, icon: str = "", kind: str = "", **props: Any) -> rx.Component:
    """A button; `kind` is nothing, `pri`, `quiet` or `danger`."""
    drawn = [rx.icon(icon, size=14)] if icon else []
    return rx.el.button(*drawn, label, **{"type": "button", "class_name": f"btn {kind}", **props})


def action(label: Text, *, icon: str = "", kind: str = "", on_act: Any, **props: Any) -> rx.Component:
    """A button for an action with effects; `on_act` gets the key with which the server does it once."""
    drawn = [rx.icon(icon, size=14)] if icon else []
    return Action.create(*drawn, label=label, kind=kind, on_act=on_act, **props)


def link_button(label: Text, *, href: Text, icon: str = "", kind: str = "", **props: Any) -> rx.Component:
    """A link that looks like a button."""
    drawn = [rx.icon(icon, size=14)] if icon else []
    return link(*drawn, label, href=href, class_name=f"btn {kind}", **props)


def status(state: Text, reason: Text = "", *, is_big: bool = False, word: Any = None) -> rx.Component:
    """A job's state: shape, word and reason; `word` is for what is no job, and drawn like one."""
    if word is None:
        is_known = isinstance(state, str)
        word = STATUS_WORDS[state] if is_known else rx.match(state, *STATUS_WORDS.items(), "Unknown")
    return rx.el.span(
        rx.el.b(rx.el.i(), word),
        rx.el.em(reason, class_name="cut", title=reason),
        class_name="st big" if is_big else "st",
        custom_attrs={"data-s": state},
    )


def tag(text: Text, *, state: str = "") -> rx.Component:
    """A short fact in a frame."""
    return rx.el.span(text, class_name="tag", custom_attrs={"data-s": state})


def note(*children: Any, state: Text = "", **props: Any) -> rx.Component:
    """A sentence that matters: `state` is nothing, `ok`, `wait` or `fail`."""
    role = rx.cond(rx.Var.create(state) == "fail", "alert", "status")
    return rx.el.div(*children, class_name="note", role=role, custom_attrs={"data-s": state}, **props)


def identifier(value: rx.Var[str]) -> rx.Component:
    """The beginning of an id, the whole on hover, and a button that copies it."""
    return rx.el.span(
        rx.el.span(value[:8], class_name="mono", title=value),
        Copy.create(text=value, label="Copy the id", bare=True),
        class_name="row",
        style={"gap": "2px", "display": "inline-flex"},
    )


def facts(*pairs: tuple[str, Any]) -> rx.Component:
    """Names and values side by side."""
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(name), rx.el.dd(value)) for name, value in pairs], class_name="facts"
    )


def code(text: Text, *, is_bare: bool = False) -> rx.Component:
    """A block of code with a button that copies it."""
    return rx.el.div(
        rx.el.div(Copy.create(text=text), class_name="copy"),
        rx.el.pre(text, class_name="code bare" if is_bare else "code", tab_index=0),
        class_name="copied",
    )


def field(
    label: str, name: str, control: Callable[..., rx.Component], *children: Any, hint: str = "", **props: Any
) -> rx.Component:
    """A control of a form with its label, and what there is to say about it."""
    place = f"field-{name}"
    described = {"aria_describedby": f"{place}-hint"} if hint else {}
    made = control(*children, **{"id": place, "name": name, "class_name": "in", **described, **props})
    told = [rx.el.span(hint, class_name="hint", id=f"{place}-hint")] if hint else []
    return rx.el.div(rx.el.label(label, html_for=place, class_name="label"), made, *told, class_name="field")


def form_end(problem: rx.Var[str], label: Any, on_cancel: Any) -> tuple[rx.Component, ...]:
    """The end of a form: why it was refused, the button that sends it, and the way out."""
    return (
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(
            Submit.create(label=label),
            button("Cancel", kind="quiet", on_click=on_cancel),
            class_name="row",
        ),
    )


def section(title: str, *children: Any, actions: Any = ()) -> rx.Component:
    """A titled part of a page."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(title, class_name="grow"), *actions, class_name="row", style={"margin_bottom": "10px"}
        ),
        *children,
        aria_label=title,
    )


def table(label: str, columns: list[tuple[Any, str, str]], body: Any) -> rx.Component:
    """A table; each column is its title, width and class (`num` for numbers)."""
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                *[
                    rx.el.th(title, scope="col", class_name=kind, style={"width": width})
                    for title, width, kind in columns
                ]
            )
        ),
        rx.el.tbody(body),
        class_name="tbl",
        aria_label=label,
    )


def framed_table(label: str, columns: list[tuple[Any, str, str]], body: Any) -> rx.Component:
    """A table in a frame of its own, within which it scrolls where the screen is narrow."""
    return rx.el.div(
        table(label, columns, body), class_name="pane wide", tab_index=0, role="region", aria_label=label
    )


def empty(icon: str, title: Text, text: Text, *children: Any) -> rx.Component:
    """What a list shows when there is nothing: what this is, and how to make the first one."""
    return rx.el.div(
        rx.el.div(
            rx.icon(icon, size=20, color="var(--acc-t)"),
            rx.el.h2(title, style={"font_size": "18px", "line_height": "24px", "margin": "10px 0 2px"}),
            rx.el.p(text, class_name="t2", style={"max_width": "56ch", "margin_bottom": "16px"}),
            *children,
            style={"max_width": "680px", "width": "100%"},
        ),
        style={"display": "flex", "justify_content": "center", "padding": "9vh 24px"},
        class_name="scroll grow",
    )
