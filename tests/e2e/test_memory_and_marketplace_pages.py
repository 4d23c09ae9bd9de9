"""The pages of memory and marketplace: records, and listings that another project runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PASSWORD, page_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]

BUYER = "bo@example.org"


class Shop(NamedTuple):
    """Another project of the instance, with credit."""

    slug: str
    url: str
    page: Page
    """A page with a session of its owner."""
    api: httpx.Client


@pytest.fixture(scope="module")
def other_project(settled: Any) -> dict[str, str]:
    """Create a second project with its own owner."""
    settled.running.operate("user", "create", BUYER, "--password-stdin", typed=f"{PASSWORD}\n")
    made: dict[str, str] = json.loads(
        settled.running.operate("project", "create", "Buyer", "--credit-usd", "5", "--json")
    )
    settled.running.operate("project", "member", made["slug"], BUYER, "--role", "owner")
    return made


@pytest.fixture
def buyer(browser: Browser, settled: Any, other_project: dict[str, str]) -> Iterator[Shop]:
    key = {"Authorization": f"Bearer {other_project['api_key']}"}
    with (
        page_of(browser, settled, BUYER) as page,
        httpx.Client(base_url=settled.running.url, headers=key, timeout=60) as api,
    ):
        yield Shop(other_project["slug"], f"{settled.running.url}/p/{other_project['slug']}", page, api)


def test_record_is_created_found_edited_and_deleted(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/memory")
    signed_in.get_by_role("button", name="New memory").click()
    signed_in.get_by_label("Kind").fill("customer")
    signed_in.get_by_label("Key", exact=True).fill("acme")
    signed_in.get_by_label("Title").fill("How Acme writes")
    signed_in.get_by_label("Record").fill("{tone}")
    signed_in.get_by_role("button", name="Create memory").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("Invalid JSON")
    signed_in.get_by_label("Record").fill('{"tone": "<b>formal</b>"}')
    signed_in.get_by_role("button", name="Create memory").click()
    record = signed_in.get_by_role("region", name="Record", exact=True)
    expect(record).to_contain_text("<b>formal</b>")
    expect(record.get_by_text("version 1")).to_be_visible()

    record.get_by_role("button", name="Edit", exact=True).click()
    record.get_by_label("Summary").fill("Acme wants formal letters.")
    record.get_by_label("Record").fill('{"tone": "plain"}')
    record.get_by_role("button", name="Save").click()
    expect(record.get_by_text("version 2")).to_be_visible()
    expect(record).to_contain_text("Acme wants formal letters.")
    (stored,) = settled.api.get("/v1/memory?key=acme").json()
    assert (stored["record"], stored["version"]) == ({"tone": "plain"}, 2)

    signed_in.get_by_label("Search memory").fill("letters")
    expect(signed_in.get_by_role("link", name="How Acme writes")).to_be_visible()
    signed_in.get_by_label("Search memory").fill("zebra")
    expect(signed_in.get_by_text("No matching records.")).to_be_visible()
    signed_in.get_by_label("Search memory").fill("letters")
    signed_in.get_by_role("link", name="How Acme writes").click()
    record.get_by_role("button", name="Delete…").click()
    signed_in.get_by_role("button", name="Delete record").click()
    expect(signed_in.get_by_role("region", name="Record", exact=True)).to_have_count(0)
    assert settled.api.get("/v1/memory?key=acme").json() == []
    signed_in.goto(f"{settled.url}/memory?state=forgotten")
    expect(signed_in.get_by_role("row").filter(has_text="How Acme writes")).to_be_visible()


def test_back_undoes_a_filter_and_selected_records_are_deleted(signed_in: Page, settled: Any) -> None:
    for title, kind in (("Blue paint", "semantic"), ("Red paint", "episodic")):
        body = {"kind": "paint", "mtype": kind, "title": title, "record": {"a": title}}
        assert settled.api.post("/v1/memory", json=body).is_success
    signed_in.goto(f"{settled.url}/memory")
    blue, red = (signed_in.get_by_role("row").filter(has_text=title) for title in ("Blue paint", "Red paint"))
    expect(blue).to_be_visible()
    signed_in.get_by_label("Type").select_option("episodic")
    expect(blue).to_have_count(0)
    expect(signed_in).to_have_url(f"{settled.url}/memory?type=episodic")
    signed_in.go_back()
    expect(blue).to_be_visible()
    expect(signed_in.get_by_label("Type")).to_have_value("")
    rows = signed_in.get_by_role("table", name="Records").get_by_role("row").filter(has_text=" paint")
    head = signed_in.get_by_role("columnheader", name="Title")
    head.get_by_role("button").click()
    expect(rows).to_contain_text(["Blue paint", "Red paint"])
    head.get_by_role("button").click()
    expect(rows).to_contain_text(["Red paint", "Blue paint"])
    expect(head).to_have_attribute("aria-sort", "descending")
    signed_in.get_by_role("button", name="Views").click()
    signed_in.get_by_label("Name of the view").fill("From Z to A")
    signed_in.get_by_role("button", name="Save view").click()
    view = signed_in.get_by_role("link", name="From Z to A")
    expect(view).to_have_attribute("href", f"/p/{settled.slug}/memory?sort=-title")
    signed_in.keyboard.press("Escape")
    signed_in.go_back()
    expect(head).to_have_attribute("aria-sort", "ascending")
    signed_in.get_by_role("button", name="Select…").click()
    for title in ("Blue paint", "Red paint"):
        signed_in.get_by_role("checkbox", name=f"Select {title}").check()
    signed_in.get_by_role("group", name="Selected records").get_by_role("button", name="Delete…").click()
    dialog = signed_in.get_by_role("dialog", name="Delete 2 records?")
    dialog.get_by_role("button", name="Delete 2 records").click()
    dialog.get_by_role("button", name="Done").click()
    expect(blue).to_have_count(0)
    expect(red).to_have_count(0)
    assert settled.api.get("/v1/memory?kind=paint").json() == []


def test_record_with_a_newer_version_is_not_overwritten(signed_in: Page, settled: Any) -> None:
    body = {"kind": "lesson", "entity_key": "glue", "record": {"use": "little"}}
    stored_record = settled.api.post("/v1/memory", json=body).json()
    signed_in.goto(f"{settled.url}/memory?id={stored_record['id']}")
    signed_in.get_by_role("button", name="Edit", exact=True).click()
    settled.api.post("/v1/memory", json={**body, "record": {"use": "none"}})
    signed_in.get_by_label("Record", exact=True).last.fill('{"use": "much"}')
    signed_in.get_by_role("button", name="Save").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("version")
    assert settled.api.get(f"/v1/memory/{stored_record['id']}").json()["record"] == {"use": "none"}


def test_memory_is_hidden_from_other_projects(settled: Any, buyer: Shop) -> None:
    stored_record = settled.api.post(
        "/v1/memory", json={"kind": "secret plan", "record": {"of": "ours"}}
    ).json()
    buyer.page.goto(f"{buyer.url}/memory?id={stored_record['id']}")
    expect(buyer.page.get_by_text("does not exist in this project")).to_be_visible()
    buyer.page.goto(f"{buyer.url}/memory?q=plan")
    expect(buyer.page.get_by_text("No matching records.")).to_be_visible()
    buyer.page.goto(f"{settled.url}/memory")
    expect(buyer.page.get_by_text("There is no project")).to_be_visible()


def test_own_listings_are_sorted_published_and_taken_down_together(signed_in: Page, settled: Any) -> None:
    for slug, price in (("cheap-count", 10_000), ("costly-count", 90_000)):
        body = {"slug": slug, "skill": "count", "title": f"Batch {slug}", "price_micros": price}
        assert settled.api.post("/v1/marketplace/listings", json=body).status_code == 201
    signed_in.goto(f"{settled.url}/marketplace?tab=own&q=batch&sort=title")
    table = signed_in.get_by_role("table", name="Your listings")
    links = table.get_by_role("link")
    expect(links).to_have_text(["Batch cheap-count", "Batch costly-count"])
    table.get_by_role("columnheader", name="Price").get_by_role("button").click()
    expect(links).to_have_text(["Batch costly-count", "Batch cheap-count"])
    expect(signed_in).to_have_url(f"{settled.url}/marketplace?tab=own&q=batch&sort=-price")

    def act(button: str, name: str) -> None:
        table.get_by_role("checkbox", name="Select all").check()
        signed_in.get_by_role("group", name="Selected listings").get_by_role("button", name=button).click()
        dialog = signed_in.get_by_role("dialog", name=f"{name} 2 listings?")
        dialog.get_by_role("button", name=f"{name} 2 listings").click()
        dialog.get_by_role("button", name="Done").click()

    act("Publish…", "Publish")
    expect(table.get_by_text("published")).to_have_count(2)
    act("Take down…", "Take down")
    expect(table.get_by_text("taken down")).to_have_count(2)
    signed_in.get_by_label("Status", exact=True).select_option("draft")
    expect(signed_in.get_by_text("No matching listings.")).to_be_visible()
    signed_in.go_back()
    expect(links).to_have_text(["Batch costly-count", "Batch cheap-count"])


def test_listing_is_published_run_by_another_project_and_taken_down(
    signed_in: Page, settled: Any, buyer: Shop
) -> None:
    signed_in.goto(f"{settled.url}/marketplace?tab=own")
    signed_in.get_by_role("button", name="Create listing").click()
    signed_in.get_by_label("Skill", exact=True).select_option("count")
    signed_in.get_by_label("Listing name").fill("counter")
    signed_in.get_by_label("Price per run (USD)").fill("a lot")
    signed_in.get_by_role("button", name="Create draft").click()
    expect(signed_in.get_by_role("alert")).to_contain_text("is not a valid amount in US dollars")
    signed_in.get_by_label("Price per run (USD)").fill("0.05")
    signed_in.get_by_role("button", name="Create draft").click()
    expect(signed_in.get_by_text("Draft: other projects cannot see this listing.")).to_be_visible()
    buyer.page.goto(f"{buyer.url}/marketplace/counter")
    expect(buyer.page.get_by_text("does not exist, or its publisher took it down")).to_be_visible()

    signed_in.get_by_role("button", name="Publish…").click()
    signed_in.get_by_role("button", name="Publish listing").click()
    expect(signed_in.get_by_text("Published: all projects")).to_be_visible()

    page = buyer.page
    page.goto(f"{buyer.url}/marketplace")
    page.get_by_label("Search listings").fill("counter")
    expect(page).to_have_url(re.compile("q=counter"))
    page.get_by_role("link").filter(has_text="$0.05").click()
    expect(page.get_by_text("per succeeded run")).to_contain_text("$0.05")
    expect(page.get_by_text("neither secrets nor keys of models")).to_be_visible()
    page.get_by_label("seconds").fill("0")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("region", name="Result")).to_contain_text("counted")
    (job,) = buyer.api.get("/v1/jobs").json()
    assert job["listing"] == "counter"
    assert 50_000 <= job["cost_micros"] < 50_100  # the price and the compute time

    page.goto(f"{buyer.url}/marketplace/counter")
    page.get_by_role("link", name="Schedule…").click()
    expect(page.get_by_label("Skill", exact=True)).to_have_value("listing:counter")
    page.get_by_role("textbox", name="Name").fill("Counted each day")
    page.get_by_label("Maximum price per run").fill("0.06")
    page.get_by_role("textbox", name="Inputs").fill('{"seconds": 0}')
    page.get_by_text("Job limits").click()
    page.get_by_label("Maximum cost (USD)").fill("0.25")
    page.get_by_label("Maximum memory (MB)").fill("1")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("alert")).to_contain_text("16")
    page.get_by_label("Maximum memory (MB)").fill("")
    page.get_by_label("Timeout (seconds)").fill("30")
    page.get_by_role("button", name="Create schedule").click()
    made = page.get_by_role("list", name="Schedules").get_by_role("listitem")
    expect(made).to_contain_text("counter")
    (schedule,) = buyer.api.get("/v1/schedules").json()
    assert (schedule["listing"], schedule["max_price_micros"]) == ("counter", 60_000)
    assert schedule["limits"] == {"cost_usd": 0.25, "timeout_s": 30.0}
    made.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Maximum price per run")).to_have_value("0.06")
    expect(page.get_by_label("Timeout (seconds)")).to_have_value("30")
    page.get_by_label("Timeout (seconds)").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    (schedule,) = buyer.api.get("/v1/schedules").json()
    assert schedule["limits"] == {"cost_usd": 0.25}
    assert buyer.api.delete(f"/v1/schedules/{schedule['id']}").status_code == 204

    signed_in.reload()
    expect(signed_in.get_by_text("1 of 1")).to_be_visible()
    expect(signed_in.locator(".numbers")).to_contain_text("$0.05")
    signed_in.get_by_role("button", name="Take down…").click()
    signed_in.get_by_role("button", name="Take listing down").click()
    expect(signed_in.get_by_text("Taken down: no new runs can be started.")).to_be_visible()
    page.goto(f"{buyer.url}/marketplace?q=counter")
    expect(page.get_by_text("No matching listings.")).to_be_visible()
