"""The secrets of the project and of its skillpacks. A stored value is never shown again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing
from backend.data.secrets import service
from backend.data.secrets.schemas import SecretUpdate
from backend.data.secrets.tables import EnvironmentSecret, Secret
from backend.identity.auth.principal import Role
from backend.identity.environments import ENVIRONMENTS, Environment
from backend.skills.skillpacks import service as skillpacks
from studio import environments, session
from studio.author_names import name_keys
from studio.components.elements import button, field, framed_table, note, section, tag
from studio.components.live import Ago, Confirm, Submit
from studio.forms import parsed, said, text
from studio.pages.read_on_load import ReadOnLoad
from studio.pages.settings.for_roles import for_developers
from studio.pages.settings.from_code import none_yet
from studio.session import Act
from studio.typing_of_reflex import as_var


@dataclass
class SecretRow:
    """The data of a secret in the table."""

    name: str
    skillpack: str
    """The slug of the skillpack to which the secret belongs; empty for a secret of the project."""
    environment: str
    """The environment whose jobs receive the value; empty for all without a value of their own."""
    updated_at: str
    updated_by: str


class Secrets(ReadOnLoad, rx.State):
    """The secrets of a project."""

    rows: list[SecretRow] = []
    skillpacks: list[str] = []
    """The slugs of the skillpacks."""
    is_writing: bool = False
    rotated: str = ""
    """The name of the secret that gets a new value; empty for a new secret."""
    skillpack: str = ""
    """The skillpack of the secret in the form; empty for the project."""
    environment: str = ""
    """The environment of the secret that gets a new value."""
    problem: str = ""
    notice: str = ""

    @rx.event
    def begin(self) -> None:
        """Show the form for a new secret."""
        self.is_writing, self.rotated, self.skillpack, self.environment = True, "", "", ""
        self.problem = self.notice = ""

    @rx.event
    def rotate(self, name: str, skillpack: str, environment: str) -> None:
        """Show the form for a new value of a secret."""
        self.is_writing, self.rotated, self.skillpack, self.environment = True, name, skillpack, environment
        self.problem = self.notice = ""

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_writing, self.problem = False, ""

    @rx.event
    async def put(self, typed: dict[str, Any]) -> None:
        """Store the secret in the vault and nowhere else."""
        self.problem = ""
        context = session.context()
        name = self.rotated or text(typed, "name").upper()
        skillpack = self.skillpack if self.rotated else text(typed, "skillpack")
        environment = self.environment if self.rotated else text(typed, "environment")
        values = {"name": name, "value": str(typed.get("value") or ""), "environment": environment or None}
        try:
            body = parsed(SecretUpdate, values)
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "secrets:write")
                await service.put(
                    act.session,
                    context.vault,
                    act.principal,
                    name=body.name,
                    value=body.value,
                    skillpack_id=await _skillpack_id(act, skillpack),
                    environment=body.environment,
                    quotas=context.settings.quotas,
                )
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return
        self.is_writing = False
        self.notice = f"{body.name} is set. Jobs that start from now on receive it."
        await self._read()

    @rx.event
    async def delete(self, name: str, skillpack: str, environment: str) -> None:
        """Delete a secret."""
        self.notice = ""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.DEVELOPER, "secrets:write")
            skillpack_id = await _skillpack_id(act, skillpack)
            await service.delete(
                act.session,
                act.principal,
                name,
                skillpack_id=skillpack_id,
                environment=cast("Environment | None", environment or None),
            )
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.DEVELOPER:
                return
            packs = await skillpacks.list_(act.session, act.principal)
            owners = [("", None), *((pack.slug, pack.id) for pack in packs)]
            rows = [
                _row(one, slug, environment or "")
                for slug, skillpack_id in owners
                for environment in (None, *ENVIRONMENTS)
                for one in await service.names(
                    act.session, act.principal, skillpack_id=skillpack_id, environment=environment
                )
            ]
            await name_keys(act, rows, "updated_by")
        self.skillpacks = [pack.slug for pack in packs]
        self.rows = sorted(rows, key=lambda row: (row.name, row.skillpack, row.environment))


async def _skillpack_id(act: Act, slug: str) -> Any:
    return (await skillpacks.get(act.session, act.principal, slug)).id if slug else None


def _row(secret: Secret | EnvironmentSecret, skillpack: str, environment: str) -> SecretRow:
    return SecretRow(secret.name, skillpack, environment, secret.updated_at.isoformat(), secret.updated_by)


def pane() -> rx.Component:
    """Render the names of the secrets, and the form that sets one."""
    new = button("New secret", icon="plus", kind="pri", on_click=Secrets.begin, disabled=Secrets.is_writing)
    title = rx.cond(Secrets.rotated != "", "New value for " + Secrets.rotated, "New secret")
    shown = rx.fragment(
        rx.cond(Secrets.notice != "", note(Secrets.notice, state="ok")),
        rx.cond(Secrets.is_writing, section(title, _form())),
        section("Secrets", rx.cond(as_var(Secrets.rows).length() > 0, _list(), _none()), actions=[new]),
    )
    return for_developers(Secrets.is_loaded, shown, "view and set secrets")


def _none() -> rx.Component:
    return none_yet(
        "No secrets yet. A secret is an environment variable of the functions and Python tools of the project, which "
        "code can read with ",
        rx.el.span('puras.secret("NAME")', class_name="mono"),
        ". Models and shells of agents cannot read secrets, and values are redacted in logs and results.",
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.cond(
            Secrets.rotated == "",
            rx.fragment(
                field(
                    "Name",
                    "name",
                    rx.el.input,
                    hint="The name of the environment variable: uppercase letters, digits and underscores.",
                    class_name="in mono",
                    max_length=128,
                    required=True,
                    placeholder="STRIPE_KEY",
                    auto_complete="off",
                    spell_check=False,
                    auto_focus=True,
                ),
                field(
                    "Available to",
                    "skillpack",
                    rx.el.select,
                    rx.el.option("Whole project", value=""),
                    rx.foreach(
                        Secrets.skillpacks,
                        lambda slug: rx.el.option("Only skillpack " + slug, value=slug),
                    ),
                    hint="A secret of a skillpack takes precedence over a secret of the project with the same name.",
                ),
                field(
                    "Environment",
                    "environment",
                    rx.el.select,
                    rx.el.option("All without a value of their own", value=""),
                    *environments.options(),
                    hint="A value of an environment takes precedence over every shared value with the same name.",
                ),
            ),
        ),
        field(
            "Value",
            "value",
            rx.el.textarea,
            hint="At most 64 KiB; line breaks are preserved. The value is encrypted at rest and cannot be shown again.",
            class_name="in code masked",
            rows=3,
            required=True,
            auto_complete="off",
            spell_check=False,
        ),
        rx.cond(Secrets.problem != "", note(Secrets.problem, state="fail")),
        rx.el.div(
            Submit.create(
                label=rx.cond(Secrets.rotated != "", "Replace value", "Create secret"),
            ),
            button("Cancel", kind="quiet", on_click=Secrets.cancel),
            class_name="row",
        ),
        on_submit=Secrets.put,
        key=Secrets.rotated + Secrets.skillpack + Secrets.environment,
        class_name="form",
    )


def _list() -> rx.Component:
    columns = [
        ("Name", "26%", ""),
        ("Available to", "17%", ""),
        ("Environment", "13%", ""),
        ("Updated by", "15%", ""),
        ("Updated", "11%", "num"),
        (rx.el.span("Actions", class_name="hidden-label"), "19%", "num"),
    ]
    return framed_table("Secrets", columns, rx.foreach(Secrets.rows, _secret))


def _secret(row: rx.Var[SecretRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.name, class_name="mono", title=row.name),
        rx.el.td(
            rx.cond(row.skillpack != "", "Only skillpack " + row.skillpack, "Whole project"), class_name="t2"
        ),
        rx.el.td(rx.cond(row.environment != "", tag(row.environment), rx.el.span("All", class_name="t2"))),
        rx.el.td(row.updated_by, class_name="t2", title=row.updated_by),
        rx.el.td(Ago.create(moment=row.updated_at), class_name="num t3"),
        rx.el.td(
            rx.el.span(
                button(
                    "Rotate",
                    kind="small",
                    on_click=Secrets.rotate(row.name, row.skillpack, row.environment),
                    aria_label="Rotate " + row.name,
                ),
                Confirm.create(
                    label="Delete",
                    kind="small danger",
                    title="Delete " + row.name + "?",
                    text="Jobs that start from now on do not receive the secret. Its value cannot be restored.",
                    confirm="Delete secret",
                    on_confirm=Secrets.delete(row.name, row.skillpack, row.environment),
                ),
                class_name="row acts",
            ),
            class_name="num",
        ),
        key=row.name + row.skillpack + row.environment,
    )
