"""The annotations of a job, as its page shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.evals.annotations import eval_cases, reviews
from backend.evals.annotations.schemas import AnnotationCasesCreate, AnnotationRead
from backend.identity.auth.principal import Role
from studio import session
from studio.author_names import name_keys
from studio.components.elements import action, button, link, note, tag
from studio.components.live import Ago
from studio.pages.annotation.review_state import scores_text
from studio.shell import Shell
from studio.typing_of_reflex import as_var

_MAX_OUTPUT_CHARACTERS: Final = 20_000


@dataclass
class AnnotationRow:
    """An annotation, as text."""

    id: str
    by: str
    queue_id: str
    queue: str
    step: str
    scores: str
    comment: str
    corrected: str
    """The corrected output as JSON; empty if there is none."""
    at: str
    may_delete: bool


class Annotations(rx.State):
    """The annotations of one job."""

    rows: list[AnnotationRow] = []
    saved: str = ""
    """The result of saving the job as an eval case."""
    is_failed: bool = False
    has_correction: bool = False
    _job: str = ""

    async def read(self, act: session.Act, job_id: str) -> None:
        """Read the annotations of the job."""
        if job_id != self._job:
            self.saved, self.is_failed = "", False
        self._job = job_id
        found = await reviews.list_of_job(act.session, act.principal, UUID(job_id))
        label, is_admin = act.principal.label, act.principal.role >= Role.ADMIN
        can_write = act.principal.role >= Role.DEVELOPER
        rows = [_row(one, may_delete=can_write and (is_admin or one.created_by == label)) for one in found]
        await name_keys(act, rows, "by", is_short=True)
        self.has_correction = any(row.corrected and not row.step for row in rows)
        if rows != self.rows:
            self.rows = rows

    @rx.event
    async def delete(self, annotation_id: str) -> None:
        """Delete an annotation."""
        async with session.acting(self, self.project) as act:
            await reviews.delete(act.session, act.principal, UUID(annotation_id))
            await self.read(act, self._job)

    @rx.event
    async def save_case(self, _key: str) -> None:
        """Save the job as an eval case, with the corrected output as the expected one."""
        async with session.acting(self, self.project) as act:
            made = await eval_cases.save_of_job(
                act.session,
                act.principal,
                UUID(self._job),
                AnnotationCasesCreate(),
                vault=session.context().vault,
            )
        self.is_failed = bool(made.rejected)
        if made.rejected:
            self.saved = made.rejected[0].detail
        else:
            self.saved = "Saved as an eval case." if made.created else "This job is an eval case already."


def _row(one: AnnotationRead, *, may_delete: bool) -> AnnotationRow:
    corrected = ""
    if one.has_corrected_output:
        corrected = json.dumps(one.corrected_output, ensure_ascii=False, indent=2)
        if len(corrected) > _MAX_OUTPUT_CHARACTERS:
            corrected = f"{corrected[:_MAX_OUTPUT_CHARACTERS]}…"
    return AnnotationRow(
        id=str(one.id),
        by=one.created_by.removeprefix("user:"),
        queue_id=str(one.queue_id or ""),
        queue=one.queue,
        step=one.step or "",
        scores=scores_text(one),
        comment=one.comment,
        corrected=corrected,
        at=one.updated_at.isoformat(),
        may_delete=may_delete,
    )


def job_annotations() -> rx.Component:
    """Render the annotations of the job, if it has any."""
    save = rx.cond(
        Shell.can_write & Annotations.has_correction,
        action("Save as eval case", kind="small", on_act=Annotations.save_case),
    )
    return rx.cond(
        as_var(Annotations.rows).length() > 0,
        rx.el.section(
            rx.el.div(rx.el.h2("Annotations", class_name="grow"), save, class_name="row wrap"),
            rx.cond(
                Annotations.saved != "",
                note(Annotations.saved, state=rx.cond(Annotations.is_failed, "fail", "ok")),
            ),
            rx.el.ul(
                rx.foreach(Annotations.rows, _annotation), class_name="entries", aria_label="Annotations"
            ),
            aria_label="Annotations",
            class_name="col",
            style={"gap": "8px"},
        ),
    )


def _annotation(row: rx.Var[AnnotationRow]) -> rx.Component:
    href: Any = "/p/" + Shell.project_slug + "/annotation/" + row.queue_id
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.by, class_name="strong cut", title=row.by),
            rx.cond(row.step != "", tag(f"step {row.step}")),
            rx.cond(row.queue != "", link(row.queue, href=href, class_name="t2 cut")),
            rx.el.span(class_name="grow"),
            rx.el.span(Ago.create(moment=row.at), class_name="t3"),
            rx.cond(
                row.may_delete,
                button(
                    "Delete",
                    kind="small quiet",
                    aria_label=f"Delete annotation of {row.by}",
                    on_click=Annotations.delete(row.id),
                ),
            ),
            class_name="row wrap",
        ),
        rx.cond(row.scores != "", rx.el.p(row.scores)),
        rx.cond(row.comment != "", rx.el.p(row.comment, class_name="t2", style={"white_space": "pre-wrap"})),
        rx.cond(
            row.corrected != "",
            rx.el.details(
                rx.el.summary("Corrected output"), rx.el.pre(row.corrected, class_name="code", tab_index=0)
            ),
        ),
        key=row.id,
    )
