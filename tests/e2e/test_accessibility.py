"""Every page can be used by everybody: axe finds nothing serious, in light and in dark."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GRAVE = ("serious", "critical")
SETTLE = """
async () => {
  await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity);
  await Promise.all(ending.map(one => one.finished.catch(() => null)));
}
"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_pages_of_the_first_minutes(page: Page, running: Any) -> None:
    link = re.search(r"http://\S+/setup\?token=\S+", running.operate("setup-link"))
    assert link
    page.goto(link.group())
    assert_usable(page, "set-up")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Make me the owner").click()
    assert_usable(page, "set-up, refused")
    page.goto(link.group())
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill("a long and private sentence")
    page.get_by_role("button", name="Make me the owner").click()
    expect(page.get_by_text("Make your first project")).to_be_visible()
    assert_usable(page, "home without projects")
    page.get_by_label("Name").fill("Darkroom")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Publish your first skills")).to_be_visible()
    assert_usable(page, "project without skills")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail").fill("ada@example.org")
    assert_usable(page, "sign-in")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_usable(page, "sign-in, refused")


def test_the_pages_of_the_studio(signed_in: Page, settled: Any) -> None:
    ended, cancelled, running = (submit(settled, seconds) for seconds in (0, 60, 60))
    settled.api.post(f"/v1/jobs/{cancelled}/cancel")
    pages = {
        f"{settled.running.url}/": lambda: signed_in.get_by_role("link", name="Atelier"),
        settled.url: lambda: signed_in.get_by_label("Bundle"),
        f"{settled.url}/jobs": lambda: signed_in.get_by_role("table", name="Jobs"),
        f"{settled.url}/jobs?status=failed": lambda: signed_in.get_by_text("No job matches these filters."),
        f"{settled.url}/jobs/{ended}": lambda: signed_in.get_by_text("Succeeded").first,
        f"{settled.url}/jobs/{cancelled}": lambda: signed_in.get_by_text("Cancelled").first,
        f"{settled.url}/jobs/{running}": lambda: signed_in.get_by_role("progressbar", name="Progress"),
        f"{settled.url}/jobs/123": lambda: signed_in.get_by_role("alert"),
        f"{settled.url}/play/count": lambda: signed_in.get_by_label("seconds"),
        f"{settled.url}/settings": lambda: signed_in.get_by_label("Slug"),
        f"{settled.url}/settings?tab=members": lambda: signed_in.get_by_role("table", name="Members"),
        f"{settled.url}/settings?tab=limits": lambda: signed_in.get_by_role("table", name="Limits"),
        f"{settled.running.url}/account": lambda: signed_in.get_by_role("table", name="Sessions"),
        f"{settled.running.url}/no/such/page": lambda: signed_in.get_by_role("heading").first,
    }
    for url, sign in pages.items():
        signed_in.goto(url)
        expect(sign()).to_be_visible()
        assert_usable(signed_in, url)


def test_what_opens_on_the_pages(signed_in: Page, settled: Any) -> None:
    job_id = submit(settled, 60)
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    expect(signed_in.get_by_role("tab").first).to_be_visible()
    for tab in signed_in.get_by_role("tab").all():
        tab.click()
        assert_usable(signed_in, f"job, tab {tab.inner_text()}")
    signed_in.get_by_role("button", name="Cancel").click()
    expect(signed_in.get_by_role("button", name="Cancel the job")).to_be_visible()
    assert_usable(signed_in, "job, asked whether to cancel")
    signed_in.goto(f"{settled.url}/settings?tab=keys")
    signed_in.get_by_role("button", name="New key").click()
    expect(signed_in.get_by_label("Expires after")).to_be_visible()
    assert_usable(signed_in, "settings, a new key")
    signed_in.goto(f"{settled.url}/play/count")
    signed_in.get_by_label("seconds").fill("600")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_role("alert").first).to_be_visible()
    assert_usable(signed_in, "play, refused inputs")
    signed_in.get_by_label("seconds").fill("1")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=30_000)
    assert_usable(signed_in, "play, succeeded")


def submit(settled: Any, seconds: int) -> str:
    answer = settled.api.post("/v1/jobs", json={"skill": "count", "inputs": {"seconds": seconds}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def assert_usable(page: Page, what: str) -> None:
    """Nothing keeps somebody out, whichever scheme they prefer; else the element is named, and the mend."""
    page.evaluate(SETTLE)
    light = page.evaluate(BACKGROUND)
    grave = grave_violations(page, "light")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {BACKGROUND} !== light", arg=light)
    page.evaluate(SETTLE)
    grave += grave_violations(page, "dark")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"light => {BACKGROUND} === light", arg=light)
    assert not grave, "\n".join([what, *grave])


def grave_violations(page: Page, scheme: str) -> list[str]:
    return [
        f"{scheme}: {one['id']} ({one['impact']}): {one['help']}\n  {node['html'][:200]}\n  {node['failureSummary']}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
