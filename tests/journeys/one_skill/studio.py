"""A user who opens jobs in the studio, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks import chromium, commands
from benchmarks.instance import Running, environment

TIMEOUT_MS = 60_000
EMAIL, PASSWORD = "ada@example.org", "a long and private password"


def make_operator(running: Running) -> None:
    """Create an operator, who becomes the owner of all projects that are created later."""
    made = commands.run(
        ("user", "create", EMAIL, "--operator", "--password-stdin"),
        environment(running.home, running.port),
        given=f"{PASSWORD}\n",
    )
    assert made.returncode == 0, made.stderr


@contextmanager
def signed_in(running: Running) -> Iterator[Page]:
    """Sign in as the operator, and yield a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.headless_shell(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(base_url=f"http://127.0.0.1:{running.port}")
        page.set_default_timeout(TIMEOUT_MS)
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        yield page
        browser.close()


def expect_in_job_list(page: Page, project: str, job_ids: list[str]) -> None:
    """Check that the page of all jobs contains each of these jobs."""
    page.goto(f"/p/{project}/jobs")
    for job_id in job_ids:
        expect(page.locator(f'a[href*="{job_id}"]').first).to_be_visible(timeout=TIMEOUT_MS)


def expect_job_page(page: Page, project: str, job_id: str, *texts: str) -> None:
    """Open a job from the list, and check that its page contains the texts."""
    page.goto(f"/p/{project}/jobs")
    page.locator(f'a[href*="{job_id}"]').first.click()
    page.wait_for_url(f"**/jobs/{job_id}*")
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible(timeout=TIMEOUT_MS)
