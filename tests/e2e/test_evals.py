"""Evals in the studio: cases from jobs, the matrix of suites, regressions with both outputs, and the baseline."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_deployments import DOUBLE, SKILL, blank, push

__all__ = ["blank"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

GRADED = {
    **DOUBLE,
    "skills/double/skill.yaml": SKILL + b"evals: {graders: [{name: right, kind: exact_match}]}\n",
}
CASES = b"""
{"id": "three", "inputs": {"n": 3}, "expected": {"n": 6}}
{"id": "four", "inputs": {"n": 4}, "expected": {"n": 8}}
"""
WITH_CASES = {
    **DOUBLE,
    "skills/double/skill.yaml": SKILL
    + b"evals: {dataset: cases.jsonl, graders: [{name: right, kind: exact_match}]}\n",
    "skills/double/cases.jsonl": CASES,
}
WORSE = {**WITH_CASES, "skills/double/main.py": b"def run(n):\n    return {'n': 2 * n + (n == 4)}\n"}
ASKING = {
    "skills/desk/prompt.md": b"You triage complaints.",
    "skills/desk/tools.py": b"def refund(order):\n    return {'refunded': True}\n",
    "skills/desk/skill.yaml": b"""entrypoint: prompt.md
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {complaint: It never came}, outputs: {team: shipping}}]
tools:
  - {name: refund, description: Gives money back., entrypoint: "tools.py:refund", confirm: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {refunded: {type: boolean}}}}
evals: {dataset: cases.jsonl, graders: [{name: right, kind: exact_match}]}
""",
    "skills/desk/cases.jsonl": b"""
{"id": "lost", "inputs": {"complaint": "It never came"}, "expected": {"team": "shipping"}}
{"id": "late", "inputs": {"complaint": "It never came"}, "expected": {"team": "shipping"}}
""",
}
RUN_WITHIN_MS = 60_000


def test_skill_without_graders_links_to_the_editor(signed_in: Page, settled: Any, blank: str) -> None:
    push(settled, blank, DOUBLE)
    signed_in.goto(f"{settled.url}/evals?skillpack={blank}")
    expect(signed_in.get_by_role("heading", name="double has no graders")).to_be_visible()
    signed_in.get_by_role("link", name="Open the editor").click()
    expect(signed_in).to_have_url(f"{settled.url}/editor?skillpack={blank}")


def test_cases_are_created_from_recent_jobs_and_run(signed_in: Page, settled: Any, blank: str) -> None:
    push(settled, blank, GRADED)
    for n in (3, 4):
        where = f"/v1/jobs?wait=true&skillpack={blank}"
        job = settled.api.post(where, json={"skill": "double", "inputs": {"n": n}}).json()
        assert job["status"] == "succeeded", job
    signed_in.goto(f"{settled.url}/evals?skillpack={blank}")
    signed_in.get_by_role("button", name="Create cases from the last 20 jobs…").click()
    dialog = signed_in.get_by_role("dialog", name="Create cases from jobs")
    expect(dialog.get_by_role("checkbox")).to_have_count(2)
    dialog.get_by_role("button", name="Create 2 cases").click()
    signed_in.get_by_role("tab", name="Cases").click()
    table = signed_in.get_by_role("table", name="Cases")
    expect(table).to_contain_text('{"n":6}')
    table.get_by_role("button", name="Delete").first.click()
    signed_in.get_by_role("button", name="Delete case").click()
    expect(table.get_by_role("row")).to_have_count(2)
    signed_in.get_by_role("tab", name="Suites").click()
    signed_in.get_by_role("button", name="Run v1", exact=True).click()
    matrix = signed_in.get_by_role("table", name="Run matrix")
    expect(matrix).to_contain_text("1 of 1 passed", timeout=RUN_WITHIN_MS)
    expect(matrix).to_contain_text("100")
    signed_in.get_by_role("tab", name="Cases").click()
    table.get_by_role("checkbox", name="Select all saved cases").check()
    signed_in.get_by_role("group", name="Selected cases").get_by_role("button", name="Delete…").click()
    dialog = signed_in.get_by_role("dialog", name="Delete 1 case?")
    dialog.get_by_role("button", name="Delete 1 case").click()
    dialog.get_by_role("button", name="Done").click()
    expect(signed_in.get_by_text("Or from your code")).to_be_visible()


def test_a_regression_shows_both_outputs_and_the_better_suite_becomes_the_baseline(
    signed_in: Page, settled: Any, blank: str
) -> None:
    push(settled, blank, WITH_CASES)
    push(settled, blank, WORSE)
    signed_in.goto(f"{settled.url}/evals?skillpack={blank}")
    signed_in.get_by_role("button", name="Run suites…").click()
    dialog = signed_in.get_by_role("dialog", name="Run suites")
    dialog.get_by_label("v1").check()
    dialog.get_by_role("button", name="Run 2 suites").click()
    matrix = signed_in.get_by_role("table", name="Run matrix")
    expect(matrix.get_by_text("2 of 2 passed")).to_be_visible(timeout=RUN_WITHIN_MS)
    expect(matrix.get_by_text("1 of 2 passed")).to_be_visible(timeout=RUN_WITHIN_MS)
    matrix.get_by_role("button", name=re.compile("1 of 2 passed")).click()
    suite = signed_in.get_by_role("region", name="Suite")
    expect(suite.get_by_text("Regressions vs v1.")).to_be_visible()
    expect(suite.get_by_text("Passed before, fails now: four.")).to_be_visible()
    suite.get_by_role("button", name="Regressions", exact=True).click()
    run = suite.get_by_role("list", name="Runs").get_by_role("listitem").filter(has_text="four")
    run.get_by_role("button", name=re.compile("four")).click()
    expect(run.get_by_text('"n": 8').first).to_be_visible()
    expect(run.get_by_text('"n": 9').first).to_be_visible()
    matrix.get_by_role("button", name=re.compile("2 of 2 passed")).click()
    suite.get_by_role("button", name="Set as baseline…").click()
    signed_in.get_by_role("button", name="Set baseline").click()
    expect(matrix.get_by_text("baseline")).to_be_visible()
    signed_in.get_by_role("tab", name="Gate and baseline").click()
    expect(signed_in.get_by_text("v1 (score 100)")).to_be_visible()
    suites = settled.api.get(f"/v1/skillpacks/{blank}/evals?skill=double").json()
    assert [one["version"] for one in suites if one["is_baseline"]] == [1]


def test_url_names_the_shown_runs_and_back_returns(signed_in: Page, settled: Any, blank: str) -> None:
    for files in (WITH_CASES, WORSE):
        push(settled, blank, files)
        started = settled.api.post(f"/v1/skillpacks/{blank}/evals", json={"skill": "double"})
        assert started.status_code == 201, started.text
    page = f"{settled.url}/evals?skillpack={blank}"
    signed_in.goto(page)
    matrix = signed_in.get_by_role("table", name="Run matrix")
    expect(matrix.get_by_text("2 of 2 passed")).to_be_visible(timeout=RUN_WITHIN_MS)
    expect(matrix.get_by_text("1 of 2 passed")).to_be_visible(timeout=RUN_WITHIN_MS)
    runs = signed_in.get_by_role("list", name="Runs").get_by_role("listitem")
    expect(runs).to_contain_text(["three", "four"])
    signed_in.get_by_label("Sort by").select_option("score")
    expect(runs).to_contain_text(["four", "three"])
    signed_in.get_by_role("button", name="Not passed", exact=True).click()
    expect(runs).to_contain_text(["four"])
    expect(signed_in).to_have_url(f"{page}&only=not_passed&sort=score")
    signed_in.reload()
    expect(runs).to_contain_text(["four"])
    signed_in.go_back()
    expect(runs).to_contain_text(["four", "three"])
    expect(signed_in).to_have_url(f"{page}&sort=score")
    signed_in.get_by_role("button", name="Views").click()
    signed_in.get_by_label("Name of the view").fill("Lowest first")
    signed_in.get_by_role("button", name="Save view").click()
    view = signed_in.get_by_role("link", name="Lowest first")
    expect(view).to_have_attribute("href", re.compile(f"skillpack={blank}&skill=double&sort=score$"))
    signed_in.keyboard.press("Escape")
    matrix.get_by_role("button", name=re.compile("2 of 2 passed")).click()
    expect(signed_in).to_have_url(re.compile("suite="))
    signed_in.get_by_role("tab", name="Cases").click()
    expect(signed_in.get_by_role("table", name="Cases")).to_be_visible()
    signed_in.go_back()
    expect(signed_in.get_by_role("heading", name="v1", exact=True)).to_be_visible()


def test_cases_are_shown_page_by_page(signed_in: Page, settled: Any, blank: str) -> None:
    lines = [f'{{"id": "case-{at}", "inputs": {{"n": {at}}}}}' for at in range(51)]
    push(settled, blank, {**WITH_CASES, "skills/double/cases.jsonl": "\n".join(lines).encode()})
    signed_in.goto(f"{settled.url}/evals?skillpack={blank}&tab=cases")
    rows = signed_in.get_by_role("table", name="Cases").get_by_role("row")
    expect(rows).to_have_count(51)  # with the head
    signed_in.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(52)
    expect(signed_in.get_by_role("button", name="Show more")).to_have_count(0)


def test_a_run_that_awaits_approval_is_decided_in_place(signed_in: Page, settled: Any, blank: str) -> None:
    push(settled, blank, ASKING)
    started = settled.api.post(f"/v1/skillpacks/{blank}/evals", json={"skill": "desk"})
    assert started.status_code == 201, started.text
    signed_in.goto(f"{settled.url}/evals?skillpack={blank}")
    matrix = signed_in.get_by_role("table", name="Run matrix")
    expect(matrix.get_by_text("2 awaiting approval")).to_be_visible(timeout=RUN_WITHIN_MS)
    runs = signed_in.get_by_role("list", name="Runs").get_by_role("listitem")
    late, lost = (runs.filter(has_text=name) for name in ("late", "lost"))
    for run in (late, lost):
        expect(run.get_by_text("Awaiting approval")).to_be_visible()
        expect(run.get_by_role("group", name="Calls awaiting approval")).to_contain_text("refund")
    late.get_by_role("button", name="Reject").click()
    expect(matrix.get_by_text("1 awaiting approval")).to_be_visible(timeout=RUN_WITHIN_MS)
    lost.get_by_role("button", name="Approve").click()
    expect(matrix.get_by_text("2 of 2 passed")).to_be_visible(timeout=RUN_WITHIN_MS)
    expect(runs.get_by_text("Passed")).to_have_count(2)


def test_viewer_can_open_every_tab_and_change_nothing(
    signed_in: Page, settled: Any, blank: str, as_viewer: Any
) -> None:
    push(settled, blank, WITH_CASES)
    started = settled.api.post(f"/v1/skillpacks/{blank}/evals", json={"skill": "double"})
    assert started.status_code == 201, started.text
    as_viewer(signed_in)
    signed_in.goto(f"{settled.url}/evals?skillpack={blank}")
    expect(signed_in.get_by_role("table", name="Run matrix")).to_contain_text(
        "2 of 2 passed", timeout=RUN_WITHIN_MS
    )
    for name in ("Run suites…", "Set as baseline…", "Create cases from jobs…"):
        expect(signed_in.get_by_role("button", name=name)).to_have_count(0)
    signed_in.get_by_role("tab", name="Cases").click()
    signed_in.get_by_role("button", name="Open case three").click()
    expect(signed_in.get_by_role("dialog", name="Case three")).to_contain_text('"n": 6')
    signed_in.keyboard.press("Escape")
    signed_in.get_by_role("tab", name="Gate and baseline").click()
    expect(
        signed_in.get_by_text("No gate: versions become active without running their cases.")
    ).to_be_visible()
    signed_in.get_by_role("tab", name="Insights").click()
    expect(signed_in.get_by_text("No insights in this period.")).to_be_visible()
