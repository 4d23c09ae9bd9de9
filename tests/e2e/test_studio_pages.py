"""Pages during changes and errors: live updates, validation, filters and sign-out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.skills.archives.pack import pack_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def submit(settled: Any, seconds: int) -> str:
    answer = settled.api.post("/v1/jobs", json={"skill": "count", "inputs": {"seconds": seconds}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_invalid_bundle_shows_every_problem_with_its_line(
    signed_in: Page, settled: Any, tmp_path: Path
) -> None:
    bundle = tmp_path / "bad.zip"
    skill = b"entrypont: main.py:run\ninput_schema: {type: object}\noutput_schema: {type: objct}\n"
    bundle.write_bytes(pack_files({"skills/bad/skill.yaml": skill, "skills/bad/main.py": b"def run(): ..."}))
    signed_in.goto(settled.url)
    signed_in.get_by_text("Publish from a ZIP file").click()
    signed_in.get_by_label("Bundle").set_input_files(bundle)
    alert = signed_in.get_by_role("alert")
    expect(alert.get_by_role("listitem").first).to_be_visible()
    expect(alert).to_contain_text("skills/bad/skill.yaml:1")
    expect(alert).to_contain_text("skills/bad/skill.yaml:3")
    expect(alert).to_contain_text("entrypoint")


def test_job_is_followed_live_and_cancelled(signed_in: Page, settled: Any) -> None:
    job_id = submit(settled, 60)
    signed_in.goto(f"{settled.url}/jobs/{job_id.upper()}")
    expect(signed_in.get_by_text("Running").first).to_be_visible()
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{job_id}")
    expect(signed_in.get_by_role("progressbar", name="Progress")).to_be_visible()
    signed_in.get_by_role("tab", name="Logs").click()
    expect(signed_in.get_by_role("log", name="Log")).to_contain_text("counted 2")
    signed_in.get_by_role("button", name="Cancel").click()
    signed_in.get_by_role("button", name="Cancel job").click()
    expect(signed_in.get_by_text("Canceled").first).to_be_visible()
    assert settled.api.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"


def test_job_list_shows_new_jobs_of_other_users(signed_in: Page, settled: Any) -> None:
    submit(settled, 0)
    signed_in.goto(f"{settled.url}/jobs")
    expect(signed_in.get_by_role("table", name="Jobs")).to_be_visible()
    job_id = submit(settled, 0)
    row = signed_in.get_by_role("row").filter(has_text=job_id[-8:])
    expect(row).to_contain_text("Succeeded", timeout=15_000)


def test_filters_are_in_the_url_of_the_job_list(signed_in: Page, settled: Any) -> None:
    submit(settled, 0)
    signed_in.goto(f"{settled.url}/jobs?status=failed&source=unknown")
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()
    signed_in.get_by_role("button", name="Show all jobs").click()
    signed_in.get_by_role("button", name="Succeeded").click()
    expect(signed_in.get_by_role("table", name="Jobs")).to_contain_text("Succeeded")
    expect(signed_in).to_have_url(f"{settled.url}/jobs?status=succeeded")


def test_invalid_input_is_reported_at_its_field(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/play/count")
    signed_in.get_by_label("seconds").fill("600")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_label("seconds")).to_have_attribute("aria-invalid", "true")
    expect(signed_in.get_by_role("alert").first).to_contain_text("60")


def test_result_is_never_rendered_as_markup(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/play/count")
    signed_in.get_by_label("seconds").fill("0")
    signed_in.keyboard.press("Control+Enter")
    expect(signed_in.get_by_text("<b>not markup</b>")).to_be_visible()


def test_page_redirects_to_sign_in_after_sign_out_in_another_tab(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/jobs")
    expect(signed_in.get_by_role("heading", name="Jobs")).to_be_attached()
    other = signed_in.context.new_page()
    other.goto(settled.running.url)
    other.get_by_role("button", name="Sign out").click()
    expect(other).to_have_url(f"{settled.running.url}/sign-in")
    signed_in.bring_to_front()
    expect(signed_in).to_have_url(f"{settled.running.url}/sign-in?next=%2Fp%2Fatelier%2Fjobs")


def test_unknown_job_shows_an_error(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/jobs/123")
    expect(signed_in.get_by_role("alert")).to_contain_text("123")
