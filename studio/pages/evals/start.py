"""The dialog that starts suites: one for each selected version and model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import reflex as rx

from backend.core.errors import PurasError
from backend.evals.schemas import SuiteCreate
from backend.skills.deployments import manifests
from backend.skills.deployments import service as deployments
from backend.skills.model_catalog import catalog
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.components.live import Check
from studio.forms import number, text
from studio.pages.evals.starting import start_suite
from studio.pages.evals.state import Evals
from studio.pages.evals.suite_items import OWN_MODEL, model_name
from studio.shell import Shell
from studio.typing_of_reflex import AsyncUpdates, as_var

MAX_VERSIONS: Final = 12
MAX_REPEAT: Final = 20
_HINTS: Final = {
    OWN_MODEL: "as in regular jobs",
    "recording": "model replies from an earlier run of each case; free",
    "puras/rehearsal": "returns the examples, without a language model; free",
}


@dataclass
class VersionChoice:
    """A version that contains the skill."""

    number: str
    label: str


class Start(rx.State):
    """The dialog."""

    is_open: bool = False
    is_busy: bool = False
    versions: list[VersionChoice] = []
    catalog: list[str] = []
    picked: list[str] = []
    models: list[str] = []
    other: str = ""
    failures: list[str] = []
    _key: str = ""

    @rx.event
    async def open(self) -> None:
        """Open the dialog with the versions that contain the skill."""
        self.reset()
        evals = await self.get_state(Evals)
        async with session.acting(self, self.project) as act:
            found = await deployments.list_(
                act.session, act.principal, skillpack=evals.slug, limit=MAX_VERSIONS
            )
            known = await manifests.of(act.session, [one.id for one in found])
        self.versions = [
            VersionChoice(
                str(one.version),
                f"v{one.version} (active)" if one.version == evals.version else f"v{one.version}",
            )
            for one in found
            if any(skill.name == evals.skill.name for skill in known[one.id].manifest.submittable)
        ]
        self.catalog = sorted(catalog.current().models) if evals.skill.is_agent else []
        self.picked = [str(evals.version)] if evals.version else []
        self.models, self.is_open, self._key = [OWN_MODEL], True, uuid4().hex

    @rx.event
    def close(self) -> None:
        """Close the dialog."""
        self.is_open = False

    @rx.event
    def toggle_version(self, version: str) -> None:
        """Select a version, or deselect it."""
        if any(one.number == version for one in self.versions):
            self.picked = _flipped(self.picked, version)

    @rx.event
    def toggle_model(self, model: str) -> None:
        """Select a model, or deselect it."""
        self.models = _flipped(self.models, model)

    @rx.event
    def set_other(self, model: str) -> None:
        """Name another model."""
        self.other = model.strip()

    @rx.event
    async def run(self, typed: dict[str, Any]) -> AsyncUpdates:
        """Start the suites one by one, and show those that were rejected."""
        evals = await self.get_state(Evals)
        if self.is_busy:
            return
        self.is_busy, self.failures = True, []
        yield
        models = [*self.models, *([other] if (other := text(typed, "other")) else [])]
        repeat, failures = number(typed, "repeat"), []
        for version in self.picked:
            for model in models if evals.skill.is_agent else [OWN_MODEL]:
                try:
                    key = f"{self._key}-{version}-{model}"[:200]
                    wanted = SuiteCreate(
                        skill=evals.skill.name,
                        version=int(version),
                        model=model or None,
                        repeat=repeat if isinstance(repeat, int) else 1,
                    )
                    await start_suite(self, evals.slug, wanted, key)
                except PurasError as error:
                    failures.append(f"v{version} on {model_name(model)}: {error.detail}")
        self.failures, self.is_busy, self.is_open, self._key = failures, False, bool(failures), uuid4().hex
        yield Evals.reread


def _flipped(values: list[str], one: str) -> list[str]:
    return [other for other in values if other != one] if one in values else [*values, one]


def start_suites() -> rx.Component:
    """Render the button and its dialog."""
    return rx.cond(
        Shell.can_write & Evals.has_cases,
        rx.fragment(
            button("Run suites…", kind="pri", on_click=Start.open, custom_attrs={"data-key": "r"}),
            rx.cond(Start.is_open, _dialog()),
        ),
    )


def _dialog() -> rx.Component:
    models = as_var(Start.models).length() + rx.cond(Start.other != "", 1, 0).to(int)
    count = as_var(Start.picked).length() * rx.cond(Evals.skill.is_agent, models, 1).to(int)
    return Modal.create(
        rx.el.form(
            rx.el.h2("Run suites of ", Evals.skill.name),
            rx.el.fieldset(
                rx.el.legend("Versions", class_name="label"),
                rx.el.div(rx.foreach(Start.versions, _version), class_name="boxes"),
                class_name="field",
            ),
            rx.cond(Evals.skill.is_agent, _models()),
            rx.el.label(
                rx.el.span("Runs per case", class_name="label"),
                rx.el.input(
                    name="repeat",
                    type="number",
                    min=1,
                    max=MAX_REPEAT,
                    default_value=1,
                    class_name="in",
                    style={"width": "72px"},
                ),
                class_name="row",
            ),
            rx.el.p(
                "Each run is a job of the project: it is billed, and budgets apply. At most 20 jobs of a suite are "
                "queued at the same time, after the other jobs of the project.",
                class_name="t3",
            ),
            rx.cond(
                as_var(Start.failures).length() > 0,
                note(rx.foreach(Start.failures, lambda one: rx.el.p(one)), state="fail"),
            ),
            rx.el.div(
                button("Cancel", on_click=Start.close),
                rx.el.button(
                    rx.cond(
                        Start.is_busy, "Starting…", rx.cond(count == 1, "Run 1 suite", f"Run {count} suites")
                    ),
                    type="submit",
                    class_name="btn pri",
                    disabled=Start.is_busy | (count == 0),
                ),
                class_name="acts",
            ),
            on_submit=Start.run,
            class_name="in-dlg",
        ),
        label="Run suites",
        on_close=Start.close,
    )


def _version(version: rx.Var[VersionChoice]) -> rx.Component:
    return rx.el.label(
        Check.create(
            checked=as_var(Start.picked).contains(version.number),
            label=version.label,
            on_change=Start.toggle_version(version.number),
        ),
        rx.el.span(version.label),
        class_name="check",
        key=version.number,
    )


def _models() -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend("Models", class_name="label"),
        *[
            rx.el.label(
                Check.create(
                    checked=as_var(Start.models).contains(model),
                    label=model_name(model),
                    on_change=Start.toggle_model(model),
                ),
                rx.el.span(model_name(model), " ", rx.el.span(hint, class_name="t3")),
                class_name="check",
            )
            for model, hint in _HINTS.items()
        ],
        rx.el.label(
            rx.el.span("Other", class_name="t2"),
            rx.el.input(
                name="other",
                list="catalog",
                placeholder="Model ID",
                aria_label="Another model",
                on_change=Start.set_other.debounce(200),
                class_name="in",
            ),
            rx.el.datalist(rx.foreach(Start.catalog, lambda model: rx.el.option(value=model)), id="catalog"),
            class_name="row",
        ),
        class_name="field",
    )
