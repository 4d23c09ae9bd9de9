"""The limits of the project and their usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import reflex as rx

from backend.administration.projects import quota_usage
from backend.config.quotas import REQUESTS, Quota
from backend.data.drive import usage
from backend.data.drive.uploads.ingest import drives_of
from backend.data.drive.usage import Usage
from backend.identity.auth.principal import Role
from backend.identity.limits import service
from backend.identity.limits.schemas import LimitRead, LimitsRead, defaults_of
from studio import session
from studio.components.elements import framed_table, note, section, tag
from studio.formatting import size
from studio.shell import Shell

_LABELS: Final = {
    Quota.QUEUED_JOBS: "Queued jobs",
    Quota.LATER_JOBS: "Queued jobs with a future run_at",
    Quota.DEPLOYMENTS: "Versions and drafts per skillpack",
    Quota.API_KEYS: "API keys, without revoked keys",
    Quota.MEMBERS: "Members and invitations",
    Quota.SECRETS: "Secrets of the project, and of each skillpack",
    Quota.SKILLPACKS: "Skillpacks",
    Quota.DRIVE_MB: "Drive",
    Quota.DRIVE_FILES: "Files and folders in the drive",
    Quota.MEMORY_RECORDS: "Memory records",
    Quota.MEMORY_MB: "Memory (MiB)",
    Quota.SESSION_MESSAGES: "Messages of the longest session",
    Quota.SESSION_USD: "Cost of the most expensive session (US dollars)",
}
_WARNING_PERCENT: Final = 80


@dataclass
class LimitRow:
    """The data of a limit in the table."""

    label: str
    used: str
    limit: str
    percent: int
    state: str
    """`wait` near the limit, `fail` at the limit."""
    set_by: str
    """`operator` or `project` if one of them has set the limit, otherwise `instance`."""


class Limits(rx.State):
    """The limits of a project."""

    rows: list[LimitRow] = []
    rate: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the limits and their usage."""
        self.reset()
        context = session.context()
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.VIEWER, "project:read")
            limits = LimitsRead.of(
                await service.limits_of(act.session, act.principal), defaults_of(context.settings)
            )
            counted = await quota_usage.usage(act.session, act.principal)
        drive = await usage.current(drives_of(context), act.principal.project_id)
        self.rows = _rows(limits, counted, drive)
        rate: LimitRead = getattr(limits, REQUESTS)
        self.rate = "no limit" if rate.limit is None else f"{rate.limit:,} requests per minute"
        self.is_loaded = True


def _rows(limits: LimitsRead, counted: Mapping[Quota, int], drive: Usage) -> list[LimitRow]:
    used = {**counted, Quota.DRIVE_FILES: drive.files + drive.waiting_files}
    rows = [_row(quota, used[quota], limits) for quota in Quota if quota in used]
    drive_bytes = drive.bytes + drive.waiting_bytes
    index = list(Quota).index(Quota.DRIVE_MB)
    rows.insert(index, _drive_row(drive_bytes, drive.max_bytes, set_by=limits.set_by(Quota.DRIVE_MB)))
    return rows


def _row(quota: Quota, used: int, limits: LimitsRead) -> LimitRow:
    limit = getattr(limits, quota).limit or 0
    texts = (f"{used:,}", f"{limit:,}")
    return _limit_row(_LABELS[quota], texts, used, limit, set_by=limits.set_by(quota))


def _drive_row(used: int, limit: int, *, set_by: str) -> LimitRow:
    return _limit_row(_LABELS[Quota.DRIVE_MB], (size(used), size(limit)), used, limit, set_by=set_by)


def _limit_row(label: str, texts: tuple[str, str], used: int, limit: int, *, set_by: str) -> LimitRow:
    percent = min(100, used * 100 // limit) if limit else 100
    state = "fail" if used >= limit else "wait" if percent >= _WARNING_PERCENT else ""
    return LimitRow(label, *texts, percent, state, set_by)


def pane() -> rx.Component:
    """Render the quotas with their usage, and the rate limit."""
    return rx.cond(
        Limits.is_loaded,
        rx.fragment(
            section("Limits and usage", _list()),
            section(
                "Requests",
                rx.el.p("Rate limit of all API keys of the project: ", Limits.rate, ".", class_name="t2"),
            ),
            note(
                "The operator of this instance sets the limits of the project with ",
                rx.el.span("puras-studio project limits " + Shell.project_slug, class_name="mono"),
                ". Admins of the project can lower them with ",
                rx.el.span("PATCH /v1/projects/" + Shell.project_slug + "/limits", class_name="mono"),
                ". The number of concurrent jobs is in the general settings of the project.",
            ),
        ),
        rx.el.p("Loading…", class_name="skeleton"),
    )


def _list() -> rx.Component:
    columns = [("Resource", "40%", ""), ("Used", "12%", "num"), ("Limit", "14%", "num"), ("Usage", "34%", "")]
    return framed_table("Limits", columns, rx.foreach(Limits.rows, _limit))


def _limit(row: rx.Var[LimitRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.label, title=row.label),
        rx.el.td(row.used, class_name="num"),
        rx.el.td(row.limit, class_name="num t2"),
        rx.el.td(
            rx.el.span(
                rx.el.span(
                    rx.el.i(style={"width": row.percent.to_string() + "%"}),
                    class_name="share grow",
                    aria_hidden="true",
                    custom_attrs={"data-s": row.state},
                ),
                rx.el.span(row.percent, " %", class_name="num t3", style={"width": "44px"}),
                rx.match(
                    row.state, ("fail", tag("limit reached")), ("wait", tag("near limit")), rx.fragment()
                ),
                rx.match(
                    row.set_by,
                    ("operator", tag("set by operator")),
                    ("project", tag("lowered by admin")),
                    rx.fragment(),
                ),
                class_name="row",
            )
        ),
        key=row.label,
    )
