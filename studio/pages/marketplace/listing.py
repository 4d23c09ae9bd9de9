"""The page `/p/{project}/marketplace/{listing}`: the description and price of a listing, and a run of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from backend.core.errors import Missing
from backend.marketplace import catalog
from backend.marketplace.schemas import ListingRead, ListingVersionRead
from backend.money.pricing import PriceList
from backend.skills.schemas.schema_dialect import map_subschemas
from studio import session
from studio.components.elements import link_button, note, tag
from studio.components.live import Ago, SchemaForm
from studio.formatting import usd
from studio.pages.marketplace import publisher as publisher_view
from studio.pages.marketplace.publisher import PublisherPane
from studio.pages.marketplace.state import price_of
from studio.running import Running, outcome
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled, as_var


@dataclass
class OfferView:
    """A listing as its callers see it."""

    slug: str = ""
    title: str = ""
    description: str = ""
    publisher: str = ""
    price: str = ""
    cap: str = ""
    version: str = ""
    follows: bool = False
    is_own: bool = False
    status: str = ""
    kind: str = ""
    model: str = ""
    inputs: str = ""
    drive: str = ""
    network: str = ""
    servers: str = ""
    secrets: str = ""
    input_schema: dict[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class VersionRow:
    """A version of a listing."""

    number: str
    notes: str
    changes: str
    is_breaking: bool
    at: str


class Listing(Running, rx.State):
    """One listing, and a run of it."""

    offer: OfferView = OfferView()
    versions: list[VersionRow] = []
    inputs: dict[str, Any] = {}
    rev: int = 0
    is_loaded: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Load the listing of the URL."""
        self.reset()
        try:
            async with session.acting(self, self.project) as act:
                prices = PriceList.of(session.context().settings)
                found = await catalog.get(act.session, act.principal, self.listing, prices)
                rows = await catalog.versions(act.session, act.principal, self.listing)
        except Missing as missing:
            return Shell.close(missing.detail)
        self.offer, self.versions = _view(found), [_version(one) for one in rows]
        self.is_loaded = True
        return PublisherPane.open(found.slug, found.is_own)

    @rx.event
    def pick_example(self, index: int) -> None:
        """Fill the form with the inputs of an example."""
        self.inputs = self.offer.examples[index].get("inputs", {})
        self.rev += 1
        self.errors = {}

    @rx.event
    async def start(self, inputs: dict[str, Any], key: str) -> None:
        """Run the listing with these inputs."""
        await self._begin_run({"listing_id": self.offer.slug, "inputs": inputs}, key)


_KINDS = {"agentic": "Agent", "flow": "Flow"}


def _view(one: ListingRead) -> OfferView:
    network = one.access.network
    return OfferView(
        slug=one.slug,
        title=one.title or one.slug,
        description=one.description,
        publisher=one.publisher,
        price=price_of(one.price_micros),
        cap=usd(one.cap_micros),
        version=f"v{one.version}",
        follows=one.follows_active,
        is_own=one.is_own,
        status=one.status,
        kind=_KINDS.get(one.type, "Function"),
        model=one.model or "",
        inputs=one.access.inputs,
        drive=one.access.drive,
        network=network if isinstance(network, str) else ", ".join(network),
        servers=", ".join(one.access.servers),
        secrets=one.access.secrets,
        input_schema=_as_written(one.input_schema),
        output_schema=_as_written(one.output_schema),
        examples=one.examples,
    )


def _as_written(schema: Any) -> Any:
    """Return a schema with the types of files that its author declared, which forms and values support."""
    if not isinstance(schema, dict):
        return schema
    result = map_subschemas(schema, _as_written)
    kind = result.get("x-puras", {}).get("type")
    rest = {name: value for name, value in result.items() if name not in ("oneOf", "x-puras")}
    return {**rest, "type": kind} if kind else result


def _version(one: ListingVersionRead) -> VersionRow:
    return VersionRow(
        number=f"v{one.number}",
        notes=one.notes,
        changes="; ".join(str(change.get("message", "")) for change in one.changes),
        is_breaking=one.is_breaking,
        at=one.created_at.isoformat(),
    )


def page() -> rx.Component:
    """Render the form and the price on the left, and the run or the details on the right."""
    base = "/p/" + Shell.project_slug
    return shell(
        "marketplace",
        [
            Crumb(Shell.project_name, base),
            Crumb("Marketplace", base + "/marketplace"),
            Crumb(Listing.offer.slug),
        ],
        rx.cond(
            Listing.is_loaded,
            rx.el.div(
                rx.el.section(_form(), aria_label="Inputs"),
                rx.el.section(outcome(Listing, Listing.offer.output_schema, _about()), aria_label="Listing"),
                class_name="play",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _form() -> rx.Component:
    offer = Listing.offer
    price = rx.cond(
        offer.is_own,
        rx.el.span("Your own runs have no price. You pay only for usage."),
        rx.el.span(rx.el.span(offer.price, class_name="strong"), " per succeeded run, plus usage."),
    )
    return rx.fragment(
        rx.el.div(
            rx.el.div(rx.el.h1(offer.title, class_name="cut grow"), tag(offer.version), class_name="row"),
            rx.el.p("Publisher: ", rx.el.span(offer.publisher, class_name="strong"), class_name="t3"),
            rx.el.p(offer.description, class_name="t2", style={"margin_top": "6px"}),
            note(
                price,
                rx.el.br(),
                "At most ",
                rx.el.span(offer.cap, class_name="strong num"),
                " in total. Failed runs have no price.",
                style={"margin_top": "10px"},
            ),
            rx.cond(
                Shell.can_write & (offer.status == "published"),
                link_button(
                    "Schedule…",
                    href="/p/" + Shell.project_slug + "/settings/schedules?listing=" + offer.slug,
                    icon="calendar-clock",
                    kind="quiet",
                    style={"margin_top": "8px"},
                ),
            ),
            rx.cond(
                as_var(offer.examples).length() > 0,
                rx.el.div(
                    rx.el.span("Examples", class_name="cap"),
                    rx.foreach(
                        offer.examples,
                        lambda example, index: rx.el.button(
                            f"Example {index + 1}",
                            type="button",
                            class_name="chip cut",
                            on_click=Listing.pick_example(index),
                        ),
                    ),
                    class_name="row wrap",
                    style={"margin_top": "10px"},
                ),
            ),
            class_name="pad",
            style={"flex": "none", "border_bottom": "1px solid var(--line)"},
        ),
        rx.cond(
            Listing.problem != "",
            note(Listing.problem, state="fail", style={"margin": "12px 16px 0"}),
        ),
        SchemaForm.create(
            schema=offer.input_schema,
            value=Listing.inputs,
            rev=Listing.rev,
            errors=Listing.errors,
            project=Shell.project_slug,
            csrf=Shell.csrf,
            can_run=Shell.can_write,
            busy=Listing.is_busy,
            on_run=Listing.start,
        ),
    )


def _about() -> rx.Component:
    offer = Listing.offer
    return rx.el.div(
        rx.cond(offer.is_own, publisher_view.pane()),
        rx.el.h2("Permissions"),
        rx.el.dl(
            *_fact("Type", rx.el.span(offer.kind, rx.cond(offer.model != "", " on " + offer.model, ""))),
            *_fact("Inputs", offer.inputs),
            *_fact("Drive", offer.drive),
            *_fact("Network", offer.network),
            rx.cond(offer.servers != "", rx.fragment(*_fact("MCP servers", offer.servers))),
            *_fact("Secrets", offer.secrets),
            class_name="kv",
        ),
        rx.el.h2("Versions"),
        rx.el.p(
            rx.cond(
                offer.follows,
                "Callers get new versions of the publisher automatically. Jobs can pin a version with ?version=.",
                "Callers get the newest version. Jobs can pin a version with ?version=.",
            ),
            class_name="t3",
        ),
        rx.el.ul(rx.foreach(Listing.versions, _version_row), class_name="changes"),
        class_name="scroll grow pad listing",
        tab_index=0,
        role="region",
        aria_label="About the listing",
    )


def _fact(name: str, value: Any) -> list[rx.Component]:
    return [rx.el.dt(name), rx.el.dd(value)]


def _version_row(row: rx.Var[VersionRow]) -> rx.Component:
    return rx.el.li(
        tag(row.number),
        rx.cond(row.is_breaking, rx.el.span("breaking", class_name="fail-text")),
        rx.el.span(
            row.notes,
            rx.cond((row.notes != "") & (row.changes != ""), ": ", ""),
            rx.el.span(row.changes, class_name="t3"),
            class_name="grow break",
        ),
        rx.el.span(Ago.create(moment=row.at), class_name="t3 num"),
    )
