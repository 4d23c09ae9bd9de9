"""Files of the drive cannot run as scripts, styles or workers of a page: three protections, each tested alone.

The policy of the pages is tested with a server that returns the file as a script. The rejection by the server and the
content type are tested with a page without a policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.e2e.conftest import EMAIL

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]

SCRIPT: Final = (
    b"globalThis.stolen = true; if (globalThis.postMessage && !globalThis.document) postMessage('ran');"
    b"globalThis.onconnect = event => event.ports[0].postMessage('ran');"  # of a shared worker
)
STYLE: Final = b":root { --stolen: yes; }"
DRIVE: Final = re.compile(r"/v1/drive/")

ATTEMPTS: Final[dict[str, str]] = {
    "script": """url => new Promise(done => {
        const tag = document.createElement("script");
        tag.src = url; tag.onload = () => done(globalThis.stolen === true); tag.onerror = () => done(false);
        document.head.append(tag);
    })""",
    "module script": """url => new Promise(done => {
        const tag = document.createElement("script");
        tag.type = "module"; tag.src = url;
        tag.onload = () => done(globalThis.stolen === true); tag.onerror = () => done(false);
        document.head.append(tag);
    })""",
    "import()": "url => import(url).then(() => true, () => false)",
    "worker": """url => new Promise(done => {
        try {
            const worker = new Worker(url);
            worker.onmessage = () => done(true); worker.onerror = () => done(false);
        } catch { done(false); }
    })""",
    "shared worker": """url => new Promise(done => {
        try {
            const worker = new SharedWorker(url);
            worker.port.onmessage = () => done(true); worker.onerror = () => done(false);
            setTimeout(() => done(false), 20_000);
        } catch { done(false); }
    })""",
    "service worker": """url => navigator.serviceWorker.register(url).then(() => true, () => false)""",
    "worklet": """url => {
        const context = new OfflineAudioContext(1, 1, 44100);
        return context.audioWorklet.addModule(url).then(() => true, () => false);
    }""",
}
LINK: Final = """url => new Promise(done => {
    const tag = document.createElement("link");
    tag.rel = "stylesheet"; tag.href = url;
    const look = () => done(getComputedStyle(document.documentElement).getPropertyValue("--stolen") !== "");
    tag.onload = look; tag.onerror = look;
    document.head.append(tag);
})"""
FRAME: Final = """url => new Promise(done => {
    const tag = document.createElement("iframe");
    tag.src = url;
    tag.onload = () => {
        try { done(tag.contentDocument.body.textContent.includes("stolen")); } catch { done(false); }
    };
    setTimeout(() => done(false), 3_000);
    document.body.append(tag);
})"""
FETCHED: Final = "url => fetch(url).then(response => response.text())"
IMAGE: Final = """url => new Promise(done => {
    const tag = document.createElement("img");
    tag.onload = () => done(true); tag.onerror = () => done(false); tag.src = url;
})"""
SVG: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>'
)


@pytest.fixture(scope="module")
def addresses(settled: Any) -> dict[str, str]:
    """Return the URLs of two files: for a signed-in user of the project, and signed."""
    found: dict[str, str] = {}
    for name, content in (("app.js", SCRIPT), ("page.css", STYLE), ("dot.svg", SVG)):
        answer = settled.api.post(
            "/v1/drive/upload", files={"file": (name, content)}, data={"path": f"x/{name}"}
        )
        assert answer.status_code in (200, 201), answer.text
        signed = settled.api.post("/v1/drive/sign", json={"path": f"x/{name}", "ttl": 3600}).json()
        found[f"{name} signed"] = signed["signed_url"].replace("http://localhost", "http://127.0.0.1")
        found[f"{name} of the project"] = (
            f"{settled.running.url}/v1/drive/files/x/{name}?project={settled.slug}"
        )
    assert all(url.startswith(settled.running.url) for url in found.values()), found
    return found


@contextmanager
def opened(
    browser: Browser, settled: Any, *, policy: bool, answer: Callable[[Route], None] | None = None
) -> Iterator[Page]:
    """Open a page of the studio, with or without its policy; a test can answer its requests for files of the drive."""
    context = browser.new_context(bypass_csp=not policy)
    page = context.new_page()
    settled.sign_in_page(page, EMAIL)
    page.goto(f"{settled.url}/drive")
    page.get_by_role("link", name="Drive").first.wait_for()
    if answer is not None:
        context.route(DRIVE, answer)
    yield page
    context.close()


def hostile(route: Route) -> None:
    """Respond like a server without any protection."""
    kind, body = ("text/css", STYLE) if ".css" in route.request.url else ("text/javascript", SCRIPT)
    route.fulfill(status=200, headers={"Content-Type": kind, "Service-Worker-Allowed": "/"}, body=body)


def without_metadata(route: Route) -> None:
    """Forward a request without the headers that state its purpose."""
    headers = {
        name: value
        for name, value in route.request.all_headers().items()
        if not name.startswith(("sec-fetch-", "service-worker", "if-"))
    }
    response = route.fetch(headers=headers)
    assert response.ok, response.text()
    route.fulfill(response=response)


def what_ran(page: Page, addresses: dict[str, str]) -> list[str]:
    ran = []
    for where in ("signed", "of the project"):
        for what, attempt in ATTEMPTS.items():
            if page.evaluate(attempt, addresses[f"app.js {where}"]):
                ran.append(f"{what}, {where}")
            page.evaluate("delete globalThis.stolen")
        if page.evaluate(LINK, addresses[f"page.css {where}"]):
            ran.append(f"style, {where}")
    return ran


def test_files_are_executed_without_protection(
    browser: Browser, settled: Any, addresses: dict[str, str]
) -> None:
    """The attempts succeed without protection; otherwise their failure in the other tests would prove nothing."""
    with opened(browser, settled, policy=False, answer=hostile) as page:
        ran = what_ran(page, addresses)
    # Requests of worklets bypass the routes of a test and always reach the real server.
    for what in ("style", *(set(ATTEMPTS) - {"worklet"})):
        assert {f"{what}, signed", f"{what}, of the project"} <= set(ran), ran


def test_page_policy_alone_blocks_files_of_the_drive(
    browser: Browser, settled: Any, addresses: dict[str, str]
) -> None:
    with opened(browser, settled, policy=True, answer=hostile) as page:
        assert what_ran(page, addresses) == []


def test_server_alone_rejects_requests_for_scripts(
    browser: Browser, settled: Any, addresses: dict[str, str]
) -> None:
    file = re.compile(r"/v1/drive/(files|signed)/")
    statuses: dict[str, int] = {}
    with opened(browser, settled, policy=False) as page:
        page.context.on(
            "response",
            lambda got: (
                statuses.__setitem__(got.url + got.request.resource_type, got.status)
                if file.search(got.url)
                else None
            ),
        )
        assert what_ran(page, addresses) == []
        assert page.evaluate(FRAME, addresses["app.js of the project"]) is False
    assert statuses
    assert set(statuses.values()) == {403}, statuses


def test_content_type_alone_prevents_execution_in_browsers_without_fetch_metadata(
    browser: Browser, settled: Any, addresses: dict[str, str]
) -> None:
    with opened(browser, settled, policy=False, answer=without_metadata) as page:
        assert what_ran(page, addresses) == []


def test_pages_can_read_and_show_files_with_all_protections(
    browser: Browser, settled: Any, addresses: dict[str, str]
) -> None:
    with opened(browser, settled, policy=True) as page:
        assert what_ran(page, addresses) == []
        for where in ("signed", "of the project"):
            assert page.evaluate(FETCHED, addresses[f"app.js {where}"]) == SCRIPT.decode()
            assert page.evaluate(IMAGE, addresses[f"dot.svg {where}"]) is True


def test_signed_url_is_downloaded_and_not_displayed(
    browser: Browser, settled: Any, addresses: dict[str, str]
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto("about:blank")
    with page.expect_download() as download:
        page.evaluate("url => { location.href = url; }", addresses["app.js signed"])
    assert download.value.suggested_filename == "app.js"
    context.close()
