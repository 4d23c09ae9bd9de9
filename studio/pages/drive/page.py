"""The page: the open folder with its path, filter and quota, the preview of a file, and the uploads."""

from __future__ import annotations

import reflex as rx

from studio.components.drive import PickFiles, Uploads
from studio.components.elements import button, link
from studio.components.jobs import SearchField, UrlQuery
from studio.components.live import Pulse, Split
from studio.components.snippets import from_code
from studio.pages.drive import bulk, moving, new_folder, views
from studio.pages.drive.new_folder import NewFolder
from studio.pages.drive.preview import preview
from studio.pages.drive.state import REFRESH_S, Drive, Step
from studio.pages.drive.table import table
from studio.selection import select_button
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var


def page() -> rx.Component:
    """Render the folders, the files and the running uploads."""
    return shell(
        "drive",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Drive")],
        UrlQuery.of(Drive),
        rx.cond(Drive.is_pending, Pulse.create(seconds=REFRESH_S, on_tick=Drive.refresh)),
        rx.el.div(
            rx.cond(as_var(Drive.picked).length() > 0, _selection(), _bar()),
            rx.cond(
                Drive.is_loaded & ~Drive.is_reading,
                rx.cond(
                    (as_var(Drive.rows).length() > 0) | (Drive.text != ""),
                    rx.cond(
                        Drive.path != "",
                        Split.create(table(), preview(), name="drive", label="Preview width", initial=420),
                        table(),
                    ),
                    _none_yet(),
                ),
                rx.el.p("Loading folder…", class_name="skeleton"),
            ),
            Uploads.create(
                project=Shell.project_slug,
                csrf=Shell.csrf,
                folder=Drive.folder,
                can_write=Shell.can_write,
                on_done=Drive.refresh,
            ),
            moving.dialog(),
            bulk.dialog(),
            new_folder.dialog(),
            class_name="col grow drive",
        ),
    )


def _bar() -> rx.Component:
    return rx.el.div(
        _path(),
        rx.el.span(class_name="grow"),
        SearchField.create(
            value=Drive.text, label="Filter files", placeholder="Filter by name…", on_search=Drive.search
        ),
        views.menu(),
        rx.cond(Drive.quota.text != "", _quota()),
        rx.cond(
            Shell.can_write,
            rx.fragment(
                rx.cond(as_var(Drive.rows).length() > 0, select_button(Drive)),
                button("New folder…", on_click=NewFolder.open, custom_attrs={"data-key": "n"}),
                PickFiles.create(kind="button"),
            ),
        ),
        class_name="row wrap editor-bar",
    )


def _selection() -> rx.Component:
    return rx.el.div(bulk.selection_bar(), class_name="row wrap editor-bar")


def _path() -> rx.Component:
    return rx.el.nav(
        rx.foreach(Drive.steps, _step),
        rx.el.h1(Drive.folder_name, class_name="crumb cut", custom_attrs={"aria-current": "location"}),
        class_name="row crumbs",
        aria_label="Folder",
    )


def _step(step: rx.Var[Step]) -> rx.Component:
    return rx.el.span(
        link(step.name, href=step.href, class_name="crumb cut"),
        rx.el.span("/", class_name="sep", aria_hidden="true"),
        class_name="row",
        style={"gap": "6px"},
        key=step.href,
    )


def _quota() -> rx.Component:
    return rx.el.span(
        rx.el.span(
            rx.el.i(style={"width": f"{Drive.quota.share_pct}%"}),
            class_name="share",
            custom_attrs={"data-s": Drive.quota.state},
        ),
        rx.el.span(Drive.quota.text, class_name="t2 num"),
        class_name="row quota",
        title=Drive.quota.files,
    )


def _none_yet() -> rx.Component:
    """Render the empty state of a folder: what the drive is, and how to upload the first file."""
    return rx.el.div(
        rx.el.div(
            rx.el.div(
                rx.el.h2(rx.cond(Drive.folder == "", "The drive is empty", "This folder is empty")),
                rx.el.p(
                    "The drive stores the files of the project. Jobs read and write them in ",
                    rx.el.span("./drive", class_name="mono"),
                    ", and inputs refer to files by their drive path.",
                    class_name="t2",
                ),
            ),
            rx.cond(Shell.can_write, rx.fragment(PickFiles.create(kind="area"), from_code(Drive.code))),
            class_name="col",
            style={"gap": "14px"},
        ),
        class_name="scroll grow pad none-yet",
    )
