"""The list of memory records, its search and filters, and the form for a new record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import reflex as rx

from backend.core import ids
from backend.core.db.paging import Page
from backend.core.errors import Conflict, Invalid, Missing
from backend.data.memory import deletion, queries, search
from backend.data.memory import writing as memory
from backend.data.memory.schemas import MAX_RESULTS, MemoryFilter, MemoryRead, MemorySearch
from studio import session
from studio.code_snippets import curl, of_route
from studio.components.elements import button, empty, link, tag
from studio.components.jobs import SearchField
from studio.components.live import Ago, Check, Confirm, Split
from studio.components.snippets import from_code
from studio.forms import said
from studio.pages.memory import record, record_form
from studio.pages.memory.record import Record
from studio.selection import Selection
from studio.session import Act
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled, as_var

_ROWS: Final = 50
_STATES: Final = {"live": "Current", "stale": "Stale", "superseded": "Superseded", "forgotten": "Deleted"}
_TYPES: Final = {
    "": "All types",
    "semantic": "Fact",
    "episodic": "Event",
    "procedural": "Procedure",
}


@dataclass
class RecordRow:
    """The fields of a record in the list."""

    id: str
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


class MemoryPage(Selection, rx.State):
    """The memory records of a project."""

    rows: list[RecordRow] = []
    query: str = ""
    state: str = "live"
    mtype: str = ""
    open_id: str = ""
    texts: dict[str, str] = {}
    problem: str = ""
    is_semantic: bool = False
    is_new: bool = False
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""

    @rx.event
    async def load(self) -> Handled:
        """Load the search results and the record of the URL."""
        self.reset()
        params = self.router.url.query_parameters
        self.query, self.open_id = params.get("q", "").strip(), params.get("id", "")
        self.state = params.get("state", "live") if params.get("state") in _STATES else "live"
        self.mtype = params.get("type", "") if params.get("type") in _TYPES else ""
        self.texts = _texts(session.context().settings.url)
        await self._read()
        self.is_loaded = True
        return Record.open(self.open_id)

    @rx.event
    async def more(self) -> None:
        """Read the next page of the list."""
        async with session.acting(self, self.project) as act:
            found = await self._page(act, Page(_ROWS, self._cursor))
        self.rows = [*self.rows, *found]

    @rx.event
    def search(self, text: str) -> Handled:
        """Search for records."""
        return self._go(q=text.strip(), state="live", id="", is_entry=not (self.query and text.strip()))

    @rx.event
    def pick_state(self, state: str) -> Handled:
        """Show the records of a state; the search finds live records only."""
        return self._go(state=state, q="", id="")

    @rx.event
    def pick_type(self, mtype: str) -> Handled:
        """Show the records of a type; of all types if it is empty."""
        return self._go(type=mtype, id="")

    @rx.event
    async def delete_picked(self) -> None:
        """Delete the selected records."""
        for record_id in self.picked:
            try:
                async with session.acting(self, self.project) as act:
                    await deletion.forget(act.session, act.principal, UUID(record_id), reason="in the studio")
            except Missing:
                pass  # another user has deleted it
        self.picked, self.is_picking = [], False
        await self._read()

    @rx.event
    def begin(self) -> None:
        """Show the form for a new record."""
        self.is_new, self.problem = True, ""

    @rx.event
    def stop(self) -> None:
        """Hide the form."""
        self.is_new = False

    @rx.event
    async def create(self, typed: dict[str, Any]) -> Handled:
        """Create a record."""
        try:
            new, context = record_form.new(typed), session.context()
            async with session.acting(self, self.project, once=typed) as act:
                written = await memory.put(
                    act.session, context.vault, act.principal, new, context.settings.quotas
                )
        except (Conflict, Invalid) as error:
            self.problem = said(error)
            return None
        return rx.redirect(f"/p/{self.project}/memory?id={written.id}")

    def _selectable(self) -> list[str]:
        return [row.id for row in self.rows]

    async def _read(self) -> None:
        mtype: Any = self.mtype or None
        if self.query:
            async with session.acting(self, self.project) as act:
                who = act.principal
            wanted = MemorySearch(query=self.query[:4000], mtype=mtype, limit=MAX_RESULTS)
            found = await search.search(session.context(), who, wanted)
            self.is_semantic, self.has_more = found.is_semantic, False
            self.rows = [self._row(one) for one in found.results]
        else:
            async with session.acting(self, self.project) as act:
                self.rows = await self._page(act, Page(_ROWS))

    async def _page(self, act: Act, page: Page) -> list[RecordRow]:
        mtype: Any = self.mtype or None
        state: Any = self.state
        found = await queries.list_some(
            act.session, act.principal, MemoryFilter(state=state, mtype=mtype), page
        )
        self._cursor = found.next_cursor or ""
        self.has_more = bool(self._cursor)
        return [self._row(MemoryRead.model_validate(one)) for one in found.items]

    def _row(self, one: MemoryRead) -> RecordRow:
        return RecordRow(
            id=str(one.id),
            href=self._address(id=str(one.id)),
            title=one.title or one.entity_key or one.kind,
            summary=one.summary,
            kind=one.kind,
            key=one.entity_key or "",
            by=f"job {ids.short(one.job_id)}" if one.job_id else one.written_by,
            job=f"/p/{self.project}/jobs/{one.job_id}" if one.job_id else "",
            at=one.updated_at.isoformat(),
            is_pinned=one.pinned,
            is_forgotten=one.forgotten_at is not None,
            is_current=str(one.id) == self.open_id,
        )

    def _go(self, *, is_entry: bool = True, **change: str) -> Any:
        """Open the page with another search; Back undoes it if it is an entry of the history."""
        return rx.redirect(self._address(**change), replace=not is_entry)

    def _address(self, **change: str) -> str:
        """Return the URL of the page with another search."""
        state = "" if self.state == "live" else self.state
        params = {"q": self.query, "state": state, "type": self.mtype, "id": self.open_id, **change}
        if params["state"] == "live":
            params["state"] = ""
        encoded = urlencode({name: value for name, value in params.items() if value})
        return f"/p/{self.project}/memory{'?' + encoded if encoded else ''}"


def _texts(origin: str) -> dict[str, str]:
    """Return code that stores and finds records, by language."""
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
    """Render the search, its results, and the selected record."""
    is_filtered = (MemoryPage.query != "") | (MemoryPage.state != "live") | (MemoryPage.mtype != "")
    is_split = (MemoryPage.open_id != "") & ~MemoryPage.is_new
    return shell(
        "memory",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Memory")],
        rx.el.h1("Memory", class_name="hidden-label"),
        rx.cond(
            MemoryPage.is_loaded,
            rx.cond(
                MemoryPage.is_new,
                _new(),
                rx.cond(
                    (as_var(MemoryPage.rows).length() > 0) | is_filtered | is_split,
                    rx.fragment(
                        _filters(),
                        rx.cond(
                            is_split,
                            Split.create(
                                _list(),
                                record.pane(),
                                name="memory",
                                label="Record width",
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
    return rx.cond(Shell.can_write, button("New memory", icon="plus", kind="pri", on_click=MemoryPage.begin))


def _new() -> rx.Component:
    return rx.el.div(
        rx.el.h2("New memory", style={"margin_bottom": "12px"}),
        record_form.new_form(MemoryPage.create, MemoryPage.stop, MemoryPage.problem),
        class_name="scroll grow column",
        style={"gap": "0"},
    )


def _filters() -> rx.Component:
    return rx.el.div(
        SearchField.create(
            value=MemoryPage.query,
            label="Search memory",
            placeholder="Search by key, words or meaning…",
            on_search=MemoryPage.search,
        ),
        rx.el.select(
            *[rx.el.option(word, value=name) for name, word in _TYPES.items()],
            value=MemoryPage.mtype,
            on_change=MemoryPage.pick_type,
            aria_label="Type",
            class_name="in",
        ),
        rx.el.select(
            *[rx.el.option(word, value=name) for name, word in _STATES.items()],
            value=MemoryPage.state,
            on_change=MemoryPage.pick_state,
            aria_label="State",
            class_name="in",
        ),
        rx.el.span(class_name="grow"),
        rx.cond(
            Shell.can_write & (as_var(MemoryPage.rows).length() > 0) & (MemoryPage.state != "forgotten"),
            _bulk(),
        ),
        _new_button(),
        class_name="row wrap",
        style={"padding": "8px 16px", "border_bottom": "1px solid var(--line)", "flex": "none"},
    )


def _bulk() -> rx.Component:
    """Render the button that starts a selection, and the action on the selected records."""
    count = as_var(MemoryPage.picked).length()
    delete = Confirm.create(
        label="Delete selected…",
        kind="danger",
        title=f"Delete {count} " + rx.cond(count == 1, "record?", "records?"),
        text="The records can no longer be found. They are listed as deleted for some days, then removed.",
        confirm="Delete records",
        on_confirm=MemoryPage.delete_picked,
    )
    return rx.fragment(
        rx.cond(count > 0, delete),
        rx.el.button(
            rx.cond(MemoryPage.is_picking, "Done selecting", "Select…"),
            type="button",
            class_name="btn quiet",
            on_click=MemoryPage.toggle_picking,
            custom_attrs={"aria-pressed": rx.cond(MemoryPage.is_picking, "true", "false")},
        ),
    )


def _list() -> rx.Component:
    return rx.el.div(
        rx.cond(
            (MemoryPage.query != "") & ~MemoryPage.is_semantic & (as_var(MemoryPage.rows).length() > 0),
            rx.el.p(
                "Found by keys and words. Search by meaning is unavailable, because no embedding model responds.",
                class_name="t3 line-note",
            ),
        ),
        rx.cond(
            as_var(MemoryPage.rows).length() > 0,
            _table(),
            rx.el.div(
                rx.el.div("No matching records.", class_name="strong"),
                link("Show all records", href="/p/" + Shell.project_slug + "/memory"),
                class_name="col",
                style={"align_items": "center", "padding": "64px", "gap": "4px"},
            ),
        ),
        rx.cond(
            MemoryPage.has_more, rx.el.div(button("Show more", on_click=MemoryPage.more), class_name="pad")
        ),
        class_name="scroll grow",
        role="region",
        tab_index=0,
        aria_label="Records",
    )


def _table() -> rx.Component:
    heads = (("Title", ""), ("Kind", "kind"), ("Key", "key"), ("Written by", "by"), ("Updated", "num when"))
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                rx.cond(MemoryPage.is_picking, rx.el.th(_box_head(), scope="col", style={"width": "36px"})),
                *[rx.el.th(title, scope="col", class_name=kind) for title, kind in heads],
            )
        ),
        rx.el.tbody(rx.foreach(MemoryPage.rows, _row)),
        class_name="tbl records",
        aria_label="Records",
    )


def _box_head() -> rx.Component:
    return rx.el.span("Selected", class_name="hidden-label")


def _row(row: rx.Var[RecordRow]) -> rx.Component:
    by: Any = rx.cond(row.job != "", link(row.by, href=row.job, class_name="mono above"), row.by)
    title: Any = rx.cond(
        row.is_forgotten,
        rx.el.span(row.title, class_name="t3 cut"),
        link(row.title, href=row.href, class_name="whole cut"),
    )
    box = Check.create(
        checked=as_var(MemoryPage.picked).contains(row.id),
        label="Select " + row.title,
        class_name="above",
        on_change=MemoryPage.toggle(row.id),
    )
    return rx.el.tr(
        rx.cond(MemoryPage.is_picking, rx.el.td(box)),
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
        "No memory records yet",
        "Skills and users store records for later jobs, and find them by key, words and meaning. Other projects cannot "
        "access the memory of this project.",
        _new_button(),
        from_code(MemoryPage.texts),
    )
