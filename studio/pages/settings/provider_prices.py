"""What the project pays its own providers for models: the list under each family, and its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from backend.core.errors import Invalid, Missing
from backend.identity.auth.principal import Role
from backend.integrations.providers import prices
from backend.integrations.providers.prices import OwnPrice
from backend.integrations.providers.schemas import ProviderPriceUpdate
from backend.skills.model_catalog.entries import NANOS_PER_USD
from studio import session
from studio.author_names import name_keys
from studio.components.elements import button, field, form_end
from studio.components.live import Ago, Confirm
from studio.forms import parsed, said, text

_PRICES = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")


@dataclass
class PriceRow:
    """The price of one model."""

    family: str
    variant: str
    price: str
    updated_at: str
    updated_by: str


class ProviderPrices(rx.State):
    """The prices that a project has set."""

    rows: list[PriceRow] = []
    family: str = ""
    """The family for which the form is open; empty if none."""
    problem: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the prices, if the user has the permission."""
        self.reset()
        await self._read()

    @rx.event
    def begin(self, family: str) -> None:
        """Show the form for a price of a family."""
        self.family, self.problem = family, ""

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.family, self.problem = "", ""

    @rx.event
    async def put(self, typed: dict[str, Any]) -> None:
        """Set a price."""
        self.problem = ""
        values = {name: text(typed, name) for name in _PRICES}
        try:
            body = parsed(ProviderPriceUpdate, {name: value for name, value in values.items() if value})
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.DEVELOPER, "providers:write")
                rates = prices.rates_of(**dict(body))
                await prices.put(act.session, act.principal, self.family, text(typed, "variant"), rates)
        except (Invalid, Missing) as refused:
            self.problem = said(refused)
            return
        self.family = ""
        await self._read()

    @rx.event
    async def delete(self, family: str, variant: str) -> None:
        """Delete a price."""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.DEVELOPER, "providers:write")
            await prices.delete(act.session, act.principal, family, variant)
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.DEVELOPER:
                return
            own = await prices.own_prices(act.session, act.principal)
            rows = [_row(slug, price) for slug, price in sorted(own.items())]
            await name_keys(act, rows, "updated_by")
        self.rows = rows


def _row(slug: str, own: OwnPrice) -> PriceRow:
    family, _, variant = slug.partition("/")
    rates = own.rates
    return PriceRow(
        family,
        variant,
        f"{_usd(rates.input)} input, {_usd(rates.output)} output, {_usd(rates.cache_read)} cache read, "
        f"{_usd(rates.cache_write_5m)} cache write",
        own.updated_at.isoformat(),
        own.updated_by,
    )


def _usd(nanos: int) -> str:
    return "$" + (f"{nanos / NANOS_PER_USD:.9f}".rstrip("0").rstrip(".") or "0")


def own_prices(family: rx.Var[str], variants: rx.Var[list[str]]) -> rx.Component:
    """Render the prices of the models of a family, and the form for another one."""
    return rx.fragment(
        rx.foreach(ProviderPrices.rows, lambda row: rx.cond(row.family == family, _price(row))),
        rx.cond(ProviderPrices.family == family, _form(variants)),
    )


def add_button(family: rx.Var[str], on_open: Any) -> rx.Component:
    """Render the button that opens the form, and does `on_open` first."""
    return button(
        "Set price",
        kind="small",
        on_click=[on_open, ProviderPrices.begin(family)],
        aria_label="Set a price for a model of " + family,
    )


def _price(row: rx.Var[PriceRow]) -> rx.Component:
    delete = Confirm.create(
        label="Delete",
        kind="small danger",
        title="Delete the price of " + row.variant + "?",
        text="The price of the model catalog applies to jobs that start from now on.",
        confirm="Delete price",
        on_confirm=ProviderPrices.delete(row.family, row.variant),
    )
    return rx.el.div(
        rx.el.div(
            rx.el.span(row.variant, class_name="mono"),
            rx.el.span(class_name="grow"),
            delete,
            class_name="row",
        ),
        rx.el.p(
            row.price + " per million tokens, set by " + row.updated_by + " ",
            Ago.create(moment=row.updated_at),
            class_name="t3",
        ),
        key=row.family + "/" + row.variant,
    )


def _form(variants: rx.Var[list[str]]) -> rx.Component:
    def amount(label: str, name: str, **props: Any) -> rx.Component:
        return field(label, name, rx.el.input, class_name="in mono", input_mode="decimal", **props)

    return rx.el.form(
        field(
            "Model",
            "variant",
            rx.el.select,
            rx.foreach(variants, lambda variant: rx.el.option(variant, value=variant)),
            hint="The provider bills the project. The prices, in US dollars per million tokens, are for receipts only.",
        ),
        amount("Input (USD)", "input_usd", required=True, placeholder="3", auto_focus=True),
        amount("Output (USD)", "output_usd", required=True, placeholder="15"),
        amount("Cache read (USD)", "cache_read_usd", hint="Leave empty to use the price of the input."),
        amount("Cache write (USD)", "cache_write_usd", hint="Leave empty to use the price of the input."),
        *form_end(ProviderPrices.problem, "Save price", ProviderPrices.cancel),
        on_submit=ProviderPrices.put,
        class_name="form",
        style={"margin_top": "10px"},
    )
