"""Half an hour of mixed load with many open pages: memory does not grow, and events arrive in time."""

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

from benchmarks.browsing import WATCH, UserSession, chromium, sign_in
from benchmarks.instance import Running, instance
from benchmarks.numbers import percentile
from benchmarks.pages import RecordedMessages, new_token, page, record_messages
from tests.chaos.checks import assert_ledger_balances, until
from tests.chaos.homes import query_runner
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.soak.load import BUNDLE, TICKS_EVERY_S, Load, reply
from tests.chaos.soak.memory import PARTS, SANDBOXES, Memory, Processes
from tests.doubles.messages import MessagesServer

SECONDS: Final = 180 * ROUNDS
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(SECONDS + 600)]

USERS: Final = 50
CLICK_EVERY_S: Final = 5.0
CONNECTION_S: Final = (30.0, 120.0)
"""The lifetime of the connection of a page; afterwards the page reconnects."""
TICKS: Final = 300
"""The lines of one job, which takes a minute."""
MAX_LATE_MS: Final = 500
STEADY_AFTER_S: Final = 900
"""With this duration, zygotes of older versions and caches have their full size in the second third."""
MAX_GROWTH: Final = 0.03
MAX_GROWTH_MB: Final = 8.0
"""The maximum growth of each part from the second to the last third of the time; caches fill up in the first third."""

SHORT_IDLE_TIME: Final = {"PURAS_IDLE_RUNNER_S": "15"}
"""Zygotes of versions without running jobs end within the first third of the time."""
MIXED_S: Final = 60 * ROUNDS
MAX_MIXED_GROWTH: Final = 0.1
MAX_GROWTH_DESCRIPTORS: Final = 12
"""The maximum growth of one process from the second to the last third of the time, in addition to the share."""
MAX_DATABASE_FILES: Final = 1_000
"""`max_files_per_process`: a process of PostgreSQL keeps files of tables open after it has used them."""
UNFINISHED: Final = "select count(*) from jobs where finished_at is null"
ASYNCIO_WARNINGS: Final = ("never awaited", "never retrieved", "Task was destroyed")


def test_memory_is_stable_and_events_arrive_in_time(
    upstream: MessagesServer, record: Callable[[str], None]
) -> None:
    upstream.script = reply
    with instance(**two_workers(upstream)) as running:
        session = sign_in(running)
        with running.client(session.api_key) as client:
            client.push(BUNDLE)
            client.run("noop", {"n": 1})
        messages = record_messages(session)
        with (
            Load(running, session.api_key) as load,
            Memory(running) as memory,
            _users(session, messages) as users,
        ):
            late_ms = _delays_in_a_tab_ms(running, session)
    record(f"{dict(load.done)} in {SECONDS / 60:.0f} min")
    record(f"event to screen {_times(late_ms)}; clicks {_times([one * 1000 for one in users.took_s])}")
    grown = []
    for part in (*PARTS, SANDBOXES):
        first, second, last = memory.thirds(part)
        record(f"{part}: {first:.0f}, {second:.0f}, {last:.0f} MB")
        if last > second * (1 + MAX_GROWTH) + MAX_GROWTH_MB:
            grown.append(part)
    assert not load.wrong, f"{len(load.wrong)} of {load.done.total()}: {load.wrong[:5]}"
    assert not users.wrong, users.wrong[:5]
    assert len(late_ms) > 0.8 * SECONDS / TICKS_EVERY_S
    assert percentile(late_ms, 0.95) < MAX_LATE_MS
    assert not grown or SECONDS < STEADY_AFTER_S


def test_processes_are_stable_under_mixed_load(
    upstream: MessagesServer, record: Callable[[str], None]
) -> None:
    upstream.script = reply
    with instance(**{**two_workers(upstream), **SHORT_IDLE_TIME}) as running:
        with running.client() as client:
            client.push(BUNDLE)
            client.run("noop", {"n": 1})
        with Load(running, running.api_key) as load, Processes(running) as processes:
            time.sleep(MIXED_S)
        run_query = query_runner(running)
        until(lambda: run_query(UNFINISHED) == [(0,)], 120, "some jobs do not end")
        assert_ledger_balances(running)
        log = running.log.read_text("utf-8")
    record(f"{dict(load.done)} in {MIXED_S / 60:.0f} min")
    grown = []
    for one in processes.grown():
        memory, files = one.megabytes, one.descriptors
        if one.part != "PostgreSQL":
            record(
                f"{one.part}: {memory[0]:.0f}, {memory[1]:.0f} MB, {files[0]:.0f}, {files[1]:.0f} descriptors"
            )
        max_files = files[0] * (1 + MAX_MIXED_GROWTH) + MAX_GROWTH_DESCRIPTORS
        if files[1] > (MAX_DATABASE_FILES if one.part == "PostgreSQL" else max_files):
            grown.append(f"{one.part} {one.pid}: {files} descriptors")
        if one.part != "PostgreSQL" and memory[1] > memory[0] * (1 + MAX_MIXED_GROWTH) + MAX_GROWTH_MB:
            grown.append(f"{one.part} {one.pid}: {memory} MB")
    assert not load.wrong, f"{len(load.wrong)} of {load.done.total()}: {load.wrong[:5]}"
    assert not [line for line in log.splitlines() if any(text in line for text in ASYNCIO_WARNINGS)]
    assert not grown


def _times(milliseconds: list[float]) -> str:
    p50, p95 = percentile(milliseconds, 0.5), percentile(milliseconds, 0.95)
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms of {len(milliseconds):,}"


def _delays_in_a_tab_ms(running: Running, session: UserSession) -> list[float]:
    """Return the delay in milliseconds of each log line of several jobs in a browser tab."""
    late_ms: list[float] = []
    until = time.monotonic() + SECONDS
    with chromium() as browser, running.client(session.api_key) as client:
        tab = session.context(browser).new_page()
        tab.add_init_script(WATCH)
        while time.monotonic() < until:
            job_id = client.submit("ticks", times=TICKS, every_s=TICKS_EVERY_S)
            _open(tab, f"{session.project_url}/jobs/{job_id}?tab=logs")
            while client.call("GET", f"/v1/jobs/{job_id}")["finished_at"] is None:
                tab.wait_for_timeout(1_000)
            tab.wait_for_timeout(1_000)
            late_ms += tab.evaluate("window.late")
    return late_ms


def _open(tab: Page, url: str) -> None:
    """Open a page, and discard the delays of lines that were written before it was complete."""
    tab.goto(url)
    tab.get_by_role("log").wait_for()
    tab.wait_for_timeout(1_000)
    tab.evaluate("window.late = []")


class _Users:
    """Simulated users who each have a page open, and click."""

    def __init__(self, session: UserSession, messages: RecordedMessages) -> None:
        self.took_s: list[float] = []
        self.wrong: list[str] = []
        self._session = session
        self._messages = messages
        self._stop = threading.Event()

    def run(self) -> None:
        asyncio.run(self._all())

    def end(self) -> None:
        self._stop.set()

    async def _all(self) -> None:
        tasks = [asyncio.create_task(self._one()) for _ in range(USERS)]
        await asyncio.to_thread(self._stop.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self) -> None:
        token, start = new_token(), asyncio.Event()
        start.set()
        while True:
            try:
                await page(
                    self._session,
                    self._messages,
                    self.took_s,
                    token=token,
                    start=start,
                    seconds=random.uniform(*CONNECTION_S),
                    every_s=CLICK_EVERY_S,
                )
            except Exception as error:  # noqa: BLE001 - the test reports it at the end
                self.wrong.append(repr(error))
                await asyncio.sleep(1)


@contextmanager
def _users(session: UserSession, messages: RecordedMessages) -> Iterator[_Users]:
    users = _Users(session, messages)
    thread = threading.Thread(target=users.run)
    thread.start()
    try:
        yield users
    finally:
        users.end()
        thread.join()
