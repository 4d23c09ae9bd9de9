"""Requests and responses of comments on jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.execution.comments.tables import JobComment

MAX_CHARACTERS: Final = 20_000

Body = Annotated[
    Text, StringConstraints(strip_whitespace=True), Field(min_length=1, max_length=MAX_CHARACTERS)
]


class CommentCreate(RequestBody):
    """A new comment."""

    body: Body
    """Markdown. HTML in it is shown as text. `@ada@example.org`, or `@ada`, mentions a member of the project."""
    step: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """The step that it is about: its number for an agent, its name for a flow or a function. `null`: the whole job."""


class CommentUpdate(RequestBody):
    """The new text of a comment."""

    body: Body


class CommentRead(Schema):
    """A comment on a job."""

    id: UUID
    job_id: UUID
    step: str | None
    """`null`: the whole job."""
    body: str
    """Markdown, which may contain HTML: render it as text."""
    mentions: list[str]
    """The e-mail addresses of the members that it mentions."""
    created_by: str
    """The user or the API key that wrote it."""
    created_at: datetime
    edited_at: datetime | None

    @classmethod
    def of(cls, comment: JobComment) -> Self:
        """Return the comment of a row."""
        fields = comment.model_dump(include=set(cls.model_fields))
        return cls(**{**fields, "step": comment.step or None})
