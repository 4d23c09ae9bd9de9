"""The comments on a job: a thread that is updated live, with a permalink for each comment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.db.paging import MAX_PAGE_SIZE, Page
from backend.core.errors import Invalid, PurasError
from backend.execution.comments import service
from backend.execution.comments.schemas import MAX_CHARACTERS, CommentCreate, CommentUpdate
from backend.execution.comments.tables import JobComment
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Principal, Role
from studio import session
from studio.author_names import name_keys
from studio.components.annotation import HashTarget, Markdown, TopicChanges
from studio.components.elements import button, link, note, tag
from studio.components.live import Ago, Confirm, Copy, Submit
from studio.forms import parsed, said, text
from studio.job_steps import step_names
from studio.pages.job.annotations import Annotations, job_annotations
from studio.typing_of_reflex import as_var

_MAX_SHOWN: Final = 1_000


@dataclass
class CommentRow:
    """A comment."""

    id: str
    by: str
    body: str
    step: str
    mentions: str
    at: str
    is_edited: bool
    may_edit: bool
    may_delete: bool
    url: str
    """The permalink."""


class Comments(rx.State):
    """The comments on one job."""

    rows: list[CommentRow] = []
    steps: list[str] = []
    editing: str = ""
    """ID of the comment whose text is being changed."""
    problem: str = ""
    sent: int = 0
    """Increases with each comment of the user, which empties the form."""
    job_id: str = ""

    async def read(self, act: session.Act, job_id: str) -> None:
        """Read the comments on the job."""
        if job_id != self.job_id:
            self.editing = self.problem = ""
            self.job_id = job_id
        rows: list[CommentRow] = []
        page = Page(MAX_PAGE_SIZE)
        base = f"{session.context().settings.url.rstrip('/')}/p/{self.project}/jobs/{job_id}?tab=comments"
        while len(rows) < _MAX_SHOWN:
            part = await service.list_some(act.session, act.principal, UUID(job_id), page)
            rows += [_row(one, act.principal, base) for one in part.items]
            if part.next_cursor is None:
                break
            page = Page(MAX_PAGE_SIZE, part.next_cursor)
        await name_keys(act, rows, "by")
        if rows != self.rows:
            self.rows = rows

    async def read_steps(self, act: session.Act, job_id: str) -> None:
        """Read the steps that a comment can name."""
        self.steps = await step_names(act, await get_row(act.session, act.principal, UUID(job_id)))

    @rx.event
    async def refresh(self) -> None:
        """Read the comments and annotations again, after a change by any user."""
        if not self.job_id:
            return
        async with session.acting(self, self.project) as act:
            await self.read(act, self.job_id)
            await (await self.get_state(Annotations)).read(act, self.job_id)

    @rx.event
    async def add(self, typed: dict[str, Any]) -> None:
        """Write a comment."""
        self.problem = ""
        body = {"body": text(typed, "body"), "step": text(typed, "step") or None}
        try:
            async with session.acting(self, self.project, once=typed) as act:
                request = parsed(CommentCreate, body)
                await service.create(act.session, act.principal, UUID(self.job_id), request)
                await self.read(act, self.job_id)
        except session.AlreadyDone:
            pass
        except (Invalid, PurasError) as refused:
            self.problem = said(refused)
            return
        self.sent += 1

    @rx.event
    def edit(self, comment_id: str) -> None:
        """Show the form for the text of a comment; hide it if the ID is empty."""
        self.editing, self.problem = comment_id, ""

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Save the changed text of a comment."""
        self.problem = ""
        try:
            async with session.acting(self, self.project, once=typed) as act:
                request = parsed(CommentUpdate, {"body": text(typed, "body")})
                await service.change(
                    act.session, act.principal, UUID(self.job_id), UUID(self.editing), request
                )
                await self.read(act, self.job_id)
        except PurasError as refused:
            self.problem = said(refused)
            return
        self.editing = ""

    @rx.event
    async def delete(self, comment_id: str) -> None:
        """Delete a comment."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(self.job_id), UUID(comment_id))
            await self.read(act, self.job_id)


def _row(comment: JobComment, principal: Principal, base: str) -> CommentRow:
    is_own = comment.created_by == principal.label
    return CommentRow(
        id=str(comment.id),
        by=comment.created_by,
        body=comment.body,
        step=comment.step,
        mentions=", ".join(comment.mentions),
        at=comment.created_at.isoformat(),
        is_edited=comment.edited_at is not None,
        may_edit=is_own,
        may_delete=is_own or principal.role >= Role.ADMIN,
        url=f"{base}#comment-{comment.id}",
    )


def watch_comments(project: rx.Var[str], then: Any) -> rx.Component:
    """Read the comments and annotations again when they change, then run another event."""
    return rx.fragment(
        *[
            TopicChanges.create(
                project=project, topic=topic, job=Comments.job_id, on_change=[Comments.refresh, then]
            )
            for topic in ("comments", "annotations")
        ]
    )


def comments_tab() -> rx.Component:
    """Render the annotations, the comments, and the form for a new one."""
    return rx.el.div(
        HashTarget.create(count=as_var(Comments.rows).length()),
        job_annotations(),
        rx.el.section(
            rx.el.h2("Comments"),
            rx.cond(
                as_var(Comments.rows).length() > 0,
                rx.el.ol(rx.foreach(Comments.rows, _comment), class_name="entries", aria_label="Comments"),
                rx.el.p(
                    "No comments yet. All members of the project can read and write comments.",
                    class_name="t2",
                ),
            ),
            aria_label="Comments",
            class_name="col",
            style={"gap": "8px"},
        ),
        _form(),
        class_name="col comments",
    )


def _comment(row: rx.Var[CommentRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.by.to(str).replace("user:", ""), class_name="strong cut", title=row.by),
            rx.cond(row.step != "", tag(f"step {row.step}")),
            link(Ago.create(moment=row.at), href=row.url, class_name="t3"),
            rx.cond(row.is_edited, rx.el.span("edited", class_name="t3")),
            rx.el.span(class_name="grow"),
            Copy.create(text=row.url, label="Copy link", bare=True),
            rx.cond(
                row.may_edit,
                button("Edit", kind="small quiet", aria_label="Edit comment", on_click=Comments.edit(row.id)),
            ),
            rx.cond(
                row.may_delete,
                Confirm.create(
                    label="Delete",
                    kind="small quiet",
                    title="Delete the comment?",
                    text="It is deleted for all members of the project.",
                    confirm="Delete comment",
                    on_confirm=Comments.delete(row.id),
                ),
            ),
            class_name="row wrap",
        ),
        rx.cond(
            Comments.editing == row.id,
            _edit_form(row),
            rx.el.div(Markdown.create(text=row.body), class_name="prose markdown"),
        ),
        rx.cond(row.mentions != "", rx.el.p("Mentions ", row.mentions, class_name="t3")),
        id=f"comment-{row.id}",
        key=row.id,
    )


def _edit_form(row: rx.Var[CommentRow]) -> rx.Component:
    return rx.el.form(
        rx.el.textarea(
            name="body",
            default_value=row.body,
            rows=4,
            max_length=MAX_CHARACTERS,
            aria_label="Text of the comment",
            required=True,
            auto_focus=True,
            class_name="in",
        ),
        rx.cond(Comments.problem != "", note(Comments.problem, state="fail")),
        rx.el.div(
            Submit.create(label="Save comment"),
            button("Cancel", kind="quiet", on_click=Comments.edit("")),
            class_name="row",
        ),
        on_submit=Comments.save,
        class_name="col",
        style={"gap": "8px"},
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.el.label("New comment", html_for="new-comment", class_name="label"),
        rx.el.textarea(
            id="new-comment",
            name="body",
            rows=4,
            max_length=MAX_CHARACTERS,
            placeholder="Markdown. @name mentions a member.",
            required=True,
            class_name="in",
            custom_attrs={"data-key": "m", "data-label": "Write a comment"},
        ),
        rx.cond((Comments.editing == "") & (Comments.problem != ""), note(Comments.problem, state="fail")),
        rx.el.div(
            Submit.create(label="Comment"),
            rx.cond(as_var(Comments.steps).length() > 0, _step()),
            class_name="row wrap",
        ),
        on_submit=Comments.add,
        class_name="col",
        style={"gap": "8px"},
        key=Comments.sent,
    )


def _step() -> rx.Component:
    return rx.el.select(
        rx.el.option("On the whole job", value=""),
        rx.foreach(Comments.steps, lambda one: rx.el.option(f"On step {one}", value=one)),
        name="step",
        aria_label="Step",
        class_name="in",
    )
