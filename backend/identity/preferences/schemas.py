"""Request and response bodies of the settings of a user."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody

Theme = Literal["system", "light", "dark"]


@cache
def time_zones() -> frozenset[str]:
    """Return the known names of time zones."""
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name and name not in time_zones():
        raise ValueError(
            "is not a time zone. Use a name such as 'Europe/Berlin', or '' for that of the browser"
        )
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class PreferencesRead(Schema):
    """The settings of the signed-in user."""

    model_config = ConfigDict(from_attributes=True)

    theme: Theme | None = None
    """`system`: that of the operating system. `null`: none was chosen, so each browser has its own."""
    time_zone: str = ""
    """The time zone of all times in the studio; empty: that of the browser."""
    email_alerts: bool = True
    """Whether the user receives the e-mail of webhooks about alerts and budgets."""
    email_approvals: bool = True
    """The same about jobs that wait for an approval."""
    email_mentions: bool = True
    """Whether the user receives e-mail about comments that mention the user."""


class PreferencesUpdate(RequestBody):
    """Changes of the settings; fields that are not sent stay as they are."""

    theme: Theme | None = None
    time_zone: TimeZone | None = None
    email_alerts: bool | None = None
    email_approvals: bool | None = None
    email_mentions: bool | None = None
