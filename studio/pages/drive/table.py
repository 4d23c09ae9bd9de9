"""The content of the open folder as a table."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.storage.sorting import MAX_SORTED_ENTRIES
from studio.components.elements import button, link, more_button, none_match, sort_head
from studio.components.live import Ago, Confirm
from studio.pages.drive.listing import FileRow, JobLink
from studio.pages.drive.moving import Moving
from studio.pages.drive.state import Drive
from studio.selection import box, box_head
from studio.shell import Shell
from studio.typing_of_reflex import as_var

_COLUMNS = (
    ("name", "Name", ""),
    ("size", "Size", "num size"),
    ("", "Written by", "by"),
    ("modified", "Modified", "num when"),
)


def table() -> rx.Component:
    """Render the rows; a click opens a folder, or the preview of a file."""
    actions = rx.el.th(rx.el.span("Actions", class_name="hidden-label"), scope="col", class_name="num acts")
    return rx.el.div(
        rx.el.table(
            rx.el.thead(
                rx.el.tr(
                    rx.cond(_is_picking(), box_head(Drive, Drive.rows)),
                    *[_head(*one) for one in _COLUMNS],
                    rx.cond(Shell.can_write, actions),
                )
            ),
            rx.el.tbody(rx.foreach(Drive.rows, _row)),
            class_name="tbl files-table",
            aria_label="Files",
        ),
        rx.cond(
            as_var(Drive.rows).length() == 0,
            none_match(
                "No files match this filter.",
                button("Show all files", kind="quiet", on_click=Drive.search("")),
            ),
        ),
        rx.cond(
            Drive.is_cut,
            rx.el.p(
                f"The storage of this instance lists files by name only. Of this folder, the first "
                f"{MAX_SORTED_ENTRIES:,} entries by name are sorted and filtered.",
                class_name="pad t3",
            ),
        ),
        more_button(Drive, class_name="pad"),
        class_name="scroll grow",
        role="region",
        tab_index=0,
        aria_label="Files",
    )


def writer(file: rx.Var[FileRow]) -> rx.Component:
    """Render the author of a file, with a link for a job. Folders have no author."""
    unknown = rx.el.span(
        "Unknown",
        class_name="t3",
        title="Several jobs may have written the file, or it was written before authors were recorded.",
    )
    jobs = rx.el.span(rx.cond(file.is_one_of, "one of ", ""), rx.foreach(file.jobs, _job))
    name = rx.el.span(file.writer, class_name="cut", title=file.writer)
    return rx.cond(
        file.is_folder,
        rx.fragment(),
        rx.cond(file.jobs.length() > 0, jobs, rx.cond(file.writer != "", name, unknown)),
    )


def _job(job: rx.Var[JobLink], index: Any) -> rx.Component:
    return rx.fragment(
        rx.cond(index > 0, ", ", ""),
        link(
            "job ",
            job.short_id,
            href="/p/" + Shell.project_slug + "/jobs/" + job.id,
            class_name="mono above",
            title="Job " + job.id,
        ),
    )


def _is_picking() -> rx.Var[bool]:
    return Drive.is_picking & Shell.can_write


def _head(column: str, label: str, kind: str) -> rx.Component:
    if not column:
        return rx.el.th(label, scope="col", class_name=kind)
    return sort_head(Drive, column, label, kind=kind)


def _row(row: rx.Var[FileRow]) -> rx.Component:
    return rx.el.tr(
        rx.cond(_is_picking(), rx.el.td(box(Drive, row.path, row.name, class_name="above"))),
        rx.el.td(
            rx.el.span(
                rx.cond(
                    row.is_folder,
                    rx.icon("folder", size=15, color="var(--acc-t)", fill="var(--acc-bg)"),
                    rx.icon("file", size=15, color="var(--t3)"),
                ),
                link(row.name, href=row.href, class_name="whole cut"),
                class_name="row",
            ),
            title=row.name,
        ),
        rx.el.td(row.size, class_name="num t2 size"),
        rx.el.td(writer(row), class_name="t2 by"),
        rx.el.td(Ago.create(moment=row.modified_at), class_name="num t3 when"),
        rx.cond(Shell.can_write, rx.el.td(rx.cond(row.is_folder, _actions(row)), class_name="num acts")),
        key=row.path,
        custom_attrs={
            "aria-current": rx.cond((row.path == Drive.path) & ~row.is_folder, "true", rx.Var("undefined")),
            "data-picked": as_var(Drive.picked).contains(row.path),
        },
    )


def _actions(row: rx.Var[FileRow]) -> rx.Component:
    return rx.el.span(
        button("Rename…", kind="small quiet above", on_click=Moving.begin(row.path)),
        Confirm.create(
            label="Delete…",
            kind="small quiet danger",
            title="Delete " + row.name + " and its contents?",
            text="Deleted files cannot be restored. Jobs that use them as inputs will fail.",
            confirm="Delete folder",
            on_confirm=Drive.delete(row.path),
        ),
        class_name="row",
    )
