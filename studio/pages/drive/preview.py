"""The preview of one file, with its details and actions."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from backend.core.errors import PurasError
from backend.data.drive import service
from backend.data.drive.schemas import SignedUrlCreate
from backend.identity.auth.principal import Role
from studio import session
from studio.components.drive import FileContent
from studio.components.elements import button, note, way_out
from studio.components.jobs import Modal
from studio.components.live import Ago, Confirm, Copy
from studio.forms import said
from studio.pages.drive.moving import Moving
from studio.pages.drive.query import rooted
from studio.pages.drive.state import Drive
from studio.pages.drive.table import writer
from studio.shell import Shell

_TTLS: Final = {"3600": "1 hour", "86400": "1 day", "604800": "7 days", "2592000": "30 days"}


class Sharing(rx.State):
    """The dialog that creates a signed link to the file in the preview."""

    is_open: bool = False
    ttl: str = "3600"
    url: str = ""
    problem: str = ""

    @rx.event
    def open(self) -> None:
        """Open the dialog."""
        self.reset()
        self.is_open = True

    @rx.event
    def close(self) -> None:
        """Close the dialog."""
        self.is_open = False

    @rx.event
    def pick_ttl(self, ttl: str) -> None:
        """Select how long the link works."""
        if ttl in _TTLS:
            self.ttl, self.url = ttl, ""

    @rx.event
    async def create(self) -> None:
        """Create the link."""
        drive = await self.get_state(Drive)
        body = SignedUrlCreate(path=rooted(drive.path), ttl=int(self.ttl))
        try:
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.VIEWER, "drive:read")
                signed = await service.sign(act.session, session.context(), act.principal, body)
        except PurasError as error:
            self.problem = said(error)
            return
        self.url, self.problem = signed.signed_url, ""


def preview() -> rx.Component:
    """Render the file that the URL names."""
    file = Drive.file
    return rx.el.section(
        rx.el.div(
            rx.el.h2(
                rx.cond(file.name != "", file.name, Drive.path), class_name="cut grow", title=Drive.path
            ),
            rx.el.button(
                "✕",
                type="button",
                class_name="btn small quiet icon",
                aria_label="Close preview",
                on_click=Drive.close_file,
            ),
            class_name="pane-head",
        ),
        rx.cond(Drive.problem != "", note(Drive.problem, state="fail", style={"margin": "12px"})),
        rx.cond(
            file.path != "",
            rx.fragment(
                _actions(),
                rx.el.div(
                    FileContent.create(
                        file=file, project=Shell.project_slug, key=file.path + file.modified_at
                    ),
                    class_name="scroll grow pad shown",
                    tab_index=0,
                    role="region",
                    aria_label="Content",
                ),
                _details(),
            ),
        ),
        class_name="col grow preview",
        aria_label="Preview of " + file.name,
        key=Drive.path,
    )


def _actions() -> rx.Component:
    file = Drive.file
    delete = Confirm.create(
        kind="danger",
        label="Delete…",
        title="Delete " + file.name + "?",
        text="Deleted files cannot be restored. Jobs that use the file as an input will fail.",
        confirm="Delete file",
        on_confirm=Drive.delete(file.path),
    )
    return rx.el.div(
        way_out("Download", href=file.url, class_name="btn", custom_attrs={"download": file.name}),
        button("Share link…", on_click=Sharing.open),
        rx.cond(
            Shell.can_write,
            rx.fragment(button("Rename or move…", on_click=Moving.begin(file.path)), delete),
        ),
        rx.cond(Sharing.is_open, _share()),
        class_name="row wrap acts",
    )


def _share() -> rx.Component:
    content = rx.el.div(
        rx.el.h2("Share ", Drive.file.name),
        rx.el.p(
            "Anyone with the link can read the file without signing in until the link expires. A link cannot be "
            "revoked earlier, but it stops working if the file is moved or deleted.",
            class_name="t2",
        ),
        rx.el.div(
            rx.el.label(
                "Expires after ",
                rx.el.select(
                    *[rx.el.option(words, value=ttl) for ttl, words in _TTLS.items()],
                    value=Sharing.ttl,
                    on_change=Sharing.pick_ttl,
                    class_name="in",
                ),
                class_name="row",
            ),
            button("Create link", kind="pri", on_click=Sharing.create),
            class_name="row",
        ),
        rx.cond(Sharing.problem != "", note(Sharing.problem, state="fail")),
        rx.cond(
            Sharing.url != "",
            rx.el.div(
                rx.el.input(
                    read_only=True, aria_label="Signed link", value=Sharing.url, class_name="in mono"
                ),
                Copy.create(text=Sharing.url),
                class_name="row",
                role="status",
            ),
        ),
        rx.el.div(button("Close", on_click=Sharing.close), class_name="acts"),
        class_name="in-dlg",
    )
    return Modal.create(content, label="Share " + Drive.file.name, broad=True, on_close=Sharing.close)


def _details() -> rx.Component:
    file = Drive.file
    return rx.el.dl(
        *_fact(
            "Path",
            rx.el.span(file.path, class_name="mono break"),
            Copy.create(text=file.path, label="Copy path", bare=True),
        ),
        *_fact("Type", f"{file.mime}, {file.size}"),
        *_fact("Modified", Ago.create(moment=file.modified_at)),
        *_fact("Written by", writer(file)),
        rx.cond(
            file.sha256 != "",
            rx.fragment(
                *_fact(
                    "SHA-256",
                    rx.el.span(file.sha256, class_name="mono cut", title=file.sha256),
                    Copy.create(text=file.sha256, label="Copy hash", bare=True),
                )
            ),
        ),
        class_name="kv pad known",
    )


def _fact(name: str, *values: Any) -> tuple[rx.Component, rx.Component]:
    return rx.el.dt(name), rx.el.dd(*values, class_name="row" if len(values) > 1 else "")
