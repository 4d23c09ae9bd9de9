"""`/p/{project}`: the skills of the active version, publishing the next one, and all versions."""

from __future__ import annotations

from dataclasses import dataclass

import reflex as rx

from backend.bundles.manifest import Manifest
from backend.deployments import service as deployments
from backend.deployments.tables import Deployment
from backend.skillpacks import service as skillpacks
from studio import session
from studio.components.elements import framed_table, link, note, section, tag
from studio.components.live import Ago, BundleDrop, Confirm
from studio.components.snippets import LANGUAGES, snippets
from studio.shell import Crumb, Shell, shell
from studio.skills import SkillView, active_skills, snippet_texts
from studio.wording import size

_MOST_VERSIONS = 50


@dataclass
class VersionRow:
    """What the list shows of a deployment."""

    id: str
    version: str
    is_active: bool
    notes: str
    created_by: str
    created_at: str
    size: str
    skills: str


class Overview(rx.State):
    """A project's skills and versions."""

    skills: list[SkillView] = []
    versions: list[VersionRow] = []
    published: int = 0
    texts: dict[str, str] = {}
    language: str = LANGUAGES[0]["id"]
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read the project's skills and versions."""
        self.reset()
        await self._read()
        self.is_loaded = True

    @rx.event
    async def show_published(self, version: int):
        """A bundle has just become a version."""
        await self._read()
        self.published = version

    @rx.event
    async def activate(self, deployment_id: str):
        """Make a version the active one."""
        async with session.acting(self, self.project) as act:
            await deployments.activate(act.session, act.principal, deployment_id)
        self.published = 0
        await self._read()

    @rx.event
    def pick_language(self, language: str):
        """Show the snippet of one language."""
        self.language = language

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            self.skills = await active_skills(act)
            rows = await deployments.list_(act.session, act.principal, limit=_MOST_VERSIONS)
            active_id = (await skillpacks.get(act.session, act.principal)).active_deployment_id
        self.versions = [_row(one, is_active=one.id == active_id) for one in rows]
        self.texts = snippet_texts(session.instance().settings.url, self.skills)


def _row(deployment: Deployment, *, is_active: bool) -> VersionRow:
    names = [skill.name for skill in Manifest.model_validate(deployment.manifest).submittable]
    return VersionRow(
        id=str(deployment.id),
        version=f"v{deployment.version}",
        is_active=is_active,
        notes=deployment.notes,
        created_by=deployment.created_by,
        created_at=deployment.created_at.isoformat(),
        size=size(deployment.size_bytes),
        skills=", ".join(names),
    )


def page() -> rx.Component:
    """What can be run, how to publish, and what was published."""
    return shell(
        "project",
        [Crumb("Projects", "/"), Crumb(Shell.project_name)],
        rx.cond(
            Overview.is_loaded,
            rx.el.div(
                rx.el.h1(Shell.project_name, class_name="hidden-label"),
                rx.cond(
                    Overview.skills.length() > 0,
                    section("Skills", rx.el.div(rx.foreach(Overview.skills, _skill), class_name="cards")),
                    _first_steps(),
                ),
                rx.cond(Shell.can_write, section("Publish", _publish())),
                rx.cond(
                    Overview.versions.length() > 0,
                    section("Versions", _versions()),
                ),
                rx.cond(
                    Overview.skills.length() > 0,
                    section(
                        "From your code", snippets(Overview.texts, Overview.language, Overview.pick_language)
                    ),
                ),
                class_name="scroll grow column",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _first_steps() -> rx.Component:
    return rx.el.div(
        rx.icon("blocks", size=20, color="var(--acc-t)"),
        rx.el.h2("Publish your first skills", style={"margin": "10px 0 2px"}),
        rx.el.p(
            "A skill is a folder with a skill.yaml: an agent when its entrypoint is a prompt, a function when it is "
            "Python. Zip your skills folder and drop it below, or run ",
            rx.el.span("puras deploy", class_name="mono"),
            " in it.",
            class_name="t2",
            style={"max_width": "62ch"},
        ),
    )


def _skill(skill: rx.Var[SkillView]) -> rx.Component:
    return link(
        rx.el.div(
            rx.icon(rx.cond(skill.kind == "agent", "bot", "square-function"), size=15, color="var(--t3)"),
            rx.el.span(skill.name, class_name="strong cut grow"),
            tag(skill.version),
            class_name="row",
        ),
        rx.el.p(
            rx.cond(skill.description != "", skill.description, skill.title),
            class_name="t2 two-lines",
            style={"margin_top": "6px"},
        ),
        href="/p/" + Shell.project_slug + "/play/" + skill.play,
        class_name="card",
        key=skill.play,
    )


def _publish() -> rx.Component:
    return rx.fragment(
        BundleDrop.create(project=Shell.project_slug, csrf=Shell.csrf, on_published=Overview.show_published),
        rx.cond(
            Overview.published > 0,
            note(
                rx.el.span("Version ", Overview.published, " is active.", class_name="strong"),
                " Jobs that run go on with the version they began with.",
                state="ok",
                style={"margin_top": "10px"},
            ),
        ),
    )


def _versions() -> rx.Component:
    columns = [
        ("Version", "14%", ""),
        ("Skills", "24%", ""),
        ("Notes", "17%", ""),
        ("Published by", "15%", ""),
        ("Size", "9%", "num"),
        ("When", "11%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "10%", "num"),
    ]
    return framed_table("Versions", columns, rx.foreach(Overview.versions, _version))


def _version(row: rx.Var[VersionRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(tag(row.version), rx.cond(row.is_active, tag("active", state="ok")), class_name="row"),
        ),
        rx.el.td(row.skills, title=row.skills),
        rx.el.td(row.notes, class_name="t2", title=row.notes),
        rx.el.td(row.created_by, class_name="t2", title=row.created_by),
        rx.el.td(row.size, class_name="num t2"),
        rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
        rx.el.td(
            rx.cond(
                Shell.can_write & ~row.is_active,
                Confirm.create(
                    label="Activate",
                    kind="small",
                    title="Make " + row.version + " active?",
                    text="New jobs run "
                    + row.version
                    + " from now on. Jobs that run go on with the version they began with.",
                    confirm="Activate " + row.version,
                    on_confirm=Overview.activate(row.id),
                ),
            ),
            class_name="num",
        ),
        key=row.id,
    )
