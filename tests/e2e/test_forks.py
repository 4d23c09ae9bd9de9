"""The page of an agent job: forks after a step, spans of subjobs, feedback and replays; and the steps of a flow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PACK = "forks"
ENDED_WITHIN_MS = 40_000
SKILLS = {
    "skills/look/skill.yaml": b"""entrypoint: prompt.md
description: Looks something up.
input_schema: {type: object, properties: {order: {type: string}}, required: [order]}
output_schema: {type: object, properties: {said: {type: string}}}
tools:
  - name: lookup
    description: Reads an order.
    entrypoint: tools.py:lookup
    input_schema: {type: object, properties: {number: {type: string}}, required: [number]}
    output_schema: {type: object, properties: {status: {type: string}}}
    read_only: true
  - {name: explain, skill: explain, description: Explains it.}
examples:
  - {inputs: {order: "7"}, outputs: {said: On its way.}}
""",
    "skills/look/prompt.md": b"Look it up.\n",
    "skills/look/tools.py": b"def lookup(number):\n    return {'status': 'sent ' * 400}\n",
    "skills/explain/skill.yaml": b"""entrypoint: prompt.md
description: Explains something.
input_schema: {type: object, properties: {what: {type: string}}}
output_schema: {type: object, properties: {tale: {type: string}}}
examples:
  - {inputs: {what: a tale}, outputs: {tale: Once.}}
""",
    "skills/explain/prompt.md": b"Explain it.\n",
    "skills/tally/skill.yaml": b"""entrypoint: main.py:run
input_schema: {type: object, properties: {words: {type: string}}, required: [words]}
output_schema: {type: object, properties: {total: {type: integer}}}
""",
    "skills/tally/main.py": b"def run(words):\n    assert words != 'fail'\n    return {'total': len(words.split())}\n",
    "skills/post/skill.yaml": b"""entrypoint: flow.yaml
input_schema: {type: object, properties: {texts: {type: array, items: {type: string}}}, required: [texts]}
output_schema: {type: object, properties: {first: {type: integer}, each: {type: integer}}}
""",
    "skills/post/flow.yaml": b"""steps:
  - {id: first, title: Count the first text, skill: tally, inputs: {words: "${{ inputs.texts[0] }}"}}
  - {id: each, for_each: "${{ inputs.texts }}", skill: tally, inputs: {words: "${{ item }}"}}
  - {id: sign, approval: {message: "Post ${{ size(steps.each) }} results?"}}
output: {first: "${{ steps.first.total }}", each: "${{ size(steps.each) }}"}
""",
}


@pytest.fixture(scope="module")
def ended(settled: Any) -> dict[str, Any]:
    """Run a job of an agent that calls a tool and another skill."""
    settled.api.post("/v1/skillpacks", json={"slug": PACK, "name": "Forks"})
    bundle = {"bundle": ("forks.zip", pack_files(SKILLS))}
    pushed = settled.api.post(f"/v1/skillpacks/{PACK}/deployments", files=bundle)
    assert pushed.status_code == 201, pushed.text
    body = {"skill": "look", "inputs": {"order": "7"}}
    job = settled.api.post("/v1/jobs", params={"skillpack": PACK, "wait": "true"}, json=body).json()
    assert job["status"] == "succeeded", job
    return dict(job)


def events_of(settled: Any, job_id: str) -> list[dict[str, Any]]:
    return list(settled.api.get(f"/v1/jobs/{job_id}/events").json())


def test_fork_with_a_changed_tool_result_and_changed_inputs(
    signed_in: Page, settled: Any, ended: dict[str, Any]
) -> None:
    signed_in.goto(f"{settled.url}/jobs/{ended['id']}?tab=timeline")
    tree = signed_in.get_by_role("tree", name="Timeline")
    tree.get_by_role("treeitem", name="Step 1", exact=False).first.click()
    signed_in.get_by_role("button", name="Fork after this step…").click()
    dialog = signed_in.get_by_role("dialog", name="Fork after step 1")
    expect(dialog).to_contain_text("$0")
    result = dialog.get_by_label("Result of lookup")
    expect(result).to_have_value(re.compile("(sent ){400}"))  # the event contains only the start of it
    result.fill("no such order")
    dialog.get_by_label("Send to the agent as an error").first.check()
    dialog.get_by_text("Inputs", exact=True).click()
    dialog.get_by_label("Inputs as JSON").fill("{not json")
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("not valid JSON")
    dialog.get_by_label("Inputs as JSON").fill('{"order": "8"}')
    dialog.get_by_role("button", name="Fork", exact=True).click()
    expect(signed_in).not_to_have_url(re.compile(ended["id"]))
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=ENDED_WITHIN_MS)
    forked_id = signed_in.url.split("/jobs/")[1][:36]
    forked = next(one for one in events_of(settled, forked_id) if one["type"] == "forked")
    assert forked["payload"]["from_job_id"] == ended["id"]
    assert [one["what"] for one in forked["payload"]["edits"]] == ["result"]
    assert settled.api.get(f"/v1/jobs/{forked_id}").json()["inputs"] == {"order": "8"}


def test_flow_runs_again_from_a_step_with_other_data(
    signed_in: Page, settled: Any, ended: dict[str, Any]
) -> None:
    body = {"skill": "post", "inputs": {"texts": ["a b", "c", "fail"]}}
    job = settled.api.post("/v1/jobs", params={"skillpack": PACK, "wait": "true"}, json=body).json()
    assert job["status"] == "failed", job
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    steps = signed_in.get_by_role("list", name="Steps of the flow")
    expect(steps.locator("> li")).to_have_count(3)
    each = steps.locator("[data-step=each]")
    each.get_by_role("button", expanded=False).click()
    elements = each.get_by_role("list", name="Elements of each")
    expect(elements.get_by_role("listitem")).to_have_count(1)  # the failed one
    expect(elements.get_by_role("link")).to_have_attribute("href", re.compile("/jobs/"))
    each.get_by_role("button", name="All").click()
    expect(elements.get_by_role("listitem")).to_have_count(3)
    assert_usable(signed_in, "steps of a flow")
    signed_in.get_by_role("button", name="Run from each").click()
    dialog = signed_in.get_by_role("dialog", name="Run from each")
    dialog.get_by_label("Keep the succeeded elements of this step (2)").uncheck()
    dialog.get_by_text("Result of Count the first text").click()
    result = dialog.get_by_label("Result of first as JSON")
    expect(result).to_have_value(re.compile('"total": 2'))
    result.fill('{"total": 40}')
    dialog.get_by_text("Inputs", exact=True).click()
    dialog.get_by_label("Inputs as JSON").fill('{"texts": [1')
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("not valid JSON")
    assert_usable(signed_in, "dialog of a step")
    dialog.get_by_label("Inputs as JSON").fill('{"texts": ["a", "b c"]}')
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(signed_in).not_to_have_url(re.compile(job["id"]))
    expect(steps.locator("[data-step=first]")).to_contain_text("edited")
    expect(steps.locator("[data-step=sign]")).to_contain_text("Waiting", timeout=ENDED_WITHIN_MS)
    expect(steps.locator("[data-step=each]")).to_contain_text("2 elements, 2 succeeded")
    signed_in.get_by_role("button", name="Approve").click()
    expect(steps.locator("[data-step=sign]")).to_contain_text("Succeeded", timeout=ENDED_WITHIN_MS)
    forked = settled.api.get(
        f"/v1/jobs/{signed_in.url.split('/jobs/')[1][:36]}", params={"wait": "true"}
    ).json()
    assert forked["result"] == {"first": 40, "each": 2}


def test_timeline_contains_the_spans_of_subjobs(signed_in: Page, settled: Any, ended: dict[str, Any]) -> None:
    called = next(one for one in events_of(settled, ended["id"]) if one["type"] == "subagent_start")
    signed_in.goto(f"{settled.url}/jobs/{ended['id']}?tab=timeline")
    tree = signed_in.get_by_role("tree", name="Timeline")
    child = tree.get_by_role("treeitem", name="explain").last
    expect(child).to_be_visible()
    level = (
        int(child.get_attribute("aria-level") or 0) + 1
    )  # the deepest level, which has no spans of the job itself
    expect(tree.locator(f"[aria-level='{level}']").first).to_be_visible()
    child.click()
    signed_in.get_by_role("link", name="Open subjob").click()
    expect(signed_in).to_have_url(f"{settled.url}/jobs/{called['payload']['job_id']}")
    expect(signed_in.get_by_text("Subjob of")).to_contain_text(ended["id"][-8:])
    expect(signed_in.get_by_text("Subjob of")).to_contain_text("pays for it")


def test_rating_and_comment_are_stored(signed_in: Page, settled: Any, ended: dict[str, Any]) -> None:
    signed_in.goto(f"{settled.url}/jobs/{ended['id']}")
    group = signed_in.get_by_role("group", name="Feedback")
    group.get_by_role("button", name="Bad result").click()
    group.get_by_label("Comment").fill("too short")
    group.get_by_role("button", name="Save").click()
    expect(group).to_contain_text("too short")
    signed_in.reload()
    expect(group.get_by_role("button", name="Bad result")).to_have_attribute("aria-pressed", "true")
    given = settled.api.get(f"/v1/jobs/{ended['id']}").json()["feedback"]
    assert [(one["rating"], one["comment"]) for one in given] == [(-1, "too short")]


def test_a_job_is_replayed_on_its_version_or_the_active_one_and_opened_in_the_playground(
    signed_in: Page, settled: Any, ended: dict[str, Any]
) -> None:
    newer = {**SKILLS, "skills/look/prompt.md": b"Look it up well.\n"}
    bundle = {"bundle": ("forks.zip", pack_files(newer))}
    pushed = settled.api.post(f"/v1/skillpacks/{PACK}/deployments", files=bundle).json()
    for name, version in (("Replay", 1), ("Replay on the active version", pushed["version"])):
        signed_in.goto(f"{settled.url}/jobs/{ended['id']}")
        signed_in.get_by_role("button", name=name, exact=True).click()
        expect(signed_in).not_to_have_url(
            re.compile(ended["id"])
        )  # the state may still contain the job shown before
        expect(signed_in.get_by_text("Replay of")).to_contain_text(ended["id"][-8:])
        replayed = settled.api.get(f"/v1/jobs/{signed_in.url.split('/jobs/')[1][:36]}").json()
        assert (replayed["deployment_version"], replayed["replay_of"]) == (version, ended["id"])
    signed_in.goto(f"{settled.url}/jobs/{ended['id']}")
    signed_in.get_by_role("link", name="Playground").click()
    expect(signed_in.get_by_label("order")).to_have_value("7")
