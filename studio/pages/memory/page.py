"""The list of what is remembered, its search and filters, and a new record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import Conflict, Invalid
from backend.data.memory import queries, search
from backend.data.memory import writing as memory
from backend.data.memory.schemas import MAX_RESULTS, MemoryFilter, MemoryRead, MemorySearch
from studio import session
from studio.code_snippets import curl, of_route
from studio.components.elements import button, empty, link, tag
from studio.components.live import Ago, Split
from studio.components.snippets import from_code
from studio.forms import said
from studio.pages.memory import record, record_form
from studio.pages.memory.record import Record
from studio.shell import Crumb, Shell, shell

_ROWS: Final = 50
_MAX_ROWS: Final = 200
_STATES: Final = {"live": "Live", "stale": "Stale", "superseded": "Superseded", "forgotten": "Forgotten"}
_TYPES: Final = {
    "": "Everything",
    "semantic": "What is so",
    "episodic": "What happened",
    "procedural": "How it is done",
}


@dataclass
class RecordRow:
    """What the list shows of a record."""

    href: str
    title: str
    summary: str
    kind: str
    key: str
    by: str
    job: str
    at: str
    is_pinned: bool
    is_forgotten: bool
    is_current: bool


class Remembered(rx.State):
    """What a project remembers."""

    rows: list[RecordRow] = []
    words: str = ""
    state: str = "live"
    mtype: str = ""
    open_id: str = ""
    texts: dict[str, str] = {}
    problem: str = ""
    by_meaning: bool = False
    is_new: bool = False
    has_more: bool = False
    is_loaded: bool = False
    _limit: int = _ROWS

    @rx.event
    async def load(self):
        """Read the search of the address, and the record that it names."""
        self.reset()
        asked = self.router.url.query_parameters
        self.words, self.open_id = asked.get("q", "").strip(), asked.get("id", "")
        self.state = asked.get("state", "live") if asked.get("state") in _STATES else "live"
        self.mtype = asked.get("type", "") if asked.get("type") in _TYPES else ""
        self.texts = _texts(session.context().settings.url)
        await self._read()
        self.is_loaded = True
        return Record.open(self.open_id)

    @rx.event
    async def more(self):
        """Show more of the list."""
        self._limit = min(self._limit + _ROWS, _MAX_ROWS)
        await self._read()

    @rx.event
    def search(self, words: str):
        """Look for something."""
        return self._go(q=words.strip(), state="live", id="")

    @rx.event
    def pick_state(self, state: str):
        """Show another state; only what is live is searched."""
        return self._go(state=state, q="", id="")

    @rx.event
    def pick_type(self, mtype: str):
        """Show one type; the empty one is all."""
        return self._go(type=mtype, id="")

    @rx.event
    def begin(self):
        """Show the form for a new record."""
        self.is_new, self.problem = True, ""

    @rx.event
    def stop(self):
        """Make none."""
        self.is_new = False

    @rx.event
    async def create(self, typed: dict[str, Any]):
        """Remember something."""
        try:
            asked, context = record_form.new(typed), session.context()
            async with session.acting(self, self.project, once=typed) as act:
                written = await memory.put(
                    act.session, context.vault, act.principal, asked, context.settings.quotas
                )
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return None
        return rx.redirect(f"/p/{self.project}/memory?id={written.id}")

    async def _read(self) -> None:
        mtype: Any = self.mtype or None
        state: Any = self.state
        if self.words:
            async with session.acting(self, self.project) as act:
                who = act.principal
            wanted = MemorySearch(query=self.words[:4000], mtype=mtype, limit=MAX_RESULTS)
            found = await search.search(session.context(), who, wanted)
            shown: list[MemoryRead] = list(found.results)
            self.by_meaning, self.has_more = found.by_meaning, False
        else:
            async with session.acting(self, self.project) as act:
                which = MemoryFilter(state=state, mtype=mtype)
                page = await queries.list_some(act.session, act.principal, which, Page(self._limit))
                shown = [MemoryRead.model_validate(one) for one in page.items]
            self.has_more = page.next_cursor is not None and self._limit < _MAX_ROWS
        self.rows = [self._row(one) for one in shown]

    def _row(self, one: MemoryRead) -> RecordRow:
        return RecordRow(
            href=self._address(id=str(one.id)),
            title=one.title or one.entity_key or one.kind,
            summary=one.summary,
            kind=one.kind,
            key=one.entity_key or "",
            by=f"job {str(one.job_id)[:8]}" if one.job_id else one.written_by,
            job=f"/p/{self.project}/jobs/{one.job_id}" if one.job_id else "",
            at=one.updated_at.isoformat(),
            is_pinned=one.pinned,
            is_forgotten=one.forgotten_at is not None,
            is_current=str(one.id) == self.open_id,
        )

    def _go(self, **change: str) -> Any:
        return rx.redirect(self._address(**change), replace=True)

    def _address(self, **change: str) -> str:
        """The same page with another search in its address."""
        state = "" if self.state == "live" else self.state
        asked = {"q": self.words, "state": state, "type": self.mtype, "id": self.open_id, **change}
        if asked["state"] == "live":
            asked["state"] = ""
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/p/{self.project}/memory{'?' + query if query else ''}"


def _texts(origin: str) -> dict[str, str]:
    """How code remembers and finds."""
    record = {"kind": "customer", "entity_key": "acme", "record": {"tone": "formal"}}
    texts = of_route(origin, "POST", "/v1/memory", record)
    search = curl(origin, "POST", "/v1/memory/search", {"query": "Which tone does Acme want?"})
    return texts | {
        "curl": f"{texts['curl']}\n{search}",
        "skill": """\
from puras import memory

memory.put("customer", {"tone": "formal"}, entity_key="acme")
for found in memory.search("Which tone does Acme want?"):
    print(found["title"], found["record"])""",
    }


def page() -> rx.Component:
    """The search, what it found, and the record that is looked at."""
    is_filtered = (Remembered.words != "") | (Remembered.state != "live") | (Remembered.mtype != "")
    is_split = (Remembered.open_id != "") & ~Remembered.is_new
    return shell(
        "memory",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Memory")],
        rx.el.h1("Memory", class_name="hidden-label"),
        rx.cond(
            Remembered.is_loaded,
            rx.cond(
                Remembered.is_new,
                _new(),
                rx.cond(
                    (Remembered.rows.length() > 0) | is_filtered | is_split,
                    rx.fragment(
                        _filters(),
                        rx.cond(
                            is_split,
                            Split.create(
                                _list(),
                                record.pane(),
                                name="memory",
                                label="Width of the record",
                                initial=440,
                            ),
                            _list(),
                        ),
                    ),
                    _none_yet(),
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _new_button() -> rx.Component:
    return rx.cond(
        Shell.can_write, button("Remember something", icon="plus", kind="pri", on_click=Remembered.begin)
    )


def _new() -> rx.Component:
    return rx.el.div(
        rx.el.h2("Remember something", style={"margin_bottom": "12px"}),
        record_form.new_form(Remembered.create, Remembered.stop, Remembered.problem),
        class_name="scroll grow column",
        style={"gap": "0"},
    )


def _filters() -> rx.Component:
    return rx.el.div(
        rx.el.input(
            placeholder="Find by key, words or meaning…",
            aria_label="Search the memory",
            type="search",
            default_value=Remembered.words,
            on_change=Remembered.search.debounce(350),
            class_name="in",
            style={"max_width": "300px"},
        ),
        rx.el.select(
            *[rx.el.option(word, value=name) for name, word in _TYPES.items()],
            value=Remembered.mtype,
            on_change=Remembered.pick_type,
            aria_label="Type",
            class_name="in",
        ),
        rx.el.select(
            *[rx.el.option(word, value=name) for name, word in _STATES.items()],
            value=Remembered.state,
            on_change=Remembered.pick_state,
            aria_label="State",
            class_name="in",
        ),
        rx.el.span(class_name="grow"),
        _new_button(),
        class_name="row wrap",
        style={"padding": "8px 16px", "border_bottom": "1px solid var(--line)", "flex": "none"},
    )


def _list() -> rx.Component:
    return rx.el.div(
        rx.cond(
            (Remembered.words != "") & ~Remembered.by_meaning & (Remembered.rows.length() > 0),
            rx.el.p(
                "Found by keys and words; no model of embeddings is reached for meaning.",
                class_name="t3 line-note",
            ),
        ),
        rx.cond(
            Remembered.rows.length() > 0,
            _table(),
            rx.el.div(
                rx.el.div("Nothing that is remembered fits.", class_name="strong"),
                link("Show everything", href="/p/" + Shell.project_slug + "/memory"),
                class_name="col",
                style={"align_items": "center", "padding": "64px", "gap": "4px"},
            ),
        ),
        rx.cond(
            Remembered.has_more, rx.el.div(button("Show more", on_click=Remembered.more), class_name="pad")
        ),
        class_name="scroll grow",
        role="region",
        tab_index=0,
        aria_label="Records",
    )


def _table() -> rx.Component:
    heads = (("Title", ""), ("Kind", "kind"), ("Key", "key"), ("Written by", "by"), ("When", "num when"))
    return rx.el.table(
        rx.el.thead(rx.el.tr(*[rx.el.th(title, scope="col", class_name=kind) for title, kind in heads])),
        rx.el.tbody(rx.foreach(Remembered.rows, _row)),
        class_name="tbl records",
        aria_label="Records",
    )


def _row(row: rx.Var[RecordRow]) -> rx.Component:
    by: Any = rx.cond(row.job != "", link(row.by, href=row.job, class_name="mono above"), row.by)
    title: Any = rx.cond(
        row.is_forgotten,
        rx.el.span(row.title, class_name="t3 cut"),
        link(row.title, href=row.href, class_name="whole cut"),
    )
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                title,
                rx.cond(row.is_pinned, tag("pinned", state="ok")),
                rx.el.span(row.summary, class_name="t3 cut grow"),
                class_name="row",
            ),
            title=row.summary,
        ),
        rx.el.td(tag(row.kind), class_name="kind"),
        rx.el.td(rx.el.span(row.key, class_name="mono"), class_name="t2 key", title=row.key),
        rx.el.td(by, class_name="t2 by", title=row.by),
        rx.el.td(Ago.create(moment=row.at), class_name="num t3 when"),
        key=row.href,
        custom_attrs={"data-current": row.is_current},
    )


def _none_yet() -> rx.Component:
    return empty(
        "brain",
        "Nothing is remembered yet",
        "What one job has found out, later ones can know: skills and people write records, and find them by key, words "
        "and meaning. Nobody reaches the memory of another project.",
        _new_button(),
        from_code(Remembered.texts),
    )
