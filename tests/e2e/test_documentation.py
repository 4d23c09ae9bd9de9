"""The documentation: a static site that anyone can read, which loads nothing from other hosts."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, Request, expect

from backend.docs_site import build
from tests.e2e.test_accessibility import serious_violations

pytestmark = pytest.mark.e2e

QUESTIONS = {
    "start quickstart": "Quickstart",
    "webhook signature": "Webhooks",
    "restore backup": "Backup, restore and export",
    "worker dies": "lost worker",
    "network none": "Network",
    "spending limit key": "pending limit o",
    "model key anthropic": "Models",
    "python client stream": "Python",
    "approve tool call": "Require approvals",
    "budget alert": "budget",
    "how do I rotate the secret key": "rotate the secret key",
    "limit what a key may spend per day": "budget",
    "run with my own PostgreSQL": "my own PostgreSQL",
    "cancel a job": "cancel a job",
    "what does worker_lost mean": "worker_lost",
}
"""What a reader types, and a word of the title of one of the first three results."""


@pytest.fixture(scope="module", autouse=True)
def _site() -> None:
    assert build.main() == 0


@pytest.fixture
def running(settled: Any) -> Any:
    """Use the instance that other modules share: the documentation depends on no data."""
    return settled.running


def test_site_is_public_and_loads_nothing_from_other_hosts(page: Page, running: Any) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.extend(_other_hosts(request, running.url)))
    page.goto(f"{running.url}/docs")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Puras Studio documentation")
    page.get_by_role("link", name="Quickstart").first.click()
    expect(page.get_by_role("heading", name="Quickstart", level=1)).to_be_visible()
    page.goto(f"{running.url}/docs/reference/job-statuses/")
    expect(page.locator(".mermaid")).to_be_visible()
    expect(page.locator("pre.mermaid")).to_have_count(0)
    assert problems == []


def test_sidebar_of_the_studio_opens_the_site(signed_in: Page, settled: Any) -> None:
    signed_in.goto(settled.running.url)
    signed_in.get_by_role("link", name="Documentation", exact=True).click()
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("Puras Studio documentation")


def test_former_urls_redirect_and_unknown_ones_show_the_site(page: Page, running: Any) -> None:
    page.goto(f"{running.url}/docs/agents")
    expect(page).to_have_url(f"{running.url}/docs/guides/agents/")
    answer = page.goto(f"{running.url}/docs/no/such/page")
    assert answer is not None and answer.status == 404
    page.get_by_role("link", name="Quickstart").first.click()
    expect(page).to_have_url(f"{running.url}/docs/tutorials/quickstart/")
    for path in ("script-hashes.json", "sources.sha256", "images/take.py", "../SECURITY.md"):
        assert page.request.get(f"{running.url}/docs/{path}").status in (303, 404)


def test_index_for_models_is_public_at_both_paths(page: Page, running: Any) -> None:
    at_root, in_site = (page.request.get(f"{running.url}{path}/llms.txt") for path in ("", "/docs"))
    assert at_root.status == 200 and at_root.headers["content-type"].startswith("text/plain")
    assert at_root.text() == in_site.text()
    assert "(/docs/tutorials/quickstart/)" in at_root.text()


def test_search_finds_the_page_among_the_first_three_results(page: Page, running: Any) -> None:
    page.goto(f"{running.url}/docs/")
    page.get_by_role("button", name="Search").click()
    search, results = page.get_by_role("combobox", name="Search"), page.get_by_role("option")
    for query, word in QUESTIONS.items():
        search.fill("")
        expect(results).to_have_count(0)  # else the results of the previous query could be read
        search.fill(query)
        expect(results.first).to_be_visible()
        titles = [result.inner_text().replace("\n", " ")[:120] for result in results.all()[:3]]
        assert any(word.casefold() in title.casefold() for title in titles), (query, titles)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "tutorials/quickstart/", "reference/errors/"])
def test_pages_are_accessible(page: Page, running: Any, path: str, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{running.url}/docs/{path}")
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    assert serious_violations(page, {}) == []


def _other_hosts(request: Request, own: str) -> list[str]:
    return [] if request.url.startswith((own, "data:", "blob:")) else [request.url]
