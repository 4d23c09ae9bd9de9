"""The inbox: the filters, and each pending approval with its arguments."""

from __future__ import annotations

from typing import Any, Final, get_args

import reflex as rx

from backend.identity.environments import Environment
from studio import deciding
from studio.components.elements import button, choice, empty, link, more_button, none_match, tag
from studio.components.jobs import UrlQuery
from studio.components.live import Ago, ApprovalRows, Check
from studio.pages.approvals import bulk
from studio.pages.approvals.state import Inbox, InboxItem
from studio.selection import box
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

_AGES: Final = {"5m": "over 5 min", "1h": "over 1 h", "1d": "over 1 day"}
_ENVIRONMENTS: Final = {one: one for one in get_args(Environment)}
_KEYS: Final = (("j k", "move"), ("a", "approve"), ("d", "reject"), ("e", "edit"), ("x", "select"))


def page() -> rx.Component:
    """Render the pending approvals, or the empty state."""
    has_filters = Inbox.query != ""
    return shell(
        "approvals",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Approvals")],
        rx.el.h1("Approvals", class_name="hidden-label"),
        UrlQuery.of(Inbox),
        rx.cond(
            Inbox.is_loaded,
            rx.el.div(
                rx.cond(as_var(Inbox.picked).length() > 0, bulk.selection_bar(), _bar()),
                ApprovalRows.create(
                    rx.foreach(Inbox.rows, _item),
                    rx.cond(
                        as_var(Inbox.rows).length() == 0,
                        rx.cond(has_filters, _none_match(), _nothing_pending()),
                    ),
                    more_button(Inbox, class_name="pad"),
                    project=Shell.project_slug,
                    can_write=Shell.can_write,
                    fresh=Inbox.fresh,
                    on_change=Inbox.refresh,
                    on_toggle=Inbox.toggle,
                    on_act=bulk.BulkDecision.act,
                    on_leave=Inbox.leave,
                ),
                bulk.dialog(),
                class_name="col grow",
                style={"min_height": "0"},
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _bar() -> rx.Component:
    return rx.el.div(
        rx.cond(
            Shell.can_write & (as_var(Inbox.rows).length() > 0),
            Check.create(checked=False, label="Select all", on_change=Inbox.toggle_all),
        ),
        _select("skill", "Skill", "All skills", None),
        _select("environment", "Environment", "All environments", _ENVIRONMENTS),
        _select("age", "Age", "Any age", _AGES),
        rx.el.span(class_name="grow"),
        rx.el.span(
            *[rx.el.span(rx.el.kbd(keys), f" {what} ") for keys, what in _KEYS],
            class_name="t3 key-hints",
            aria_hidden="true",
        ),
        class_name="job-bar row wrap",
    )


def _select(name: str, label: str, none: str, options: dict[str, str] | None) -> rx.Component:
    value = Inbox.filters[name]
    if options is None:
        shown: list[Any] = [
            rx.cond(
                (value != "") & ~as_var(Inbox.skills).contains(value),
                rx.el.option(value, value=value, hidden=True),
            ),
            rx.foreach(Inbox.skills, lambda one: rx.el.option(one, value=one)),
        ]
    else:
        shown = [rx.el.option(word, value=one) for one, word in options.items()]
    return choice(
        label,
        [rx.el.option(none, value=""), *shown],
        value=value,
        on_change=lambda text: Inbox.set_filter(name, text),
    )


def _item(one: rx.Var[InboxItem]) -> rx.Component:
    href: Any = "/p/" + Shell.project_slug + "/jobs/" + one.job_id
    return rx.el.article(
        rx.el.div(
            rx.cond(Shell.can_write & ~one.is_over, box(Inbox, one.id, one.tool)),
            link(one.short_id, href=href, class_name="mono whole", title=one.job_id),
            rx.el.span(one.skill, class_name="cut"),
            tag(one.environment),
            rx.cond(one.is_of_session, tag("session")),
            rx.el.span("Requested ", Ago.create(moment=one.created_at), class_name="cap"),
            class_name="row wrap",
        ),
        rx.el.div(
            deciding.description(one),
            rx.cond(
                one.is_over,
                rx.el.span("Decided or expired", class_name="cap"),
                rx.fragment(deciding.expiry(one), deciding.buttons(Inbox, one)),
            ),
            class_name="row wrap",
        ),
        rx.cond(~one.is_over, deciding.content(Inbox, one)),
        key=one.id,
        tab_index=0,
        aria_label=f"{one.tool} of {one.skill}",
        custom_attrs={"data-approval": one.id, "data-picked": as_var(Inbox.picked).contains(one.id)},
    )


def _none_match() -> rx.Component:
    return none_match(
        "No pending approvals match these filters.",
        button("Show all approvals", kind="quiet", on_click=Inbox.clear),
    )


def _nothing_pending() -> rx.Component:
    return empty(
        "shield-check",
        "Nothing awaits approval",
        "Calls of agents with `confirm: true`, and steps of flows that need a decision, appear here as soon as a job "
        "requests them. You can change the arguments of a call before you approve it.",
        link("How approvals work", href="/docs/guides/approvals/"),
    )
