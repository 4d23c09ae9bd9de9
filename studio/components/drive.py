"""Wrappers of the widgets of the drive in `assets/ui/drive`, which hold files of the browser."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.event_arguments import none


class Uploads(rx.Component):
    """The uploads of the project; files are dropped anywhere on the page. `on_done` is called after an upload."""

    library = "$/public/ui/drive/uploads.tsx"
    tag = "Uploads"
    project: rx.Var[str]
    csrf: rx.Var[str]
    folder: rx.Var[str]
    """The folder of new uploads: empty, or with a slash at its end."""
    can_write: rx.Var[bool]
    on_done: rx.EventHandler[none]


class PickFiles(rx.Component):
    """A button that selects files for the `Uploads` of the page; `kind` is `area` for the empty state."""

    library = "$/public/ui/drive/uploads.tsx"
    tag = "PickFiles"
    kind: rx.Var[str]


class FileContent(rx.Component):
    """The content of a file, if it can be shown. Types that may contain scripts are shown as text."""

    library = "$/public/ui/drive/content.tsx"
    tag = "FileContent"
    lib_dependencies: list[str] = ["pdfjs-dist@6.5.438"]
    file: rx.Var[Any]
    """With `path`, `size_bytes`, `mime` and `url`."""
    project: rx.Var[str]
