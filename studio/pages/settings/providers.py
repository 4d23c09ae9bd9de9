"""The project's own keys for models: which there are, whether they work, and what is reached without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from backend.core.errors import Invalid, Missing
from backend.core.net.public_urls import listed
from backend.identity.auth.principal import Role
from backend.integrations.providers import probing, service
from backend.integrations.providers.access import access_of
from backend.integrations.providers.schemas import ProviderKeyUpdate, ProviderRead
from backend.skills.model_catalog import catalog
from studio import session
from studio.author_names import name_keys
from studio.components.elements import button, code, field, note, section, tag
from studio.components.live import Ago, Confirm, Submit
from studio.forms import parsed, said, text
from studio.pages.settings.for_roles import for_developers


@dataclass
class FamilyRow:
    """What the list shows of a family of models."""

    family: str
    models: str
    """All of them, with commas."""
    reached: str
    """`own`: with the project's key, `instance`: with that of the instance; empty: not at all."""
    key: str
    """How the project's key begins."""
    address: str
    updated_at: str
    updated_by: str


class Providers(rx.State):
    """The families of models of a project."""

    rows: list[FamilyRow] = []
    family: str = ""
    """Whose key is being given; empty: none."""
    problem: str = ""
    probed: str = ""
    """What the last probe found, and of which family."""
    probed_family: str = ""
    verdict: str = ""
    asking: str = ""
    """Family of the provider that is being asked."""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read which models are reached, where the person may."""
        self.reset()
        await self._read()
        self.is_loaded = True

    @rx.event
    def begin(self, family: str):
        """Show the form for the key of a family."""
        self.family, self.problem, self.probed = family, "", ""

    @rx.event
    def cancel(self):
        """Bring none."""
        self.family, self.problem = "", ""

    @rx.event
    async def put(self, typed: dict[str, Any]):
        """Set the key; what was typed is kept nowhere but in the vault. Then try it."""
        self.problem = ""
        context, family = session.context(), self.family
        try:
            body = {"api_key": text(typed, "api_key"), "base_url": text(typed, "base_url") or None}
            asked = parsed(ProviderKeyUpdate, body)
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "providers:write")
                await service.put(
                    act.session,
                    context.vault,
                    act.principal,
                    family,
                    api_key=asked.api_key,
                    base_url=asked.base_url,
                    allowed_hosts=listed(context.settings.provider_hosts),
                )
        except (Invalid, Missing) as refused:
            self.problem = said(refused)
            return None
        self.family = ""
        await self._read()
        return Providers.probe(family)

    @rx.event
    async def probe(self, family: str):
        """Ask the provider whether it takes the key."""
        self.probed, self.asking = "", family
        yield
        try:
            context = session.context()
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "providers:write")
                key = await service.key_to_test(act.session, context.vault, act.principal, family)
            models = catalog.current()  # no connection of the database is held while the provider is asked
            found = await probing.probe(family, key, models, access_of(context.settings, models))
        finally:
            self.asking = ""
        self.probed_family, self.verdict, self.probed = family, found.verdict, found.found

    @rx.event
    async def delete(self, family: str):
        """Forget a key."""
        self.probed = ""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.DEVELOPER, "providers:write")
            await service.delete(act.session, act.principal, family)
        await self._read()

    async def _read(self) -> None:
        context, models = session.context(), catalog.current()
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.DEVELOPER:
                return
            own = await service.keys(act.session, context.vault, act.principal)
            found = ProviderRead.all_of(models, access_of(context.settings, models), own)
            rows = [_row(one) for one in found]
            await name_keys(act, rows, "updated_by")
        self.rows = rows


def _row(one: ProviderRead) -> FamilyRow:
    return FamilyRow(
        family=one.family,
        models=", ".join(slug.partition("/")[2] for slug in one.models),
        reached="own" if one.has_own_key else "instance" if one.has_instance_key else "",
        key=one.key_begins or "",
        address=one.base_url or "",
        updated_at=one.updated_at.isoformat() if one.updated_at else "",
        updated_by=one.updated_by or "",
    )


def pane() -> rx.Component:
    """The families, each with its key."""
    shown = rx.fragment(
        section(
            "Model providers",
            rx.el.p(
                "Calls with a key of the project are billed by its provider, and cost nothing here. Without one, the "
                "instance's key is used where it has one.",
                class_name="t2",
                style={"max_width": "68ch", "margin_bottom": "12px"},
            ),
            rx.el.ul(
                rx.foreach(Providers.rows, _family), class_name="entries", aria_label="Families of models"
            ),
        ),
        section(
            "Name one in a skill",
            code("model: claude/sonnet-4-6   # in skill.yaml; a job may name another one"),
        ),
    )
    return for_developers(Providers.is_loaded, shown, "see and bring its keys for models")


def _family(row: rx.Var[FamilyRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.family, class_name="strong mono"),
            rx.match(
                row.reached,
                ("own", tag("project's key", state="ok")),
                ("instance", tag("instance's key")),
                tag("no key"),
            ),
            rx.el.span(class_name="grow"),
            _acts(row),
            class_name="row wrap",
        ),
        rx.el.p(row.models, class_name="t2"),
        rx.cond(row.reached == "own", _own(row)),
        rx.cond(
            Providers.asking == row.family, rx.el.p("Asking the provider…", class_name="t3", role="status")
        ),
        rx.cond(
            (Providers.probed_family == row.family) & (Providers.probed != ""),
            note(Providers.probed, state=rx.cond(Providers.verdict == "warn", "wait", Providers.verdict)),
        ),
        rx.cond(Providers.family == row.family, _form(row)),
        key=row.family,
    )


def _own(row: rx.Var[FamilyRow]) -> rx.Component:
    return rx.el.p(
        rx.el.span(row.key + "…", class_name="mono", title="How the key begins"),
        rx.cond(row.address != "", rx.fragment(" at ", rx.el.span(row.address, class_name="mono"))),
        ", set by ",
        row.updated_by,
        " ",
        Ago.create(moment=row.updated_at),
        class_name="t3",
    )


def _acts(row: rx.Var[FamilyRow]) -> rx.Component:
    is_own = row.reached == "own"
    return rx.fragment(
        rx.cond(
            is_own,
            button(
                "Test",
                kind="small",
                on_click=Providers.probe(row.family),
                disabled=Providers.asking != "",
                aria_label="Test the key for " + row.family,
            ),
        ),
        button(
            rx.cond(is_own, "Replace", "Bring a key"),
            kind="small",
            on_click=Providers.begin(row.family),
            aria_label=rx.cond(is_own, "Replace the key for " + row.family, "Bring a key for " + row.family),
        ),
        rx.cond(
            is_own,
            Confirm.create(
                label="Remove",
                kind="small danger",
                title="Remove the key for " + row.family + "?",
                text="Jobs that start from now on use the instance's key, if it has one. Jobs that run keep this one.",
                confirm="Remove it",
                on_confirm=Providers.delete(row.family),
            ),
        ),
    )


def _form(row: rx.Var[FamilyRow]) -> rx.Component:
    return rx.el.form(
        field(
            "Key",
            "api_key",
            rx.el.input,
            hint="As the provider gave it. It is encrypted at rest, and nobody can show it again.",
            class_name="in mono",
            type="password",
            required=True,
            auto_complete="off",
            auto_focus=True,
        ),
        field(
            "Address",
            "base_url",
            rx.el.input,
            hint="Of another server that speaks the Messages API, in front of /v1/messages. Empty: the provider's own.",
            class_name="in mono",
            type="url",
            default_value=row.address,
            placeholder="https://…",
            auto_complete="off",
        ),
        rx.cond(Providers.problem != "", note(Providers.problem, state="fail")),
        rx.el.div(
            Submit.create(label="Save and test"),
            button("Cancel", kind="quiet", on_click=Providers.cancel),
            class_name="row",
        ),
        on_submit=Providers.put,
        class_name="form",
    )
