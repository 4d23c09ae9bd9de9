"""The preferences of a user apply before the first paint, and the command palette finds settings and documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import add_member, page_of
from tests.e2e.test_accessibility import RECORD_SHIFTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

USER = "petra@example.org"
FIRST_COLORS = """
window.themes = [];
new MutationObserver(() => window.themes.push(document.documentElement.className))
  .observe(document, {subtree: true, attributeFilter: ["class"]});
addEventListener("DOMContentLoaded", () => window.themes.push(document.documentElement.className));
"""


@pytest.fixture
def own_page(browser: Browser, settled: Any) -> Iterator[Page]:
    """Open a page of a user whose preferences no other test sees."""
    add_member(settled, USER, "viewer")
    with page_of(browser, settled, USER) as page:
        yield page


def test_preferences_apply_in_every_browser(own_page: Page, browser: Browser, settled: Any) -> None:
    own_page.goto(f"{settled.running.url}/account")
    themes = own_page.get_by_role("group", name="Theme")
    themes.get_by_role("button", name="Dark").click()
    html = own_page.locator("html")
    expect(html).to_have_class(re.compile("dark"))
    own_page.get_by_label("Time zone").fill("Mars/Base")
    own_page.get_by_role("button", name="Save time zone").click()
    expect(own_page.get_by_text("is not a time zone")).to_be_visible()
    own_page.get_by_label("Time zone").fill("Asia/Tokyo")
    own_page.get_by_role("button", name="Save time zone").click()
    expect(own_page.get_by_text("is not a time zone")).to_have_count(0)
    alerts = own_page.get_by_role("checkbox", name="Alerts and budgets")
    expect(alerts).to_be_checked()
    alerts.uncheck()
    own_page.reload()
    expect(own_page.get_by_role("checkbox", name="Alerts and budgets")).not_to_be_checked()
    expect(own_page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    own_page.add_init_script(RECORD_SHIFTS + FIRST_COLORS)
    own_page.reload()
    expect(own_page.get_by_role("table", name="Sessions").locator("time").first).to_have_attribute(
        "title", re.compile(r"GMT\+9 \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)")
    )
    assert all("light" not in one for one in own_page.evaluate("window.themes"))
    shifts = own_page.evaluate("window.layoutShifts.reduce((sum, one) => sum + one.value, 0)")
    assert shifts < 0.05, own_page.evaluate("window.layoutShifts")
    with page_of(browser, settled, USER) as other:
        other.goto(f"{settled.running.url}/account")
        expect(other.locator("html")).to_have_class(re.compile("dark"))


def test_palette_finds_settings_errors_and_headings(own_page: Page, settled: Any) -> None:
    job = settled.api.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {"seconds": 0}}).json()
    own_page.goto(f"{settled.url}/jobs")
    expect(own_page.get_by_role("table", name="Jobs")).to_be_visible()
    palette = own_page.get_by_role("dialog", name="Command palette")
    for words, expected in (
        ("daily spend limit", "Daily spend limit of an API key"),
        ("time zone", "Time zone"),
        ("wallet_empty", "wallet_empty"),
        ("PURAS_MAX_API_KEYS", "PURAS_MAX_API_KEYS"),
        ("rate limits", "Rate limits"),
        ("try count", "Try count"),
        (job["id"][:18], f"count {job['id'][-8:]}"),
    ):
        own_page.keyboard.press("Control+k")
        field = palette.get_by_role("combobox", name=re.compile("Search pages"))
        field.fill(words)
        expect(palette.get_by_role("option", selected=True)).to_contain_text(expected)
        own_page.keyboard.press("Escape")
    own_page.keyboard.press("Control+k")
    field.fill("wallet_empty")
    expect(palette.get_by_role("option", selected=True)).to_contain_text("Errors")
    own_page.keyboard.press("Enter")
    expect(own_page).to_have_url(re.compile(r"/docs/reference/errors/#402-payment-required"))
