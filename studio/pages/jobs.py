"""`/p/{project}/jobs`: the jobs of a project, as they come and go."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import reflex as rx

from backend.jobs.queries import JobFilter, list_jobs
from studio import session
from studio.components.elements import button, empty, link, link_button
from studio.components.job_rows import JobRow, job_table, row_of
from studio.components.live import Pulse
from studio.components.snippets import LANGUAGES, snippets
from studio.shell import Crumb, Shell, shell
from studio.skills import active_skills, snippet_texts
from studio.theme import STATUS_WORDS

PAGE_ROWS = 50
MOST_ROWS = 500
REFRESH_S = 2.0


class Jobs(rx.State):
    """The list of jobs; its filters live in the address."""

    rows: list[JobRow] = []
    skills: list[str] = []
    status: str = ""
    wanted_skill: str = ""
    words: str = ""
    is_loaded: bool = False
    has_more: bool = False
    texts: dict[str, str] = {}
    language: str = LANGUAGES[0]["id"]
    _limit: int = PAGE_ROWS

    @rx.event
    async def load(self):
        """Read the filters from the address, and the first page."""
        asked = self.router.url.query_parameters
        self.status = asked.get("status", "") if asked.get("status") in STATUS_WORDS else ""
        self.wanted_skill, self.words = asked.get("skill", ""), asked.get("q", "")
        self._limit = PAGE_ROWS
        self.is_loaded = False
        await self._read()
        await self._read_skills()
        self.is_loaded = True

    @rx.event
    async def refresh(self):
        """Read again what is shown."""
        if self.is_loaded:
            await self._read()

    @rx.event
    async def more(self):
        """Show a page more."""
        self._limit = min(self._limit + PAGE_ROWS, MOST_ROWS)
        await self._read()

    @rx.event
    def pick_status(self, status: str):
        """Show jobs of one state; the empty one is all."""
        return self._go(status=status)

    @rx.event
    def pick_skill(self, skill: str):
        """Show jobs of one skill; the empty one is all."""
        return self._go(skill=skill)

    @rx.event
    def search(self, words: str):
        """Show jobs that have these words in id, skill, error or metadata."""
        return self._go(q=words.strip())

    @rx.event
    def pick_language(self, language: str):
        """Show the snippet of one language."""
        self.language = language

    async def _read(self) -> None:
        which = JobFilter(
            status=self.status or None, skill=self.wanted_skill or None, text=self.words[:200] or None
        )
        async with session.acting(self, self.project) as act:
            jobs = await list_jobs(act.session, act.principal, which=which, limit=self._limit + 1)
        rows = [row_of(job, self.project) for job in jobs[: self._limit]]
        if rows != self.rows:
            self.rows = rows
        self.has_more = len(jobs) > self._limit < MOST_ROWS

    async def _read_skills(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await active_skills(act)
        self.skills = [skill.name for skill in found]
        self.texts = snippet_texts(session.instance().settings.url, found)

    def _go(self, **change: str) -> Any:
        """The same page with other filters in its address."""
        asked = {"status": self.status, "skill": self.wanted_skill, "q": self.words, **change}
        query = urlencode({name: value for name, value in asked.items() if value})
        return rx.redirect(f"/p/{self.project}/jobs{'?' + query if query else ''}", replace=True)


def page() -> rx.Component:
    """The filters and the list; the list says how to make the first job."""
    is_filtered = (Jobs.status != "") | (Jobs.wanted_skill != "") | (Jobs.words != "")
    return shell(
        "jobs",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Jobs")],
        rx.el.h1("Jobs", class_name="hidden-label"),
        Pulse.create(seconds=REFRESH_S, on_beat=Jobs.refresh),
        rx.cond(
            Jobs.is_loaded,
            rx.cond(
                (Jobs.rows.length() > 0) | is_filtered,
                rx.fragment(_filters(), rx.cond(Jobs.rows.length() > 0, _list(), _none_match())),
                _none_yet(),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _filters() -> rx.Component:
    states = [("", "All"), *STATUS_WORDS.items()]
    return rx.el.div(
        rx.el.div(
            *[
                rx.el.button(
                    word,
                    type="button",
                    on_click=Jobs.pick_status(state),
                    custom_attrs={"aria-pressed": rx.cond(Jobs.status == state, "true", "false")},
                )
                for state, word in states
            ],
            class_name="seg",
            role="group",
            aria_label="Status",
        ),
        rx.el.select(
            rx.el.option("All skills", value=""),
            rx.foreach(Jobs.skills, lambda name: rx.el.option(name, value=name)),
            value=Jobs.wanted_skill,
            on_change=Jobs.pick_skill,
            aria_label="Skill",
            class_name="in",
        ),
        rx.el.input(
            placeholder="Find by id, skill, error…",
            aria_label="Find jobs",
            type="search",
            default_value=Jobs.words,
            on_change=Jobs.search.debounce(300),
            class_name="in",
            style={"max_width": "240px"},
        ),
        class_name="row wrap",
        style={"padding": "8px 16px", "border_bottom": "1px solid var(--line)", "flex": "none"},
    )


def _list() -> rx.Component:
    return rx.el.div(
        job_table(Jobs.rows),
        rx.cond(Jobs.has_more, rx.el.div(button("Show more", on_click=Jobs.more), class_name="pad")),
        class_name="scroll grow",
        role="region",
        tab_index=0,
        aria_label="Job list",
    )


def _none_match() -> rx.Component:
    return rx.el.div(
        rx.el.div("No job matches these filters.", class_name="strong"),
        rx.el.div(link("Show all jobs", href="/p/" + Shell.project_slug + "/jobs"), class_name="t2"),
        class_name="col",
        style={"align_items": "center", "padding": "64px", "gap": "4px"},
    )


def _none_yet() -> rx.Component:
    base = "/p/" + Shell.project_slug
    return empty(
        "activity",
        "No jobs yet",
        "A job is one run of one skill. It keeps its version, its cost and every step, and it survives a lost worker.",
        rx.el.div(
            rx.cond(
                Jobs.skills.length() > 0,
                link_button("Run a skill", href=base, icon="play", kind="pri"),
                link_button("Publish your first skills", href=base, icon="upload", kind="pri"),
            ),
            class_name="row",
            style={"margin_bottom": "28px"},
        ),
        rx.el.div("Or from your code", class_name="cap", style={"margin_bottom": "6px"}),
        snippets(Jobs.texts, Jobs.language, Jobs.pick_language),
    )
