"""The name, slug and concurrency limit of the project, its export and its deletion."""

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
from studio.typing_of_reflex import Handled


class General(rx.State):
    """The general settings of a project."""

    name: str = ""
    slug: str = ""
    concurrency: int = 0
    max_concurrency: int = 0
    """The maximum that the operator allows."""
    project_id: str = ""
    retention_days: int = 0
    """Days for which the operator can restore a deleted project."""
    problem: str = ""
    is_saved: bool = False
    is_loaded: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the settings."""
        self.reset()
        async with session.acting(self, self.project) as act:
            found = await project_of(act.session, act.principal)
            self.concurrency = await admission.concurrency_limit(act.session, act.principal.project_id)
            default = defaults_of(session.context().settings)[CONCURRENCY]
            known = await limits.limits_of(act.session, act.principal)
            self.max_concurrency = ceiling(known.of_operator, CONCURRENCY, default) or self.concurrency
        self.name, self.slug, self.project_id = found.name, found.slug, str(found.id)
        self.retention_days = session.context().settings.keep_deleted_projects_days
        self.is_loaded = True

    @rx.event
    async def save(self, form: dict[str, Any]) -> Handled:
        """Save the settings; a new slug changes the URL of the page."""
        self.problem, self.is_saved = "", False
        try:
            body = parsed(
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
                    name=body.name,
                    slug=body.slug,
                    concurrency_limit=body.concurrency_limit,
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
    async def delete(self) -> Handled:
        """Delete the project and open the home page."""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.OWNER, "project:write")
            await deletion.delete(act.session, act.principal)
        return rx.redirect("/")


def pane() -> rx.Component:
    """Render the settings, the export and the deletion."""
    return rx.cond(
        General.is_loaded,
        rx.fragment(
            section("Project", _form()),
            section("Export project", _export()),
            rx.cond(Shell.is_owner, section("Delete project", _delete())),
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
            default_value=General.name,
            max_length=200,
            required=True,
            disabled=locked,
            auto_complete="off",
        ),
        field(
            "Slug",
            "slug",
            rx.el.input,
            hint="The name of the project in URLs. Links with the previous slug stop working.",
            class_name="in mono",
            default_value=General.slug,
            max_length=48,
            required=True,
            disabled=locked,
            auto_complete="off",
            spell_check=False,
        ),
        field(
            "Concurrent jobs",
            "concurrency_limit",
            rx.el.input,
            hint="Maximum number of jobs that are ready or running at the same time, up to the limit of the operator. "
            "Other jobs wait in the queue.",
            type="number",
            default_value=General.concurrency,
            min=1,
            max=General.max_concurrency,
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
                "Only admins and owners of the project can change these settings. Your role is ",
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
    description = (
        "An archive with all data of the project: database rows as JSON Lines, bundles and the drive. It does not "
        "contain the values of secrets."
    )
    return rx.fragment(
        rx.el.p(description, class_name="t2", style={"max_width": "62ch", "margin_bottom": "10px"}),
        rx.cond(
            Shell.is_owner,
            way_out(
                rx.icon("download", size=14),
                "Download archive",
                href="/v1/projects/" + Shell.project_slug + "/export",
                custom_attrs={"download": True},
                class_name="btn",
            ),
            rx.el.p("Only owners of the project can download the archive.", class_name="t3"),
        ),
    )


def _delete() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "Deletion cancels the jobs of the project and disables its API keys immediately. The operator can "
            "restore the project for ",
            General.retention_days,
            " days. After that, all of its data is deleted permanently.",
            class_name="t2",
            style={"max_width": "62ch", "margin_bottom": "10px"},
        ),
        Confirm.create(
            label="Delete project…",
            kind="danger",
            title="Delete " + Shell.project_name + "?",
            text="The jobs of the project are canceled, its API keys stop working, and members lose access to it.",
            typed=Shell.project_slug,
            confirm="Delete project",
            on_confirm=General.delete,
        ),
    )
