"""The home page: key figures of projects, recent failures, and a new project from a template."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_notebook_page import take_screenshot

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_card_shows_the_key_figures_of_a_project(signed_in: Page, settled: Any) -> None:
    body = {"skill": "count", "inputs": {"seconds": 0}}
    assert settled.api.post("/v1/jobs", params={"wait": "true"}, json=body).json()["status"] == "succeeded"
    failing = settled.api.post(
        "/v1/jobs", json={**body, "inputs": {"seconds": 60}, "limits": {"timeout_s": 1}}
    )
    failed = settled.api.get(f"/v1/jobs/{failing.json()['id']}", params={"wait": "true"}).json()
    assert failed["status"] == "failed", failed
    signed_in.goto(settled.running.url)
    card = signed_in.get_by_role("link", name="Atelier")
    for fact in ("v1", "Jobs (24 h)", "Success rate", "Spend (24 h)", "Available"):
        expect(card).to_contain_text(fact)
    expect(card).to_contain_text(re.compile(r"\d+\.\d %"))
    expect(card.locator(".sparks i")).to_have_count(24)
    row = signed_in.get_by_role("region", name="Recent failures").get_by_role("row").nth(1)
    expect(row).to_contain_text("Atelier")
    row.get_by_role("link").click()
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{failed['id']}")


@pytest.mark.parametrize(
    ("template", "skill"), [("Starter", "greet"), ("Support desk", "triage"), ("Figures", "figures")]
)
def test_project_is_created_with_the_skills_of_a_template(
    signed_in: Page, settled: Any, template: str, skill: str
) -> None:
    signed_in.goto(settled.running.url)
    signed_in.get_by_role("button", name="New project").click()
    signed_in.get_by_label("Name").fill(f"From {template}")
    signed_in.get_by_label(template, exact=True).check()
    signed_in.get_by_role("button", name="Create project").click()
    slug = f"from-{template.lower().replace(' ', '-')}"
    expect(signed_in).to_have_url(f"{settled.running.url}/p/{slug}")
    expect(first_steps(signed_in)).to_contain_text("2 of 5")
    signed_in.get_by_role("main").get_by_role("link", name=skill).first.click()
    expect(signed_in).to_have_url(f"{settled.running.url}/p/{slug}/play/{skill}")
    settled.running.operate("topup", slug, "1")
    signed_in.reload()
    signed_in.get_by_text("Examples", exact=True).locator("..").get_by_role("button").first.click()
    signed_in.keyboard.press("Control+Enter")
    column = signed_in.get_by_role("article", name="Column 1")
    finished = column.get_by_text("Waiting").or_(column.get_by_text("Succeeded"))
    expect(finished.first).to_be_visible(timeout=60_000)
    simulated = signed_in.get_by_role("status").filter(has_text="No language model is configured")
    expect(simulated).to_have_count(int(skill == "triage"))
    take_screenshot(signed_in, f"play-{skill}")
    signed_in.goto(f"{settled.running.url}/p/{slug}")
    if template == "Starter":
        complete_first_steps(signed_in, settled, slug)
    else:
        dismiss_first_steps(signed_in)


def first_steps(page: Page) -> Any:
    return page.get_by_role("region", name="First steps")


def complete_first_steps(page: Page, settled: Any, slug: str) -> None:
    steps = first_steps(page)
    expect(steps).to_contain_text("3 of 5")
    expect(steps.get_by_role("listitem").filter(has_text="(done)")).to_have_count(3)
    steps.locator("summary").press("Enter")
    expect(steps.get_by_role("link", name="Run a skill")).not_to_be_visible()
    steps.locator("summary").press("Enter")
    steps.get_by_role("link", name="Create an API key").press("Enter")
    page.get_by_role("button", name="New API key").click()
    page.get_by_label("Name").fill("mine")
    page.get_by_role("button", name="Create API key").click()
    key = page.get_by_text(re.compile(r"^puras_live_\w{8}\.\w{32}$")).inner_text()
    page.goto(f"{settled.running.url}/p/{slug}")
    expect(steps).to_contain_text("4 of 5")
    body = {"skill": "greet", "inputs": {"name": "Ada"}}
    headers = {"Authorization": f"Bearer {key}"}
    called = httpx.post(f"{settled.running.url}/v1/jobs", json=body, headers=headers)
    assert called.status_code == 201, called.text
    page.reload()
    expect(page.get_by_text("Publish from a ZIP file")).to_be_visible()
    expect(steps).to_have_count(0)


def dismiss_first_steps(page: Page) -> None:
    first_steps(page).get_by_role("button", name="Dismiss").click()
    expect(first_steps(page)).to_have_count(0)
    page.reload()
    expect(page.get_by_text("Publish from a ZIP file")).to_be_visible()
    expect(first_steps(page)).to_have_count(0)
