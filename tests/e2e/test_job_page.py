"""The page of one job: its timeline, approvals, tabs, cost and errors."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.conftest import EMAIL

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
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {complaint: It never came}, outputs: {team: shipping}}]
tools:
  - {name: lookup, description: Finds an order., entrypoint: "tools.py:lookup", read_only: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {status: {type: string}}}}
  - {name: refund, description: Gives money back., entrypoint: "tools.py:refund", confirm: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {refunded: {type: boolean}}}}
"""
PAY = b"""
entrypoint: main.py:run
input_schema: {type: object, properties: {amount: {type: integer}}, required: [amount]}
output_schema: {type: object, properties: {paid: {type: integer}}}
"""
DESK = b"""
entrypoint: prompt.md
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
tools: [{name: pay, skill: pay, description: Pays., confirm: true}]
"""
SORT = b"""
entrypoint: prompt.md
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {complaint: It never came}, outputs: {team: shipping}}]
"""
BOOM = b"""def price(row):
    return row["price"]


def run():
    try:
        price({})
    except KeyError as missing:
        raise ValueError("the row has no price") from missing
"""
PLAN = b"""
entrypoint: flow.yaml
input_schema: {type: object, properties: {reviewer: {type: string}}, required: [reviewer]}
output_schema: {type: object, properties: {amount: {type: integer}}}
"""
SIGN = b"""
steps:
  - id: sign
    approval:
      message: How much of the budget?
      form: {type: object, properties: {amount: {type: integer, minimum: 1}, note: {type: string}}, required: [amount]}
      reviewers: ["${{ inputs.reviewer }}", owner]
output: {amount: "${{ steps.sign.form.amount }}"}
"""
BUNDLE = {
    "skills/plan/skill.yaml": PLAN,
    "skills/plan/flow.yaml": SIGN,
    "skills/boom/skill.yaml": b"entrypoint: main.py:run\ninput_schema: {type: object}\noutput_schema: {type: object}\n",
    "skills/boom/main.py": BOOM,
    "skills/sort/skill.yaml": SORT,
    "skills/sort/prompt.md": b"You sort complaints.",
    "skills/pay/skill.yaml": PAY,
    "skills/pay/main.py": b"def run(amount):\n    return {'paid': amount}\n",
    "skills/desk/skill.yaml": DESK,
    "skills/desk/prompt.md": b"You pay.",
    "skills/triage/skill.yaml": TRIAGE,
    "skills/triage/tools.py": TOOLS,
    "skills/triage/prompt.md": b"You triage complaints.",
}


@pytest.fixture(scope="module")
def agents(settled: Any) -> str:
    """Create a skillpack with agents, in addition to the other skills of the project, and return the slug."""
    created = settled.api.post("/v1/skillpacks", json={"slug": "agents", "name": "Agents"})
    assert created.status_code in (201, 409), created.text
    pushed = settled.api.post(
        "/v1/skillpacks/agents/deployments",
        files={"bundle": ("agents.zip", pack_files(BUNDLE))},
        data={"activate": "true"},
    )
    assert pushed.status_code == 201, pushed.text
    return "agents"


def submit(settled: Any, agents: str) -> str:
    body = {"skill": "triage", "inputs": {"complaint": "It never came"}}
    answer = settled.api.post("/v1/jobs", params={"skillpack": agents}, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_approved_call_resumes_the_job_without_repeating_steps(
    signed_in: Page, settled: Any, agents: str
) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    approval_bar = signed_in.get_by_role("region", name="Calls awaiting approval")
    expect(approval_bar).to_contain_text("refund")
    tree = signed_in.get_by_role("tree", name="Timeline")
    expect(tree.get_by_role("treeitem", name="Awaiting approval")).to_have_attribute("aria-selected", "true")
    approval_bar.get_by_role("button", name="Approve").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    expect(tree.get_by_role("treeitem", name="Steps 1–2")).to_contain_text("$0 · replayed")
    expect(approval_bar).to_have_count(0)


def test_approval_of_a_job_start_names_the_skill(signed_in: Page, settled: Any, agents: str) -> None:
    answer = settled.api.post(
        "/v1/jobs",
        params={"skillpack": agents},
        json={"skill": "pay", "inputs": {"amount": 3}},
        headers={"User-Agent": "puras-mcp/1"},
    )
    assert answer.status_code == 201, answer.text
    signed_in.goto(f"{settled.url}/jobs/{answer.json()['id']}")
    approval_bar = signed_in.get_by_role("region", name="Calls awaiting approval")
    expect(approval_bar).to_contain_text("An agent wants to start the skill pay")
    approval_bar.get_by_role("button", name="Approve").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)


def test_reviewer_approves_a_step_of_a_flow_with_a_form(signed_in: Page, settled: Any, agents: str) -> None:
    body = {"skill": "plan", "inputs": {"reviewer": "ada@example.org"}}
    answer = settled.api.post("/v1/jobs", params={"skillpack": agents}, json=body)
    assert answer.status_code == 201, answer.text
    signed_in.goto(f"{settled.url}/jobs/{answer.json()['id']}")
    approval_bar = signed_in.get_by_role("region", name="Calls awaiting approval")
    expect(approval_bar).to_contain_text("How much of the budget?")
    expect(approval_bar).to_contain_text("Reviewers: ada@example.org, owner")
    amount = approval_bar.get_by_label("amount")
    amount.fill("0")
    approval_bar.get_by_role("button", name="Approve").click()
    expect(approval_bar.get_by_role("alert")).to_contain_text("must be at least 1")
    amount.fill("7")
    approval_bar.get_by_role("button", name="Approve").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    expect(approval_bar).to_have_count(0)


def test_rejection_of_a_call_sends_the_reason_to_the_agent(
    signed_in: Page, settled: Any, agents: str
) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id}?tab=transcript")
    approval_bar = signed_in.get_by_role("region", name="Calls awaiting approval")
    approval_bar.get_by_role("button", name="Reject…").click()
    approval_bar.get_by_label("Reason").fill("not this customer")
    approval_bar.get_by_role("button", name="Confirm rejection").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    rejected = signed_in.get_by_role("button", name="refund").filter(has_text="rejected")
    rejected.click()
    expect(signed_in.get_by_role("log", name="Transcript")).to_contain_text("not this customer")


def test_timeline_has_keyboard_navigation_and_a_url_for_each_span(
    signed_in: Page, settled: Any, agents: str
) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    tree = signed_in.get_by_role("tree", name="Timeline")
    expect(tree.get_by_role("treeitem", name="Awaiting approval")).to_be_visible()
    tree.focus()
    signed_in.keyboard.press("Home")
    for _ in range(5 + 3):  # an attempt can have spans of its preparation, by the load of the host
        if tree.get_by_role("treeitem", name="lookup", selected=True).count():
            break
        signed_in.keyboard.press("ArrowDown")
    inspector = signed_in.get_by_role("region", name="Span")
    expect(inspector.get_by_role("heading", name="lookup")).to_be_visible()
    expect(inspector).to_contain_text('"status": "lost"')
    signed_in.reload()
    expect(inspector.get_by_role("heading", name="lookup")).to_be_visible()


def test_every_tab_shows_content(signed_in: Page, settled: Any, agents: str) -> None:
    job_id = submit(settled, agents)
    signed_in.goto(f"{settled.url}/jobs/{job_id.upper()}?tab=inputs")
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{job_id}?tab=inputs")
    expect(signed_in.get_by_role("tab", name="Inputs")).to_have_attribute("aria-selected", "true")
    for tab, text in (
        ("Transcript", "lookup"),
        ("Logs", "looking up"),
        ("Inputs", "It never came"),
        ("Receipt", "puras/rehearsal"),
        ("Sandbox", "cannot see other processes"),
        ("Events", "Approval required"),
    ):
        signed_in.get_by_role("tab", name=tab, exact=True).click()
        expect(signed_in.get_by_role("main")).to_contain_text(text)
        expect(signed_in).to_have_url(f"{settled.url}/jobs/{job_id}?tab={tab.lower()}")


def test_lost_connection_loses_no_events(signed_in: Page, settled: Any) -> None:
    answer = settled.api.post("/v1/jobs", json={"skill": "count", "inputs": {"seconds": 4}})
    signed_in.goto(f"{settled.url}/jobs/{answer.json()['id']}?tab=logs")
    log = signed_in.get_by_role("log", name="Log")
    expect(log).to_contain_text("counted 1")
    signed_in.context.set_offline(True)
    settled.api.get(f"/v1/jobs/{answer.json()['id']}/events")
    signed_in.context.set_offline(False)
    expect(log).to_contain_text("counted 4")
    assert log.inner_text().count("counted 2") == 1


def test_repeated_clicks_submit_one_job_and_one_payment(signed_in: Page, settled: Any) -> None:
    body = {"skill": "count", "inputs": {"seconds": 0}}
    first_job = settled.api.post("/v1/jobs", params={"wait": "true"}, json=body).json()
    signed_in.goto(f"{settled.url}/jobs/{first_job['id']}")
    expect(
        signed_in.get_by_role("button", name="Notebook")
        .or_(signed_in.get_by_role("link", name="Notebook", exact=True))
        .last
    ).to_be_visible()
    replay = signed_in.get_by_role("button", name="Replay", exact=True)
    expect(replay).to_be_enabled()
    before = {one["id"] for one in settled.api.get("/v1/jobs", params={"limit": 100}).json()}
    box = replay.bounding_box()
    assert box
    for _ in range(20):  # at the position of the button, also while the page of the new job loads
        signed_in.mouse.click(box["x"] + 5, box["y"] + 5, delay=20)
    expect(signed_in).not_to_have_url(re.compile(first_job["id"]))
    after = {one["id"] for one in settled.api.get("/v1/jobs", params={"limit": 100}).json()}
    assert len(after - before) == 1

    signed_in.goto(f"{settled.url}/usage")
    signed_in.get_by_role("button", name="Add credit").click()
    signed_in.get_by_label("Amount (USD)").fill("1.25")
    balance = settled.api.get("/v1/billing/balance").json()["balance_micros"]
    signed_in.get_by_role("button", name="Add credit").dblclick()
    expect(signed_in.get_by_label("Amount (USD)")).to_have_count(0)
    assert settled.api.get("/v1/billing/balance").json()["balance_micros"] == balance + 1_250_000

    signed_in.goto(f"{settled.url}/editor?skillpack=default&file=skills/count/main.py")
    sent: list[str | None] = []
    signed_in.on(
        "request",
        lambda one: sent.append(one.headers.get("idempotency-key")) if "drafts/run" in one.url else None,
    )
    run = signed_in.get_by_role("button", name="Run", exact=False).first
    signed_in.get_by_label("Seconds").first.fill("1")
    run.dblclick()
    expect(signed_in.get_by_role("link", name="Open the job")).to_be_visible()
    assert len(sent) == 1
    assert sent[0]


def test_every_page_marks_a_simulated_result(signed_in: Page, settled: Any, agents: str) -> None:
    no_answer = re.compile(r"^Simulated: .* with other inputs\. It is not a response to these inputs\.$")
    signed_in.goto(f"{settled.url}/play/sort?skillpack={agents}")
    signed_in.get_by_label("Complaint").fill("Where do I pay?")
    signed_in.get_by_role("button", name=re.compile("^Run")).click()
    column = signed_in.get_by_role("article", name="Column 1")
    expect(column.get_by_role("region", name="Result")).to_contain_text("shipping")
    expect(column.get_by_role("note")).to_have_text(no_answer)

    column.get_by_role("link", name="Open the job").click()
    expect(signed_in.get_by_role("region", name="Job").get_by_text("Simulated", exact=True)).to_be_visible()
    expect(signed_in.get_by_role("region", name="Result").get_by_text(no_answer)).to_be_visible()
    job_id = signed_in.url.rpartition("/")[2].partition("?")[0]
    job = settled.api.get(f"/v1/jobs/{job_id}").json()
    assert (job["simulated"], job["result"]) == (True, {"team": "shipping"})

    signed_in.goto(f"{settled.url}/jobs")
    row = signed_in.get_by_role("row").filter(has_text=job_id[-8:])
    expect(row.get_by_text("Simulated", exact=True)).to_be_visible()

    signed_in.goto(f"{settled.url}/editor?skillpack={agents}")
    signed_in.get_by_title("skills/sort/skill.yaml").click()
    expect(signed_in.get_by_role("button", name="Example 1")).to_be_visible()
    signed_in.get_by_label("Complaint").fill("It never came")
    signed_in.get_by_role("button", name=re.compile("^Run")).click()
    note = signed_in.get_by_role("note").filter(has_text="Simulated: no language model ran")
    expect(note).to_contain_text("an example of this skill that has the same inputs")


def test_head_of_a_finished_job_is_shown_before_its_events(signed_in: Page, settled: Any) -> None:
    body = {"skill": "count", "inputs": {"seconds": 2}}
    job = settled.api.post("/v1/jobs", params={"wait": "true"}, json=body).json()
    total = len(settled.api.get(f"/v1/jobs/{job['id']}/events").json())
    held: list[Any] = []

    def hold(socket: Any) -> None:
        server = socket.connect_to_server()

        def take(frame: str) -> None:
            entries = json.loads(frame)
            kept = [one for one in entries if not one[2] or one[1] != "event" or one[2]["id"] <= total - 3]
            rest = [one for one in entries if one not in kept]
            socket.send(json.dumps([one for one in kept if one[1] != "end"]))
            held.append(lambda: socket.send(json.dumps([*rest, *(one for one in kept if one[1] == "end")])))

        server.on_message(take)

    signed_in.route_web_socket(re.compile("/_follow$"), hold)
    signed_in.goto(f"{settled.url}/jobs/{job['id']}?tab=timeline")
    loading = signed_in.get_by_role("status").filter(has_text="Loading events")
    expect(loading).to_have_text(f"Loading events: {total - 3} of {total}")
    head = signed_in.get_by_role("region", name="Job")
    expect(head).to_contain_text("Succeeded")
    expect(head).to_contain_text("$0.0")
    expect(head).not_to_contain_text("so far")
    expect(signed_in.get_by_role("progressbar")).to_have_count(0)
    bars = "[...document.querySelectorAll('[role=treeitem]')].map((one) => one.innerText).join()"
    before = signed_in.evaluate(bars)
    signed_in.wait_for_timeout(600)
    assert signed_in.evaluate(bars) == before, "the bars do not move"
    for send in held:
        send()
    expect(loading).to_have_count(0)
    expect(head).not_to_contain_text("so far")


def test_traceback_with_causes_links_to_the_lines_of_the_files(
    signed_in: Page, settled: Any, agents: str
) -> None:
    asked = {"skillpack": agents, "wait": "true"}
    job = settled.api.post("/v1/jobs", params=asked, json={"skill": "boom", "inputs": {}}).json()
    assert job["error"] == "ValueError: the row has no price"
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    trace = signed_in.get_by_role("region", name="Traceback")
    cause, _, raised = trace.inner_text().partition("direct cause of the following exception")
    assert "KeyError: 'price'" in cause
    assert 'return row["price"]' in cause
    assert "ValueError: the row has no price" in raised
    tabs = signed_in.get_by_role("tablist", name="Job").bounding_box()
    place = trace.bounding_box()
    assert tabs
    assert place
    assert place["y"] < tabs["y"]

    failing = signed_in.get_by_role("tree", name="Timeline").get_by_role("treeitem", selected=True)
    expect(failing).to_have_attribute("data-state", "failed")
    expect(failing).to_contain_text("run")

    trace.get_by_role("link", name="skills/boom/main.py:2").click()
    expect(signed_in.get_by_role("textbox", name="skills/boom/main.py")).to_be_visible()
    expect(signed_in.locator(".cm-line.cm-activeLine")).to_have_text('    return row["price"]')


def test_ended_session_redirects_to_sign_in_and_keys_are_shown_by_name(
    signed_in: Page, settled: Any, agents: str
) -> None:
    with closing(settled.sign_in(EMAIL)) as owner:
        asked = {"name": "Nightly import"}
        created = owner.post("/v1/api-keys", json=asked, headers={"X-Puras-Project": settled.slug})
    key = created.json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    body = {"skill": "count", "inputs": {"seconds": 0}}
    job = settled.api.post("/v1/jobs", json=body, headers=headers).json()
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    expect(signed_in.get_by_role("region", name="Job")).to_contain_text("Nightly import (key:")
    files = {"bundle": ("agents.zip", pack_files(BUNDLE))}
    pushed = settled.api.post(
        f"/v1/skillpacks/{agents}/deployments", files=files, data={"activate": "false"}, headers=headers
    )
    assert pushed.status_code == 201, pushed.text
    signed_in.goto(f"{settled.url}/deployments?skillpack={agents}")
    select = signed_in.get_by_role("checkbox", name=f"Select v{pushed.json()['version']}", exact=True)
    version = signed_in.get_by_role("row").filter(has=select)
    expect(version).to_contain_text("Nightly import")

    place = f"/p/{settled.slug}/play/sort?skillpack={agents}"
    signed_in.goto(settled.running.url + place)
    signed_in.get_by_label("Complaint").fill("Where do I pay?")
    signed_in.context.clear_cookies()
    signed_in.get_by_role("button", name=re.compile("^Run")).click()
    signed_in.wait_for_url(re.compile("/sign-in"))
    (wanted,) = parse_qs(urlsplit(signed_in.url).query)["next"]
    assert wanted.startswith(place)
    settled.sign_in_page(signed_in, EMAIL)
    signed_in.goto(settled.running.url + wanted)
    expect(signed_in.get_by_label("Complaint")).to_be_visible()
