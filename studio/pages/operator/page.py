"""The admin page: health, workers, queue, projects and users of the instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import reflex as rx

from backend.administration.admin import health
from backend.administration.admin import workers as registry
from backend.administration.admin.schemas import StatusTileRead, WaitingJobsRead, WorkerRead
from backend.core.clock import now
from backend.core.errors import Missing
from backend.execution.jobs.queue_reason import reason_summary
from studio import session
from studio.components.elements import framed_table, section, tag, way_out
from studio.components.live import Ago, Confirm, Pulse
from studio.formatting import duration
from studio.pages.operator import projects, users
from studio.pages.operator.projects import Projects
from studio.pages.operator.users import Users
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled, as_var

REFRESH_S: Final = 3
_MAX_NAMED: Final = 3
"""Maximum number of running jobs that are named for one worker."""
_RESOURCES: Final = {"disk": "disk space", "memory": "memory", "processes": "processes"}
_TILE_WORDS: Final = {"ok": "Healthy", "wait": "Degraded", "fail": "Down"}


@dataclass
class Tile:
    """The health of one part of the instance."""

    part: str
    state: str
    word: str
    detail: str


@dataclass
class WorkerRow:
    """The data of a worker in the table."""

    id: str
    short: str
    location: str
    lanes: str
    load: str
    running: str
    layers: str
    heartbeat_at: str
    state: str
    """`alive`, `draining` or `lost`."""
    short_of: str
    """The resource that the host lacks, so that the worker claims no jobs; empty if none."""
    shortage: str


@dataclass
class WaitingRow:
    """The jobs of one lane that wait for the same reason."""

    lane: str
    reason: str
    jobs: str
    age: str
    """The waiting time of the oldest job, or the time until the next job is due."""


class Operator(rx.State):
    """The live part of the page."""

    tiles: list[Tile] = []
    workers: list[WorkerRow] = []
    waiting: list[WaitingRow] = []
    is_loaded: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Load the state of the instance if the user is an operator."""
        self.reset()
        async with session.visiting(self) as visit:
            is_operator = visit.person.is_operator
        if not is_operator:
            return Shell.close("Only operators of this instance can open this page.")
        await self._read()
        self.is_loaded = True
        return [Projects.load, Users.load]

    @rx.event
    async def refresh(self) -> None:
        """Reload the state of the instance while the page is visible."""
        if self.is_loaded:
            await self._read()

    @rx.event
    async def drain(self, worker_id: str) -> Handled:
        """Drain a worker."""
        try:
            async with session.visiting(self) as visit:
                await registry.drain(visit.session, visit.person, UUID(worker_id))
        except Missing as missing:
            return Shell.show_error(missing.detail)
        await self._read()
        return None

    async def _read(self) -> None:
        async with session.visiting(self) as visit:
            person = visit.person
            workers = [_worker(one) for one in await registry.list_workers(visit.session, person)]
            waiting = [_waiting(one) for one in await registry.list_waiting_jobs(visit.session, person)]
        tiles = [_tile(one) for one in await health.tiles(session.context(), person)]
        for name, found in (("tiles", tiles), ("workers", workers), ("waiting", waiting)):
            if getattr(self, name) != found:
                setattr(self, name, found)


def _tile(tile: StatusTileRead) -> Tile:
    return Tile(tile.part, tile.state, _TILE_WORDS[tile.state], tile.message)


def _worker(worker: WorkerRead) -> WorkerRow:
    named = [f"{job.project}: {job.skill}" for job in worker.running[:_MAX_NAMED]]
    more = len(worker.running) - len(named)
    resource, _, detail = (worker.shortage or "").partition(":")
    return WorkerRow(
        id=str(worker.id),
        short=str(worker.id)[:8],
        location=f"{worker.host}, process {worker.pid}",
        lanes=", ".join(worker.lanes),
        load=f"{len(worker.running)} of {worker.capacity}",
        running=", ".join(named) + (f" and {more} more" if more else ""),
        layers=", ".join(worker.layers),
        heartbeat_at=worker.heartbeat_at.isoformat(),
        state="lost" if not worker.is_alive else "draining" if worker.is_draining else "alive",
        short_of=_RESOURCES.get(resource, resource) if worker.is_alive else "",
        shortage=f"This worker claims no jobs. {detail.strip()}",
    )


def _waiting(one: WaitingJobsRead) -> WaitingRow:
    reason = reason_summary(one.reason, one.lane)
    return WaitingRow(one.lane, reason[0].upper() + reason[1:], f"{one.jobs:,}", _age(one))


def _age(one: WaitingJobsRead) -> str:
    if one.next_due_at is None:
        return duration(one.oldest_s)
    return f"due in {duration((one.next_due_at - now()).total_seconds())}"


def page() -> rx.Component:
    """Render health, workers, queue, projects and users."""
    return shell(
        "operator",
        [Crumb("Projects", "/"), Crumb("Admin")],
        rx.cond(
            Operator.is_loaded,
            rx.el.div(
                rx.el.h1("Admin", class_name="hidden-label"),
                Pulse.create(seconds=REFRESH_S, on_tick=Operator.refresh),
                section(
                    "Health",
                    _tiles(),
                    actions=[
                        way_out(
                            "Download support bundle",
                            href="/v1/instance/support-bundle",
                            class_name="btn",
                            title="Versions, settings without secrets, and the state of the instance",
                        )
                    ],
                ),
                section("Workers", _workers()),
                section("Queue", _queue()),
                projects.listed(),
                users.listed(),
                class_name="scroll grow column",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _tiles() -> rx.Component:
    return rx.el.ul(rx.foreach(Operator.tiles, _tile_item), class_name="tiles", aria_label="Health")


def _tile_item(tile: rx.Var[Tile]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(tile.part, class_name="strong grow"),
            rx.el.span(tile.word, class_name="tag", custom_attrs={"data-s": tile.state}),
            class_name="row",
        ),
        rx.el.p(tile.detail, class_name="t2"),
        key=tile.part,
    )


def _workers() -> rx.Component:
    columns = [
        ("Worker", "26%", ""),
        ("Lanes", "13%", ""),
        ("Slots", "9%", "num"),
        ("Running jobs", "25%", ""),
        ("Last heartbeat", "14%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "13%", "num"),
    ]
    return rx.cond(
        as_var(Operator.workers).length() > 0,
        framed_table("Workers", columns, rx.foreach(Operator.workers, _worker_row)),
        rx.el.p("No workers. Start workers with ", _mono("puras-studio up"), ".", class_name="t2"),
    )


def _worker_row(row: rx.Var[WorkerRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                rx.el.span(row.short, class_name="mono"),
                rx.match(
                    row.state,
                    ("draining", tag("draining", state="wait")),
                    ("lost", tag("lost", state="fail")),
                    rx.fragment(),
                ),
                rx.cond(
                    row.short_of != "",
                    rx.el.span(tag("low on " + row.short_of, state="fail"), title=row.shortage),
                ),
                rx.el.span(row.location, class_name="t3 cut"),
                class_name="row",
                title=row.id + ", " + row.location,
            )
        ),
        rx.el.td(row.lanes, class_name="mono"),
        rx.el.td(row.load, class_name="num"),
        rx.el.td(
            rx.cond(row.running != "", row.running, rx.el.span("None", class_name="t3")), title=row.running
        ),
        rx.el.td(Ago.create(moment=row.heartbeat_at), class_name="num t3", title="Sandbox: " + row.layers),
        rx.el.td(rx.cond(row.state == "alive", _drain(row)), class_name="num"),
        key=row.id,
    )


def _drain(row: rx.Var[WorkerRow]) -> rx.Component:
    return Confirm.create(
        label="Drain",
        kind="small",
        title="Drain worker " + row.short + "?",
        text="The worker claims no more jobs, waits for a limited time until its running jobs finish, and requeues "
        "the others. Then its process ends, and the pool starts a new worker.",
        confirm="Start draining",
        on_confirm=Operator.drain(row.id),
    )


def _queue() -> rx.Component:
    columns = [
        ("Lane", "20%", ""),
        ("Reason", "50%", ""),
        ("Jobs", "12%", "num"),
        ("Oldest or next due", "18%", "num"),
    ]
    return rx.cond(
        as_var(Operator.waiting).length() > 0,
        framed_table("Queue", columns, rx.foreach(Operator.waiting, _waiting_row)),
        rx.el.p("The queue is empty.", class_name="t2"),
    )


def _waiting_row(row: rx.Var[WaitingRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.lane, class_name="mono"),
        rx.el.td(row.reason),
        rx.el.td(row.jobs, class_name="num"),
        rx.el.td(row.age, class_name="num t2"),
        key=row.lane + row.reason,
    )


def _mono(text: str) -> rx.Component:
    return rx.el.span(text, class_name="mono")
