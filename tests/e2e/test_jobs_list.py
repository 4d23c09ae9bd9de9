"""The list of jobs: filters, stable rows under the pointer, and actions on several jobs, also with the keyboard."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SOON_MS = 20_000


def submit(settled: Any, seconds: int = 0, **more: Any) -> str:
    body = {"skill": "count", "inputs": {"seconds": seconds}, **more}
    answer = settled.api.post("/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


FILTER_AT_THE_FIRST_MOMENT = """
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    send.call(this, text);
    if (typeof text !== "string" || !text.includes("hydrate_and_load")) return;
    WebSocket.prototype.send = send;
    const event = {
      name: "reflex___state____state.studio___pages___jobs___state____jobs.set_filter",
      payload: { name: "min_cost_usd", text: "1" },
      router_data: {
        pathname: location.pathname,
        asPath: location.pathname + location.search,
        query: {
          project: location.pathname.split("/")[2],
          ...Object.fromEntries(new URLSearchParams(location.search)),
        },
      },
    };
    send.call(this, "42/_event," + JSON.stringify(["event", event]));
  };
"""
"""Sets a filter as soon as the page has asked for its state, which is before the page has loaded its URL."""


def ended(settled: Any, **more: Any) -> str:
    job_id = submit(settled, **more)
    assert settled.api.get(f"/v1/jobs/{job_id}", params={"wait": "true"}).json()["status"] == "succeeded"
    return job_id


def row(page: Page, job_id: str) -> Any:
    return page.get_by_role("row").filter(has_text=job_id[-8:])


def test_rows_do_not_move_under_the_pointer(signed_in: Page, settled: Any) -> None:
    first = ended(settled, source="still")
    signed_in.goto(f"{settled.url}/jobs?source=still")
    expect(row(signed_in, first)).to_be_visible()
    row(signed_in, first).hover()
    second = submit(settled, source="still")
    fresh = signed_in.get_by_role("button", name="1 new")
    expect(fresh).to_be_visible(timeout=SOON_MS)
    expect(row(signed_in, second)).to_have_count(0)
    fresh.click()
    expect(row(signed_in, second)).to_be_visible()
    expect(row(signed_in, second)).to_contain_text("Succeeded", timeout=SOON_MS)


def test_a_filter_that_is_set_before_the_url_is_loaded_stays(signed_in: Page, settled: Any) -> None:
    slow = ended(settled, seconds=2, source="early")
    signed_in.goto(f"{settled.url}/jobs?source=early")
    expect(row(signed_in, slow)).to_be_visible()
    signed_in.add_init_script(FILTER_AT_THE_FIRST_MOMENT)
    signed_in.reload()
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()
    expect(signed_in).to_have_url(f"{settled.url}/jobs?source=early&min_cost_usd=1")
    signed_in.go_back()
    expect(row(signed_in, slow)).to_be_visible()
    expect(signed_in).to_have_url(f"{settled.url}/jobs?source=early")
    signed_in.go_forward()
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()


def test_filters_are_in_the_url(signed_in: Page, settled: Any) -> None:
    quick, slow = ended(settled, source="filters"), ended(settled, seconds=2, source="filters")
    signed_in.goto(f"{settled.url}/jobs?source=filters")
    expect(row(signed_in, quick)).to_be_visible()
    signed_in.get_by_label("Duration", exact=True).select_option("1")
    expect(row(signed_in, quick)).to_have_count(0)
    expect(row(signed_in, slow)).to_be_visible()
    expect(signed_in).to_have_url(f"{settled.url}/jobs?source=filters&min_seconds=1")
    signed_in.reload()
    expect(row(signed_in, slow)).to_be_visible()
    signed_in.get_by_label("Cost").select_option("1")
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()
    expect(signed_in).to_have_url(re.compile("min_cost_usd=1"))
    signed_in.go_back()
    expect(row(signed_in, slow)).to_be_visible()
    expect(signed_in).to_have_url(f"{settled.url}/jobs?source=filters&min_seconds=1")
    signed_in.go_forward()
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()
    signed_in.get_by_role("button", name="Show all jobs").click()
    expect(row(signed_in, quick)).to_be_visible()
    signed_in.get_by_label("Search jobs").fill(slow[-8:])
    expect(row(signed_in, quick)).to_have_count(0)
    expect(row(signed_in, slow)).to_be_visible()


def test_bar_filters_the_list_to_its_half_hour(signed_in: Page, settled: Any) -> None:
    job_id = ended(settled)
    signed_in.goto(f"{settled.url}/jobs")
    bars = signed_in.get_by_role("group", name="Jobs of the last 24 hours").get_by_role("button")
    expect(bars).to_have_count(48)
    bars.first.click()
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()
    bars.first.click()
    bars.last.click()
    expect(row(signed_in, job_id)).to_be_visible()
    expect(signed_in).to_have_url(re.compile("since="))


def test_selected_jobs_are_cancelled_with_the_keyboard(signed_in: Page, settled: Any) -> None:
    jobs = [submit(settled, seconds=60, source="bulk") for _ in range(3)]
    signed_in.goto(f"{settled.url}/jobs?source=bulk")
    expect(row(signed_in, jobs[0])).to_be_visible()
    for _ in range(2):
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("x")
    expect(signed_in.get_by_text("2 selected")).to_be_visible()
    signed_in.keyboard.press("c")
    dialog = signed_in.get_by_role("dialog", name="Cancel 2 jobs?")
    expect(dialog.get_by_role("button", name="Go back")).to_be_focused()
    signed_in.keyboard.press("Tab")
    signed_in.keyboard.press("Enter")
    expect(dialog).to_contain_text("2 of 2")
    dialog.get_by_role("button", name="Done").click()
    for job_id in jobs[1:]:  # the newest two
        expect(row(signed_in, job_id)).to_contain_text("Canceled", timeout=SOON_MS)
    assert settled.api.get(f"/v1/jobs/{jobs[0]}").json()["status"] in ("queued", "running")
    settled.api.post(f"/v1/jobs/{jobs[0]}/cancel")


def test_selected_jobs_are_replayed(signed_in: Page, settled: Any) -> None:
    job_id = ended(settled, source="again")
    signed_in.goto(f"{settled.url}/jobs?source=again")
    signed_in.get_by_role("button", name="Select…").click()
    signed_in.get_by_role("checkbox", name=f"Select job {job_id[-8:]}").check()
    signed_in.get_by_role("button", name="Replay…").click()
    dialog = signed_in.get_by_role("dialog", name="Replay 1 job?")
    dialog.get_by_role("button", name="Replay 1 job").click()
    expect(dialog).to_contain_text("1 of 1")
    dialog.get_by_role("button", name="Done").click()
    newest = settled.api.get("/v1/jobs", params={"source": "replay", "limit": 1}).json()[0]
    assert newest["replay_of"] == job_id


def test_columns_are_sorted_and_back_undoes_the_last_change(signed_in: Page, settled: Any) -> None:
    slow, quick = ended(settled, seconds=2, source="order"), ended(settled, source="order")
    signed_in.goto(f"{settled.url}/jobs?source=order")
    table = signed_in.get_by_role("table", name="Jobs")
    links = table.get_by_role("link")
    expect(links).to_have_text([quick[-8:], slow[-8:]])
    header = table.get_by_role("columnheader", name="Duration")
    header.get_by_role("button").click()
    expect(links).to_have_text([slow[-8:], quick[-8:]])
    expect(header).to_have_attribute("aria-sort", "descending")
    assert signed_in.url.endswith("?source=order&sort=-duration")
    signed_in.get_by_label("Status", exact=True).get_by_role("button", name="Failed").click()
    expect(signed_in.get_by_text("No jobs match these filters.")).to_be_visible()
    expect(signed_in).to_have_url(re.compile("status=failed"))
    signed_in.go_back()
    expect(links).to_have_text([slow[-8:], quick[-8:]])
    signed_in.go_back()
    expect(links).to_have_text([quick[-8:], slow[-8:]])
    links.first.click()
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{quick}")
    signed_in.go_back()
    expect(links).to_have_text([quick[-8:], slow[-8:]])


def test_two_jobs_are_compared(signed_in: Page, settled: Any) -> None:
    jobs = [ended(settled, seconds=seconds, source="pair") for seconds in (0, 1)]
    signed_in.goto(f"{settled.url}/jobs?source=pair")
    expect(row(signed_in, jobs[0])).to_be_visible()
    for _ in jobs:
        signed_in.keyboard.press("j")
        signed_in.keyboard.press("x")
    signed_in.get_by_role("button", name="Compare").click()
    lines = signed_in.get_by_role("table", name="Comparison of two jobs")
    seconds = lines.get_by_role("row").filter(has=signed_in.get_by_role("rowheader", name="seconds"))
    expect(seconds).to_have_attribute("data-differs", "true")
    expect(seconds.get_by_role("cell")).to_have_text(["1", "0"])
    assert "compare=" in signed_in.url
    signed_in.get_by_label("Differences only").check()
    expect(lines.get_by_role("rowheader", name="Skill", exact=True)).to_have_count(0)
    signed_in.go_back()
    expect(row(signed_in, jobs[1])).to_be_visible()


def test_views_and_columns_are_stored(signed_in: Page, settled: Any) -> None:
    job_id = ended(settled, source="view")
    signed_in.goto(f"{settled.url}/jobs?source=view&sort=-cost")
    expect(row(signed_in, job_id)).to_be_visible()
    signed_in.get_by_role("button", name="Columns").click()
    signed_in.get_by_label("Attempt").check()
    head = signed_in.get_by_role("columnheader", name="Attempt")
    expect(head).to_be_visible()
    signed_in.keyboard.press("Escape")
    signed_in.get_by_role("button", name="Views").click()
    signed_in.get_by_label("Name of the view").fill("Costly")
    signed_in.get_by_role("button", name="Save view").click()
    view = signed_in.get_by_role("link", name="Costly", exact=True)
    expect(view).to_be_visible()
    signed_in.goto(f"{settled.url}/jobs")
    expect(head).to_be_visible()
    signed_in.get_by_role("button", name="Views").click()
    view.click()
    expect(signed_in).to_have_url(re.compile("source=view&sort=-cost&columns=.*attempt"))
    expect(row(signed_in, job_id)).to_be_visible()
    signed_in.get_by_role("button", name="Delete view Costly").click()
    expect(view).to_have_count(0)
