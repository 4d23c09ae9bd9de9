"""The listings of all projects, and the project's own listings with their sales."""

from __future__ import annotations

from typing import Final

import reflex as rx

from studio.components.elements import (
    button,
    choice,
    empty,
    framed_table,
    link,
    more_button,
    none_match,
    section,
    sort_head,
    tag,
)
from studio.components.jobs import SearchField
from studio.components.live import Ago, Tabs
from studio.components.snippets import from_code
from studio.pages.marketplace import bulk, listing_form, views
from studio.pages.marketplace.query import OFFER_SORTS
from studio.pages.marketplace.state import Card, Market, OwnRow
from studio.selection import box, box_head
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

_TABS: Final = [{"id": "offers", "label": "All listings"}, {"id": "own", "label": "Your listings"}]
STATUS_WORDS: Final = {"draft": "draft", "published": "published", "taken_down": "taken down"}
_OWN_COLUMNS: Final = (
    ("title", "Listing", "30%", ""),
    ("status", "Status", "14%", ""),
    ("price", "Price", "12%", "num"),
    ("", "Version", "10%", ""),
    ("runs", "Succeeded", "12%", "num"),
    ("callers", "Callers", "10%", "num"),
    ("earned", "Earnings", "12%", "num"),
)


def page() -> rx.Component:
    """Render the listings of all projects, or those of the project."""
    return shell(
        "marketplace",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Marketplace")],
        rx.el.h1("Marketplace", class_name="hidden-label"),
        rx.cond(
            Market.is_loaded,
            rx.fragment(
                Tabs.create(items=_TABS, current=Market.tab, label="Marketplace", on_pick=Market.pick_tab),
                rx.el.div(
                    rx.cond(Market.tab == "own", _own(), _offers()),
                    role="tabpanel",
                    aria_label="Listings",
                    class_name="col grow",
                    style={"min_height": "0"},
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _search(placeholder: str) -> rx.Component:
    return SearchField.create(
        value=Market.query, label="Search listings", placeholder=placeholder, on_search=Market.search
    )


def _offers() -> rx.Component:
    return rx.cond(
        (as_var(Market.cards).length() > 0) | (Market.query != ""),
        rx.el.div(
            rx.el.div(
                _search("Search skills…"),
                choice("Sort by", OFFER_SORTS, value=Market.sort, on_change=Market.pick_sort),
                rx.el.span(class_name="grow"),
                views.menu(),
                class_name="row wrap",
            ),
            rx.cond(
                as_var(Market.cards).length() > 0,
                rx.el.div(rx.foreach(Market.cards, _card_link), class_name="cards"),
                _none_match(),
            ),
            more_button(Market),
            class_name="scroll grow column",
            style={"gap": "16px"},
        ),
        empty(
            "store",
            "No listings yet",
            "A listing offers a skill of your project to all other projects of this instance, at a price per succeeded "
            "run. Code, prompt and secrets of the skill stay private.",
            rx.cond(
                Shell.can_manage,
                rx.fragment(
                    button("Create listing", icon="plus", kind="pri", on_click=Market.begin),
                    from_code(Market.texts),
                ),
                rx.el.p("Only project admins can create listings.", class_name="t3"),
            ),
        ),
    )


def _none_match() -> rx.Component:
    show_all = button("Show all listings", kind="quiet", on_click=Market.pick_tab(Market.tab))
    return none_match("No matching listings.", show_all)


def _card_link(card: rx.Var[Card]) -> rx.Component:
    return link(
        rx.el.div(
            rx.el.span(card.title, class_name="strong cut grow"),
            rx.cond(card.is_own, tag("yours", state="ok")),
            rx.el.span(card.price, class_name="num strong"),
            class_name="row",
        ),
        rx.el.p(
            card.description, class_name="t2 two-lines", style={"margin_top": "6px", "min_height": "40px"}
        ),
        rx.el.div(
            rx.el.span(card.publisher, class_name="t3 cut grow"),
            tag(card.version),
            rx.el.span(Ago.create(moment=card.at), class_name="t3 num"),
            class_name="row",
            style={"margin_top": "10px"},
        ),
        href="/p/" + Shell.project_slug + "/marketplace/" + card.slug,
        class_name="card",
        key=card.slug,
    )


def _own() -> rx.Component:
    new = rx.cond(
        Shell.can_manage & ~Market.is_creating,
        button("Create listing", icon="plus", kind="pri", on_click=Market.begin),
    )
    has_rows = as_var(Market.own).length() > 0
    is_filtered = (Market.query != "") | (Market.status != "")
    return rx.el.div(
        rx.cond(
            Market.is_creating,
            section(
                "Create listing", listing_form.form(Market.skills, Market.offer, Market.stop, Market.problem)
            ),
        ),
        section(
            "Listings of this project",
            rx.cond(
                has_rows | is_filtered,
                rx.el.div(
                    _earned(),
                    rx.cond(as_var(Market.picked).length() > 0, bulk.selection_bar(), _filters()),
                    rx.cond(has_rows, _own_table(), _none_match()),
                    more_button(Market),
                    class_name="col",
                    style={"gap": "10px"},
                ),
                _none_offered(),
            ),
            actions=[new],
        ),
        bulk.dialog(),
        class_name="scroll grow column",
    )


def _filters() -> rx.Component:
    return rx.el.div(
        _search("Search own listings…"),
        choice(
            "Status",
            {"": "Any status", **{status: word.capitalize() for status, word in STATUS_WORDS.items()}},
            value=Market.status,
            on_change=Market.pick_status,
        ),
        rx.el.span(class_name="grow"),
        views.menu(),
        class_name="row wrap",
    )


def _earned() -> rx.Component:
    return rx.el.p(
        "Total earnings: ",
        rx.el.span(Market.earned, class_name="strong num"),
        class_name="t2",
    )


def _none_offered() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "No listings yet. A new listing is a draft, which other projects cannot see until you publish it. "
            "Only project admins can create listings.",
            class_name="t2",
            style={"max_width": "62ch"},
        ),
        rx.cond(Shell.can_manage & ~Market.is_creating, from_code(Market.texts)),
    )


def _own_table() -> rx.Component:
    columns = [
        rx.cond(Shell.can_manage, box_head(Market, Market.own)),
        *[
            sort_head(Market, column, title, kind=kind, style={"width": width})
            if column
            else rx.el.th(title, scope="col", class_name=kind, style={"width": width})
            for column, title, width, kind in _OWN_COLUMNS
        ],
    ]
    return framed_table("Your listings", columns, rx.foreach(Market.own, _own_row))


def _own_row(row: rx.Var[OwnRow]) -> rx.Component:
    state = rx.match(row.status, *STATUS_WORDS.items(), "")
    return rx.el.tr(
        rx.cond(Shell.can_manage, rx.el.td(box(Market, row.slug, row.title))),
        rx.el.td(
            link(
                row.title,
                href="/p/" + Shell.project_slug + "/marketplace/" + row.slug,
                class_name="whole cut",
            ),
            title=row.slug,
        ),
        rx.el.td(
            rx.cond(
                row.status == "published", tag("published", state="ok"), rx.el.span(state, class_name="t2")
            )
        ),
        rx.el.td(row.price, class_name="num"),
        rx.el.td(tag(row.version)),
        rx.el.td(row.runs, class_name="num t2"),
        rx.el.td(row.callers, class_name="num t2"),
        rx.el.td(row.earned, class_name="num"),
        key=row.slug,
        custom_attrs={"data-picked": as_var(Market.picked).contains(row.slug)},
    )
