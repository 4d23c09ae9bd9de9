"""Basic elements of pages: links, buttons, status labels, form fields and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import reflex as rx
from reflex_components_core.react_router import link as router_link

from backend.core import ids
from studio.components.live import Action, Copy, Submit
from studio.theme import STATUS_WORDS

Text: TypeAlias = str | rx.Var[str]


def link(*children: Any, href: Text, **props: Any) -> rx.Component:
    """Return a link within the studio."""
    return router_link(*children, to=href, **props)


def way_out(*children: Any, href: Text, **props: Any) -> rx.Component:
    """Return a link to a route of the server, such as a form or a download, instead of a page of the studio."""
    return router_link(*children, to=href, reload_document=True, **props)


def button(label: Text, *, icon: str = "", kind: str = "", **props: Any) -> rx.Component:
    """Return a button; `kind` is empty, `pri`, `quiet` or `danger`."""
    drawn = [rx.icon(icon, size=14)] if icon else []
    return rx.el.button(*drawn, label, **{"type": "button", "class_name": f"btn {kind}", **props})


def action(label: Text, *, icon: str = "", kind: str = "", on_act: Any, **props: Any) -> rx.Component:
    """Return a button for an action that changes something; `on_act` receives the action key."""
    drawn = [rx.icon(icon, size=14)] if icon else []
    return Action.create(*drawn, label=label, kind=kind, on_act=on_act, **props)


def link_button(label: Text, *, href: Text, icon: str = "", kind: str = "", **props: Any) -> rx.Component:
    """Return a link in the style of a button."""
    drawn = [rx.icon(icon, size=14)] if icon else []
    return link(*drawn, label, href=href, class_name=f"btn {kind}", **props)


def status(state: Text, reason: Text = "", *, is_big: bool = False, word: Any = None) -> rx.Component:
    """Return the status of a job with its reason; `word` replaces the label for items that are not jobs."""
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
    """Return a short text in a frame."""
    return rx.el.span(text, class_name="tag", custom_attrs={"data-s": state})


def note(*children: Any, state: Text = "", **props: Any) -> rx.Component:
    """Return a notice; `state` is empty, `ok`, `wait` or `fail`."""
    role = rx.cond(rx.Var.create(state) == "fail", "alert", "status")
    return rx.el.div(*children, class_name="note", role=role, custom_attrs={"data-s": state}, **props)


def short_id(value: rx.Var[str]) -> rx.Var[str]:
    """Return the last characters of an ID, as `ids.short` does."""
    return value[-ids.SHORT_CHARACTERS :]


def identifier(value: rx.Var[str]) -> rx.Component:
    """Return the last characters of an ID, with the full ID as its title and a button that copies it."""
    return rx.el.span(
        rx.el.span(short_id(value), class_name="mono", title=value),
        Copy.create(text=value, label="Copy ID", bare=True),
        class_name="row",
        style={"gap": "2px", "display": "inline-flex"},
    )


def facts(*pairs: tuple[str, Any]) -> rx.Component:
    """Return a list of names and values."""
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(name), rx.el.dd(value)) for name, value in pairs], class_name="facts"
    )


def code(text: Text, *, is_bare: bool = False) -> rx.Component:
    """Return a code block with a button that copies it."""
    return rx.el.div(
        rx.el.div(Copy.create(text=text), class_name="copy"),
        rx.el.pre(text, class_name="code bare" if is_bare else "code", tab_index=0),
        class_name="copied",
    )


def field(
    label: str, name: str, control: Callable[..., rx.Component], *children: Any, hint: Text = "", **props: Any
) -> rx.Component:
    """Return a form control with its label and hint."""
    id_ = f"field-{name}"
    has_hint = isinstance(hint, rx.Var) or hint != ""
    described = {"aria_describedby": f"{id_}-hint"} if has_hint else {}
    input_ = control(*children, **{"id": id_, "name": name, "class_name": "in", **described, **props})
    hints = [rx.el.span(hint, class_name="hint", id=f"{id_}-hint")] if has_hint else []
    return rx.el.div(rx.el.label(label, html_for=id_, class_name="label"), input_, *hints, class_name="field")


def choice(
    label: Text,
    options: Mapping[Any, str] | Sequence[rx.Component],
    *,
    value: Any,
    on_change: Any,
    **props: Any,
) -> rx.Component:
    """Return a list of options without a visible label; `options` are texts by value, or the options themselves."""
    shown = (
        [rx.el.option(text, value=one) for one, text in options.items()]
        if isinstance(options, Mapping)
        else options
    )
    return rx.el.select(*shown, value=value, on_change=on_change, aria_label=label, class_name="in", **props)


def segments(
    label: str, words: Mapping[Any, Any], chosen: Any, on_pick: Callable[[Any], Any], **props: Any
) -> rx.Component:
    """Return a row of buttons of which one is pressed; `words` are their texts by value."""
    buttons = [
        rx.el.button(
            word,
            type="button",
            on_click=on_pick(value),
            custom_attrs={"aria-pressed": rx.cond(chosen == value, "true", "false")},
        )
        for value, word in words.items()
    ]
    return rx.el.div(*buttons, class_name="seg", role="group", aria_label=label, **props)


def form_end(problem: rx.Var[str], label: Any, on_cancel: Any) -> tuple[rx.Component, ...]:
    """Return the end of a form: its error, the submit button and the cancel button."""
    return (
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(
            Submit.create(label=label),
            button("Cancel", kind="quiet", on_click=on_cancel),
            class_name="row",
        ),
    )


def section(title: str, *children: Any, actions: Any = ()) -> rx.Component:
    """Return a section of a page with its heading."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(title, class_name="grow"),
            *actions,
            class_name="row wrap",
            style={"margin_bottom": "10px"},
        ),
        *children,
        aria_label=title,
    )


def sort_head(
    state: Any, column: str, label: str, *, kind: str = "", style: dict[str, str] | None = None
) -> rx.Component:
    """Return the head of a column by which a table is sorted.

    Args:
        state: The class of the state, with `sort` (a column, or `-` and a column) and the event `sort_by`.
        column: The name of the column.
        label: Its title.
        kind: The classes of the cell, such as `num`.
        style: The style of the cell.
    """
    order = rx.match(state.sort, (column, "ascending"), (f"-{column}", "descending"), "none")
    arrow = rx.match(state.sort, (column, "↑"), (f"-{column}", "↓"), "")
    return rx.el.th(
        rx.el.button(
            label,
            rx.el.span(arrow, aria_hidden="true", class_name="arrow"),
            type="button",
            class_name="sort",
            on_click=state.sort_by(column),
        ),
        scope="col",
        class_name=kind,
        style=style or {},
        custom_attrs={"aria-sort": order},
    )


Column: TypeAlias = tuple[Any, str, str] | rx.Component
"""Title, width and class (`num` for numbers) of a column, or its head, such as one of `sort_head`."""


def table(label: str, columns: Sequence[Column], body: Any) -> rx.Component:
    """Return a table."""
    return rx.el.table(
        rx.el.thead(rx.el.tr(*[_head(column) for column in columns])),
        rx.el.tbody(body),
        class_name="tbl",
        aria_label=label,
    )


def _head(column: Column) -> rx.Component:
    if not isinstance(column, tuple):
        return column
    title, width, kind = column
    return rx.el.th(title, scope="col", class_name=kind, style={"width": width})


def framed_table(label: str, columns: Sequence[Column], body: Any) -> rx.Component:
    """Return a table in a frame, in which it scrolls on narrow screens."""
    return rx.el.div(
        table(label, columns, body), class_name="pane wide", tab_index=0, role="region", aria_label=label
    )


def more_button(state: Any, **props: Any) -> rx.Component:
    """Return the button that loads more rows; `state` is the class of the state, with `has_more` and `more`."""
    return rx.cond(state.has_more, rx.el.div(button("Show more", on_click=state.more), **props))


def none_match(text: Any, action: rx.Component) -> rx.Component:
    """Return the text for a list of which no row matches the filters, and the action that shows all rows."""
    return rx.el.div(rx.el.div(text, class_name="strong"), action, class_name="col none-match")


def empty(icon: str, title: Text, text: Text, *children: Any) -> rx.Component:
    """Return the empty state of a list: what the list contains, and how to create the first item."""
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
