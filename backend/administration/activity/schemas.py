"""Responses of the activity of a project."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from backend.core.attribute_docstrings import Schema

ActivityCategory = Literal[
    "publishing", "jobs", "comments", "reviews", "evals", "alerts", "members", "settings", "marketplace"
]


class ActivityRead(Schema):
    """Something that happened in a project."""

    id: int
    """The ID of its entry in the audit log."""
    category: ActivityCategory
    action: str
    """The action in the audit log: `deployment.activated`."""
    actor: str
    """Who did it: `user:<e-mail>`, `key:<prefix>`, `job:<ID>`, or `system`."""
    summary: str
    """What the actor did: `activated support v4`. Names in it come from users: show it as text."""
    path: str
    """The page of the studio that shows more, below that of the project: `/jobs/<ID>`. Empty: there is none."""
    at: datetime
