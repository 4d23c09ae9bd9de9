"""The components of the page: the active version, the list of versions, and the comparison of two."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import (
    button,
    choice,
    empty,
    link,
    link_button,
    more_button,
    none_match,
    note,
    sort_head,
    table,
    tag,
    way_out,
)
from studio.components.jobs import SearchField
from studio.components.live import Ago, Confirm, Pulse
from studio.components.snippets import from_code
from studio.components.versions import Comparison, Gate
from studio.pages.deployments import bulk, environments, views
from studio.pages.deployments.environments import Environments
from studio.pages.deployments.versions import Deployments, VersionRow
from studio.selection import box, box_head
from studio.shell import Crumb, Shell, shell
from studio.skillpacks import pack_choice
from studio.typing_of_reflex import as_var

REFRESH_S: Final = 3.0
_STATES: Final = {"": "Any state", "active": "Active", "inactive": "Not active"}
_COLUMNS: Final[list[tuple[Any, str, str]]] = [
    ("Release notes", "", ""),
    ("Published by", "13%", ""),
    ("Published", "108px", "num"),
    ("Eval", "60px", "num"),
    ("Active jobs", "100px", "num"),
    (rx.el.span("Actions", class_name="hidden-label"), "224px", "num"),
]


def page() -> rx.Component:
    """Render the list of versions, or the comparison of two."""
    return shell(
        "deployments",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Deployments")],
        rx.el.h1("Deployments", class_name="hidden-label"),
        Pulse.create(seconds=REFRESH_S, on_tick=[Deployments.refresh, Environments.refresh]),
        rx.cond(
            # The environments above the list would move it if they appeared later.
            Deployments.is_loaded & (as_var(Environments.rows).length() > 0),
            rx.cond(
                Deployments.base != "",
                _comparison(),
                rx.cond(
                    Environments.review.environment != "",
                    environments.review(),
                    rx.cond(
                        Deployments.has_versions,
                        rx.fragment(_head(), _bar(), _list(), bulk.dialog()),
                        _none_yet(),
                    ),
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[pack_choice(Deployments.packs, Deployments.slug, Deployments.pick_pack)],
    )


def _head() -> rx.Component:
    """Render the active version, the rollback button, and the result of the last action."""
    active, previous = Deployments.active, Deployments.previous
    is_older = as_var(previous.number).to(int) < as_var(active.number).to(int)
    return rx.el.div(
        rx.el.div(
            rx.cond(
                active.id != "",
                rx.el.span(
                    rx.el.span(active.version, " is active in production. ", class_name="strong"),
                    Deployments.running_jobs,
                ),
                rx.el.span("No version is active in production.", class_name="strong"),
            ),
            rx.el.span(class_name="grow"),
            rx.cond(
                Shell.can_write & (previous.id != "") & ~previous.is_active,
                button(
                    rx.cond(is_older, "Roll back to ", "Return to ") + previous.version,
                    icon="undo-2",
                    on_click=Deployments.roll_back,
                    title="Activates the previously active version",
                ),
            ),
            class_name="row wrap",
        ),
        environments.strip(),
        rx.cond(Deployments.message != "", note(Deployments.message, state="ok")),
        rx.cond(
            Deployments.gate_of != "",
            Gate.create(
                project=Shell.project_slug,
                csrf=Shell.csrf,
                skillpack=Deployments.slug,
                deployment=Deployments.gate_of,
                can_write=Shell.can_write,
                can_manage=Shell.can_manage,
                on_settled=Deployments.gate_settled,
                key=Deployments.gate_of,
            ),
        ),
        class_name="head col",
        style={"gap": "10px", "border_bottom": "1px solid var(--line)"},
    )


def _bar() -> rx.Component:
    """Render the filters, or the actions on the selected versions."""
    return rx.cond(
        as_var(Deployments.picked).length() > 0,
        bulk.selection_bar(),
        rx.el.div(
            SearchField.create(
                value=Deployments.text,
                label="Search versions",
                placeholder="Release notes, skill or v12…",
                on_search=Deployments.search,
            ),
            choice("State", _STATES, value=Deployments.state, on_change=Deployments.pick_state),
            rx.el.span(class_name="grow"),
            views.menu(),
            class_name="job-bar row wrap",
        ),
    )


def _list() -> rx.Component:
    return rx.el.div(
        rx.cond(
            as_var(Deployments.rows).length() > 0,
            table("Versions", _columns(), rx.foreach(Deployments.rows, _row)),
            none_match(
                "No versions match these filters.",
                button("Show all versions", kind="quiet", on_click=Deployments.pick_pack(Deployments.slug)),
            ),
        ),
        more_button(Deployments, class_name="pad"),
        class_name="scroll grow versions",
        role="region",
        tab_index=0,
        aria_label="Version list",
    )


def _columns() -> list[Any]:
    return [
        box_head(Deployments, Deployments.rows),
        sort_head(Deployments, "version", "Version", style={"width": "13%"}),
        *_COLUMNS[:3],
        sort_head(Deployments, "size", "Size", kind="num", style={"width": "76px"}),
        *_COLUMNS[3:],
    ]


def _row(row: rx.Var[VersionRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(box(Deployments, row.id, row.version)),
        rx.el.td(
            rx.el.div(
                tag(row.version),
                rx.cond(row.is_active, tag("active", state="ok")),
                rx.cond(row.gate != "", _gate_tag(row)),
                class_name="row",
            )
        ),
        rx.el.td(
            rx.el.div(
                rx.cond(row.notes != "", row.notes, rx.el.span("No release notes", class_name="t3")),
                class_name="cut",
                title=row.notes,
            ),
            rx.el.div(row.skills, class_name="cut cap", title=row.skills),
        ),
        rx.el.td(row.created_by, class_name="t2", title=row.created_by),
        rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
        rx.el.td(row.size, class_name="num t2"),
        rx.el.td(row.score, class_name="num", title=row.scores),
        rx.el.td(row.live, class_name="num"),
        rx.el.td(_actions(row), class_name="num"),
        key=row.id,
        custom_attrs={"data-picked": as_var(Deployments.picked).contains(row.id)},
    )


def _gate_tag(row: rx.Var[VersionRow]) -> rx.Component:
    state = rx.match(row.gate_state, ("refused", "fail"), ("gating", "run"), "")
    return rx.el.button(
        row.gate,
        type="button",
        class_name="tag",
        on_click=Deployments.show_gate(row.id),
        custom_attrs={
            "data-s": state,
            "aria-pressed": rx.cond(Deployments.gate_of == row.id, "true", "false"),
        },
        aria_label=row.gate + ": show gate of " + row.version,
    )


def _actions(row: rx.Var[VersionRow]) -> rx.Component:
    return rx.el.div(
        rx.cond(
            ~row.is_active,
            rx.fragment(
                rx.cond(
                    Deployments.active.id != "",
                    button(
                        "Compare", kind="small quiet", on_click=Deployments.compare_with_active(row.number)
                    ),
                ),
                rx.cond(Shell.can_write, _activate(row)),
            ),
        ),
        way_out(
            rx.icon("download", size=14),
            rx.el.span("Download " + row.version, class_name="hidden-label"),
            href="/v1/deployments/" + row.id + "/bundle?project=" + Shell.project_slug,
            class_name="btn quiet small",
            title="Download " + row.version + " as a ZIP file",
        ),
        rx.cond(
            Shell.can_write & ~row.is_active,
            Confirm.create(
                label="Delete",
                kind="quiet small danger",
                title="Delete " + row.version + "?",
                text="It can no longer be activated, compared or downloaded. Its jobs and their results are kept.",
                confirm="Delete " + row.version,
                on_confirm=Deployments.delete(row.id),
            ),
        ),
        class_name="row",
        style={"justify_content": "flex-end", "gap": "2px"},
    )


def _activate(row: rx.Var[VersionRow]) -> rx.Component:
    return Confirm.create(
        label="Activate",
        kind="small",
        title="Activate " + row.version + "?",
        text=row.before + "New jobs use " + row.version + ". " + Deployments.running_jobs,
        confirm="Activate " + row.version,
        on_confirm=Deployments.activate(row.id),
    )


def _comparison() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.h2("From v", Deployments.base, " to v", Deployments.head, class_name="grow"),
            button("Swap", icon="arrow-left-right", on_click=Deployments.swap),
            button("All versions", on_click=Deployments.back_to_list, icon="arrow-left"),
            class_name="row",
        ),
        Comparison.create(
            project=Shell.project_slug,
            skillpack=Deployments.slug,
            base=Deployments.base,
            head=Deployments.head,
        ),
        class_name="scroll grow column",
        style={"gap": "16px"},
    )


def _none_yet() -> rx.Component:
    return empty(
        "rocket",
        "No versions yet",
        "A version is an immutable copy of your skills at the time of publishing. A job runs on one version from start "
        "to end, and you can roll back to an earlier version with one click.",
        rx.el.div(
            link_button(
                "Open the editor",
                href="/p/" + Shell.project_slug + "/editor?skillpack=" + Deployments.slug,
                icon="file-code-2",
                kind="pri",
            ),
            rx.cond(
                Shell.can_write,
                rx.el.span(
                    "or upload a ZIP file of your skills on the ",
                    link("project page", href="/p/" + Shell.project_slug),
                    class_name="t2",
                ),
            ),
            class_name="row wrap",
        ),
        rx.cond(Shell.can_write, from_code(Deployments.texts)),
    )
