"""N9: the first visit to the studio: the transferred data, and the time until the page is usable."""

from __future__ import annotations

import statistics
import time
from typing import Any

from playwright.sync_api import Browser

from benchmarks.browsing import UserSession, chromium, sign_in
from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.measurement import Measurement, Row


def measure(rounds: int) -> Measurement:
    """Visit the first page of a project with an empty cache; usable means that it shows its skill and is connected."""
    with instance() as running, chromium() as browser:
        session = sign_in(running)
        with running.client(session.api_key) as client:
            client.push(NOOP_SKILL)
        _visit(browser, session)  # the first visit initializes parts of the instance
        visits = [_visit(browser, session) for _ in range(rounds)]
    kilobytes = statistics.median(size for size, _, _ in visits) / 1000
    usable_s = statistics.median(usable for _, usable, _ in visits)
    bare_s = statistics.median(bare for _, _, bare in visits)
    return Measurement(
        "N9",
        (
            Row(
                "all",
                "first page of the studio: transferred with an empty cache; time until it is usable",
                "≤ 700 KB, ≤ 1 s",
                f"{kilobytes:.0f} KB, {usable_s:.2f} s (the sign-in form, without scripts, {bare_s:.2f} s "
                "in the same browser)",
                kilobytes <= 700 and usable_s <= 1.0,
            ),
        ),
        {"bytes_usable_s_plain_s": visits},
    )


def _visit(browser: Browser, session: UserSession) -> tuple[int, float, float]:
    """Return the transferred bytes, the seconds until the page is usable, and the seconds of a plain page."""
    bare_s = _plain_visit(browser, session)
    context = session.context(browser)
    page = context.new_page()
    sizes: list[int] = []
    devtools = context.new_cdp_session(page)
    devtools.on("Network.loadingFinished", lambda done: sizes.append(_bytes(done)))
    devtools.send("Network.enable")
    began = time.monotonic()
    page.goto(session.project_url, wait_until="commit")
    page.get_by_text("noop").first.wait_for()
    page.get_by_role("status").filter(has_text="Live").first.wait_for()
    usable_s = time.monotonic() - began
    page.wait_for_load_state("networkidle")
    context.close()
    return sum(sizes), usable_s, bare_s


def _plain_visit(browser: Browser, session: UserSession) -> float:
    """Open the sign-in form with a separate cache, since the form preloads files of the studio."""
    context = session.context(browser)
    page = context.new_page()
    began = time.monotonic()
    page.goto(f"{session.url}/sign-in?again=1")
    bare_s = time.monotonic() - began
    context.close()
    return bare_s


def _bytes(done: Any) -> int:
    return int(done["encodedDataLength"])
