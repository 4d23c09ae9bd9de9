"""Annotation queues, comments and the activity, while another member does the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import add_member, page_of
from tests.e2e.test_accessibility import assert_usable
from tests.e2e.test_jobs_list import ended, row

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

HOSTILE = "**Wrong** <img src=x onerror='document.title=1'> [a](javascript:alert(1)) @vic"


@contextmanager
def colleague(browser: Browser, settled: Any) -> Iterator[Page]:
    """Open the browser of another developer of the project."""
    add_member(settled, "vic@example.org", "developer")
    with page_of(browser, settled, "vic@example.org") as page:
        yield page


def test_reviewer_works_through_a_queue_with_the_keyboard(signed_in: Page, settled: Any) -> None:
    jobs = [ended(settled, source="reviews") for _ in range(4)]
    page = signed_in
    page.goto(f"{settled.url}/annotation?new=1")
    page.get_by_label("Name", exact=True).fill("Weekly")
    page.get_by_label("Name of the criterion").fill("Quality")
    page.get_by_role("button", name="Add criterion").click()
    expect(page.get_by_label("Name of the criterion")).to_have_count(2)
    page.get_by_label("Name of the criterion").last.fill("Polite")
    page.get_by_label("Kind of the criterion").last.select_option("yes_no")
    page.get_by_role("button", name="Create queue").click()
    expect(page.get_by_role("link", name="Weekly", exact=True)).to_be_visible()

    page.goto(f"{settled.url}/jobs?source=reviews")
    expect(row(page, jobs[0])).to_be_visible()
    page.get_by_role("button", name=re.compile("^Select…")).click()
    page.get_by_role("checkbox", name="Select all").check()
    page.get_by_role("button", name="Add to queue").click()
    page.get_by_role("button", name="Weekly").click()
    expect(page.get_by_text("4 added.")).to_be_visible()

    page.goto(f"{settled.url}/annotation")
    page.get_by_role("link", name="Review Weekly").click()
    expect(page.get_by_role("form", name="Review")).to_be_visible()
    mine = page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).inner_text()
    assert_usable(page, "review")
    queue = f"/v1/annotation-queues/{page.url.rpartition('/')[2]}"
    other = settled.api.post(f"{queue}/next", json={}).json()["item"]
    assert other["job_id"][-8:] != mine
    settled.api.post(f"{queue}/items/{other['id']}/skip")
    expect(page.get_by_text("0 of 4 reviewed, 1 skipped")).to_be_visible()

    page.keyboard.press("5")  # quality 1
    page.keyboard.press("1")  # polite
    page.keyboard.press("e")
    page.get_by_label("Corrected output (JSON)").fill('{"counted": 7}')
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 of 4 reviewed, 1 skipped")).to_be_visible()
    expect(page.get_by_label("Corrected output (JSON)")).to_have_count(0)
    expect(page.get_by_role("button", name="Save and next")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("'Quality' is required")
    page.keyboard.press("p")
    expect(page.get_by_text("This job was reviewed.")).to_be_visible()
    expect(page.get_by_label("Corrected output (JSON)")).to_have_value(re.compile("counted"))
    page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).click()
    page.get_by_role("tab", name="Comments (1)").click()
    expect(page.get_by_role("list", name="Annotations")).to_contain_text("Quality 1, Polite yes")
    page.get_by_role("button", name="Save as eval case").click()
    expect(page.get_by_text("Saved as an eval case.")).to_be_visible()


def test_comments_are_pushed_and_rendered_safely(browser: Browser, signed_in: Page, settled: Any) -> None:
    job = ended(settled)
    page = signed_in
    page.goto(f"{settled.url}/jobs/{job}?tab=comments")
    expect(page.get_by_text("No comments yet.")).to_be_visible()
    with colleague(browser, settled) as other:
        other.goto(page.url)
        other.get_by_label("New comment").fill(HOSTILE)
        other.get_by_role("button", name="Comment", exact=True).click()
        expect(page.get_by_role("list", name="Comments")).to_contain_text("Wrong <img src=x")
        expect(page.get_by_role("tab", name="Comments (1)")).to_be_visible()
        comment = page.get_by_role("list", name="Comments").get_by_role("listitem").first
        expect(comment.locator("strong")).to_have_text("Wrong")
        assert comment.locator("img").count() == 0
        assert comment.locator("[href^=javascript]").count() == 0
        expect(comment).to_contain_text("Mentions vic@example.org")
        expect(other.get_by_label("New comment")).to_have_value("")
        other.get_by_role("button", name="Edit comment").click()
        other.get_by_label("Text of the comment").fill("Right")
        other.get_by_role("button", name="Save comment").click()
        expect(comment).to_contain_text("Right")
        expect(comment).to_contain_text("edited")
    assert page.get_by_role("button", name="Edit comment").count() == 0
    assert_usable(page, "comments")
    page.goto(f"{settled.url}/activity?category=comments")
    entry = page.get_by_role("list", name="Activity").get_by_role("listitem").first
    expect(entry).to_contain_text("commented on a job")
    settled.api.post(f"/v1/jobs/{job}/comments", json={"body": "By a script"})
    expect(entry).to_contain_text(re.compile("(Atelier|key|API).*commented", re.IGNORECASE))
    entry.get_by_role("link", name="commented on a job").click()
    expect(page).to_have_url(re.compile(r"tab=comments#comment-"))
    expect(page.get_by_role("list", name="Comments")).to_contain_text("By a script")


def test_viewers_do_not_annotate(signed_in: Page, settled: Any, as_viewer: Any) -> None:
    body = {"name": "For developers", "rubric": [{"key": "good", "label": "Good", "kind": "yes_no"}]}
    queue = settled.api.post("/v1/annotation-queues", json=body).json()["id"]
    as_viewer(signed_in)
    signed_in.goto(f"{settled.url}/annotation")
    expect(signed_in.get_by_role("link", name="For developers")).to_be_visible()
    assert signed_in.get_by_role("button", name="New queue").count() == 0
    signed_in.goto(f"{settled.url}/annotation/{queue}")
    expect(signed_in.get_by_text("Viewers may read annotations")).to_be_visible()
