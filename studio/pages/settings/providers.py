"""The project's API keys of model providers, with a test of each key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from backend.core.errors import Invalid, Missing, NotOffered
from backend.core.net.public_urls import listed
from backend.identity.auth.principal import Role
from backend.integrations.providers import probing, service
from backend.integrations.providers.access import access_of
from backend.integrations.providers.families import list_families
from backend.integrations.providers.schemas import ProviderKeyUpdate, ProviderRead
from backend.skills.model_catalog import catalog
from studio import session
from studio.author_names import name_keys
from studio.components.elements import button, code, field, note, section, tag
from studio.components.live import Ago, Confirm, Submit
from studio.forms import parsed, said, text
from studio.pages.read_on_load import ReadOnLoad
from studio.pages.settings.for_roles import for_developers
from studio.pages.settings.provider_prices import ProviderPrices, add_button, own_prices
from studio.typing_of_reflex import AsyncUpdates, Handled

_KEY_HINT = "The key is encrypted at rest and cannot be shown again."
_CLOUD_KEY_HINTS = {
    "bedrock": f"ACCESS_KEY:SECRET_KEY, ACCESS_KEY:SECRET_KEY:SESSION_TOKEN, or an API key of Bedrock. {_KEY_HINT}",
    "vertex": f"The key file of a service account in base64: base64 -w0 key.json. {_KEY_HINT}",
}
_APIS = {"messages": "Messages API", "chat": "Chat Completions", "responses": "Responses API"}


@dataclass
class FamilyRow:
    """The data of a model family in the list."""

    family: str
    models: str
    """The models, separated by commas."""
    variants: list[str]
    key_source: str
    """`own` for a key of the project, `instance` for a key of the instance, empty if there is no key."""
    key: str
    """The first characters of the project's key."""
    base_url: str
    api: str
    cloud: str
    """Empty if the models are not part of a cloud."""
    updated_at: str
    updated_by: str


class Providers(ReadOnLoad, rx.State):
    """The model families with the keys of a project."""

    rows: list[FamilyRow] = []
    family: str = ""
    """The family for which the form is open; empty if none."""
    problem: str = ""
    probed: str = ""
    """The result of the last test; `probed_family` is its family."""
    probed_family: str = ""
    verdict: str = ""
    testing: str = ""
    """The family whose key is being tested; empty if none."""

    @rx.event
    def begin(self, family: str) -> None:
        """Show the form for the key of a family."""
        self.family, self.problem, self.probed = family, "", ""

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.family, self.problem = "", ""

    @rx.event
    async def put(self, typed: dict[str, Any]) -> Handled:
        """Store the key in the vault and nowhere else, then test it."""
        self.problem = ""
        context, family = session.context(), self.family
        try:
            base_url = text(typed, "base_url") or None
            body: dict[str, Any] = {"api_key": text(typed, "api_key"), "base_url": base_url}
            if base_url is not None:
                body["api"] = text(typed, "api")
            changes = parsed(ProviderKeyUpdate, body)
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "providers:write")
                await service.put(
                    act.session,
                    context.vault,
                    act.principal,
                    family,
                    api_key=changes.api_key,
                    base_url=changes.base_url,
                    api=changes.api,
                    allowed_hosts=listed(context.settings.provider_hosts),
                )
        except (Invalid, Missing, NotOffered) as refused:
            self.problem = said(refused)
            return None
        self.family = ""
        await self._read()
        return Providers.probe(family)

    @rx.event
    async def probe(self, family: str) -> AsyncUpdates:
        """Test whether the provider accepts the key."""
        self.probed, self.testing = "", family
        yield
        try:
            context = session.context()
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "providers:write")
                key = await service.key_to_test(act.session, context.vault, act.principal, family)
            models = catalog.current()  # No database connection is held during the request to the provider.
            found = await probing.probe(family, key, models, access_of(context.settings, models))
        finally:
            self.testing = ""
        self.probed_family, self.verdict, self.probed = family, found.verdict, found.found

    @rx.event
    async def delete(self, family: str) -> Handled:
        """Delete a key."""
        self.probed = ""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.DEVELOPER, "providers:write")
            await service.delete(act.session, act.principal, family)
        await self._read()
        return ProviderPrices.load  # they are deleted with the key

    def _following(self) -> Any:
        return ProviderPrices.load

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.DEVELOPER:
                return
            found = await list_families(act.session, session.context(), act.principal)
            rows = [_row(one) for one in found]
            await name_keys(act, rows, "updated_by")
        self.rows = rows


def _row(one: ProviderRead) -> FamilyRow:
    variants = [slug.partition("/")[2] for slug in one.models]
    return FamilyRow(
        family=one.family,
        models=", ".join(variants),
        variants=variants,
        key_source="own" if one.has_own_key else "instance" if one.has_instance_key else "",
        key=one.key_prefix or "",
        base_url=one.base_url or "",
        api=one.api,
        cloud=one.cloud or "",
        updated_at=one.updated_at.isoformat() if one.updated_at else "",
        updated_by=one.updated_by or "",
    )


def pane() -> rx.Component:
    """Render the model families, each with its key."""
    shown = rx.fragment(
        section(
            "Model providers",
            rx.el.p(
                "Model calls with an API key of the project are billed by the provider, and the project's wallet is "
                "not charged for them. Without a project key, the key of the instance is used, if there is one.",
                class_name="t2",
                style={"max_width": "68ch", "margin_bottom": "12px"},
            ),
            rx.el.ul(rx.foreach(Providers.rows, _family), class_name="entries", aria_label="Model families"),
        ),
        section(
            "Select a model in a skill",
            code("model: claude/sonnet-4-6   # in skill.yaml; a job can set a different model"),
        ),
    )
    return for_developers(Providers.is_loaded, shown, "view and set the API keys of model providers")


def _family(row: rx.Var[FamilyRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.family, class_name="strong mono"),
            rx.match(
                row.key_source,
                ("own", tag("project key", state="ok")),
                ("instance", tag("instance key")),
                tag("no key"),
            ),
            rx.el.span(class_name="grow"),
            _acts(row),
            class_name="row wrap",
        ),
        rx.el.p(row.models, class_name="t2"),
        rx.cond(row.key_source == "own", rx.fragment(_own(row), own_prices(row.family, row.variants))),
        rx.cond(Providers.testing == row.family, rx.el.p("Testing the key…", class_name="t3", role="status")),
        rx.cond(
            (Providers.probed_family == row.family) & (Providers.probed != ""),
            note(Providers.probed, state=rx.cond(Providers.verdict == "warn", "wait", Providers.verdict)),
        ),
        rx.cond(Providers.family == row.family, _form(row)),
        key=row.family,
    )


def _own(row: rx.Var[FamilyRow]) -> rx.Component:
    return rx.el.p(
        rx.el.span(row.key + "…", class_name="mono", title="First characters of the key"),
        rx.cond(
            row.base_url != "",
            rx.fragment(" for ", rx.el.span(row.base_url, class_name="mono"), " (", _api_title(row.api), ")"),
        ),
        ", set by ",
        row.updated_by,
        " ",
        Ago.create(moment=row.updated_at),
        class_name="t3",
    )


def _api_title(api: rx.Var[str]) -> rx.Component:
    return rx.match(api, *_APIS.items(), "")


def _acts(row: rx.Var[FamilyRow]) -> rx.Component:
    is_own = row.key_source == "own"
    return rx.fragment(
        rx.cond(is_own, add_button(row.family, Providers.cancel)),
        rx.cond(
            is_own,
            button(
                "Test",
                kind="small",
                on_click=Providers.probe(row.family),
                disabled=Providers.testing != "",
                aria_label="Test the key for " + row.family,
            ),
        ),
        button(
            rx.cond(is_own, "Replace", "Add API key"),
            kind="small",
            on_click=[ProviderPrices.cancel, Providers.begin(row.family)],
            aria_label=rx.cond(is_own, "Replace the key for " + row.family, "Add API key for " + row.family),
        ),
        rx.cond(
            is_own,
            Confirm.create(
                label="Remove",
                kind="small danger",
                title="Remove the key for " + row.family + "?",
                text="Jobs that start from now on use the key of the instance, if there is one. Running jobs continue "
                "to use this key.",
                confirm="Remove key",
                on_confirm=Providers.delete(row.family),
            ),
        ),
    )


def _form(row: rx.Var[FamilyRow]) -> rx.Component:
    return rx.el.form(
        field(
            "API key",
            "api_key",
            rx.el.input,
            hint=rx.match(row.cloud, *_CLOUD_KEY_HINTS.items(), _KEY_HINT),
            class_name="in mono",
            type="password",
            required=True,
            auto_complete="off",
            auto_focus=True,
        ),
        field(
            "Base URL",
            "base_url",
            rx.el.input,
            hint="URL of another server, before /v1/messages, /chat/completions or /responses, such as "
            "https://host/v1. Leave empty to use the URL of the provider.",
            class_name="in mono",
            type="url",
            default_value=row.base_url,
            placeholder="https://…",
            auto_complete="off",
        ),
        field(
            "API",
            "api",
            rx.el.select,
            *(rx.el.option(title, value=name) for name, title in _APIS.items()),
            hint="The API of the server at the base URL.",
            default_value=row.api,
        ),
        rx.cond(Providers.problem != "", note(Providers.problem, state="fail")),
        rx.el.div(
            Submit.create(label="Save and test"),
            button("Cancel", kind="quiet", on_click=Providers.cancel),
            class_name="row",
        ),
        on_submit=Providers.put,
        class_name="form",
        style={"margin_top": "10px"},
    )
