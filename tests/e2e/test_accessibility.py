"""Every page is accessible: axe finds no serious violations with light and dark colors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from backend.skills.archives.pack import pack_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

AGENT = {
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
examples:
  - {inputs: {order: "7"}, outputs: {said: On its way.}}
""",
    "skills/look/prompt.md": b"Look it up.\n",
    "skills/look/tools.py": b"def lookup(number):\n    return {'status': 'sent'}\n",
}
SERIOUS = ("serious", "critical")
WAIT_FOR_ANIMATIONS = """
async () => {
  await new Promise(requestAnimationFrame);
  const ending = document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity);
  await Promise.all(ending.map(one => one.finished.catch(() => null)));
}
"""
ONLY_COLORS: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""In the other color scheme only the colors of a page differ."""
MAX_LAYOUT_SHIFT = 0.05
RECORD_SHIFTS = """
window.layoutShifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    if (one.hadRecentInput) continue;
    const moved = one.sources.map(({node}) => (node?.outerHTML ?? node?.textContent ?? "").slice(0, 120));
    window.layoutShifts.push({value: Math.round(one.value * 1e4) / 1e4, moved});
  }
}).observe({type: "layout-shift", buffered: true});
"""
"""Records the elements that move without an input of the user, and how much of the page they cover."""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_setup_pages_are_accessible(page: Page, running: Any) -> None:
    link = re.search(r"http://\S+/setup\?token=\S+", running.operate("setup-link"))
    assert link
    page.goto(link.group())
    assert_usable(page, "set-up")
    assert page.evaluate("document.fonts.check('13px \"Geist Variable\"')")
    font = "getComputedStyle(document.querySelector('input')).fontFamily.split(',')[0]"
    assert page.evaluate(font) == '"Geist Variable"'
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create owner account").click()
    assert_usable(page, "set-up, rejected")
    page.goto(link.group())
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill("a long and private passphrase")
    page.get_by_role("button", name="Create owner account").click()
    expect(page.get_by_text("Create your first project")).to_be_visible()
    assert page.evaluate(font) == '"Geist Variable"', "the studio has the font of the forms"
    assert_usable(page, "home without projects")
    page.get_by_label("Name").fill("Darkroom")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Publish your first skills")).to_be_visible()
    assert_usable(page, "project without skills")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail").fill("ada@example.org")
    assert_usable(page, "sign-in")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_usable(page, "sign-in, rejected")


def test_studio_pages_are_accessible(signed_in: Page, settled: Any) -> None:
    ended, cancelled, running = (submit(settled, seconds) for seconds in (0, 60, 60))
    settled.api.post(f"/v1/jobs/{cancelled}/cancel")
    pages = {
        f"{settled.running.url}/": lambda: signed_in.get_by_role("link", name="Atelier"),
        settled.url: lambda: signed_in.get_by_text("Publish from a ZIP file"),
        f"{settled.url}/jobs": lambda: signed_in.get_by_role("table", name="Jobs"),
        f"{settled.url}/jobs?status=failed&source=unknown": lambda: signed_in.get_by_text(
            "No jobs match these filters."
        ),
        f"{settled.url}/jobs/{ended}": lambda: signed_in.get_by_text("Succeeded").first,
        f"{settled.url}/jobs/{cancelled}": lambda: signed_in.get_by_text("Canceled").first,
        f"{settled.url}/jobs/{running}": lambda: signed_in.get_by_role("progressbar", name="Progress"),
        f"{settled.url}/jobs/123": lambda: signed_in.get_by_role("alert"),
        f"{settled.url}/play/count": lambda: signed_in.get_by_label("seconds"),
        f"{settled.url}/editor": lambda: signed_in.get_by_role("textbox", name="skills/count/skill.yaml"),
        f"{settled.url}/deployments": lambda: signed_in.get_by_role("table", name="Versions"),
        f"{settled.url}/deployments?base=1&head=1": lambda: signed_in.get_by_text("are identical"),
        f"{settled.url}/evals": lambda: signed_in.get_by_role("heading", name="count has no graders"),
        f"{settled.url}/activity": lambda: signed_in.get_by_role("list", name="Activity"),
        f"{settled.url}/annotation?new=1": lambda: signed_in.get_by_role("button", name="Create queue"),
        f"{settled.url}/jobs/{ended}?tab=comments": lambda: signed_in.get_by_label("New comment"),
        f"{settled.url}/monitoring": lambda: signed_in.get_by_role("list", name="Numbers of the period"),
        f"{settled.url}/usage": lambda: signed_in.get_by_role("region", name="Transactions").first,
        f"{settled.url}/settings": lambda: signed_in.get_by_label("Slug"),
        f"{settled.url}/settings/members": lambda: signed_in.get_by_role("table", name="Members"),
        f"{settled.url}/settings/limits": lambda: signed_in.get_by_role("table", name="Limits"),
        f"{settled.url}/settings/secrets": lambda: signed_in.get_by_role("button", name="New secret"),
        f"{settled.url}/settings/providers": lambda: signed_in.get_by_role("list", name="Model families"),
        f"{settled.url}/settings/webhooks": lambda: signed_in.get_by_role("button", name="New webhook"),
        f"{settled.url}/settings/schedules": lambda: signed_in.get_by_role("button", name="New schedule"),
        f"{settled.url}/settings/audit": lambda: signed_in.get_by_role("table", name="Audit log"),
        f"{settled.running.url}/operator": lambda: signed_in.get_by_role("table", name="Users"),
        f"{settled.running.url}/account": lambda: signed_in.get_by_role("table", name="Sessions"),
        f"{settled.running.url}/no/such/page": lambda: signed_in.get_by_role("heading").first,
    }
    assert_all_usable_and_stable(signed_in, pages)


def test_pages_with_project_content_are_accessible(signed_in: Page, settled: Any) -> None:
    settled.api.put("/v1/drive/files/drive/seen/table.csv", content=b"a,b\n1,2\n")
    settled.api.post("/v1/memory", json={"kind": "lesson", "title": "Seen", "record": {"a": 1}})
    seen = f"{settled.url}/drive?folder=seen/&file=seen/table.csv"
    pages = {
        f"{settled.running.url}/_components": lambda: signed_in.get_by_role("heading", name="Waterfall"),
        f"{settled.url}/drive": lambda: signed_in.get_by_role("table", name="Files"),
        seen: lambda: signed_in.get_by_role("region", name="Table", exact=True),
        f"{settled.url}/drive?folder=empty/": lambda: signed_in.get_by_role("heading", name="empty").first,
        f"{settled.url}/memory": lambda: signed_in.get_by_role("table", name="Records"),
        f"{settled.url}/marketplace": lambda: signed_in.get_by_role("tab", name="All listings"),
        f"{settled.url}/marketplace?tab=own": lambda: signed_in.get_by_text("Listings of this project"),
        f"{settled.url}/api": lambda: signed_in.get_by_role("region", name="Input fields"),
        f"{settled.url}/chat": lambda: signed_in.get_by_role("main").get_by_role("heading").first,
        f"{settled.url}/approvals": lambda: (
            signed_in.get_by_role("heading", name="Nothing awaits approval")
            .or_(signed_in.get_by_role("button", name="Approve", exact=True))
            .first
        ),
        f"{settled.url}/prompts": lambda: (
            signed_in.get_by_role("heading", name="No agents yet")
            .or_(signed_in.get_by_role("table", name="Versions of the prompt"))
            .first
        ),
        f"{settled.url}/notebook": lambda: signed_in.get_by_role("heading").last,
    }
    assert_all_usable_and_stable(signed_in, pages)


def test_tabs_and_forms_are_accessible(signed_in: Page, settled: Any) -> None:
    job_id = submit(settled, 60)
    signed_in.goto(f"{settled.url}/jobs/{job_id}")
    expect(signed_in.get_by_role("tab").first).to_be_visible()
    for tab in signed_in.get_by_role("tab").all():
        tab.click()
        assert_usable(signed_in, f"job, tab {tab.inner_text()}")
    signed_in.get_by_role("button", name="Cancel").click()
    expect(signed_in.get_by_role("button", name="Cancel job")).to_be_visible()
    assert_usable(signed_in, "job, confirmation of the cancellation")
    signed_in.goto(f"{settled.url}/settings/keys")
    signed_in.get_by_role("button", name="New API key").click()
    expect(signed_in.get_by_label("Expires after")).to_be_visible()
    assert_usable(signed_in, "settings, a new key")
    for section, button in (
        ("secrets", "New secret"),
        ("webhooks", "New webhook"),
        ("alerts", "New alert"),
        ("schedules", "New schedule"),
    ):
        signed_in.goto(f"{settled.url}/settings/{section}")
        signed_in.get_by_role("button", name=button).click()
        expect(signed_in.get_by_role("button", name="Cancel")).to_be_visible()
        assert_usable(signed_in, f"settings, {button}")
    signed_in.goto(f"{settled.url}/usage")
    for button in ("Add credit", "New budget"):
        signed_in.get_by_role("button", name=button).click()
        expect(signed_in.get_by_role("button", name="Cancel")).to_be_visible()
        assert_usable(signed_in, f"usage, {button}")
        signed_in.get_by_role("button", name="Cancel").click()
    signed_in.goto(f"{settled.url}/play/count")
    signed_in.get_by_label("seconds").fill("600")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_role("alert").first).to_be_visible()
    assert_usable(signed_in, "play, rejected inputs")
    signed_in.get_by_label("seconds").fill("1")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=30_000)
    assert_usable(signed_in, "play, succeeded")


def test_dialogs_are_accessible(signed_in: Page, settled: Any, agent: str) -> None:
    body = {"skill": f"{agent}/look", "inputs": {"order": "7"}}
    job = settled.api.post("/v1/jobs", params={"wait": "true"}, json=body).json()
    assert job["status"] == "succeeded", job
    signed_in.goto(f"{settled.url}/jobs/{job['id']}?tab=timeline")
    signed_in.get_by_role("treeitem", name="Step 1", exact=False).first.click()
    signed_in.get_by_role("button", name="Fork after this step…").click()
    result = signed_in.get_by_role("dialog").get_by_label("Result of lookup")
    expect(result).to_be_editable()
    result.fill("no such order")
    assert_usable(signed_in, "job, fork after a step")

    signed_in.goto(f"{settled.url}/play/look?skillpack={agent}&from={job['id']}")
    signed_in.get_by_role("button", name="Compare…").click()
    signed_in.get_by_label("Version of column 2").select_option("draft")
    expect(signed_in.get_by_label("order")).to_have_value("7")
    signed_in.get_by_role("button", name="Run all").click()
    expect(signed_in.get_by_role("article").get_by_text("On its way.")).to_have_count(2, timeout=60_000)
    assert_usable(signed_in, "play, two columns")
    signed_in.get_by_role("button", name="Prompt of column 1").click()
    expect(signed_in.get_by_label("Prompt", exact=True)).to_be_visible()
    assert_usable(signed_in, "play, the prompt of a column")
    signed_in.get_by_role("button", name="Cancel").click()
    for button in ("Save example…", "Save eval case…", "Code…"):
        signed_in.get_by_role("button", name=button).click()
        assert_usable(signed_in, f"play, {button}")
        signed_in.keyboard.press("Escape")

    signed_in.goto(f"{settled.url}/editor?skillpack={agent}")
    signed_in.get_by_role("button", name="Publish draft…").click()
    dialog = signed_in.get_by_role("dialog", name="Publish")
    dialog.get_by_role("button", name="prompt.md").click()
    expect(dialog.get_by_role("region", name="Lines of")).to_be_visible()
    assert_usable(signed_in, "editor, publish")


@pytest.fixture(scope="module")
def agent(settled: Any) -> str:
    """Create a skillpack with an agent that has a tool, and a changed prompt in its draft, and return the slug."""
    assert settled.api.post("/v1/skillpacks", json={"slug": "usable", "name": "Usable"}).status_code == 201
    pushed = settled.api.post(
        "/v1/skillpacks/usable/deployments", files={"bundle": ("skills.zip", pack_files(AGENT))}
    )
    assert pushed.status_code == 201, pushed.text
    edited = settled.api.put(
        "/v1/skillpacks/usable/drafts/files/skills/look/prompt.md",
        content=b"Look it up, and be brief.\n",
        headers={"If-Match": "*"},
    )
    assert edited.is_success, edited.text
    return "usable"


def submit(settled: Any, seconds: int) -> str:
    answer = settled.api.post("/v1/jobs", json={"skill": "count", "inputs": {"seconds": seconds}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def assert_all_usable_and_stable(page: Page, pages: Mapping[str, Callable[[], Locator]]) -> None:
    """Open each page, wait for an element of it, and check that it is usable and that nothing has jumped meanwhile."""
    page.add_init_script(RECORD_SHIFTS)
    unstable = []
    for url, element in pages.items():
        page.goto(url)
        expect(element()).to_be_visible()
        assert_usable(page, url)
        shifts = page.evaluate("window.layoutShifts")
        if sum(one["value"] for one in shifts) >= MAX_LAYOUT_SHIFT:
            unstable.append(f"{url}: {shifts}")
    assert not unstable, "\n".join(unstable)


def assert_usable(page: Page, description: str) -> None:
    """Check for serious violations in both color schemes, and report each element with the fix."""
    page.evaluate(WAIT_FOR_ANIMATIONS)
    light = page.evaluate(BACKGROUND)
    violations = serious_violations(page, {})
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {BACKGROUND} !== light", arg=light)
    page.evaluate(WAIT_FOR_ANIMATIONS)
    violations += serious_violations(page, ONLY_COLORS)
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"light => {BACKGROUND} === light", arg=light)
    assert not violations, "\n".join([description, *violations])


def serious_violations(page: Page, options: dict[str, Any]) -> list[str]:
    scheme = "dark" if options else "light"
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    # Only violations, because the list of all passed checks takes longer to transfer than the checks themselves.
    run = "options => axe.run(document, {resultTypes: ['violations'], ...options}).then(result => result.violations)"
    return [
        f"{scheme}: {one['id']} ({one['impact']}): {one['help']}\n  {node['html'][:200]}\n  {node['failureSummary']}"
        for one in page.evaluate(run, options)
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
