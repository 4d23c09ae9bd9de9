"""One record: what it says, who wrote it, and changing or forgetting it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing
from backend.data.memory import deletion, queries
from backend.data.memory import writing as memory
from backend.data.memory.schemas import MemoryChangeRead, MemoryRead
from studio import session
from studio.components.elements import button, identifier, link, note, tag
from studio.components.live import Ago, Confirm, Json
from studio.forms import said
from studio.pages.memory import record_form
from studio.shell import Shell

_WORDS = {"semantic": "what is so", "procedural": "how something is done", "episodic": "what happened"}
_FOR = {
    "entity": "every skill that meets the key",
    "workspace": "all skills",
    "skillpack": "the skills of one skillpack",
}


@dataclass
class ChangeRow:
    """One writing of a record."""

    what: str
    by: str
    job: str
    """Address of the job's page; empty for a person or a key."""
    at: str


@dataclass
class RecordView:
    """A record as the page shows it."""

    id: str = ""
    title: str = ""
    kind: str = ""
    key: str = ""
    aliases: str = ""
    says: str = ""
    reach: str = ""
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
    """Whether another version of it keeps its id."""


class Record(rx.State):
    """The record that is looked at."""

    shown: RecordView = RecordView()
    changes: list[ChangeRow] = []
    gone: str = ""
    problem: str = ""
    is_changing: bool = False
    _known: MemoryRead | None = None

    @rx.event
    async def open(self, memory_id: str):
        """Read a record and who wrote it; the empty id shows none."""
        self.reset()
        if not memory_id:
            return
        try:
            async with session.acting(self, self.project) as act:
                found = await queries.get(act.session, act.principal, _id(memory_id))
                self._known = MemoryRead.model_validate(found)
                rows = await queries.changes(act.session, act.principal, self._known.id)
                self.changes = [_change(MemoryChangeRead.model_validate(row), self.project) for row in rows]
        except Missing:
            self.gone = "It is forgotten, or there never was such a record in this project."
            return
        self.shown = _view(self._known)

    @rx.event
    def begin(self):
        """Show the form."""
        self.is_changing, self.problem = True, ""

    @rx.event
    def stop(self):
        """Change nothing."""
        self.is_changing = False

    @rx.event
    async def save(self, typed: dict[str, Any]):
        """Write another version over the one that was read."""
        if self._known is None:
            return None
        try:
            asked = record_form.changed(self._known, typed)
            context = session.context()
            async with session.acting(self, self.project) as act:
                written = await memory.put(
                    act.session, context.vault, act.principal, asked, context.settings.quotas
                )
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return None
        return rx.redirect(f"/p/{self.project}/memory?id={written.id}", replace=True)

    @rx.event
    async def forget(self):
        """Let nothing find it any more."""
        async with session.acting(self, self.project) as act:
            await deletion.forget(act.session, act.principal, _id(self.shown.id), reason="in the studio")
        return rx.redirect(f"/p/{self.project}/memory", replace=True)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Missing(f"There is no record {text[:60]!r}.") from None


def _view(one: MemoryRead) -> RecordView:
    return RecordView(
        id=str(one.id),
        title=one.title or one.entity_key or one.kind,
        kind=one.kind,
        key=one.entity_key or "",
        aliases=", ".join(one.aliases),
        says=_WORDS[one.mtype],
        reach=_FOR[one.scope],
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
    what = "forgotten" if one.action == "forget" else f"version {one.version}"
    return ChangeRow(
        what=what,
        by=f"job {str(one.job_id)[:8]}" if one.job_id else one.written_by,
        job=f"/p/{project}/jobs/{one.job_id}" if one.job_id else "",
        at=one.at.isoformat(),
    )


def pane() -> rx.Component:
    """The record, or why there is none."""
    return rx.cond(
        Record.gone != "",
        rx.el.div(note(Record.gone, state="wait"), class_name="pad"),
        rx.cond(Record.shown.id != "", _record(), rx.el.p("Reading the record…", class_name="skeleton")),
    )


def _record() -> rx.Component:
    one = Record.shown
    return rx.el.section(
        rx.el.div(
            rx.el.h2(one.title, class_name="cut grow", title=one.title),
            rx.cond(one.pinned, tag("pinned", state="ok")),
            link(
                "✕",
                href="/p/" + Shell.project_slug + "/memory",
                class_name="btn small quiet icon",
                aria_label="Close the record",
            ),
            class_name="pane-head",
        ),
        rx.el.div(
            rx.cond(Record.is_changing, _changing(), _shown()),
            class_name="scroll grow pad inspector",
            role="region",
            aria_label="Record",
            tab_index=0,
        ),
        class_name="col grow",
        style={"min_height": "0"},
        aria_label="What is remembered",
    )


def _changing() -> rx.Component:
    one = Record.shown
    return rx.fragment(
        rx.cond(
            one.is_replaced_in_place,
            rx.fragment(),
            note(
                "It has no key, or tells what happened: a new record takes its place, "
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
                button("Change", on_click=Record.begin),
                Confirm.create(
                    label="Forget…",
                    kind="danger",
                    title="Forget " + one.title + "?",
                    text="Nothing finds it any more. It is kept for some days, listed as forgotten, and then removed.",
                    confirm="Forget it",
                    on_confirm=Record.forget,
                ),
                class_name="row",
            ),
        ),
        rx.cond(one.summary != "", rx.el.p(one.summary, class_name="said")),
        Json.create(value=one.record),
        rx.el.dl(
            *_fact("Kind", one.kind),
            *_fact("About", rx.el.span(one.key, class_name="mono break"), shown=one.key != ""),
            *_fact("Also", rx.el.span(one.aliases, class_name="mono break"), shown=one.aliases != ""),
            *_fact("Says", one.says),
            *_fact("For", one.reach),
            *_fact(
                "Tags",
                rx.el.span(rx.foreach(one.tags, tag), class_name="row wrap"),
                shown=one.tags.length() > 0,
            ),
            *_fact("Weight", one.importance),
            *_fact("Source", rx.el.span(one.source_url, class_name="break"), shown=one.source_url != ""),
            *_fact("Stale", Ago.create(moment=one.stale_at), shown=one.stale_at != ""),
            *_fact("Id", identifier(one.id)),
            class_name="kv",
        ),
        rx.el.h3("Who wrote it"),
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
