"""How the instance is, what its workers run, what waits and why; below, projects and people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import reflex as rx

from backend.administration.admin import health
from backend.administration.admin import workers as fleet
from backend.administration.admin.schemas import StatusTileRead, WaitingJobsRead, WorkerRead
from backend.core.clock import now
from backend.core.errors import Missing
from studio import session
from studio.components.elements import framed_table, section, tag
from studio.components.live import Ago, Confirm, Pulse
from studio.formatting import duration
from studio.pages.operator import projects, users
from studio.pages.operator.projects import Projects
from studio.pages.operator.users import People
from studio.shell import Crumb, Shell, shell

REFRESH_S: Final = 3
_MAX_NAMED: Final = 3  # jobs of one worker
_REASONS: Final = {
    "not_before": "for their time to come",
    "wallet_empty": "for money in their wallet",
    "wallet_held": "for money that is held for other jobs",
    "project_limit": "behind their project's limit",
    "no_worker": "for a worker in this lane",
    "runs_alone": "to run alone, since workers were lost under them",
    "next_in_line": "next in line for a free worker",
}
_RESOURCES: Final = {"disk": "disk space", "memory": "memory", "processes": "processes"}
_TILE_WORDS: Final = {"ok": "Well", "wait": "Look", "fail": "Broken"}


@dataclass
class Tile:
    """How one part of the instance is."""

    part: str
    state: str
    word: str
    told: str


@dataclass
class WorkerRow:
    """What the list shows of a worker."""

    id: str
    short: str
    place: str
    lanes: str
    load: str
    running: str
    layers: str
    beat_at: str
    state: str
    """`alive`, `draining` or `lost`."""
    short_of: str
    """The resource that its host lacks, so that it claims no jobs, in words; empty if none."""
    shortage: str


@dataclass
class WaitingRow:
    """Jobs of one lane that wait for the same reason."""

    lane: str
    why: str
    jobs: str
    age: str
    """How long the oldest has waited, or in what time the next is due."""


class Operator(rx.State):
    """The live half of the page."""

    tiles: list[Tile] = []
    workers: list[WorkerRow] = []
    waiting: list[WaitingRow] = []
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read how the instance is, for whoever may know."""
        self.reset()
        async with session.visiting(self) as visit:
            is_operator = visit.person.is_operator
        if not is_operator:
            return Shell.close("This page is for operators of the instance.")
        await self._read()
        self.is_loaded = True
        return [Projects.load, People.load]

    @rx.event
    async def refresh(self):
        """Read it anew, for as long as somebody looks."""
        if self.is_loaded:
            await self._read()

    @rx.event
    async def drain(self, worker_id: str):
        """Have a worker end in good order; one that has ended is as good."""
        try:
            async with session.visiting(self) as visit:
                await fleet.drain(visit.session, visit.person, UUID(worker_id))
        except Missing as gone:
            return Shell.tell(gone.detail)
        await self._read()
        return None

    async def _read(self) -> None:
        async with session.visiting(self) as visit:
            person = visit.person
            workers = [_worker(one) for one in await fleet.list_workers(visit.session, person)]
            waiting = [_waiting(one) for one in await fleet.list_waiting(visit.session, person)]
        tiles = [_tile(one) for one in await health.tiles(session.context(), person)]
        for name, found in (("tiles", tiles), ("workers", workers), ("waiting", waiting)):
            if getattr(self, name) != found:
                setattr(self, name, found)


def _tile(tile: StatusTileRead) -> Tile:
    return Tile(tile.part, tile.state, _TILE_WORDS[tile.state], tile.told)


def _worker(worker: WorkerRead) -> WorkerRow:
    named = [f"{job.project}: {job.skill}" for job in worker.running[:_MAX_NAMED]]
    more = len(worker.running) - len(named)
    resource, _, detail = (worker.shortage or "").partition(":")
    return WorkerRow(
        id=str(worker.id),
        short=str(worker.id)[:8],
        place=f"{worker.host}, process {worker.pid}",
        lanes=", ".join(worker.lanes),
        load=f"{len(worker.running)} of {worker.capacity}",
        running=", ".join(named) + (f" and {more} more" if more else ""),
        layers=", ".join(worker.layers),
        beat_at=worker.beat_at.isoformat(),
        state="lost" if not worker.is_alive else "draining" if worker.is_draining else "alive",
        short_of=_RESOURCES.get(resource, resource) if worker.is_alive else "",
        shortage=f"It claims no jobs. {detail.strip()}",
    )


def _waiting(one: WaitingJobsRead) -> WaitingRow:
    return WaitingRow(one.lane, _REASONS[one.reason], f"{one.jobs:,}", _age(one))


def _age(one: WaitingJobsRead) -> str:
    if one.next_due_at is None:
        return duration(one.oldest_s)
    return f"next in {duration((one.next_due_at - now()).total_seconds())}"


def page() -> rx.Component:
    """Health, workers, queue, projects, people."""
    return shell(
        "operator",
        [Crumb("Projects", "/"), Crumb("Operator")],
        rx.cond(
            Operator.is_loaded,
            rx.el.div(
                rx.el.h1("The instance", class_name="hidden-label"),
                Pulse.create(seconds=REFRESH_S, on_beat=Operator.refresh),
                section("Health", _tiles()),
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
    return rx.el.ul(rx.foreach(Operator.tiles, _drawn), class_name="tiles", aria_label="Health")


def _drawn(tile: rx.Var[Tile]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(tile.part, class_name="strong grow"),
            rx.el.span(tile.word, class_name="tag", custom_attrs={"data-s": tile.state}),
            class_name="row",
        ),
        rx.el.p(tile.told, class_name="t2"),
        key=tile.part,
    )


def _workers() -> rx.Component:
    columns = [
        ("Worker", "26%", ""),
        ("Lanes", "13%", ""),
        ("Runs", "9%", "num"),
        ("Now", "27%", ""),
        ("Last beat", "12%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "13%", "num"),
    ]
    return rx.cond(
        Operator.workers.length() > 0,
        framed_table("Workers", columns, rx.foreach(Operator.workers, _worker_row)),
        rx.el.p("No worker has joined. Start some with ", _mono("puras-studio up"), ".", class_name="t2"),
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
                    rx.el.span(tag("short of " + row.short_of, state="fail"), title=row.shortage),
                ),
                rx.el.span(row.place, class_name="t3 cut"),
                class_name="row",
                title=row.id + ", " + row.place,
            )
        ),
        rx.el.td(row.lanes, class_name="mono"),
        rx.el.td(row.load, class_name="num"),
        rx.el.td(
            rx.cond(row.running != "", row.running, rx.el.span("nothing", class_name="t3")), title=row.running
        ),
        rx.el.td(Ago.create(moment=row.beat_at), class_name="num t3", title="Sandbox: " + row.layers),
        rx.el.td(rx.cond(row.state == "alive", _drain(row)), class_name="num"),
        key=row.id,
    )


def _drain(row: rx.Var[WorkerRow]) -> rx.Component:
    return Confirm.create(
        label="Drain",
        kind="small",
        title="Drain the worker " + row.short + "?",
        text="It takes no job any more, lets those that it runs end for a while and hands over the rest. Then its "
        "process ends, and its pool starts another one in its place.",
        confirm="Drain it",
        on_confirm=Operator.drain(row.id),
    )


def _queue() -> rx.Component:
    columns = [
        ("Lane", "20%", ""),
        ("They wait", "50%", ""),
        ("Jobs", "12%", "num"),
        ("Oldest, or next", "18%", "num"),
    ]
    return rx.cond(
        Operator.waiting.length() > 0,
        framed_table("Queue", columns, rx.foreach(Operator.waiting, _waiting_row)),
        rx.el.p("Nothing waits.", class_name="t2"),
    )


def _waiting_row(row: rx.Var[WaitingRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.lane, class_name="mono"),
        rx.el.td(row.why),
        rx.el.td(row.jobs, class_name="num"),
        rx.el.td(row.age, class_name="num t2"),
        key=row.lane + row.why,
    )


def _mono(text: str) -> rx.Component:
    return rx.el.span(text, class_name="mono")
