"""The form for a memory record: a new one, or a new version of an existing one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.core.errors import Invalid, Problem
from backend.data.memory.schemas import MemoryPut, MemoryRead
from studio.components.elements import button, field, note
from studio.components.live import Submit
from studio.forms import parsed, text

_TYPES = {
    "semantic": "Fact",
    "procedural": "Procedure",
    "episodic": "Event",
}


def new(typed: Mapping[str, Any]) -> MemoryPut:
    """Return the new record of the form.

    Raises:
        Invalid: If a field is invalid; it contains all problems.
    """
    return parsed(
        MemoryPut,
        {
            **_contents(typed),
            "kind": text(typed, "kind"),
            "entity_key": text(typed, "entity_key") or None,
            "mtype": text(typed, "mtype"),
            "if_version": 0 if text(typed, "entity_key") else None,
        },
    )


def changed(known: MemoryRead, typed: Mapping[str, Any]) -> MemoryPut:
    """Return a new version of a record; for an event or a record without a key, a record that supersedes it.

    Raises:
        Invalid: If a field is invalid; it contains all problems.
    """
    is_replaced = known.entity_key is not None and known.mtype != "episodic"
    kept = known.model_dump(
        include={"kind", "entity_key", "mtype", "scope", "stale_at", "content_hash", "source_url"}
    )
    pack = str(known.skillpack_id) if known.skillpack_id else None
    over = {"if_version": known.version} if is_replaced else {"supersedes": known.id}
    carried = {"aliases": known.aliases, "importance": known.importance, "pinned": known.pinned}
    return parsed(MemoryPut, {**kept, **carried, "skillpack": pack, **over, **_contents(typed)})


def _contents(typed: Mapping[str, Any]) -> dict[str, Any]:
    tags = [tag.strip() for tag in text(typed, "tags").split(",") if tag.strip()]
    return {
        "title": text(typed, "title"),
        "summary": text(typed, "summary"),
        "record": _object(text(typed, "record")),
        "tags": tags,
        "pinned": bool(typed.get("pinned")),
    }


def _object(typed: str) -> dict[str, Any]:
    try:
        value = json.loads(typed or "{}")
    except ValueError as error:
        wrong = Problem("record", f"Invalid JSON: {error}.")
        raise Invalid(wrong.message, [wrong]) from None
    if not isinstance(value, dict):
        wrong = Problem("record", 'The record must be a JSON object, such as {"tone": "formal"}.')
        raise Invalid(wrong.message, [wrong])
    return value


def new_form(on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the form for a new record."""
    about = rx.el.div(
        field(
            "Kind",
            "kind",
            rx.el.input,
            hint="A category of your choice.",
            placeholder="customer",
            required=True,
            max_length=100,
        ),
        field(
            "Key",
            "entity_key",
            rx.el.input,
            hint="Optional. Identifies what the record is about.",
            placeholder="acme",
            max_length=2000,
        ),
        field(
            "Type",
            "mtype",
            rx.el.select,
            *[rx.el.option(label, value=name) for name, label in _TYPES.items()],
        ),
        class_name="three",
    )
    return _form(
        [about, *_fields("", "", "{\n  \n}", "", pinned=False)],
        "Create memory",
        on_submit,
        on_cancel,
        problem,
    )


def change_form(known: rx.Var[Any], on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the form for an existing record."""
    fields = _fields(known.title, known.summary, known.record_text, known.tags_text, pinned=known.pinned)
    return _form(fields, "Save", on_submit, on_cancel, problem)


def _fields(title: Any, summary: Any, record: Any, tags: Any, *, pinned: Any) -> list[rx.Component]:
    return [
        field("Title", "title", rx.el.input, default_value=title, max_length=300),
        field(
            "Summary",
            "summary",
            rx.el.textarea,
            hint="Inserted into the digest for agents.",
            default_value=summary,
            max_length=4000,
            rows=3,
        ),
        field(
            "Record",
            "record",
            rx.el.textarea,
            hint="JSON, at most 64 KiB.",
            class_name="in code",
            default_value=record,
            rows=8,
            spell_check=False,
        ),
        field("Tags", "tags", rx.el.input, hint="Separate tags with commas.", default_value=tags),
        rx.el.label(
            rx.el.input(type="checkbox", name="pinned", default_checked=pinned),
            "Pinned (included in every digest)",
            class_name="check",
        ),
    ]


def _form(
    fields: list[rx.Component], label: str, on_submit: Any, on_cancel: Any, problem: rx.Var[str]
) -> rx.Component:
    return rx.el.form(
        *fields,
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(Submit.create(label=label), button("Cancel", on_click=on_cancel), class_name="row"),
        on_submit=on_submit,
        class_name="form",
    )
