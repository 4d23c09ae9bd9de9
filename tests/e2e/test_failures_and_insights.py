"""Failures in groups, insights as cards, and charts in results: each leads to the jobs and numbers behind it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.skills.archives.pack import pack_files
from studio import share_page
from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SKILL = b"entrypoint: main.py:run\ninput_schema: {type: object}\noutput_schema: {type: object}\n"
FRAGILE = b"""
def run(**inputs):
    if inputs.get("kind") == "missing":
        raise KeyError(f"row {inputs['n']}")
    raise ValueError(f"<b>row {inputs['n']}</b> of '/data/{inputs['n']}.csv' is empty")
"""
CHARTED = b"""
def run():
    rows = [{"month": name, "sales": 10 + at, "costs": at} for at, name in enumerate(["May", "June", "July", "August"])]
    bad = {"$chart": "radar", "data": rows, "x": "month", "y": "sales"}
    good = {"$chart": "bar", "data": rows, "x": "month", "y": ["sales", "costs"], "title": "Sales and costs"}
    return {"overview": good, "invalid": bad, "rows": rows}
"""


@pytest.fixture(scope="module")
def pack(settled: Any) -> str:
    """Create a skillpack with a skill that fails and one whose result has charts."""
    files = {
        "skills/fragile/skill.yaml": SKILL,
        "skills/fragile/main.py": FRAGILE,
        "skills/charted/skill.yaml": SKILL,
        "skills/charted/main.py": CHARTED,
    }
    settled.api.post("/v1/skillpacks", json={"slug": "charts", "name": "Charts"})
    pushed = settled.api.post(
        "/v1/skillpacks/charts/deployments",
        files={"bundle": ("charts.zip", pack_files(files))},
        data={"activate": "true"},
    )
    assert pushed.status_code == 201, pushed.text
    return "charts"


def run(settled: Any, skill: str, **inputs: Any) -> str:
    response = settled.api.post(
        "/v1/jobs", params={"skillpack": "charts", "wait": "true"}, json={"skill": skill, "inputs": inputs}
    )
    assert response.status_code in (200, 201), response.text
    return str(response.json()["id"])


def cluster(page: Page, text: str) -> Locator:
    return page.locator("li.cluster").filter(has_text=text)


def test_failures_lead_to_exactly_their_jobs(signed_in: Page, settled: Any, pack: str) -> None:
    same = [run(settled, "fragile", n=n) for n in range(3)]
    other = run(settled, "fragile", n=1, kind="missing")
    signed_in.goto(f"{settled.url}/jobs")
    signed_in.get_by_role("button", name="Failures").click()
    expect(signed_in).to_have_url(re.compile(r"failures=7"))
    found = cluster(signed_in, "ValueError: <b>row")
    expect(found).to_contain_text("ValueError: <b>row <n></b> of <value> is empty")
    expect(found).to_contain_text("skills/fragile/main.py in run")
    expect(found.locator(".cluster-count")).to_contain_text("3")
    expect(cluster(signed_in, "KeyError: <value>")).to_have_count(1)
    assert_usable(signed_in, "failures")
    signed_in.get_by_label("Skill", exact=True).select_option("count")
    expect(found).to_have_count(0)
    signed_in.get_by_label("Skill", exact=True).select_option("")
    found.get_by_role("link", name=re.compile("ValueError")).click()
    expect(signed_in).to_have_url(re.compile("error_signature="))
    links = signed_in.get_by_role("table", name="Jobs").get_by_role("link")
    expect(links).to_have_text([one[-8:] for one in reversed(same)])
    signed_in.get_by_role("button", name="Jobs with the same error").click()
    expect(signed_in).not_to_have_url(re.compile("error_signature="))
    signed_in.goto(f"{settled.url}/jobs/{other}")
    signed_in.get_by_role("link", name="Jobs with this error").click()
    expect(links).to_have_text([other[-8:]])
    signed_in.goto(settled.url)
    region = signed_in.get_by_role("region", name="Failures")
    expect(region.get_by_role("link", name=re.compile("ValueError: <b>row"))).to_be_visible()


def test_errors_are_resolved_and_ignored_with_buttons_and_keys(
    signed_in: Page, settled: Any, pack: str
) -> None:
    for kind in ("index", "missing"):
        run(settled, "fragile", n=1, kind=kind)
    signed_in.goto(f"{settled.url}/jobs?failures=7&skill=fragile")
    found, other = cluster(signed_in, "ValueError: <b>row"), cluster(signed_in, "KeyError: <value>")
    dialog, states = signed_in.get_by_role("dialog"), signed_in.get_by_role("group", name="State")
    found.get_by_role("button", name="Resolve…").click()
    dialog.get_by_label("First version with the fix").select_option("active")
    dialog.get_by_label("Note").fill("Fixed <b>it</b>")
    signed_in.keyboard.press("Enter")
    dialog.get_by_role("button", name="Done").click()
    expect(found).to_have_count(0)
    other.focus()
    signed_in.keyboard.press("i")
    dialog.get_by_label("Or until this number of further jobs has failed").fill("many")
    signed_in.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Jobs: ")
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    other.focus()
    signed_in.keyboard.press("i")
    dialog.get_by_label("Or until this number of further jobs has failed").fill("1000")
    signed_in.keyboard.press("Enter")
    dialog.get_by_role("button", name="Done").click()
    expect(other).to_have_count(0)
    states.get_by_role("button", name="Ignored").click()
    expect(other).to_contain_text("Ignored for 1,000 jobs")
    states.get_by_role("button", name="Resolved").click()
    expect(signed_in).to_have_url(re.compile("failure_state=resolved"))
    expect(found).to_contain_text("Resolved in v1")
    expect(found).to_contain_text("Fixed <b>it</b>")
    assert_usable(signed_in, "failure states")
    run(settled, "fragile", n=1)
    states.get_by_role("button", name="Open").click()
    expect(found).to_contain_text("Regressed")
    found.focus()
    signed_in.keyboard.press("x")
    bar = signed_in.get_by_role("group", name="Selected errors")
    bar.get_by_role("button", name="Resolve…").click()
    dialog.get_by_role("button", name="Resolve 1 error").click()
    dialog.get_by_role("button", name="Done").click()
    states.get_by_role("button", name="Resolved").click()
    expect(found).to_contain_text("Resolved in v1")
    for one in ("resolved", "ignored"):
        signed_in.goto(f"{settled.url}/jobs?failures=7&skill=fragile&failure_state={one}")
        signed_in.locator("li.cluster").first.get_by_role("button", name="Reopen…").click()
        dialog.get_by_role("button", name="Reopen 1 error").click()
        dialog.get_by_role("button", name="Done").click()
        expect(signed_in.locator("li.cluster")).to_have_count(0)


def test_insights_are_cards_with_their_jobs(signed_in: Page, settled: Any, pack: str) -> None:
    failed = [run(settled, "fragile", n=n) for n in range(2)]
    signed_in.goto(f"{settled.url}/evals?skillpack={pack}")
    signed_in.get_by_role("button", name=re.compile("fragile")).first.click()
    signed_in.get_by_role("tab", name="Insights").click()
    card = signed_in.get_by_role("list", name="Found insights").get_by_role("listitem").first
    expect(card).to_contain_text("runs failed with 'exception'")
    expect(card).to_contain_text("100%")
    assert_usable(signed_in, "insights")
    first, second = (one.bounding_box() for one in card.get_by_text("Examples").get_by_role("link").all()[:2])
    assert first
    assert second
    assert second["y"] > first["y"] or second["x"] >= first["x"] + first["width"] + 4, "they are apart"
    shown = card.get_by_role("link", name=re.compile(r"^Show \d+ jobs$"))
    count = int(re.sub(r"\D", "", shown.inner_text()))
    shown.click()
    expect(signed_in).to_have_url(re.compile("ids="))
    links = signed_in.get_by_role("table", name="Jobs").get_by_role("link")
    expect(links).to_have_count(count)
    expect(links.filter(has_text=failed[0][-8:])).to_have_count(1)


def test_charts_of_a_result_have_a_table_and_files(signed_in: Page, settled: Any, pack: str) -> None:
    job_id = run(settled, "charted")
    signed_in.goto(f"{settled.url}/jobs/{job_id}?tab=result")
    chart = signed_in.get_by_role("figure", name="Sales and costs")
    expect(chart.locator("path.recharts-rectangle").first).to_be_visible()
    expect(signed_in.get_by_text('This chart cannot be drawn: "$chart" is "radar"')).to_be_visible()
    assert_usable(signed_in, "charts")
    with signed_in.expect_download() as png:
        chart.get_by_role("button", name="Download PNG").click()
    assert png.value.suggested_filename == "Sales and costs.png"
    image = png.value.path().read_bytes()
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") > 800  # the whole chart, and not only its legend
    with signed_in.expect_download() as csv:
        chart.get_by_role("button", name="Download CSV").click()
    assert csv.value.path().read_text().splitlines()[:2] == ["month,sales,costs", "May,10,0"]
    chart.get_by_role("button", name="Table").click()
    expect(chart.get_by_role("table")).to_contain_text("August")
    signed_in.get_by_role("button", name="Show as chart").click()
    own = signed_in.get_by_role("figure", name="rows")
    own.get_by_label("Kind of chart").select_option("line")
    expect(own.locator("path.recharts-line-curve").first).to_be_visible()


def test_charts_outside_of_the_studio_have_files(signed_in: Page, settled: Any, pack: str) -> None:
    job_id = run(settled, "charted")
    shared = settled.api.post(f"/v1/jobs/{job_id}/shares", json={"hours": 1})
    assert shared.status_code == 201, shared.text
    signed_in.goto(shared.json()["url"])
    assert_chart_has_files(signed_in)
    body = {"kind": "publishable", "skill_allowlist": ["charts/charted"]}
    key = settled.api.post("/v1/api-keys", json=body).json()["key"]
    signed_in.goto(share_page.link(settled.url.rpartition("/p/")[0], "charts/charted", key))
    signed_in.get_by_role("button", name="Run").click()
    assert_chart_has_files(signed_in)


def assert_chart_has_files(page: Page) -> None:
    """Check the drawing of the chart, and that the buttons below it save it."""
    chart = page.get_by_role("figure", name="Sales and costs")
    expect(chart.get_by_role("img", name="bar chart of sales, costs by month")).to_be_visible()
    expect(chart.locator("rect")).to_have_count(8)
    expect(page.get_by_text('This chart cannot be drawn: "$chart" is "radar"')).to_be_visible()
    with page.expect_download() as png:
        chart.get_by_role("button", name="Download PNG").click()
    image = png.value.path().read_bytes()
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") > 300
    with page.expect_download() as csv:
        chart.get_by_role("button", name="Download CSV").click()
    assert csv.value.suggested_filename == "Sales and costs.csv"
    assert csv.value.path().read_text().splitlines()[:2] == ["month,sales,costs", "May,10,0"]
