"""Half an hour of everything at once, under the eyes of many: memory does not grow, and what happens is seen soon."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Page

from benchmarks.browsing import WATCH, Seat, chromium, seat
from benchmarks.instance import Running, instance
from benchmarks.numbers import percentile
from benchmarks.pages import Said, new_token, page, said_by_a_browser
from tests.chaos.homes import asking
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.soak.load import BUNDLE, TICKS_EVERY_S, Load, walk
from tests.chaos.soak.memory import PARTS, SANDBOXES, Memory, Processes
from tests.chaos.watching import assert_books_add_up, until
from tests.doubles.messages import MessagesServer

SECONDS: Final = 180 * ROUNDS
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(SECONDS + 600)]

PEOPLE: Final = 50
EACH_CLICKS_EVERY_S: Final = 5.0
LINE_S: Final = (30.0, 120.0)
"""After which a page's line breaks, and the page connects anew."""
TICKS: Final = 300
"""Of one job: a minute."""
MAX_LATE_MS: Final = 500
STEADY_AFTER_S: Final = 900
"""Warm parents of older versions, and what else is kept for some minutes, are there in full by the second third."""
MAX_GROWTH: Final = 0.03
MAX_GROWTH_MB: Final = 8.0
"""From the second third of the time to the last one, of each part; the first one fills what is kept."""

SOON_STEADY: Final = {"PURAS_IDLE_RUNNER_S": "15"}
"""Warm parents of versions that no longer run end within the first third of the time."""
MIXED_S: Final = 60 * ROUNDS
MAX_MIXED_GROWTH: Final = 0.1
MAX_GROWTH_DESCRIPTORS: Final = 12
"""Of one process, from the second to the last third of the time, in addition to the share."""
MAX_DATABASE_FILES: Final = 1_000
"""`max_files_per_process`: a process of PostgreSQL keeps the files of tables open that it has read or written."""
UNFINISHED: Final = "select count(*) from jobs where finished_at is null"
FORGOTTEN: Final = ("never awaited", "never retrieved", "Task was destroyed")


def test_memory_stays_flat_and_events_are_seen_soon(
    upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    upstream.script = walk
    with instance(**two_workers(upstream)) as running:
        someone = seat(running)
        with running.client(someone.api_key) as client:
            client.push(BUNDLE)
            client.run("noop", {"n": 1})
        said = said_by_a_browser(someone)
        with (
            Load(running, someone.api_key) as load,
            Memory(running) as memory,
            _people(someone, said) as people,
        ):
            late_ms = _seen_by_a_tab(running, someone)
    told(f"{dict(load.done)} in {SECONDS / 60:.0f} min")
    told(f"event to screen {_times(late_ms)}; clicks {_times([one * 1000 for one in people.took_s])}")
    grown = []
    for part in (*PARTS, SANDBOXES):
        first, second, last = memory.thirds(part)
        told(f"{part}: {first:.0f}, {second:.0f}, {last:.0f} MB")
        if last > second * (1 + MAX_GROWTH) + MAX_GROWTH_MB:
            grown.append(part)
    assert not load.wrong, f"{len(load.wrong)} of {load.done.total()}: {load.wrong[:5]}"
    assert not people.wrong, people.wrong[:5]
    assert len(late_ms) > 0.8 * SECONDS / TICKS_EVERY_S
    assert percentile(late_ms, 0.95) < MAX_LATE_MS
    assert not grown or SECONDS < STEADY_AFTER_S


def test_every_process_stays_flat_under_mixed_load(
    upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    upstream.script = walk
    with instance(**{**two_workers(upstream), **SOON_STEADY}) as running:
        with running.client() as client:
            client.push(BUNDLE)
            client.run("noop", {"n": 1})
        with Load(running, running.api_key) as load, Processes(running) as processes:
            time.sleep(MIXED_S)
        ask = asking(running)
        until(lambda: ask(UNFINISHED) == [(0,)], 120, "jobs are left that do not end")
        assert_books_add_up(running)
        log = running.log.read_text("utf-8")
    told(f"{dict(load.done)} in {MIXED_S / 60:.0f} min")
    grown = []
    for one in processes.grown():
        memory, files = one.megabytes, one.descriptors
        if one.part != "PostgreSQL":
            told(
                f"{one.part}: {memory[0]:.0f}, {memory[1]:.0f} MB, {files[0]:.0f}, {files[1]:.0f} descriptors"
            )
        most_files = files[0] * (1 + MAX_MIXED_GROWTH) + MAX_GROWTH_DESCRIPTORS
        if files[1] > (MAX_DATABASE_FILES if one.part == "PostgreSQL" else most_files):
            grown.append(f"{one.part} {one.pid}: {files} descriptors")
        if one.part != "PostgreSQL" and memory[1] > memory[0] * (1 + MAX_MIXED_GROWTH) + MAX_GROWTH_MB:
            grown.append(f"{one.part} {one.pid}: {memory} MB")
    assert not load.wrong, f"{len(load.wrong)} of {load.done.total()}: {load.wrong[:5]}"
    assert not [line for line in log.splitlines() if any(words in line for words in FORGOTTEN)]
    assert not grown


def _times(milliseconds: list[float]) -> str:
    p50, p95 = percentile(milliseconds, 0.5), percentile(milliseconds, 0.95)
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms of {len(milliseconds):,}"


def _seen_by_a_tab(running: Running, someone: Seat) -> list[float]:
    """How late each line of one job after another was in the tab that shows them, in milliseconds."""
    late_ms: list[float] = []
    until = time.monotonic() + SECONDS
    with chromium() as browser, running.client(someone.api_key) as client:
        tab = someone.context(browser).new_page()
        tab.add_init_script(WATCH)
        while time.monotonic() < until:
            job_id = client.submit("ticks", times=TICKS, every_s=TICKS_EVERY_S)
            _open(tab, f"{someone.project_url}/jobs/{job_id}?tab=logs")
            while client.call("GET", f"/v1/jobs/{job_id}")["finished_at"] is None:
                tab.wait_for_timeout(1_000)
            tab.wait_for_timeout(1_000)
            late_ms += tab.evaluate("window.late")
    return late_ms


def _open(tab: Page, address: str) -> None:
    """What was said before the page was there counts only once it stands."""
    tab.goto(address)
    tab.get_by_role("log").wait_for()
    tab.wait_for_timeout(1_000)
    tab.evaluate("window.late = []")


class _People:
    """Have a page open each, and click."""

    def __init__(self, someone: Seat, said: Said) -> None:
        self.took_s: list[float] = []
        self.wrong: list[str] = []
        self._someone = someone
        self._said = said
        self._stop = threading.Event()

    def run(self) -> None:
        asyncio.run(self._all())

    def end(self) -> None:
        self._stop.set()

    async def _all(self) -> None:
        people = [asyncio.create_task(self._one()) for _ in range(PEOPLE)]
        await asyncio.to_thread(self._stop.wait)
        for one in people:
            one.cancel()
        await asyncio.gather(*people, return_exceptions=True)

    async def _one(self) -> None:
        token, began = new_token(), asyncio.Event()
        began.set()
        while True:
            try:
                await page(
                    self._someone,
                    self._said,
                    self.took_s,
                    token=token,
                    began=began,
                    seconds=random.uniform(*LINE_S),
                    every_s=EACH_CLICKS_EVERY_S,
                )
            except Exception as error:  # noqa: BLE001 - the test tells of it in the end
                self.wrong.append(repr(error))
                await asyncio.sleep(1)


@contextmanager
def _people(someone: Seat, said: Said) -> Iterator[_People]:
    people = _People(someone, said)
    thread = threading.Thread(target=people.run)
    thread.start()
    try:
        yield people
    finally:
        people.end()
        thread.join()
