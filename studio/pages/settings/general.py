"""The project's name, slug and window; taking it along; deleting it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.administration.projects import deletion
from backend.config.quotas import CONCURRENCY, ceiling
from backend.core.errors import Invalid
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Role
from backend.identity.limits import service as limits
from backend.identity.limits.errors import CeilingExceeded
from backend.identity.limits.schemas import defaults_of
from backend.identity.projects import service
from backend.identity.projects.errors import SlugTaken
from backend.identity.projects.schemas import ProjectUpdate
from backend.money import admission
from studio import session
from studio.components.elements import field, note, section, way_out
from studio.components.live import Confirm, Submit
from studio.forms import number, parsed, said, text
from studio.shell import Shell


class General(rx.State):
    """What a project is called, and how much of it runs at once."""

    called: str = ""
    slug: str = ""
    window: int = 0
    most_window: int = 0
    """The operator's ceiling."""
    project_id: str = ""
    kept_days: int = 0
    problem: str = ""
    is_saved: bool = False
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read the project."""
        self.reset()
        async with session.acting(self, self.project) as act:
            found = await project_of(act.session, act.principal)
            self.window = await admission.concurrency_limit(act.session, act.principal.project_id)
            default = defaults_of(session.context().settings)[CONCURRENCY]
            known = await limits.limits_of(act.session, act.principal)
            self.most_window = ceiling(known.of_operator, CONCURRENCY, default) or self.window
        self.called, self.slug, self.project_id = found.name, found.slug, str(found.id)
        self.kept_days = session.context().settings.keep_deleted_projects_days
        self.is_loaded = True

    @rx.event
    async def save(self, form: dict[str, Any]):
        """Change the project; with another slug the page moves."""
        self.problem, self.is_saved = "", False
        try:
            asked = parsed(
                ProjectUpdate,
                {
                    "name": text(form, "name"),
                    "slug": text(form, "slug"),
                    "concurrency_limit": number(form, "concurrency_limit"),
                },
            )
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.ADMIN, "project:write")
                changed = await service.change(
                    act.session,
                    act.principal,
                    name=asked.name,
                    slug=asked.slug,
                    concurrency_limit=asked.concurrency_limit,
                    defaults=defaults_of(session.context().settings),
                )
                slug = changed.slug
        except (CeilingExceeded, Invalid, SlugTaken) as refused:
            self.problem = said(refused)
            return None
        if slug != self.slug:
            return rx.redirect(f"/p/{slug}/settings", replace=True)
        self.is_saved = True
        return Shell.enter

    @rx.event
    async def delete(self):
        """End the project and leave it."""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.OWNER, "project:write")
            await deletion.delete(act.session, act.principal)
        return rx.redirect("/")


def pane() -> rx.Component:
    """The form, the archive, and the end."""
    return rx.cond(
        General.is_loaded,
        rx.fragment(
            section("Project", _form()),
            section("Take it along", _export()),
            rx.cond(Shell.is_owner, section("Delete the project", _delete())),
        ),
        rx.el.p("Loading…", class_name="skeleton"),
    )


def _form() -> rx.Component:
    locked = ~Shell.can_manage
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            default_value=General.called,
            max_length=200,
            required=True,
            disabled=locked,
            auto_complete="off",
        ),
        field(
            "Slug",
            "slug",
            rx.el.input,
            hint="The project's name in addresses. Links with the old one stop working.",
            class_name="in mono",
            default_value=General.slug,
            max_length=48,
            required=True,
            disabled=locked,
            auto_complete="off",
            spell_check=False,
        ),
        field(
            "Jobs at once",
            "concurrency_limit",
            rx.el.input,
            hint="Most jobs that are ready or running together, up to the operator's ceiling; others wait for their "
            "turn.",
            type="number",
            default_value=General.window,
            min=1,
            max=General.most_window,
            required=True,
            disabled=locked,
        ),
        rx.cond(General.problem != "", note(General.problem, state="fail")),
        rx.cond(
            Shell.can_manage,
            rx.el.div(
                Submit.create(label="Save"),
                rx.cond(General.is_saved, rx.el.span("Saved.", class_name="t2", role="status")),
                class_name="row",
            ),
            rx.el.p(
                "Admins and owners of the project change this; your role is ",
                Shell.role,
                ".",
                class_name="t3",
            ),
        ),
        on_submit=General.save,
        key=General.project_id,
        class_name="form",
    )


def _export() -> rx.Component:
    what = (
        "Everything of the project in one archive: rows as JSON lines, bundles, the drive. Values of secrets are not "
        "in it."
    )
    return rx.fragment(
        rx.el.p(what, class_name="t2", style={"max_width": "62ch", "margin_bottom": "10px"}),
        rx.cond(
            Shell.is_owner,
            way_out(
                rx.icon("download", size=14),
                "Download the archive",
                href="/v1/projects/" + Shell.project_slug + "/export",
                custom_attrs={"download": True},
                class_name="btn",
            ),
            rx.el.p("An owner of the project can download it.", class_name="t3"),
        ),
    )


def _delete() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "Its jobs are cancelled and its keys stop working at once. For ",
            General.kept_days,
            " days the operator can bring it back; then everything of it is removed.",
            class_name="t2",
            style={"max_width": "62ch", "margin_bottom": "10px"},
        ),
        Confirm.create(
            label="Delete the project",
            kind="danger",
            title="Delete " + Shell.project_name + "?",
            text="Its jobs are cancelled, its keys stop working, and nobody finds it any more.",
            typed=Shell.project_slug,
            confirm="Delete it",
            on_confirm=General.delete,
        ),
    )
