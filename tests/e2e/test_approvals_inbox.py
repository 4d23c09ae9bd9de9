"""The inbox of approvals: arguments that are changed there reach the tool, and the trace shows the change."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TOOLS = b"""
def refund(order):
    print("refunded", order)
    return {"order": order}
"""
AGENT = b"""
entrypoint: prompt.md
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {complaint: It never came}, outputs: {team: shipping}}]
tools:
  - name: refund
    description: Refunds an order.
    entrypoint: tools.py:refund
    confirm: true
    input_schema: {type: object, properties: {order: {type: string, minLength: 2}}, required: [order]}
    output_schema: {type: object, properties: {order: {type: string}}}
"""
BUNDLE = {
    "skills/refunds/skill.yaml": AGENT,
    "skills/refunds/tools.py": TOOLS,
    "skills/refunds/prompt.md": b"You refund orders.",
}


@pytest.fixture(scope="module")
def inbox(settled: Any) -> str:
    """Create a skillpack with an agent whose tool needs an approval, and return the slug."""
    created = settled.api.post("/v1/skillpacks", json={"slug": "inbox", "name": "Inbox"})
    assert created.status_code in (201, 409), created.text
    files = {"bundle": ("inbox.zip", pack_files(BUNDLE))}
    pushed = settled.api.post("/v1/skillpacks/inbox/deployments", files=files)
    assert pushed.status_code == 201, pushed.text
    return "inbox"


def submit(settled: Any, skillpack: str) -> str:
    body = {"skill": "refunds", "inputs": {"complaint": "It never came"}}
    answer = settled.api.post("/v1/jobs", params={"skillpack": skillpack}, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_edited_arguments_reach_the_tool_and_are_shown_in_the_trace(
    signed_in: Page, settled: Any, inbox: str
) -> None:
    signed_in.goto(f"{settled.url}/approvals?skill=refunds")
    expect(signed_in.get_by_text("No pending approvals match")).to_be_visible()
    job_id = submit(settled, inbox)  # appears without a reload
    call = signed_in.get_by_role("article", name="refund of refunds")
    expect(call).to_be_visible(timeout=20_000)
    call.focus()
    signed_in.keyboard.press("e")
    form = call.get_by_role("form", name="Arguments of the call")
    order = form.get_by_label("order")
    order.fill("A")
    form.get_by_role("button", name="Approve with changes").click()
    expect(form.get_by_role("alert").first).to_be_visible()
    order.fill("A-18")
    expect(form.get_by_label("Changed arguments")).to_contain_text("A-18")
    assert_usable(signed_in, "approvals, changed arguments")
    form.get_by_role("button", name="Approve with changes").click()
    expect(call).to_have_count(0)
    signed_in.goto(f"{settled.url}/jobs/{job_id}?tab=transcript")
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    transcript = signed_in.get_by_role("log", name="Transcript")
    expect(transcript).to_contain_text("changed the arguments before approving")
    expect(transcript.locator(".changes ins")).to_have_text("A-18")
    expect(transcript.get_by_role("button", name=re.compile("^refund"))).to_contain_text(
        "approved with changes"
    )
    logs = settled.api.get(f"/v1/jobs/{job_id}/logs").text
    assert "refunded A-18" in logs


def test_several_calls_are_decided_with_keys(signed_in: Page, settled: Any, inbox: str) -> None:
    jobs = [submit(settled, inbox) for _ in range(3)]
    signed_in.goto(f"{settled.url}/approvals?skill=refunds")
    calls = signed_in.get_by_role("article", name="refund of refunds")
    expect(calls).to_have_count(3, timeout=20_000)
    region = signed_in.get_by_role("region", name="Pending approvals")
    region.focus()
    signed_in.keyboard.press("j")
    expect(calls.nth(0)).to_be_focused()
    signed_in.keyboard.press("d")
    reason = calls.nth(0).get_by_label("Reason")
    reason.fill("wrong order")
    signed_in.keyboard.press("Enter")
    expect(calls).to_have_count(2)
    calls.nth(0).focus()
    signed_in.keyboard.press("x")
    signed_in.keyboard.press("j")
    expect(calls.nth(1)).to_be_focused()
    signed_in.keyboard.press("x")
    expect(signed_in.get_by_text("2 selected")).to_be_visible()
    signed_in.keyboard.press("a")
    dialog = signed_in.get_by_role("dialog", name="Approve 2 approvals?")
    dialog.get_by_role("button", name="Approve 2 approvals").click()
    expect(dialog.get_by_role("status")).to_have_text("2 of 2")
    dialog.get_by_role("button", name="Done").click()
    expect(calls).to_have_count(0)
    decided = settled.api.get("/v1/approvals", params={"skill": "refunds"}).json()
    statuses = sorted(one["status"] for one in decided if one["job_id"] in jobs)
    assert statuses == ["approved", "approved", "denied"]
