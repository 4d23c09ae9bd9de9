"""The account page, and the settings for API keys, members and the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect

from backend.embedded import postgres
from tests.e2e.conftest import EMAIL, PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"
)


@pytest.fixture
def phone(settled: Any) -> Iterator[httpx.Client]:
    """Create a second session of the owner."""
    with closing(settled.sign_in(EMAIL, IPHONE)) as phone:
        yield phone


def test_sessions_are_listed_and_ended(signed_in: Page, settled: Any, phone: httpx.Client) -> None:
    signed_in.goto(settled.running.url)
    signed_in.get_by_role("link", name="Your account").click()
    expect(signed_in).to_have_url(f"{settled.running.url}/account")
    row = signed_in.get_by_role("row").filter(has_text="Safari on iPhone").first
    expect(row).to_contain_text("127.0.0.1")
    before = signed_in.get_by_role("row").count()
    row.get_by_role("button", name="End").click()
    signed_in.get_by_role("button", name="End session").click()
    expect(signed_in.get_by_role("row")).to_have_count(before - 1)
    assert phone.get("/v1/me").status_code == 401
    settled.sign_in(EMAIL).close()
    signed_in.reload()
    signed_in.get_by_role("button", name="Sign out other sessions").click()
    signed_in.get_by_role("button", name="End other sessions").click()
    expect(signed_in.get_by_role("row")).to_have_count(2)
    expect(signed_in.get_by_role("button", name="Sign out other sessions")).to_be_disabled()
    signed_in.get_by_role("link", name="Change password").click()
    expect(signed_in.get_by_label("Current password")).to_be_visible()


def test_idle_page_redirects_to_sign_in_when_its_session_ends(
    signed_in: Page, settled: Any, phone: httpx.Client
) -> None:
    signed_in.goto(f"{settled.url}/settings/limits")
    expect(signed_in.get_by_role("table", name="Limits")).to_be_visible()
    assert phone.delete("/v1/me/sessions").status_code == 200
    expected = "%2Fp%2Fatelier%2Fsettings%2Flimits"
    expect(signed_in).to_have_url(f"{settled.running.url}/sign-in?next={expected}", timeout=30_000)


def test_key_is_shown_once_and_works_until_it_is_revoked(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/settings/keys")
    signed_in.get_by_role("button", name="New API key").click()
    signed_in.get_by_label("Name").fill("the shop")
    preset = signed_in.get_by_label("Permissions")
    expect(preset).to_have_value("call")
    signed_in.get_by_text("Advanced: single scopes").click()
    expect(signed_in.get_by_role("checkbox", name="jobs:submit")).to_be_checked()
    preset.select_option("Read only")
    expect(signed_in.get_by_role("checkbox", name="webhooks:read")).to_be_checked()
    signed_in.get_by_label("Environment").select_option("Staging")
    expect(signed_in.get_by_role("checkbox", name="webhooks:read")).to_have_count(0)
    expect(signed_in.get_by_role("checkbox", name="schedules:read")).to_be_checked()
    signed_in.get_by_label("Environment").select_option("Production")
    expect(signed_in.get_by_role("checkbox", name="webhooks:read")).to_be_checked()
    preset.select_option("Everything")
    expect(signed_in.get_by_role("checkbox", name="jobs:submit")).not_to_be_checked()
    signed_in.get_by_role("checkbox", name="jobs:read", exact=True).check()
    expect(preset).to_have_value("")
    signed_in.get_by_label("Daily spend limit (USD)").fill("2.50")
    signed_in.get_by_label("Expires after").fill("2020-01-31")
    signed_in.get_by_role("button", name="Create API key").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("is in the past")
    signed_in.get_by_label("Expires after").fill("2099-01-31")
    signed_in.get_by_role("button", name="Create API key").click()
    shown = signed_in.get_by_text(re.compile(r"^puras_live_\w{8}\.\w{32}$"))
    key = {"Authorization": f"Bearer {shown.inner_text()}"}
    assert httpx.get(f"{settled.running.url}/v1/jobs", headers=key).status_code == 200
    assert httpx.get(f"{settled.running.url}/v1/drive", headers=key).status_code == 403
    signed_in.get_by_role("button", name="Done").click()
    signed_in.get_by_role("button", name="I have saved the key").click()
    expect(shown).to_have_count(0)
    row = signed_in.get_by_role("row").filter(has_text="the shop")
    expect(row).to_contain_text("jobs:read · $2.50 per day")
    row.get_by_role("button", name="Edit scopes").click()
    expect(signed_in.get_by_label("jobs:read", exact=True)).to_be_checked()
    expect(signed_in.get_by_label("jobs:write")).not_to_be_checked()
    signed_in.get_by_label("jobs:read", exact=True).uncheck()
    signed_in.get_by_label("drive:read").check()
    signed_in.get_by_role("button", name="Save scopes").click()
    expect(row).to_contain_text("drive:read · $2.50 per day")
    assert httpx.get(f"{settled.running.url}/v1/jobs", headers=key).status_code == 403
    assert httpx.get(f"{settled.running.url}/v1/drive", headers=key).status_code == 200
    row.get_by_role("button", name="Edit scopes").click()
    expect(signed_in.get_by_label("Full access")).not_to_be_checked()
    signed_in.get_by_role("button", name="Cancel").click()
    row.get_by_role("button", name="Revoke").click()
    signed_in.get_by_role("button", name="Revoke key").click()
    expect(row.get_by_text("revoked", exact=True)).to_be_visible()
    assert httpx.get(f"{settled.running.url}/v1/drive", headers=key).status_code == 401


def members_of(settled: Any) -> dict[str, str]:
    """Return the roles of the project's members by e-mail address."""
    return {
        one["email"]: one["role"] for one in settled.api.get(f"/v1/projects/{settled.slug}/members").json()
    }


def test_members_are_invited_changed_and_removed_except_the_last_owner(signed_in: Page, settled: Any) -> None:
    before = members_of(settled)
    assert before[EMAIL] == "owner"
    settled.running.operate("user", "create", "ada@example.org", "--password-stdin", typed=f"{PASSWORD}\n")
    signed_in.goto(f"{settled.url}/settings/members")
    for email in (EMAIL, "ada@example.org"):
        signed_in.get_by_label("E-mail").fill(email)
        signed_in.get_by_role("button", name="Invite").click()
        if email == EMAIL:
            expect(signed_in.get_by_role("alert")).to_contain_text("already a member of this project")
    link = signed_in.get_by_text("/join?token=").inner_text()
    invited = signed_in.get_by_role("table", name="Invitations").get_by_role("row").nth(1)
    expect(invited).to_contain_text("ada@example.orgdeveloper")
    with closing(settled.sign_in("ada@example.org")) as ada:
        csrf = re.search(r'name="csrf" value="([^"]+)"', ada.get(link).text)
        assert csrf
        assert ada.post("/join", data={"csrf": csrf[1], "token": link.partition("=")[2]}).status_code == 303
    signed_in.reload()
    row = signed_in.get_by_role("table", name="Members").get_by_role("row").filter(has_text="ada@example.org")
    row.get_by_role("combobox").select_option("viewer")
    expect(row.get_by_role("combobox")).to_have_value("viewer")
    assert members_of(settled) == {**before, "ada@example.org": "viewer"}
    row.get_by_role("button", name="Remove").click()
    signed_in.get_by_role("button", name="Remove member").click()
    expect(row).to_have_count(0)
    signed_in.get_by_role("button", name="Leave").click()
    signed_in.get_by_role("button", name="Leave project").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("last owner")


def test_project_is_renamed_exported_and_deleted_after_confirmation(
    signed_in: Page, settled: Any, phone: httpx.Client
) -> None:
    assert phone.post("/v1/projects", json={"name": "Doomed"}).status_code == 201
    signed_in.goto(f"{settled.running.url}/p/doomed/settings")
    signed_in.get_by_label("Slug").fill("atelier")
    signed_in.get_by_role("button", name="Save").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("is taken")
    signed_in.get_by_label("Slug").fill("shortlived")
    signed_in.get_by_role("button", name="Save").click()
    expect(signed_in).to_have_url(f"{settled.running.url}/p/shortlived/settings")
    archive = signed_in.get_by_role("link", name="Download archive")
    expect(archive).to_have_attribute("href", "/v1/projects/shortlived/export")
    with signed_in.expect_download() as download:
        archive.click()
    assert download.value.suggested_filename.startswith("shortlived-")
    signed_in.get_by_role("button", name="Delete project…").click()
    delete = signed_in.get_by_role("button", name="Delete project", exact=True)
    expect(delete).to_be_disabled()
    signed_in.get_by_label("Type shortlived to confirm").fill("shortlived")
    delete.click()
    expect(signed_in).to_have_url(f"{settled.running.url}/")
    expect(signed_in.get_by_role("link", name="Atelier")).to_be_visible()
    expect(signed_in.get_by_role("link", name="Doomed")).to_have_count(0)


def test_job_with_deleted_events_shows_a_notice(signed_in: Page, settled: Any) -> None:
    answer = settled.api.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {"seconds": 0}})
    job_id = answer.json()["id"]
    address = postgres.attach(Path(settled.running.environment["PURAS_HOME"]))
    assert address
    with psycopg.connect(address) as connection:
        connection.execute("delete from job_events where job_id = %s", [job_id])
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    for tab in ("Timeline", "Logs"):
        signed_in.get_by_role("tab", name=tab).click()
        expect(signed_in.get_by_text("are no longer stored")).to_be_visible()
    expect(signed_in.get_by_text("No output yet")).to_have_count(0)
