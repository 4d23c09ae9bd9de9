"""What the publisher of a listing sees of it: sales, its price, publishing, taking it down, another version."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing
from backend.marketplace import catalog, service
from backend.marketplace.schemas import ListingUpdate, ListingVersionCreate
from studio import session
from studio.components.elements import note
from studio.components.live import Confirm, Submit
from studio.formatting import usd
from studio.forms import micros, parsed, said, text
from studio.shell import Shell


class Managing(rx.State):
    """A listing of the project's own."""

    slug: str = ""
    status: str = ""
    price: str = ""
    runs: str = ""
    callers: str = ""
    earned: str = ""
    problem: str = ""
    follows: bool = False

    @rx.event
    async def open(self, slug: str, is_own: bool):
        """Read what came of it."""
        self.reset()
        self.slug = slug
        if not is_own:
            return
        async with session.acting(self, self.project) as act:
            listing = await service.own(act.session, act.principal, slug)
            sales = await catalog.sales(act.session, act.principal, slug)
        self.status, self.follows = listing.status, listing.follows_active
        self.price = f"{listing.price_micros / 1e6:g}"
        self.runs, self.callers = f"{sales.succeeded:,} of {sales.runs:,}", f"{sales.callers:,}"
        self.earned = usd(sales.earned_micros)

    @rx.event
    async def change_price(self, typed: dict[str, Any]):
        """Ask another price of jobs from now on."""
        try:
            asked = parsed(ListingUpdate, {"price_micros": micros(typed, "price") or 0})
        except Invalid as refused:
            self.problem = said(refused)
            return None
        return await self._change(asked)

    @rx.event
    async def publish(self):
        """Let others see and run it."""
        return await self._change(ListingUpdate(status="published"))

    @rx.event
    async def take_down(self):
        """Let nobody begin another run."""
        return await self._change(ListingUpdate(status="taken_down"))

    @rx.event
    async def add_version(self, typed: dict[str, Any]):
        """Give callers the version that is active now."""
        try:
            asked = parsed(ListingVersionCreate, {"notes": text(typed, "notes")})
            async with session.acting(self, self.project, once=typed) as act:
                await service.add_version(act.session, act.principal, self.slug, asked)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return None
        return rx.redirect(f"/p/{self.project}/marketplace/{self.slug}?changed=1", replace=True)

    @rx.event
    async def forget(self):
        """Forget a draft."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, self.slug)
        return rx.redirect(f"/p/{self.project}/marketplace?tab=own")

    async def _change(self, asked: ListingUpdate) -> Any:
        self.problem = ""
        try:
            async with session.acting(self, self.project) as act:
                await service.change(act.session, act.principal, self.slug, asked)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return None
        return Managing.open(self.slug, True)


def pane() -> rx.Component:
    """Sales, and what its publisher may do."""
    numbers = (
        ("Earned", Managing.earned),
        ("Runs that succeeded", Managing.runs),
        ("Projects that ran it", Managing.callers),
    )
    return rx.fragment(
        rx.el.dl(
            *[rx.el.div(rx.el.dt(name), rx.el.dd(value, class_name="num")) for name, value in numbers],
            class_name="numbers",
        ),
        rx.cond(Managing.problem != "", note(Managing.problem, state="fail")),
        rx.match(
            Managing.status,
            ("draft", note("A draft: nobody else sees it. You can run it here.", state="wait")),
            ("published", note("Published: every project of this instance sees and runs it.", state="ok")),
            ("taken_down", note("Taken down: nobody begins a run. Those that are there end as they would.")),
            rx.fragment(),
        ),
        rx.cond(Shell.can_manage, _acts()),
    )


def _acts() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.cond(
                Managing.status != "published",
                Confirm.create(
                    label="Publish…",
                    kind="pri",
                    title="Publish " + Managing.slug + "?",
                    text="Every project of this instance sees it and may run it for $"
                    + Managing.price
                    + " a run. "
                    "Its code, prompt and secrets stay yours.",
                    confirm="Publish it",
                    on_confirm=Managing.publish,
                ),
            ),
            rx.cond(
                Managing.status == "published",
                Confirm.create(
                    label="Take down…",
                    kind="danger",
                    title="Take " + Managing.slug + " down?",
                    text="Nobody begins another run. Runs that are there end as they would.",
                    confirm="Take it down",
                    on_confirm=Managing.take_down,
                ),
            ),
            rx.cond(
                Managing.status == "draft",
                Confirm.create(
                    label="Forget the draft…",
                    kind="danger",
                    title="Forget " + Managing.slug + "?",
                    text="Its name is free again. What was never published was seen by nobody.",
                    confirm="Forget it",
                    on_confirm=Managing.forget,
                ),
            ),
            class_name="row wrap",
        ),
        rx.el.form(
            rx.el.label("Dollars a run", html_for="listing-price"),
            rx.el.input(
                id="listing-price",
                name="price",
                key=Managing.price,
                default_value=Managing.price,
                input_mode="decimal",
                auto_complete="off",
                class_name="in",
                style={"max_width": "110px"},
            ),
            Submit.create(label="Change the price", kind=""),
            rx.el.span("For jobs from now on.", class_name="t3"),
            on_submit=Managing.change_price,
            class_name="row wrap",
        ),
        rx.cond(
            ~Managing.follows,
            rx.el.form(
                rx.el.label("What is new", html_for="listing-notes"),
                rx.el.input(
                    id="listing-notes",
                    name="notes",
                    class_name="in",
                    max_length=4000,
                    style={"max_width": "280px"},
                ),
                Submit.create(label="Offer the active version", kind=""),
                on_submit=Managing.add_version,
                class_name="row wrap",
            ),
        ),
    )
