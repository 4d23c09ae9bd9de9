"""How much of everything the project may have, and how much of it is taken."""

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

_WORDS: Final = {
    Quota.QUEUED_JOBS: "Jobs that wait for their turn",
    Quota.LATER_JOBS: "Jobs for later, by their `run_at`",
    Quota.DEPLOYMENTS: "Versions and drafts, in each skillpack",
    Quota.API_KEYS: "API keys that are not revoked",
    Quota.MEMBERS: "Members and invitations",
    Quota.SECRETS: "Secrets, and each skillpack as many",
    Quota.SKILLPACKS: "Skillpacks",
    Quota.DRIVE_MB: "Drive",
    Quota.DRIVE_FILES: "Files and folders in the drive",
    Quota.MEMORY_RECORDS: "Records in the memory",
    Quota.MEMORY_MB: "Memory, in MiB",
}
_NEARLY: Final = 80  # percent


@dataclass
class LimitRow:
    """What the list shows of a limit."""

    what: str
    used: str
    limit: str
    percent: int
    state: str
    """`wait` when it is nearly reached, `fail` when it is."""
    set_by: str
    """`operator` or `project` where one of them has set it; else `instance`."""


class Limits(rx.State):
    """The limits of a project."""

    rows: list[LimitRow] = []
    rate: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read the limits, and count what they are about."""
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
        self.rate = "no limit" if rate.limit is None else f"{rate.limit:,} a minute"
        self.is_loaded = True


def _rows(limits: LimitsRead, counted: Mapping[Quota, int], drive: Usage) -> list[LimitRow]:
    used = {**counted, Quota.DRIVE_FILES: drive.files + drive.waiting_files}
    rows = [_row(quota, used[quota], limits) for quota in Quota if quota in used]
    drive_bytes = drive.bytes + drive.waiting_bytes
    at = list(Quota).index(Quota.DRIVE_MB)
    rows.insert(at, _of_drive(drive_bytes, drive.max_bytes, set_by=limits.set_by(Quota.DRIVE_MB)))
    return rows


def _row(quota: Quota, used: int, limits: LimitsRead) -> LimitRow:
    most = getattr(limits, quota).limit or 0
    return _made(_WORDS[quota], (f"{used:,}", f"{most:,}"), used, most, set_by=limits.set_by(quota))


def _of_drive(used: int, most: int, *, set_by: str) -> LimitRow:
    return _made(_WORDS[Quota.DRIVE_MB], (size(used), size(most)), used, most, set_by=set_by)


def _made(what: str, shown: tuple[str, str], used: int, most: int, *, set_by: str) -> LimitRow:
    percent = min(100, used * 100 // most) if most else 100
    state = "fail" if used >= most else "wait" if percent >= _NEARLY else ""
    return LimitRow(what, *shown, percent, state, set_by)


def pane() -> rx.Component:
    """The quotas with what is used of them, and the rate."""
    return rx.cond(
        Limits.is_loaded,
        rx.fragment(
            section("Limits and usage", _list()),
            section(
                "Requests",
                rx.el.p("All keys of the project together: ", Limits.rate, ".", class_name="t2"),
            ),
            note(
                "The operator of this instance sets the ceilings: ",
                rx.el.span("puras-studio project limits " + Shell.project_slug, class_name="mono"),
                ". An admin of the project lowers them for it: ",
                rx.el.span("PATCH /v1/projects/" + Shell.project_slug + "/limits", class_name="mono"),
                ". How many jobs run at once is a setting of the project, up to its ceiling.",
            ),
        ),
        rx.el.p("Loading…", class_name="skeleton"),
    )


def _list() -> rx.Component:
    columns = [("What", "40%", ""), ("Used", "12%", "num"), ("Limit", "14%", "num"), ("Share", "34%", "")]
    return framed_table("Limits", columns, rx.foreach(Limits.rows, _limit))


def _limit(row: rx.Var[LimitRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.what, title=row.what),
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
                rx.match(row.state, ("fail", tag("reached")), ("wait", tag("nearly")), rx.fragment()),
                rx.match(
                    row.set_by,
                    ("operator", tag("own limit")),
                    ("project", tag("lowered")),
                    rx.fragment(),
                ),
                class_name="row",
            )
        ),
        key=row.what,
    )
