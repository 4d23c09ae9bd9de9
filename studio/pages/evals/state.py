"""The state of the page: what the URL names, the suites of the skill, and the runs of the open suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode
from uuid import UUID

import reflex as rx

from backend.core.db.paging import Page, cursor_of
from backend.core.errors import Missing
from backend.evals import outcomes, suite_comparison, suites, targets
from backend.evals.run_list import RunFilter, RunSort, list_summaries
from backend.evals.schemas import SuiteCreate, SuiteRead
from backend.execution.approvals import service as approvals
from backend.execution.approvals.schemas import ApprovalRead
from backend.execution.approvals.service import ApprovalFilter
from studio import session
from studio.first_snippets import ANY_SKILL, of_push, of_suite
from studio.named_by_url import NamedByUrl
from studio.pages.evals import suite_items as items
from studio.pages.evals.query import DAYS, NO_BASE, EvalQuery, Tab
from studio.pages.evals.run_items import RunDetails, RunItem, run_details, run_item
from studio.pages.evals.skills import SkillItem, active_version, chosen_skill
from studio.pages.evals.starting import start_suite
from studio.pages.evals.suite_items import Choice, Number, Point, Row, SuiteItem, Verdict
from studio.session import Act
from studio.skillpacks import Pack, chosen, packs_of
from studio.typing_of_reflex import AsyncUpdates, Handled

LIVE_S: Final = 1.0
IDLE_S: Final = 15.0
"""Seconds between two reads of the suites, while one runs and otherwise."""
PAGE_RUNS: Final = 50
MAX_LIVE_RUNS: Final = 200
_MAX_SUITES: Final = 200


class Evals(NamedByUrl, rx.State):
    """The evals of a skillpack."""

    packs: list[Pack] = []
    slug: str = ""
    version: int = 0
    """The active version."""
    skills: list[SkillItem] = []
    skill: SkillItem = SkillItem()
    tab: str = "suites"
    only: str = "all"
    sort: str = "number"
    days: str = "7"
    push: dict[str, str] = {}
    """Code snippets that publish the first version."""
    code: dict[str, str] = {}
    """Code snippets that run the eval cases of the skill."""
    models: list[str] = []
    """The names of the models of the matrix."""
    matrix: list[Row] = []
    points: list[Point] = []
    suite: SuiteItem = SuiteItem()
    baseline: Choice = Choice("", "")
    latest: Choice = Choice("", "")
    """The newest suite that has succeeded, if it is not the baseline."""
    base: str = ""
    """The suite with which the open one is compared."""
    bases: list[Choice] = []
    numbers: list[Number] = []
    verdict: Verdict = Verdict()
    runs: list[RunItem] = []
    details: dict[str, RunDetails] = {}
    """The open runs by number."""
    approvals: dict[str, list[dict[str, Any]]] = {}
    """The pending approvals by job."""
    has_cases: bool = False
    has_more_runs: bool = False
    is_live: bool = False
    is_loaded: bool = False
    is_reading: bool = False
    _shown: EvalQuery = EvalQuery()
    _project: str = ""
    _cursor: str = ""

    @rx.event
    async def load(self) -> AsyncUpdates:
        """Load what the URL names."""
        query = EvalQuery.parse(self._wanted().query_parameters)
        if self._project != self.project:
            self.reset()
            self._project = self.project
        async with session.acting(self, self.project) as act:
            self.packs = await packs_of(act)
            self.slug = chosen(self.packs, query.skillpack)
            active = await active_version(act, self.slug)
        self.version, self.skills = active.number, active.skills
        self._write_code()
        self._show(query)
        yield
        await self._read(is_first=True)
        self.is_loaded = True

    @rx.event
    async def refresh(self) -> None:
        """Read the suites and the runs again."""
        if self.is_loaded and self.tab in ("suites", "gate"):
            await self._read()

    @rx.event
    def pick_pack(self, slug: str) -> Handled:
        """Show another skillpack."""
        return rx.redirect(f"{self.router.url.path}?{urlencode({'skillpack': slug})}")

    @rx.event
    async def pick_skill(self, name: str) -> None:
        """Show another skill."""
        await self._go(EvalQuery(self._shown.skillpack, name, self._shown.tab, days=self._shown.days))

    @rx.event
    async def pick_tab(self, tab: str) -> None:
        """Show another tab."""
        if tab in get_args(Tab):
            await self._go(replace(self._shown, tab=cast(Tab, tab)))

    @rx.event
    async def pick_days(self, days: str) -> None:
        """Show the insights of another period."""
        if days in map(str, DAYS):
            await self._go(replace(self._shown, days=int(days)))

    @rx.event
    async def open_suite(self, suite_id: str) -> None:
        """Show a suite."""
        await self._go(replace(self._shown, tab="suites", suite=suite_id, base=""))

    @rx.event
    async def pick_base(self, suite_id: str) -> None:
        """Compare the open suite with another one, or with none."""
        await self._go(replace(self._shown, suite=self.suite.id, base=suite_id or NO_BASE))

    @rx.event
    async def pick_only(self, only: str) -> None:
        """Filter the runs."""
        if only in get_args(RunFilter):
            await self._go(replace(self._shown, only=cast(RunFilter, only)))

    @rx.event
    async def pick_sort(self, sort: str) -> None:
        """Sort the runs."""
        if sort in get_args(RunSort):
            await self._go(replace(self._shown, sort=cast(RunSort, sort)))

    @rx.event
    async def more_runs(self) -> None:
        """Read the next page of runs."""
        async with session.acting(self, self.project) as act:
            self.runs = [*self.runs, *await self._page(act, Page(PAGE_RUNS, self._cursor))]
        self.has_more_runs = bool(self._cursor)

    @rx.event
    async def toggle_run(self, number: str) -> None:
        """Show the inputs and outputs of a run, or hide them."""
        if number in self.details:
            self.details = {key: one for key, one in self.details.items() if key != number}
            return
        if all(run.key != number for run in self.runs):
            return
        async with session.acting(self, self.project) as act:
            base = await suites.get(act.session, act.principal, UUID(self.base)) if self.base else None
            page = await outcomes.list_some(
                act.session,
                act.principal,
                UUID(self.suite.id),
                Page(1, cursor_of(int(number) - 1)),
                base=base.id if base else None,
            )
            read = await suites.view(act.session, base) if base else None
        if page.items:
            self.details = {**self.details, number: run_details(page.items[0], read)}

    @rx.event
    async def run_cell(self, version: int, model: str, key: str) -> None:
        """Run a suite of a version on a model."""
        wanted = SuiteCreate(skill=self.skill.name, version=version, model=model or None)
        await start_suite(self, self.slug, wanted, key)
        await self._read()

    @rx.event
    async def cancel(self) -> None:
        """Cancel the open suite."""
        async with session.acting(self, self.project) as act:
            await suites.cancel(act.session, act.principal, UUID(self.suite.id))
        await self._read()

    @rx.event
    async def set_baseline(self) -> None:
        """Make the open suite the baseline."""
        async with session.acting(self, self.project) as act:
            await suites.create_baseline(act.session, act.principal, UUID(self.suite.id))
        await self._read()

    @rx.event
    async def reread(self) -> None:
        """Read the shown tab again, after another state of the page has changed something."""
        await self._read(is_first=True)

    def shown(self) -> EvalQuery:
        """Return what the page shows, with the names of the skillpack and of the skill."""
        return replace(self._shown, skillpack=self.slug, skill=self.skill.name)

    async def _go(self, query: EvalQuery) -> None:
        before = self._shown
        if query == before:
            return
        self._show(query)
        self._note_change(is_entry=True)
        if self.suite.id and replace(query, only=before.only, sort=before.sort) == before:
            async with session.acting(self, self.project) as act:
                await self._read_runs(act, waits=self.suite.is_waiting)
        else:
            await self._read(is_first=query.skill != before.skill)

    def _show(self, query: EvalQuery) -> None:
        """Show what a query names; rows of another skill or suite are removed."""
        skill, before = chosen_skill(self.skills, query.skill), self._shown
        if skill != self.skill or query.skillpack != before.skillpack:
            self.skill = skill
            self.matrix, self.points, self.suite, self.has_cases = [], [], SuiteItem(), False
            self.baseline, self.latest = Choice("", ""), Choice("", "")
            self.code = {
                language: text.replace(ANY_SKILL, skill.name) for language, text in self._codes().items()
            }
            self.is_reading = True
        rows = ("skill", "suite", "base", "only", "sort")
        if any(getattr(query, name) != getattr(before, name) for name in rows):
            self.runs, self.details, self.has_more_runs, self.verdict = [], {}, False, Verdict()
        self.tab, self.only, self.sort, self.days = query.tab, query.only, query.sort, str(query.days)
        self._shown, self.query = query, query.encode()

    def _write_code(self) -> None:
        origin, is_default = session.context().settings.url, self.slug == self.packs[0].slug
        self.push = of_push(origin, "" if is_default else self.slug)

    def _codes(self) -> dict[str, str]:
        is_default = self.slug == self.packs[0].slug
        return of_suite(session.context().settings.url, self.slug, is_default=is_default)

    async def _read(self, *, is_first: bool = False) -> None:
        """Read the suites and the runs; for the first time also whether there are cases."""
        if not self.skill.graders:
            self.is_reading = False
            return
        async with session.acting(self, self.project) as act:
            found = await suites.list_some(
                act.session, act.principal, Page(_MAX_SUITES), skillpack=self.slug, skill=self.skill.name
            )
            self._set_suites(found.items)
            if is_first:
                cases = await targets.list_cases(
                    act.session,
                    act.principal,
                    Page(1),
                    skillpack=self.slug,
                    skill=self.skill.name,
                    version=None,
                    storage=session.context().storage,
                )
                self.has_cases = bool(cases.items)
            if self.tab == "suites":
                await self._read_suite(act, found.items)
        self.is_reading = False

    def _set_suites(self, found: Sequence[SuiteRead]) -> None:
        agent = self.skill.is_agent
        baseline = next((one for one in found if one.is_baseline), None)
        latest = next((one for one in found if one.status == "succeeded"), None)
        self._set(
            matrix=items.matrix_of(found, self.version),
            models=[items.model_name(one) if agent else "Score" for one in items.models_of(found)],
            points=items.points_of(found),
            is_live=any(items.is_live(one) for one in found),
            baseline=_named(baseline),
            latest=_named(latest if latest is not baseline else None),
        )

    async def _read_suite(self, act: Act, found: Sequence[SuiteRead]) -> None:
        """Read the open suite: its numbers, its comparison and its runs."""
        agent = self.skill.is_agent
        suite = next((one for one in found if str(one.id) == self._shown.suite), found[0] if found else None)
        if suite is None:
            self._set(suite=SuiteItem(), runs=[], numbers=[], bases=[], verdict=Verdict())
            return
        if str(suite.id) != self.suite.id:
            self.details = {}
        base = items.base_of(found, suite)
        if self._shown.base:
            base = next((one for one in found if str(one.id) == self._shown.base), None)
        before = self.suite
        self._set(
            suite=items.item_of(suite, is_agent=agent),
            base=str(base.id) if base else "",
            bases=items.choices_of(found, suite, is_agent=agent),
            numbers=items.numbers_of(suite, base),
            verdict=await self._compared(act, suite, base),
        )
        if before == self.suite and self.runs and not self.suite.is_live:
            return  # a suite that has ended does not change
        await self._read_runs(act, waits=self.suite.is_waiting)

    async def _compared(self, act: Act, suite: SuiteRead, base: SuiteRead | None) -> Verdict:
        if base is None or suite.status != "succeeded" or base.status != "succeeded":
            return Verdict()
        try:
            compared = await suite_comparison.compare(
                act.session,
                act.principal,
                skillpack=self.slug,
                skill=suite.skill_name,
                base=str(base.id),
                head=str(suite.id),
            )
        except Missing:
            return Verdict()  # retention has just deleted one of them
        return items.verdict_of(compared)

    async def _read_runs(self, act: Act, *, waits: bool) -> None:
        """Read the runs from the first one; their number stays the same."""
        count = min(max(len(self.runs), PAGE_RUNS), MAX_LIVE_RUNS)
        rest, cursor = self.runs[count:], self._cursor
        runs = await self._page(act, Page(count))
        if rest:
            self._cursor = cursor
        self._set(runs=[*runs, *rest], has_more_runs=bool(self._cursor))
        pending: dict[str, list[dict[str, Any]]] = {}
        if waits:
            pending_only = ApprovalFilter(status="pending")
            some = await approvals.list_approvals(act.session, act.principal, Page(_MAX_SUITES), pending_only)
            jobs = {run.job_id for run in self.runs}
            for one in some.items:
                if str(one.job_id) in jobs:
                    read = ApprovalRead.of(one, act.principal).model_dump(mode="json")
                    pending.setdefault(str(one.job_id), []).append(read)
        self._set(approvals=pending)

    async def _page(self, act: Act, page: Page) -> list[RunItem]:
        found = await list_summaries(
            act.session,
            act.principal,
            UUID(self.suite.id),
            page,
            base=UUID(self.base) if self.base else None,
            only=self._shown.only,
            sort=self._shown.sort,
        )
        self._cursor = found.next_cursor or ""
        return [run_item(one) for one in found.items]

    def _set(self, **values: Any) -> None:
        """Set what differs, so that nothing else is sent."""
        for name, value in values.items():
            if getattr(self, name) != value:
                setattr(self, name, value)


def _named(suite: SuiteRead | None) -> Choice:
    """Return a suite with its score; an empty choice for none."""
    if suite is None:
        return Choice("", "")
    score = "" if suite.mean_score is None else f" (score {suite.mean_score:g})"
    return Choice(str(suite.id), f"v{suite.version}{score}, {suite.pass_rate_pct or 0:g} % of runs passed")
