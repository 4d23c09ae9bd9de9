"""What people think of a job: thumbs, and why."""

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
_WORDS = {GOOD: "good", 0: "neither", BAD: "bad"}


@dataclass
class Said:
    """One person's opinion, as text."""

    by: str
    word: str
    comment: str


class Opinions(rx.State):
    """The opinions of one job, and the own one."""

    others: list[Said] = []
    rating: int = 0
    comment: str = ""
    is_saying: bool = False
    _job: str = ""

    @rx.event
    async def look(self, job_id: str):
        """Read what people think of the job."""
        self._job, self.is_saying = job_id, False
        async with session.acting(self, self.project) as act:
            job = await get_job(act.session, act.principal, UUID(job_id))
            mine = act.principal.label
        known = {str(one["given_by"]): one for one in job.feedback}
        own = known.pop(mine, {"rating": 0, "comment": ""})
        self.rating, self.comment = own["rating"], own["comment"]
        self.others = [Said(by, _WORDS[one["rating"]], one["comment"]) for by, one in known.items()]

    @rx.event
    async def rate(self, rating: int):
        """Give it a thumb, or take it back; then there is room for a word."""
        await self._give(0 if rating == self.rating else rating)
        self.is_saying = self.rating != 0

    @rx.event
    async def say(self, form: dict[str, Any]):
        """Add why."""
        self.comment = str(form.get("comment", "")).strip()
        await self._give(self.rating)
        self.is_saying = False

    async def _give(self, rating: int) -> None:
        async with session.acting(self, self.project) as act:
            given = FeedbackCreate(rating=rating, comment=self.comment)
            await feedback.rate(act.session, act.principal, UUID(self._job), given)
        self.rating = rating


def opinion() -> rx.Component:
    """Both thumbs, the own words, and what others said."""
    return rx.el.div(
        rx.foreach(
            Opinions.others,
            lambda one: rx.el.span(
                one.by, ": ", one.word, rx.cond(one.comment != "", ", ", ""), one.comment, class_name="t3"
            ),
        ),
        rx.cond(
            (Opinions.comment != "") & ~Opinions.is_saying, rx.el.span(Opinions.comment, class_name="t2 cut")
        ),
        rx.cond(Opinions.is_saying, _words()),
        _thumb("A good result", "thumbs-up", GOOD),
        _thumb("A bad result", "thumbs-down", BAD),
        class_name="opinion",
        role="group",
        aria_label="What you think of this job",
    )


def _thumb(label: str, icon: str, rating: int) -> rx.Component:
    is_on = Opinions.rating == rating
    return rx.el.button(
        rx.icon(icon, size=14),
        type="button",
        title=label,
        aria_label=label,
        class_name="btn icon",
        on_click=Opinions.rate(rating),
        custom_attrs={
            "aria-pressed": rx.cond(is_on, "true", "false"),
            "data-on": rx.cond(is_on, "true", "false"),
        },
    )


def _words() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            name="comment",
            default_value=Opinions.comment,
            max_length=4000,
            aria_label="Why",
            placeholder="Why? (optional)",
            class_name="in",
            auto_focus=True,
        ),
        Submit.create(label="Save", kind=""),
        on_submit=Opinions.say,
        class_name="row",
    )
