"""The publisher's part of the page of a listing: sales, price, publishing, taking down, and versions."""

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
from studio.typing_of_reflex import Handled


class PublisherPane(rx.State):
    """A listing of the project, for its publisher."""

    slug: str = ""
    status: str = ""
    price: str = ""
    runs: str = ""
    callers: str = ""
    earned: str = ""
    problem: str = ""
    follows: bool = False

    @rx.event
    async def open(self, slug: str, is_own: bool) -> None:
        """Load the listing and its sales."""
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
    async def change_price(self, typed: dict[str, Any]) -> Handled:
        """Change the price for jobs from now on."""
        try:
            change = parsed(ListingUpdate, {"price_micros": micros(typed, "price") or 0})
        except Invalid as error:
            self.problem = said(error)
            return None
        return await self._change(change)

    @rx.event
    async def publish(self) -> Handled:
        """Publish the listing."""
        return await self._change(ListingUpdate(status="published"))

    @rx.event
    async def take_down(self) -> Handled:
        """Take the listing down: no more jobs can be submitted."""
        return await self._change(ListingUpdate(status="taken_down"))

    @rx.event
    async def add_version(self, typed: dict[str, Any]) -> Handled:
        """Add the active version to the listing."""
        try:
            change = parsed(ListingVersionCreate, {"notes": text(typed, "notes")})
            async with session.acting(self, self.project, once=typed) as act:
                await service.add_version(act.session, act.principal, self.slug, change)
        except (Conflict, Invalid, Missing) as error:
            self.problem = said(error)
            return None
        return rx.redirect(f"/p/{self.project}/marketplace/{self.slug}?changed=1", replace=True)

    @rx.event
    async def delete(self) -> Handled:
        """Delete a draft."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, self.slug)
        return rx.redirect(f"/p/{self.project}/marketplace?tab=own")

    async def _change(self, change: ListingUpdate) -> Any:
        self.problem = ""
        try:
            async with session.acting(self, self.project) as act:
                await service.change(act.session, act.principal, self.slug, change)
        except (Conflict, Invalid, Missing) as error:
            self.problem = said(error)
            return None
        return PublisherPane.open(self.slug, True)


def pane() -> rx.Component:
    """Render the sales and the actions of the publisher."""
    numbers = (
        ("Earnings", PublisherPane.earned),
        ("Succeeded runs", PublisherPane.runs),
        ("Projects", PublisherPane.callers),
    )
    return rx.fragment(
        rx.el.dl(
            *[rx.el.div(rx.el.dt(name), rx.el.dd(value, class_name="num")) for name, value in numbers],
            class_name="numbers",
        ),
        rx.cond(PublisherPane.problem != "", note(PublisherPane.problem, state="fail")),
        rx.match(
            PublisherPane.status,
            (
                "draft",
                note("Draft: other projects cannot see this listing. You can run it here.", state="wait"),
            ),
            (
                "published",
                note("Published: all projects of this instance can see and run this listing.", state="ok"),
            ),
            ("taken_down", note("Taken down: no new runs can be started. Existing runs continue.")),
            rx.fragment(),
        ),
        rx.cond(Shell.can_manage, _actions()),
    )


def _actions() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.cond(
                PublisherPane.status != "published",
                Confirm.create(
                    label="Publish…",
                    kind="pri",
                    title="Publish " + PublisherPane.slug + "?",
                    text="All projects of this instance can see the listing and run it for $"
                    + PublisherPane.price
                    + " per succeeded run. "
                    "Its code, prompt and secrets stay private.",
                    confirm="Publish listing",
                    on_confirm=PublisherPane.publish,
                ),
            ),
            rx.cond(
                PublisherPane.status == "published",
                Confirm.create(
                    label="Take down…",
                    kind="danger",
                    title="Take " + PublisherPane.slug + " down?",
                    text="No new runs can be started. Existing runs continue.",
                    confirm="Take listing down",
                    on_confirm=PublisherPane.take_down,
                ),
            ),
            rx.cond(
                PublisherPane.status == "draft",
                Confirm.create(
                    label="Delete draft…",
                    kind="danger",
                    title="Delete " + PublisherPane.slug + "?",
                    text="The draft was never published. Its name becomes available again.",
                    confirm="Delete listing",
                    on_confirm=PublisherPane.delete,
                ),
            ),
            class_name="row wrap",
        ),
        rx.el.form(
            rx.el.label("Price per run (USD)", html_for="listing-price"),
            rx.el.input(
                id="listing-price",
                name="price",
                key=PublisherPane.price,
                default_value=PublisherPane.price,
                input_mode="decimal",
                auto_complete="off",
                class_name="in",
                style={"max_width": "110px"},
            ),
            Submit.create(label="Change price", kind=""),
            rx.el.span("Applies to new jobs.", class_name="t3"),
            on_submit=PublisherPane.change_price,
            class_name="row wrap",
        ),
        rx.cond(
            ~PublisherPane.follows,
            rx.el.form(
                rx.el.label("Release notes", html_for="listing-notes"),
                rx.el.input(
                    id="listing-notes",
                    name="notes",
                    class_name="in",
                    max_length=4000,
                    style={"max_width": "280px"},
                ),
                Submit.create(label="Add active version", kind=""),
                on_submit=PublisherPane.add_version,
                class_name="row wrap",
            ),
        ),
    )
