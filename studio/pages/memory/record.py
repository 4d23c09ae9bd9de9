"""One memory record: its content, its history, and the actions to edit and delete it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core import ids
from backend.core.errors import Conflict, Invalid, Missing
from backend.data.memory import deletion, queries
from backend.data.memory import writing as memory
from backend.data.memory.schemas import MemoryChangeRead, MemoryRead
from studio import session
from studio.components.elements import button, identifier, link, note, tag
from studio.components.live import Ago, Confirm, Json
from studio.forms import said
from studio.pages.memory import record_form
from studio.pages.memory.query import MemoryQuery
from studio.shell import Shell
from studio.typing_of_reflex import Handled, as_var

_TYPES = {"semantic": "Fact", "procedural": "Procedure", "episodic": "Event"}
_SCOPES = {
    "entity": "Skills that use the key",
    "workspace": "All skills of the project",
    "skillpack": "The skills of one skillpack",
}


@dataclass
class ChangeRow:
    """One change of a record."""

    what: str
    by: str
    job: str
    """URL of the job's page; empty for a user or a key."""
    at: str


@dataclass
class RecordView:
    """A record, as text."""

    id: str = ""
    title: str = ""
    kind: str = ""
    key: str = ""
    aliases: str = ""
    type: str = ""
    scope: str = ""
    summary: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    record_text: str = ""
    tags: list[str] = field(default_factory=list)
    tags_text: str = ""
    importance: str = ""
    pinned: bool = False
    version: int = 0
    source_url: str = ""
    stale_at: str = ""
    is_replaced_in_place: bool = True
    """Whether a new version of the record keeps its ID."""


class Record(rx.State):
    """The selected record."""

    shown: RecordView = RecordView()
    changes: list[ChangeRow] = []
    missing: str = ""
    problem: str = ""
    is_editing: bool = False
    close_href: str = ""
    """The list as it is shown, without the record."""
    _known: MemoryRead | None = None

    @rx.event
    async def open(self, memory_id: str) -> None:
        """Load a record and its history; an empty ID shows no record."""
        self.reset()
        if not memory_id:
            return
        self.close_href = self._address()
        try:
            async with session.acting(self, self.project) as act:
                found = await queries.get(act.session, act.principal, _id(memory_id))
                self._known = MemoryRead.model_validate(found)
                rows = await queries.changes(act.session, act.principal, self._known.id)
                self.changes = [_change(MemoryChangeRead.model_validate(row), self.project) for row in rows]
        except Missing:
            self.missing = "This record was deleted or does not exist in this project."
            return
        self.shown = _view(self._known)

    @rx.event
    def begin(self) -> None:
        """Show the form."""
        self.is_editing, self.problem = True, ""

    @rx.event
    def stop(self) -> None:
        """Hide the form."""
        self.is_editing = False

    @rx.event
    async def save(self, typed: dict[str, Any]) -> Handled:
        """Save a new version of the record."""
        if self._known is None:
            return None
        try:
            changed = record_form.changed(self._known, typed)
            context = session.context()
            async with session.acting(self, self.project) as act:
                written = await memory.put(
                    act.session, context.vault, act.principal, changed, context.settings.quotas
                )
        except (Conflict, Invalid) as error:
            self.problem = said(error)
            return None
        return rx.redirect(self._address(str(written.id)), replace=True)

    @rx.event
    async def forget(self) -> Handled:
        """Delete the record."""
        async with session.acting(self, self.project) as act:
            await deletion.forget(act.session, act.principal, _id(self.shown.id), reason="in the studio")
        return rx.redirect(self._address(), replace=True)

    def _address(self, record_id: str = "") -> str:
        """Return the URL of the list as it is shown, with another record or with none."""
        query = replace(MemoryQuery.parse(self.router.url.query_parameters), id=record_id).encode()
        return f"/p/{self.project}/memory{'?' + query if query else ''}"


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Missing(f"No record has the ID {text[:60]!r}.") from None


def _view(one: MemoryRead) -> RecordView:
    return RecordView(
        id=str(one.id),
        title=one.title or one.entity_key or one.kind,
        kind=one.kind,
        key=one.entity_key or "",
        aliases=", ".join(one.aliases),
        type=_TYPES[one.mtype],
        scope=_SCOPES[one.scope],
        summary=one.summary,
        record=one.record,
        record_text=json.dumps(one.record, indent=2, ensure_ascii=False),
        tags=one.tags,
        tags_text=", ".join(one.tags),
        importance=f"{one.importance:g}",
        pinned=one.pinned,
        version=one.version,
        source_url=one.source_url or "",
        stale_at=one.stale_at.isoformat() if one.stale_at else "",
        is_replaced_in_place=one.entity_key is not None and one.mtype != "episodic",
    )


def _change(one: MemoryChangeRead, project: str) -> ChangeRow:
    what = "Deleted" if one.action == "forget" else f"Version {one.version}"
    return ChangeRow(
        what=what,
        by=f"job {ids.short(one.job_id)}" if one.job_id else one.written_by,
        job=f"/p/{project}/jobs/{one.job_id}" if one.job_id else "",
        at=one.at.isoformat(),
    )


def pane() -> rx.Component:
    """Render the record, or a note that it does not exist."""
    return rx.cond(
        Record.missing != "",
        rx.el.div(note(Record.missing, state="wait"), class_name="pad"),
        rx.cond(Record.shown.id != "", _record(), rx.el.p("Loading record…", class_name="skeleton")),
    )


def _record() -> rx.Component:
    one = Record.shown
    return rx.el.section(
        rx.el.div(
            rx.el.h2(one.title, class_name="cut grow", title=one.title),
            rx.cond(one.pinned, tag("pinned", state="ok")),
            link(
                "✕",
                href=Record.close_href,
                class_name="btn small quiet icon",
                aria_label="Close record",
            ),
            class_name="pane-head",
        ),
        rx.el.div(
            rx.cond(Record.is_editing, _edit_form(), _shown()),
            class_name="scroll grow pad inspector",
            role="region",
            aria_label="Record",
            tab_index=0,
        ),
        class_name="col grow",
        style={"min_height": "0"},
        aria_label="Memory record",
    )


def _edit_form() -> rx.Component:
    one = Record.shown
    return rx.fragment(
        rx.cond(
            one.is_replaced_in_place,
            rx.fragment(),
            note(
                "Events and records without a key cannot be changed in place. Saving creates a new record, "
                "and this one is kept as superseded."
            ),
        ),
        record_form.change_form(one, Record.save, Record.stop, Record.problem),
    )


def _shown() -> rx.Component:
    one = Record.shown
    return rx.fragment(
        rx.cond(
            Shell.can_write,
            rx.el.div(
                button("Edit", on_click=Record.begin),
                Confirm.create(
                    label="Delete…",
                    kind="danger",
                    title="Delete " + one.title + "?",
                    text="The record can no longer be found. It is listed as deleted for some days, then removed.",
                    confirm="Delete record",
                    on_confirm=Record.forget,
                ),
                class_name="row",
            ),
        ),
        rx.cond(one.summary != "", rx.el.p(one.summary, class_name="said")),
        Json.create(value=one.record),
        rx.el.dl(
            *_fact("Kind", one.kind),
            *_fact("Key", rx.el.span(one.key, class_name="mono break"), shown=one.key != ""),
            *_fact("Aliases", rx.el.span(one.aliases, class_name="mono break"), shown=one.aliases != ""),
            *_fact("Type", one.type),
            *_fact("Scope", one.scope),
            *_fact(
                "Tags",
                rx.el.span(rx.foreach(one.tags, tag), class_name="row wrap"),
                shown=as_var(one.tags).length() > 0,
            ),
            *_fact("Importance", one.importance),
            *_fact("Source", rx.el.span(one.source_url, class_name="break"), shown=one.source_url != ""),
            *_fact("Stale since", Ago.create(moment=one.stale_at), shown=one.stale_at != ""),
            *_fact("ID", identifier(one.id)),
            class_name="kv",
        ),
        rx.el.h3("History"),
        rx.el.ul(rx.foreach(Record.changes, _change_row), class_name="changes"),
    )


def _fact(name: str, value: Any, *, shown: Any = True) -> list[rx.Component]:
    return [rx.cond(shown, rx.fragment(rx.el.dt(name), rx.el.dd(value)))]


def _change_row(row: rx.Var[ChangeRow]) -> rx.Component:
    by: Any = rx.cond(
        row.job != "", link(row.by, href=row.job, class_name="mono"), rx.el.span(row.by, title=row.by)
    )
    return rx.el.li(
        rx.el.span(row.what),
        rx.el.span(by, class_name="cut grow t2"),
        rx.el.span(Ago.create(moment=row.at), class_name="t3 num"),
    )
