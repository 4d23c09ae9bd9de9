"""The environments on the page of deployments: what is active in each, promotions after a review, and rollbacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import reflex as rx

from backend.core.errors import Conflict, Missing
from backend.identity.environments import ENVIRONMENTS, PRODUCTION, SOURCES, Environment
from backend.publishing import promotion
from backend.publishing.promotion import ActiveIn, Promotion, Source
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.components.elements import action, button, field, note, section, tag
from studio.components.live import Confirm
from studio.components.versions import Comparison
from studio.environments import NAMES
from studio.forms import said
from studio.pages.deployments.versions import Deployments
from studio.shell import Shell
from studio.typing_of_reflex import Handled

_TARGETS: Final = {source: target for target, source in SOURCES.items()}
"""The environment to which a version of each environment is promoted."""


@dataclass
class EnvironmentRow:
    """An environment with its active and its previous version, as text; empty if there is none."""

    key: str = ""
    name: str = ""
    version: str = ""
    previous: str = ""
    target: Environment = PRODUCTION
    """The environment to which a version of this one is promoted."""
    target_name: str = ""


@dataclass
class CheckRow:
    """A check of a promotion."""

    state: str
    text: str


@dataclass
class Review:
    """What a promotion would change."""

    environment: str = ""
    name: str = ""
    head: str = ""
    base: str = ""
    """Numbers of versions; the base is empty if no version is active."""
    is_active: bool = False


class Environments(rx.State):
    """The environments of the selected skillpack, and the promotion that is reviewed."""

    rows: list[EnvironmentRow] = []
    review: Review = Review()
    """Its environment is empty while no promotion is reviewed."""
    sources: list[list[str]] = []
    """What can be promoted: each with a value and a label."""
    source: str = ""
    """The value of the selected one: the name of an environment, or the number of a version."""
    checks: list[CheckRow] = []
    problem: str = ""
    message: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the active versions."""
        self.reset()
        await self._read()

    @rx.event
    async def refresh(self) -> None:
        """Load the active versions again."""
        if self.rows and not self.review.environment:
            await self._read()

    @rx.event
    async def open(self, environment: str) -> None:
        """Show what a promotion to the environment would change."""
        await self._read()
        self.problem = self.message = ""
        pages = await self.get_state(Deployments)
        active = [
            [row.key, f"{row.name} ({row.version})"]
            for row in self.rows
            if row.version and row.key != environment
        ]
        self.sources = [
            *active,
            *([row.number, f"{row.version} {row.notes[:40]}".strip()] for row in pages.rows),
        ]
        self.review = Review(environment, NAMES[environment])
        preferred = SOURCES[cast("Environment", environment)]
        known = [value for value, _ in self.sources]
        await self._review(preferred if preferred in known else known[0] if known else "")

    @rx.event
    async def pick(self, source: str) -> None:
        """Review the promotion of another version."""
        await self._review(source)

    @rx.event
    def close(self) -> None:
        """Return to the list of versions."""
        self.review, self.problem = Review(), ""

    @rx.event
    async def promote(self, key: str) -> Handled:
        """Activate the reviewed version in the environment, or start its gate."""
        review, self.problem = self.review, ""
        environment = cast("Environment", review.environment)
        try:
            async with session.acting(self, self.project, once=key) as act:
                made = await promotion.promote(
                    act.session,
                    act.principal,
                    environment,
                    _source(self.source),
                    skillpack=await self._slug(),
                    expected_version=int(review.head),
                )
                is_waiting = (made.gate or {}).get("state") == "gating" and environment == "production"
        except (Conflict, Missing) as refused:
            self.problem = said(refused)
            return None
        self.review = Review()
        self.message = (
            f"v{made.version} becomes active in production when its gate has passed."
            if is_waiting
            else f"v{made.version} is active in {environment}. Running jobs keep their version."
        )
        await self._read()
        return Deployments.refresh

    @rx.event
    async def roll_back(self, environment: str) -> Handled:
        """Activate the previous version of the environment."""
        self.problem = self.message = ""
        try:
            async with session.acting(self, self.project) as act:
                made = await promotion.roll_back(
                    act.session, act.principal, cast("Environment", environment), skillpack=await self._slug()
                )
        except (Conflict, Missing) as refused:
            self.problem = said(refused)
            return None
        self.message = f"v{made.version} is active in {environment} again. Running jobs keep their version."
        await self._read()
        return Deployments.refresh

    async def _slug(self) -> str | None:
        return (await self.get_state(Deployments)).slug or None

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            pack = await skillpacks.get(act.session, act.principal, await self._slug())
            found = await promotion.list_active(act.session, act.principal, pack)
        rows = [_row(one) for one in found]
        if rows != self.rows:
            self.rows = rows

    async def _review(self, source: str) -> None:
        self.source, self.checks, self.problem = source, [], ""
        context = session.context()
        environment = cast("Environment", self.review.environment)
        try:
            async with session.acting(self, self.project) as act:
                found = await promotion.review(
                    act.session,
                    act.principal,
                    environment,
                    _source(source),
                    skillpack=await self._slug(),
                    storage=context.storage,
                )
        except Missing as refused:
            self.problem = said(refused)
            self.review = Review(environment, NAMES[environment])
            return
        self.review = _shown(found)
        self.checks = [CheckRow(check.state, check.message) for check in found.checks]


def _source(value: str) -> Source:
    if value in ENVIRONMENTS:
        return Source(value)
    return Source(deployment=value)


def _row(one: ActiveIn) -> EnvironmentRow:
    return EnvironmentRow(
        key=one.environment,
        name=NAMES[one.environment],
        version=f"v{one.active.version}" if one.active else "",
        previous=f"v{one.previous.version}" if one.previous else "",
        target=_TARGETS[one.environment],
        target_name=NAMES[_TARGETS[one.environment]],
    )


def _shown(found: Promotion) -> Review:
    return Review(
        environment=found.environment,
        name=NAMES[found.environment],
        head=str(found.head.version),
        base=str(found.base.version) if found.base else "",
        is_active=found.base is not None and found.base.id == found.head.id,
    )


def strip() -> rx.Component:
    """Render the environments in the order of promotion."""
    return rx.el.section(
        rx.el.h2("Environments", class_name="hidden-label"),
        rx.el.ol(rx.foreach(Environments.rows, _card), class_name="environments"),
        rx.cond(Environments.message != "", note(Environments.message, state="ok")),
        rx.cond(Environments.problem != "", note(Environments.problem, state="fail")),
    )


def _card(row: rx.Var[EnvironmentRow]) -> rx.Component:
    return rx.el.li(
        rx.el.span(
            rx.el.span(row.name, class_name="strong"),
            rx.cond(
                row.version != "",
                tag(row.version, state="ok"),
                rx.el.span("No active version", class_name="t3"),
            ),
            class_name="row grow",
        ),
        rx.cond(
            Shell.can_write,
            rx.el.span(
                rx.cond(
                    (row.previous != "") & (row.key != "production"),
                    Confirm.create(
                        label="Roll back",
                        kind="small quiet",
                        title="Roll back " + row.name + "?",
                        text="New jobs of "
                        + row.name
                        + " use "
                        + row.previous
                        + ". Running jobs keep their version.",
                        confirm="Activate " + row.previous,
                        on_confirm=Environments.roll_back(row.key),
                    ),
                ),
                button(
                    "Promote to " + row.target_name + "…",
                    kind="small",
                    on_click=Environments.open(row.target),
                ),
                class_name="row",
            ),
        ),
        key=row.key,
        aria_label=row.name,
    )


def review() -> rx.Component:
    """Render the changes and the checks of a promotion, and the button that makes it."""
    shown = Environments.review
    return rx.el.div(
        rx.el.div(
            rx.el.h2("Promote to ", shown.name, class_name="grow"),
            button("All versions", on_click=Environments.close, icon="arrow-left"),
            class_name="row",
        ),
        field(
            "Version",
            "source",
            rx.el.select,
            rx.foreach(Environments.sources, lambda one: rx.el.option(one[1], value=one[0])),
            hint="A promotion activates the same version. Nothing is built again, and running jobs keep their version.",
            value=Environments.source,
            on_change=Environments.pick,
        ),
        rx.cond(Environments.problem != "", note(Environments.problem, state="fail")),
        rx.cond(shown.head != "", _reviewed(shown)),
        class_name="scroll grow column",
        style={"gap": "16px"},
    )


def _reviewed(shown: rx.Var[Review]) -> rx.Component:
    return rx.cond(
        shown.is_active,
        note("v" + shown.head + " is active in " + shown.name + " already."),
        rx.fragment(
            rx.el.ul(rx.foreach(Environments.checks, _check), class_name="checks", aria_label="Checks"),
            rx.el.div(
                action(
                    rx.cond(
                        shown.base != "",
                        "Promote v" + shown.head + " to " + shown.name,
                        "Activate v" + shown.head + " in " + shown.name,
                    ),
                    kind="pri",
                    on_act=Environments.promote,
                ),
                button("Cancel", kind="quiet", on_click=Environments.close),
                class_name="row",
            ),
            section(
                "Changes",
                rx.cond(
                    shown.base != "",
                    Comparison.create(
                        project=Shell.project_slug,
                        skillpack=Deployments.slug,
                        base=shown.base,
                        head=shown.head,
                    ),
                    rx.el.p("No version is active in this environment yet.", class_name="t2"),
                ),
            ),
        ),
    )


def _check(row: rx.Var[CheckRow]) -> rx.Component:
    label = rx.match(row.state, ("passed", "Passed"), ("warning", "Warning"), "Pending")
    state = rx.match(row.state, ("passed", "ok"), ("warning", "wait"), "run")
    return rx.el.li(
        rx.el.span(label, class_name="tag", custom_attrs={"data-s": state}),
        rx.el.span(row.text),
        class_name="row",
    )
