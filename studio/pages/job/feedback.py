"""The feedback on a job: a rating with thumbs, and a comment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.execution.jobs import feedback
from backend.execution.jobs.queries import get_job
from backend.execution.jobs.schemas import FeedbackCreate
from studio import session
from studio.components.live import Submit

GOOD, BAD = 1, -1
_RATINGS = {GOOD: "good", 0: "no rating", BAD: "bad"}


@dataclass
class FeedbackRow:
    """The feedback of one user, as text."""

    by: str
    rating: str
    comment: str


class Feedback(rx.State):
    """The feedback on one job: that of the signed-in user, and that of others."""

    others: list[FeedbackRow] = []
    rating: int = 0
    comment: str = ""
    is_commenting: bool = False
    _job: str = ""

    @rx.event
    async def look(self, job_id: str) -> None:
        """Load the feedback on the job."""
        async with session.acting(self, self.project) as act:
            await self.read(act, job_id)

    async def read(self, act: session.Act, job_id: str) -> None:
        """Read the feedback on the job."""
        self._job, self.is_commenting = job_id, False
        job = await get_job(act.session, act.principal, UUID(job_id))
        mine = act.principal.label
        known = {str(one["given_by"]): one for one in job.feedback}
        own = known.pop(mine, {"rating": 0, "comment": ""})
        self.rating, self.comment = own["rating"], own["comment"]
        self.others = [FeedbackRow(by, _RATINGS[one["rating"]], one["comment"]) for by, one in known.items()]

    @rx.event
    async def rate(self, rating: int) -> None:
        """Set or clear the rating, and show the form for a comment."""
        await self._save(0 if rating == self.rating else rating)
        self.is_commenting = self.rating != 0

    @rx.event
    async def save_comment(self, form: dict[str, Any]) -> None:
        """Save the comment."""
        self.comment = str(form.get("comment", "")).strip()
        await self._save(self.rating)
        self.is_commenting = False

    async def _save(self, rating: int) -> None:
        async with session.acting(self, self.project) as act:
            given = FeedbackCreate(rating=rating, comment=self.comment)
            await feedback.rate(act.session, act.principal, UUID(self._job), given)
        self.rating = rating


def feedback_bar() -> rx.Component:
    """Render the thumbs, the comment of the user, and the feedback of others."""
    return rx.el.div(
        rx.foreach(
            Feedback.others,
            lambda one: rx.el.span(
                one.by, ": ", one.rating, rx.cond(one.comment != "", ", ", ""), one.comment, class_name="t3"
            ),
        ),
        rx.cond(
            (Feedback.comment != "") & ~Feedback.is_commenting,
            rx.el.span(Feedback.comment, class_name="t2 cut"),
        ),
        rx.cond(Feedback.is_commenting, _comment_form()),
        _thumb("Good result", "thumbs-up", GOOD),
        _thumb("Bad result", "thumbs-down", BAD),
        class_name="feedback",
        role="group",
        aria_label="Feedback",
    )


def _thumb(label: str, icon: str, rating: int) -> rx.Component:
    is_on = Feedback.rating == rating
    return rx.el.button(
        rx.icon(icon, size=14),
        type="button",
        title=label,
        aria_label=label,
        class_name="btn icon",
        on_click=Feedback.rate(rating),
        custom_attrs={
            "aria-pressed": rx.cond(is_on, "true", "false"),
            "data-on": rx.cond(is_on, "true", "false"),
        },
    )


def _comment_form() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            name="comment",
            default_value=Feedback.comment,
            max_length=4000,
            aria_label="Comment",
            placeholder="Comment (optional)",
            class_name="in",
            auto_focus=True,
        ),
        Submit.create(label="Save", kind=""),
        on_submit=Feedback.save_comment,
        class_name="row",
    )
