"""A page of another origin, with a strict policy, runs a skill with `/embed.js`."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.skills.archives.pack import pack_files
from studio import share_page
from tests.e2e.conftest import Settled
from tests.e2e.test_accessibility import ONLY_COLORS, serious_violations

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

KINDS = {
    "skills/kinds/skill.yaml": b"""
entrypoint: main.py:run
network: none
input_schema:
  type: object
  required: [document, size]
  properties:
    document: {type: file, title: <img src=x onerror=alert(1)>}
    size: {type: string, enum: [small, large]}
    loud: {type: boolean}
    tags: {type: array, items: {type: string}}
    more: {type: object}
output_schema: {type: object, properties: {rows: {type: array}, numbers: {type: array}}}
""",
    "skills/kinds/main.py": b"""
from puras import load_bytes

def run(document, size, loud, tags, more):
    found = {"bytes": len(load_bytes(document)), "size": size, "loud": loud, "tags": tags, "more": more}
    rows = [{"name": name, "value": value} for name, value in found.items()]
    return {"rows": rows, "numbers": list(range(250))}
""",
}


@contextmanager
def page_with_script(browser: Browser, url: str, **attributes: str) -> Iterator[Page]:
    """Open a page of another origin that contains the script, and whose policy allows only what the guide lists."""
    policy = f"default-src 'none'; script-src {url}; connect-src {url}"
    data = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    script = f'<script src="{url}/embed.js" async {data}></script>'
    html = f'<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1>{script}</main></html>'

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    # A server of its own: browsers let a page that has no address use no server of this host.
    with serving(Shop) as origin:
        yield from _opened(browser, f"{origin}/page")


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on another origin than that of the instance."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _opened(browser: Browser, url: str) -> Iterator[Page]:
    """Open a page that fails the test at a script error or a policy violation."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda one: errors.append(one.text) if "Content Security" in one.text else None)
    page.goto(url)
    yield page
    context.close()
    assert not errors


def key_for(settled: Settled, *skills: str) -> str:
    """Create a publishable key for these skills."""
    body = {"kind": "publishable", "name": "page", "skill_allowlist": list(skills)}
    return str(settled.api.post("/v1/api-keys", json=body).json()["key"])


def assert_accessible(page: Page) -> None:
    violations = serious_violations(page, {})
    page.emulate_media(color_scheme="dark")
    violations += serious_violations(page, ONLY_COLORS)
    page.emulate_media(color_scheme="light")
    assert not violations, "\n".join(violations)


def test_page_of_another_origin_runs_a_skill_by_keyboard(browser: Browser, settled: Settled) -> None:
    with page_with_script(browser, settled.running.url, skill="count", key=key_for(settled, "count")) as page:
        results: list[Any] = []
        page.expose_function("report", lambda result: results.append(result))
        page.evaluate("addEventListener('puras-result', event => report(event.detail.result))")
        field = page.get_by_label("seconds")
        field.fill("61")
        field.press("Enter")
        expect(page.get_by_text("Enter at most 60.")).to_be_visible()
        expect(field).to_be_focused()
        assert_accessible(page)
        field.fill("1")
        field.press("Enter")
        result = page.get_by_role("region", name="Result")
        expect(result).to_contain_text("<b>not markup</b>")
        expect(result).to_be_focused()
        expect(page.get_by_role("status")).to_have_text("Done.")
        assert_accessible(page)
        assert results == [{"counted": 1, "note": "<b>not markup</b>"}]


def test_shared_link_runs_the_skill_until_its_key_is_revoked(browser: Browser, settled: Settled) -> None:
    url = settled.running.url
    made = settled.api.post(
        "/v1/api-keys", json={"kind": "publishable", "name": "link", "skill_allowlist": ["count"]}
    ).json()
    with contextlib.closing(browser.new_context(reduced_motion="reduce")) as context:
        page = context.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{url}/share")
        expect(page.get_by_text("This link is not complete.")).to_be_visible()
        page.goto(share_page.link(url, "count", made["key"]))
        page.get_by_label("seconds").fill("1")
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("region", name="Result")).to_contain_text("<b>not markup</b>")
        assert_accessible(page)
        assert not [one for one in requests if made["key"] in one.partition("#")[0]]

        assert settled.api.delete(f"/v1/api-keys/{made['id']}").status_code in (200, 204)
        page.reload()
        expect(page.get_by_role("alert")).to_be_visible()


def test_page_says_why_it_shows_no_form(browser: Browser, settled: Settled) -> None:
    cases = {
        "is limited to this skill": {"skill": "count", "key": key_for(settled)},
        "may not run 'other'": {"skill": "other", "key": key_for(settled, "count")},
        "Revoke it now": {"skill": "count", "key": "puras_live_x"},
        "is not an agent": {
            "skill": "count",
            "key": key_for(settled, "count"),
            "mode": "chat",
            "end_user": "a",
        },
    }
    for text, attributes in cases.items():
        with page_with_script(browser, settled.running.url, **attributes) as page:
            expect(page.get_by_role("alert")).to_contain_text(text)


def test_page_sends_every_kind_of_input_and_shows_lists_and_tables(
    browser: Browser, settled: Settled
) -> None:
    settled.api.post("/v1/skillpacks", json={"name": "Kinds", "slug": "kinds"})
    pushed = settled.api.post(
        "/v1/skillpacks/kinds/deployments", files={"bundle": ("kinds.zip", pack_files(KINDS))}
    )
    assert pushed.status_code == 201, pushed.text
    attributes = {"skill": "kinds/kinds", "key": key_for(settled, "kinds/kinds")}
    with page_with_script(browser, settled.running.url, **attributes) as page:
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_text("Choose a file.")).to_be_visible()
        page.get_by_label("<img src=x onerror=alert(1)>").set_input_files(
            {"name": "a.bin", "mimeType": "", "buffer": b"\x00\xff" * 500_000}
        )
        page.get_by_label("size").select_option("large")
        page.get_by_label("loud").check()
        page.get_by_label("tags").fill("one\ntwo")
        page.get_by_label("more").fill('{"a": 1}')
        assert_accessible(page)
        page.get_by_role("button", name="Run").click()
        result = page.get_by_role("region", name="Result")
        table = result.get_by_role("table")
        expect(table.get_by_role("columnheader")).to_have_text(["Name", "Value"])
        rows = ["Bytes1000000", "Sizelarge", "LoudYes", "Tagsonetwo", "MoreA1"]
        expect(table.locator("tbody tr")).to_have_text([re.compile(row, re.IGNORECASE) for row in rows])
        expect(result).to_contain_text("and 50 more")
        assert_accessible(page)
