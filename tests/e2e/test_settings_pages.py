"""The settings for secrets, model providers, webhooks and schedules, and the audit log."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import puras
import pytest
from playwright.sync_api import Page, expect

from backend.skills.archives.pack import pack_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

READING = {
    "skills/reading/main.py": b"""
import hashlib, puras

def run():
    return {"sha256": hashlib.sha256(puras.secret("SHOP_TOKEN").encode()).hexdigest()}
""",
    "skills/reading/skill.yaml": b"""
entrypoint: main.py:run
network: none
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {sha256: {type: string}}}
""",
}


@pytest.fixture
def viewer(signed_in: Page, as_viewer: Callable[[Page], None]) -> Page:
    """Return a page in which a viewer of the project is signed in instead of the owner."""
    as_viewer(signed_in)
    return signed_in


def test_secret_is_set_used_rotated_and_deleted_but_never_shown(signed_in: Page, settled: Any) -> None:
    pushed = settled.api.post("/v1/skillpacks", json={"name": "Reader"})
    assert pushed.status_code == 201, pushed.text
    bundle = {"bundle": ("skills.zip", pack_files(READING))}
    assert settled.api.post("/v1/skillpacks/reader/deployments", files=bundle).status_code == 201
    signed_in.goto(f"{settled.url}/settings/secrets")
    signed_in.get_by_role("button", name="New secret").click()
    signed_in.get_by_label("Name").fill("PATH")
    signed_in.get_by_role("textbox", name="Value").fill("the first value")
    signed_in.get_by_role("button", name="Create secret").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("the platform sets it")
    signed_in.get_by_label("Name").fill("SHOP_TOKEN")
    signed_in.get_by_role("textbox", name="Value").fill("the first value")
    signed_in.get_by_role("button", name="Create secret").click()
    row = signed_in.get_by_role("row").filter(has_text="SHOP_TOKEN")
    expect(row).to_contain_text("Whole project")
    assert read_by_a_job(settled) == hashlib.sha256(b"the first value").hexdigest()
    signed_in.get_by_role("button", name="Rotate SHOP_TOKEN").click()
    signed_in.get_by_role("textbox", name="Value").fill("the second value")
    signed_in.get_by_role("button", name="Replace value").click()
    expect(signed_in.get_by_text("SHOP_TOKEN is set.")).to_be_visible()
    assert read_by_a_job(settled) == hashlib.sha256(b"the second value").hexdigest()
    assert "second value" not in signed_in.content()
    signed_in.get_by_role("button", name="New secret").click()
    signed_in.get_by_label("Name").fill("shop_token")
    signed_in.get_by_label("Available to").select_option("reader")
    signed_in.get_by_role("textbox", name="Value").fill("its own value")
    signed_in.get_by_role("button", name="Create secret").click()
    expect(row.filter(has_text="skillpack reader")).to_be_visible()
    assert read_by_a_job(settled) == hashlib.sha256(b"its own value").hexdigest()
    for remaining in (1, 0):
        row.first.get_by_role("button", name="Delete").click()
        signed_in.get_by_role("button", name="Delete secret").click()
        expect(row).to_have_count(remaining)


def test_empty_section_shows_code_that_creates_the_first_item(signed_in: Page, settled: Any) -> None:
    with httpx.Client(base_url=settled.running.url, timeout=30) as client:
        client.cookies.update({one["name"]: one["value"] for one in signed_in.context.cookies()})
        client.headers["X-CSRF-Token"] = client.get("/v1/me").json()["csrf_token"]
        slug = client.post("/v1/projects", json={"name": "Nothing yet"}).json()["slug"]
        client.headers["X-Puras-Project"] = slug
        key = client.post("/v1/api-keys", json={}).json()["key"]
    for section, route, languages in (
        ("secrets", "/v1/secrets", ["curl", "Python", "Terminal", "TypeScript", "MCP"]),
        ("webhooks", "/v1/webhooks", ["curl", "Python", "TypeScript"]),
        ("schedules", "/v1/schedules", ["curl", "Python", "TypeScript"]),
    ):
        signed_in.goto(f"{settled.running.url}/p/{slug}/settings/{section}")
        code = signed_in.get_by_role("main").locator("pre")
        expect(code).to_contain_text(route)
        expect(signed_in.get_by_role("tab")).to_have_text(languages)
        if section == "secrets":
            done = subprocess.run(
                ["sh", "-c", code.inner_text()],
                env=os.environ | {"PURAS_API_KEY": key},
                capture_output=True,
                text=True,
                check=True,
            )
            assert json.loads(done.stdout)["name"] == "STRIPE_KEY", done.stdout
            signed_in.reload()
            expect(signed_in.get_by_role("row").filter(has_text="STRIPE_KEY")).to_be_visible()


def test_provider_key_is_abbreviated_tested_and_removed(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/settings/providers")
    claude = signed_in.get_by_role("listitem").filter(has_text="sonnet-4-6")
    expect(claude).to_contain_text("no key")
    claude.get_by_role("button", name="Add API key").click()
    signed_in.get_by_role("textbox", name="Key").fill("sk-own-plainly-visible-0123456789")
    signed_in.get_by_role("textbox", name="Base URL").fill("http://models.example.org")
    signed_in.get_by_role("button", name="Save and test").click()
    expect(claude.get_by_role("alert")).to_contain_text("not https")
    signed_in.get_by_role("textbox", name="Base URL").fill("https://models.example.org")
    signed_in.get_by_role("button", name="Save and test").click()
    expect(claude).to_contain_text("sk-own-p…")
    expect(claude.get_by_role("alert")).to_contain_text("does not respond", timeout=20_000)
    assert "visible" not in signed_in.content()
    assert settled.api.get("/v1/providers/claude").json()["has_own_key"]
    claude.get_by_role("button", name="Set a price for a model of claude").click()
    signed_in.get_by_label("Model", exact=True).select_option("haiku-4-5")
    signed_in.get_by_label("Input (USD)").fill("-1")
    signed_in.get_by_label("Output (USD)").fill("4")
    signed_in.get_by_role("button", name="Save price").click()
    expect(claude.get_by_role("alert").filter(has_text="greater than or equal to 0")).to_be_visible()
    signed_in.get_by_label("Input (USD)").fill("0.8")
    signed_in.get_by_role("button", name="Save price").click()
    expect(claude).to_contain_text(
        "$0.8 input, $4 output, $0.8 cache read, $0.8 cache write per million tokens"
    )
    prices = {one["model"]: one for one in settled.api.get("/v1/pricing").json()["models"]}
    assert prices["claude/haiku-4-5"]["price_set_by"] == "project"
    claude.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("button", name="Delete price").click()
    expect(claude).not_to_contain_text("per million tokens")
    claude.get_by_role("button", name="Remove").click()
    signed_in.get_by_role("button", name="Remove key").click()
    expect(claude).to_contain_text("no key")


def test_audit_log_is_filtered_by_url_and_loaded_in_pages(signed_in: Page, settled: Any) -> None:
    for number in range(60):
        body = {"name": f"NUMBER_{number}", "value": "a hidden value"}
        assert settled.api.put("/v1/secrets", json=body).status_code == 200
    signed_in.goto(f"{settled.url}/settings/audit?action=secret")
    rows = signed_in.get_by_role("table", name="Audit log").get_by_role("row")
    expect(rows).to_have_count(51)
    expect(rows.nth(1)).to_contain_text("NUMBER_59")
    signed_in.get_by_role("button", name="Show more").click()
    expect(rows.filter(has_text="NUMBER_0")).to_have_count(1)
    signed_in.get_by_label("Actor").fill("unknown")
    signed_in.get_by_role("button", name="Filter").click()
    expect(signed_in).to_have_url(f"{settled.url}/settings/audit?actor=unknown&action=secret")
    expect(signed_in.get_by_text("No entries match these filters.")).to_be_visible()


def test_viewer_sees_required_roles_and_no_content(viewer: Page, settled: Any) -> None:
    body = {"name": "HIDDEN_NAME", "value": "a hidden value"}
    assert settled.api.put("/v1/secrets", json=body).status_code == 200
    for section in ("secrets", "providers", "webhooks", "audit"):
        viewer.goto(f"{settled.url}/settings/{section}")
        expect(viewer.get_by_text("your role is viewer")).to_be_visible()
        expect(viewer.get_by_role("main").get_by_role("button")).to_have_count(0)
        assert "HIDDEN_NAME" not in viewer.content()
    for section in ("schedules", "alerts"):
        viewer.goto(f"{settled.url}/settings/{section}")
        expect(viewer.get_by_text(f"No {section} yet.")).to_be_visible()
        expect(viewer.get_by_role("main").get_by_role("button")).to_have_count(0)


def test_unknown_section_shows_an_error(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/settings/nothing")
    expect(signed_in.get_by_role("alert")).to_contain_text("no section 'nothing'")


def test_webhook_is_created_fails_and_is_redelivered(signed_in: Page, settled: Any) -> None:
    with receiver(settled.running.hook_port) as received:
        signed_in.goto(f"{settled.url}/settings/webhooks")
        signed_in.get_by_role("button", name="New webhook").click()
        signed_in.get_by_label("URL").fill("http://10.0.0.1/inside")
        signed_in.get_by_role("button", name="Create webhook").click()
        expect(signed_in.get_by_role("alert")).to_contain_text("not a public address")
        signed_in.get_by_label("URL").fill(f"http://127.0.0.1:{settled.running.hook_port}/puras")
        signed_in.get_by_label("job.succeeded").check()
        signed_in.get_by_role("button", name="Create webhook").click()
        secret = signed_in.get_by_text(re.compile("^whsec_")).inner_text()
        hook = signed_in.get_by_role("list", name="Webhooks").get_by_role("listitem")
        expect(hook.get_by_text("enabled")).to_be_visible()
        log = signed_in.get_by_role("table", name="Deliveries").get_by_role("row")
        received.status = 500
        hook.get_by_role("button", name="Send test event").click()
        expect(log.nth(1)).to_contain_text("The receiver responded with status 500", timeout=30_000)
        expect(log.nth(1)).to_contain_text("Pending")
        expect(signed_in.get_by_text(secret)).to_be_visible()  # until the user confirms that it is saved
        signed_in.get_by_role("button", name="Done").click()
        signed_in.get_by_role("button", name="I have saved the secret").click()
        expect(signed_in.get_by_text(secret)).to_have_count(0)
        expect(log.nth(1)).to_contain_text(re.compile(r"in [\d.]+ s"))
        expect(hook.get_by_text("failing")).to_be_visible(timeout=30_000)
        log.nth(1).get_by_role("button", name="View").click()
        details = signed_in.get_by_role("cell").filter(has_text="Request")
        expect(details).to_contain_text('"type": "webhook.test"')
        expect(details).to_contain_text("no room today")
        log.nth(1).get_by_role("button", name="View").click()
        received.status = 200
        before = len(received.got)
        log.nth(1).get_by_role("button", name="Redeliver").dblclick()
        expect(log.nth(1)).to_contain_text("Delivered", timeout=30_000)
        assert len(received.got) == before + 1, "two clicks are one delivery"
        expect(hook.get_by_text("enabled")).to_be_visible(timeout=30_000)
        assert settled.api.post("/v1/jobs", json={"skill": "count", "inputs": {"seconds": 0}}).is_success
        expect(log.nth(1)).to_contain_text("job.succeeded", timeout=30_000)
        expect(log.nth(1)).to_contain_text("Delivered", timeout=30_000)
        ids = {headers["webhook-id"] for headers, _ in received.got}
        assert len(ids) == 2  # a test, sent several times with the same id, and the end of a job
        headers, body = received.got[-1]
        assert puras.verify_webhook(headers, body, secret)["type"] == "job.succeeded"
        hook.get_by_role("button", name="Pause").click()
        signed_in.get_by_role("button", name="Pause webhook").click()
        expect(hook.get_by_text("paused")).to_be_visible()
        expect(hook.get_by_role("button", name="Send test event")).to_be_disabled()
        hook.get_by_role("button", name="Delete").click()
        signed_in.get_by_role("button", name="Delete webhook").click()
        expect(hook).to_have_count(0)


def test_alert_is_raised_and_sent_to_a_chat(signed_in: Page, settled: Any) -> None:
    job = settled.api.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {"seconds": 0}}).json()
    assert job["status"] == "succeeded"
    with receiver(settled.running.hook_port) as received:
        signed_in.goto(f"{settled.url}/settings/webhooks")
        signed_in.get_by_role("button", name="New webhook").click()
        signed_in.get_by_label("Send to").select_option("email")
        signed_in.get_by_label("Address").fill("ada@example.org")
        signed_in.get_by_role("button", name="Create webhook").click()
        expect(signed_in.get_by_role("alert")).to_contain_text("PURAS_SMTP_URL")
        signed_in.get_by_label("Send to").select_option("slack")
        signed_in.get_by_label("URL").fill(f"http://127.0.0.1:{settled.running.hook_port}/chat")
        signed_in.get_by_label("alert.raised").check()
        signed_in.get_by_role("button", name="Create webhook").click()
        hook = signed_in.get_by_role("list", name="Webhooks").get_by_role("listitem")
        expect(hook.get_by_text("chat", exact=True)).to_be_visible()
        expect(signed_in.get_by_text(re.compile("^whsec_"))).to_have_count(0)
        signed_in.goto(f"{settled.url}/settings/alerts")
        signed_in.get_by_role("button", name="New alert").click()
        signed_in.get_by_label("Name").fill("Count is slow")
        signed_in.get_by_label("Metric").select_option("latency_p95")
        signed_in.get_by_label("Threshold").fill("0.0001")
        signed_in.get_by_label("Minimum number of jobs").fill("1")
        signed_in.get_by_role("button", name="Create alert").click()
        rule = signed_in.get_by_role("list", name="Alerts").get_by_role("listitem")
        expect(rule.get_by_text("raised")).to_be_visible(timeout=30_000)
        signed_in.goto(settled.url)
        expect(signed_in.get_by_role("alert").filter(has_text="Alerts: Count is slow")).to_be_visible()
        signed_in.get_by_role("link", name="Show alerts").click()
        signed_in.get_by_role("link", name="webhooks", exact=True).click()
        hook.get_by_role("button", name="Show deliveries").click()
        log = signed_in.get_by_role("table", name="Deliveries").get_by_role("row")
        expect(log.nth(1)).to_contain_text("Delivered", timeout=30_000)
        assert "Alert raised: Count is slow" in received.got[-1][1].decode()
        hook.get_by_role("button", name="Delete").click()
        signed_in.get_by_role("button", name="Delete webhook").click()
        expect(hook).to_have_count(0)
    signed_in.goto(f"{settled.url}/settings/alerts")
    rule.get_by_role("button", name="Switch off").click()
    expect(rule.get_by_text("off", exact=True)).to_be_visible()
    rule.get_by_role("button", name="Edit").click()
    signed_in.get_by_label("Name").fill("Count is slower")
    signed_in.get_by_role("button", name="Save").click()
    expect(rule.get_by_text("Count is slower", exact=True)).to_be_visible()
    rule.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("button", name="Delete alert").click()
    expect(signed_in.get_by_text("No alerts yet.")).to_be_visible()


def test_schedule_previews_next_runs_and_links_its_jobs(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/settings/schedules")
    signed_in.get_by_role("button", name="New schedule").click()
    signed_in.get_by_label("Skill", exact=True).select_option("count")
    signed_in.get_by_label("Cron expression").fill("30 9 * * monn")
    expect(signed_in.get_by_role("alert")).to_contain_text("'monn' is not a valid day of the week")
    signed_in.get_by_label("Cron expression").fill("30 9 * * mon")
    next_run = signed_in.get_by_role("list", name="Next runs").get_by_role("listitem")
    expect(next_run).to_have_count(5)
    for start_time in next_run.all():
        expect(start_time).to_have_text(re.compile(r"^Mon .*, 09:30 UTC$"))
    signed_in.get_by_label("Time zone").fill("Asia/Kolkata")
    expect(next_run.first).to_have_text(re.compile("09:30 IST$"))
    signed_in.get_by_role("textbox", name="Name").fill("Mondays")
    signed_in.get_by_role("textbox", name="Inputs").fill('{"seconds": 900}')
    signed_in.get_by_role("button", name="Create schedule").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("60")
    signed_in.get_by_role("textbox", name="Inputs").fill('{"seconds": 0}')
    signed_in.get_by_label("Missed runs").select_option("run_once")
    signed_in.get_by_label("Maximum delay").fill("59")
    signed_in.get_by_text("Job metadata").click()
    signed_in.get_by_label("Metadata (JSON)").fill('["desk"]')
    signed_in.get_by_role("button", name="Create schedule").click()
    expect(signed_in.get_by_role("alert")).to_contain_text(re.compile("Catch up: .*60"))
    expect(signed_in.get_by_role("alert")).to_contain_text("Metadata: ")
    signed_in.get_by_label("Maximum delay").fill("7200")
    signed_in.get_by_label("Metadata (JSON)").fill('{"desk": "north"}')
    signed_in.get_by_role("button", name="Create schedule").click()
    schedule = (
        signed_in.get_by_role("list", name="Schedules").get_by_role("listitem").filter(has_text="Mondays")
    )
    expect(schedule).to_contain_text("30 9 * * mon in time zone Asia/Kolkata")
    (made,) = settled.api.get("/v1/schedules").json()
    assert (made["missed"], made["catch_up_s"], made["metadata"]) == ("run_once", 7200, {"desk": "north"})
    schedule.get_by_role("button", name="Edit").click()
    expect(signed_in.get_by_label("Maximum delay")).to_have_value("7200")
    expect(signed_in.get_by_label("Metadata (JSON)")).to_have_value(re.compile("north"))
    signed_in.get_by_label("Maximum delay").fill("")
    signed_in.get_by_role("button", name="Save").click()
    expect(signed_in.get_by_role("button", name="Save")).to_have_count(0)
    assert settled.api.get("/v1/schedules").json()[0]["catch_up_s"] == 86_400
    schedule.get_by_role("button", name="Run now").click()
    signed_in.get_by_role("button", name="Submit job").click()
    run = signed_in.get_by_role("table", name="Last runs").get_by_role("row").nth(1)
    expect(run).to_contain_text("Succeeded", timeout=60_000)
    expect(run).to_contain_text("Requested by user:grace@example.org")
    schedule.get_by_role("button", name="Pause").click()
    expect(schedule.get_by_text("paused")).to_be_visible()
    run.get_by_role("link", name="Open job").click()
    expect(signed_in).to_have_url(re.compile(f"{settled.url}/jobs/[0-9a-f-]{{36}}"))
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible()
    signed_in.goto(f"{settled.url}/settings/schedules")
    schedule.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("button", name="Delete schedule").click()
    expect(signed_in.get_by_text("No schedules yet.")).to_be_visible()


class Received:
    """The requests that a receiver of webhooks has received, and the status that it returns."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def receiver(port: int) -> Iterator[Received]:
    """Run a server on this host that accepts or rejects webhooks."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(received.status)
            self.end_headers()
            self.wfile.write(b"thanks" if received.status == 200 else b"no room today")

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


def read_by_a_job(settled: Any) -> str:
    """Return the hash of the secret that a job receives."""
    answer = settled.api.post("/v1/jobs?wait=true", json={"skill": "reader/reading", "inputs": {}})
    assert answer.json()["status"] == "succeeded", answer.text
    return str(answer.json()["result"]["sha256"])
