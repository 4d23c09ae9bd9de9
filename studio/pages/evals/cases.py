"""The cases of a skill: those of the version's dataset, and those that were saved from jobs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import Missing
from backend.evals import cases as saved_cases
from backend.evals import targets
from backend.evals.dataset import SuiteCase
from backend.execution.jobs.queries import JobFilter, list_jobs
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.components.elements import button, framed_table, link, link_button, more_button
from studio.components.jobs import Modal
from studio.components.live import Check, Confirm, Json
from studio.components.snippets import from_code
from studio.first_snippets import of_case
from studio.pages.evals.state import Evals
from studio.selection import Selection, box
from studio.session import Act
from studio.shell import Shell
from studio.typing_of_reflex import AsyncUpdates, Handled, as_var

PAGE_CASES: Final = 50
_MAX_CASES: Final = 10_000
_MAX_CHARACTERS: Final = 160
_MAX_EXAMINED: Final = 20
"""Jobs of skills with this name, of which some may belong to other skillpacks."""
_COLUMNS: Final[list[tuple[Any, str, str]]] = [
    ("Case", "20%", ""),
    ("Inputs", "32%", ""),
    ("Expected", "26%", ""),
    ("Source", "13%", ""),
    (rx.el.span("Actions", class_name="hidden-label"), "9%", ""),
]


@dataclass
class CaseItem:
    """A case in the table."""

    case_id: str
    tags: list[str]
    inputs: str
    expected: str
    has_expected: bool
    saved_id: str
    """Empty for a case of the dataset."""
    job_id: str


@dataclass
class CaseDetails:
    """The open case."""

    case_id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    expected: Any = None
    has_expected: bool = False


class Cases(Selection, rx.State):
    """The cases that a suite of the skill would run. Those that were saved from jobs can be selected."""

    rows: list[CaseItem] = []
    code: dict[str, str] = {}
    """Code that saves the newest job of the skill as a case; empty if there is no job."""
    opened: CaseDetails = CaseDetails()
    has_saved: bool = False
    """Whether a case can be selected."""
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""

    @rx.event
    async def load(self) -> AsyncUpdates:
        """Read the first cases of the skill."""
        self.reset()
        yield
        await self._reread()

    @rx.event
    async def more(self) -> None:
        """Read the next page of cases."""
        self.rows = [*self.rows, *await self._page(Page(PAGE_CASES, self._cursor))]

    @rx.event
    async def open(self, case_id: str) -> None:
        """Show the inputs and the expected output of a case."""
        async with session.acting(self, self.project) as act:
            cases = await self._read(act, Page(_MAX_CASES))
        found = next((one for one in cases if one.case_id == case_id), None)
        if found is not None:
            self.opened = CaseDetails(case_id, found.inputs, found.expected, found.has_expected)

    @rx.event
    def close(self) -> None:
        """Hide the open case."""
        self.opened = CaseDetails()

    @rx.event
    async def delete(self, saved_id: str) -> Handled:
        """Delete a saved case."""
        try:
            async with session.acting(self, self.project) as act:
                await saved_cases.delete(act.session, act.principal, UUID(saved_id))
        except Missing:
            pass  # another tab has deleted it
        await self._reread()
        return Evals.reread

    @rx.event
    async def refresh(self) -> None:
        """Read the cases again, if they are shown."""
        if self.is_loaded:
            await self._reread()

    async def _reread(self) -> None:
        """Read the cases; their number stays the same."""
        rows = await self._page(Page(max(PAGE_CASES, len(self.rows))))
        if rows != self.rows:
            self.rows = rows
        self._keep_picked(self._selectable())
        self.has_saved = bool(self._selectable())
        self.code = {} if rows else await self._code()
        self.is_loaded = True

    def _selectable(self) -> list[str]:
        return [row.saved_id for row in self.rows if row.saved_id]

    async def _code(self) -> dict[str, str]:
        evals = await self.get_state(Evals)
        async with session.acting(self, self.project) as act:
            pack = await skillpacks.get(act.session, act.principal, evals.slug)
            filters = JobFilter(status="succeeded", skill=evals.skill.name)
            jobs = await list_jobs(act.session, act.principal, filters=filters, limit=_MAX_EXAMINED)
        found = next((one for one in jobs if one.skillpack_id == pack.id), None)
        return of_case(session.context().settings.url, str(found.id)) if found else {}

    async def _page(self, page: Page) -> list[CaseItem]:
        async with session.acting(self, self.project) as act:
            cases = await self._read(act, page)
        return [_item(one) for one in cases]

    async def _read(self, act: Act, page: Page) -> list[SuiteCase]:
        evals = await self.get_state(Evals)
        found = await targets.list_cases(
            act.session,
            act.principal,
            page,
            skillpack=evals.slug,
            skill=evals.skill.name,
            version=None,
            storage=session.context().storage,
        )
        if page.limit < _MAX_CASES:
            self._cursor = found.next_cursor or ""
            self.has_more = bool(self._cursor)
        return list(found.items)


def short(value: Any) -> str:
    """Return the beginning of a value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))[:_MAX_CHARACTERS]


def _item(case: SuiteCase) -> CaseItem:
    return CaseItem(
        case.case_id,
        list(case.tags),
        short(case.inputs),
        short(case.expected) if case.has_expected else "",
        case.has_expected,
        str(case.saved_case_id or ""),
        str(case.source_job_id or ""),
    )


def cases_tab() -> rx.Component:
    """Render the table of the cases."""
    return rx.el.section(
        rx.cond(
            Cases.is_loaded,
            rx.cond(
                as_var(Cases.rows).length() > 0,
                framed_table("Cases", [_box_head(), *_COLUMNS], rx.foreach(Cases.rows, _row)),
                _none(),
            ),
            rx.el.p("Loading cases…", class_name="t3"),
        ),
        more_button(Cases),
        rx.cond(Cases.opened.case_id != "", _dialog()),
        aria_label="Cases",
        class_name="col",
        style={"gap": "12px"},
        on_mount=Cases.load,
        key=Evals.slug + " " + Evals.skill.name,
    )


def _box_head() -> rx.Component:
    everything = Check.create(
        checked=as_var(Cases.picked).length() > 0, label="Select all saved cases", on_change=Cases.toggle_all
    )
    return rx.cond(
        Shell.can_write & Cases.has_saved, rx.el.th(everything, scope="col", style={"width": "36px"})
    )


def _none() -> rx.Component:
    return rx.fragment(
        _about_cases(),
        rx.cond(
            Shell.can_write,
            rx.cond(
                as_var(Cases.code).length() > 0,
                rx.el.div(from_code(Cases.code), style={"max_width": "680px"}),
                rx.el.div(
                    link_button(
                        "Run the skill first",
                        icon="play",
                        href="/p/"
                        + Shell.project_slug
                        + "/play/"
                        + Evals.skill.name
                        + "?skillpack="
                        + Evals.slug,
                    )
                ),
            ),
        ),
    )


def _about_cases() -> rx.Component:
    return rx.el.p(
        "No cases yet. A case consists of inputs and an expected output. Create cases from finished jobs, or write a "
        "dataset with one JSON object per line, ",
        rx.el.span('{"inputs": {…}, "expected": {…}}', class_name="mono"),
        ", and reference it in skill.yaml as ",
        rx.el.span("evals.dataset", class_name="mono"),
        ".",
        class_name="t2",
    )


def _row(case: rx.Var[CaseItem]) -> rx.Component:
    source = rx.cond(
        case.job_id != "",
        link("job", href="/p/" + Shell.project_slug + "/jobs/" + case.job_id),
        rx.el.span(rx.cond(case.saved_id == "", "dataset", "job"), class_name="t2"),
    )
    delete = Confirm.create(
        label="Delete",
        kind="quiet small danger",
        title="Delete case " + case.case_id + "?",
        text="Existing suites keep their results.",
        confirm="Delete case",
        on_confirm=Cases.delete(case.saved_id),
    )
    selection = rx.cond(case.saved_id != "", box(Cases, case.saved_id, f"case {case.case_id}"))
    return rx.el.tr(
        rx.cond(Shell.can_write & Cases.has_saved, rx.el.td(selection)),
        rx.el.td(
            rx.el.button(
                case.case_id,
                type="button",
                class_name="plain-link mono cut",
                aria_label="Open case " + case.case_id,
                on_click=Cases.open(case.case_id),
            ),
            rx.foreach(case.tags, lambda tag: rx.el.span(tag, class_name="tag")),
        ),
        rx.el.td(case.inputs, class_name="mono t2"),
        rx.el.td(
            rx.cond(case.has_expected, case.expected, rx.el.span("None", class_name="t3")),
            class_name="mono t2",
        ),
        rx.el.td(source),
        rx.el.td(rx.cond(Shell.can_write & (case.saved_id != ""), delete), class_name="num"),
        key=case.case_id,
    )


def _dialog() -> rx.Component:
    case = Cases.opened
    return Modal.create(
        rx.el.div(
            rx.el.h2(case.case_id, class_name="break"),
            rx.el.div("Inputs", class_name="cap"),
            Json.create(value=case.inputs),
            rx.el.div("Expected", class_name="cap"),
            rx.cond(
                case.has_expected,
                Json.create(value=case.expected),
                rx.el.p("None. Graders that compare with the expected output are skipped.", class_name="t2"),
            ),
            rx.el.div(button("Close", on_click=Cases.close), class_name="acts"),
            class_name="in-dlg",
        ),
        label="Case " + case.case_id,
        broad=True,
        on_close=Cases.close,
    )
