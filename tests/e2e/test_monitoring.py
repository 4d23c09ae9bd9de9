"""The page Monitoring: numbers and charts of a period, by group and environment."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def test_numbers_follow_the_period_the_group_and_the_environment(signed_in: Page, settled: Any) -> None:
    for _ in range(2):
        body = {"skill": "count", "inputs": {"seconds": 0}}
        assert settled.api.post("/v1/jobs?wait=true", json=body).json()["status"] == "succeeded"
    signed_in.goto(f"{settled.url}/monitoring")
    numbers = signed_in.get_by_role("list", name="Numbers of the period").get_by_role("listitem")
    expect(numbers.filter(has_text="Success rate")).to_contain_text(re.compile(r"[\d.]+ %"))
    expect(signed_in.get_by_role("figure")).to_have_count(4)
    expect(signed_in.get_by_role("figure").first.locator("path.recharts-rectangle").first).to_be_visible()
    groups = signed_in.get_by_role("table", name="Groups")
    expect(groups.get_by_role("link", name="count", exact=True)).to_be_visible()
    signed_in.get_by_role("group", name="Period").get_by_role("button", name="24 hours").click()
    expect(signed_in).to_have_url(re.compile("period=1d"))
    signed_in.get_by_role("group", name="Group by").get_by_role("button", name="Environment").click()
    expect(groups.get_by_role("link", name="production")).to_be_visible()
    signed_in.get_by_label("Environment", exact=True).select_option("Development")
    expect(signed_in.get_by_text("No jobs ended in this period")).to_be_visible()
    expect(signed_in).to_have_url(re.compile("environment="))
    signed_in.go_back()
    expect(groups.get_by_role("link", name="production")).to_be_visible()
    signed_in.get_by_role("group", name="Group by").get_by_role("button", name="Skill").click()
    groups.get_by_role("link", name="count", exact=True).click()
    expect(signed_in).to_have_url(re.compile(r"/jobs\?skill=count"))
