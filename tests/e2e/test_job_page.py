"""The page of one job: what it did, what it asks, what it cost, what held it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.bundles.pack import pack_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TOOLS = b"""
def lookup(order):
    print("looking up", order)
    return {"status": "lost"}

def refund(order):
    return {"refunded": True}
"""
TRIAGE = b"""
entrypoint: prompt.md
input_schema: {type: object, properties: {ticket: {type: text}}, required: [ticket]}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {ticket: It never came}, outputs: {team: shipping}}]
tools:
  - {name: lookup, description: Finds an order., entrypoint: "tools.py:lookup", read_only: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {status: {type: string}}}}
  - {name: refund, description: Gives money back., entrypoint: "tools.py:refund", confirm: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {refunded: {type: boolean}}}}
"""
BUNDLE = {
    "skills/triage/skill.yaml": TRIAGE,
    "skills/triage/tools.py": TOOLS,
    "skills/triage/prompt.md": b"You triage tickets.",
}


@pytest.fixture(scope="module")
def agents(settled: Any) -> str:
    """The slug of a skillpack with an agent, beside the project's other skills."""
    made = settled.api.post("/v1/skillpacks", json={"slug": "agents", "name": "Agents"})
    assert made.status_code in (201, 409), made.text
    pushed = settled.api.post(
        "/v1/skillpacks/agents/deployments",
        files={"bundle": ("agents.zip", pack_files(BUNDLE))},
        data={"activate": "true"},
    )
    assert pushed.status_code == 201, pushed.text
    return "agents"


def submit(settled: Any, agents: str) -> str:
    body = {"skill": "triage", "inputs": {"ticket": "It never came"}}
    answer = settled.api.post("/v1/jobs", params={"skillpack": agents}, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_call_is_approved_in_place_and_what_was_done_is_not_done_again(
    signed_in: Page, settled: Any, agents: str
) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    asking = signed_in.get_by_role("region", name="Calls that wait for a person")
    expect(asking).to_contain_text("refund")
    tree = signed_in.get_by_role("tree", name="Timeline")
    expect(tree.get_by_role("treeitem", name="Waits for a person")).to_have_attribute("aria-selected", "true")
    asking.get_by_role("button", name="Approve").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    expect(tree.get_by_role("treeitem", name="Steps 1–2")).to_contain_text("$0 · replayed")
    expect(asking).to_have_count(0)


def test_a_call_is_denied_with_a_reason_that_the_agent_hears(
    signed_in: Page, settled: Any, agents: str
) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id}?tab=transcript")
    asking = signed_in.get_by_role("region", name="Calls that wait for a person")
    asking.get_by_role("button", name="Deny…").click()
    asking.get_by_label("Why not").fill("not this customer")
    asking.get_by_role("button", name="Deny the call").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    refused = signed_in.get_by_role("button", name="refund").filter(has_text="denied")
    refused.click()
    expect(signed_in.get_by_role("log", name="Transcript")).to_contain_text("not this customer")


def test_the_timeline_is_walked_with_the_keys_and_the_address_keeps_the_span(
    signed_in: Page, settled: Any, agents: str
) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    tree = signed_in.get_by_role("tree", name="Timeline")
    expect(tree.get_by_role("treeitem", name="Waits for a person")).to_be_visible()
    tree.focus()
    signed_in.keyboard.press("Home")
    for _ in range(5):
        signed_in.keyboard.press("ArrowDown")
    inspector = signed_in.get_by_role("region", name="Span")
    expect(inspector.get_by_role("heading", name="lookup")).to_be_visible()
    expect(inspector).to_contain_text('"status": "lost"')
    signed_in.reload()
    expect(inspector.get_by_role("heading", name="lookup")).to_be_visible()


def test_every_tab_opens_and_says_something(signed_in: Page, settled: Any, agents: str) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id.upper()}?tab=inputs")
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{job_id}?tab=inputs")
    expect(signed_in.get_by_role("tab", name="Inputs")).to_have_attribute("aria-selected", "true")
    for tab, said in (
        ("Transcript", "lookup"),
        ("Logs", "looking up"),
        ("Inputs", "It never came"),
        ("Receipt", "puras/rehearsal"),
        ("Sandbox", "sees no other process"),
        ("Events", "Approval wanted"),
    ):
        signed_in.get_by_role("tab", name=tab, exact=True).click()
        expect(signed_in.get_by_role("main")).to_contain_text(said)
        expect(signed_in).to_have_url(f"{settled.url}/jobs/{job_id}?tab={tab.lower()}")


def test_the_line_is_lost_and_what_came_meanwhile_is_not(signed_in: Page, settled: Any) -> None:
    answer = settled.api.post("/v1/jobs", json={"skill": "count", "inputs": {"seconds": 4}})
    signed_in.goto(f"{settled.url}/jobs/{answer.json()['id']}?tab=logs")
    log = signed_in.get_by_role("log", name="Log")
    expect(log).to_contain_text("counted 1")
    signed_in.context.set_offline(True)
    settled.api.get(f"/v1/jobs/{answer.json()['id']}/events")
    signed_in.context.set_offline(False)
    expect(log).to_contain_text("counted 4")
    assert log.inner_text().count("counted 2") == 1
