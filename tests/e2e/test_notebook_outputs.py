"""Outputs of cells have the colors of the page, and cannot access the studio."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import EMAIL

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PACK = "outputs"
HOSTILE = """<p>owl</p><script>parent.hacked = top.hacked = 1</script><img src="x" onerror="parent.hacked = 1">
<img src="https://tracker.example/taken.png"><meta http-equiv="refresh" content="0;url=/taken">
<a href="/taken" target="_top">to the top</a> <a href="/taken" target="_blank">another window</a>
<a href="/taken">here</a>
<form action="/taken" method="post" target="_top"><button>send</button></form>
<iframe src="/taken"></iframe><link rel="stylesheet" href="/taken.css"><style>p{background:url(/taken.png)}</style>"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>top.hacked = 1</script>'
    '<image href="/taken.png" width="9" height="9"/><rect width="40" height="40" fill="#c27803"/></svg>'
)
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "a",
            "metadata": {},
            "source": "hostile",
            "execution_count": 1,
            "outputs": [
                {"output_type": "display_data", "metadata": {}, "data": {"text/html": HOSTILE}},
                {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": SVG}},
            ],
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture
def page(browser: Browser, settled: Any) -> Iterator[Page]:
    """Open a page with the notebook; errors about the policy of the page, which blocks the outputs, are ignored."""
    settled.api.post("/v1/skillpacks", json={"slug": PACK, "name": PACK})
    path = f"/v1/skillpacks/{PACK}/drafts/files/notebooks/first.ipynb"
    answer = settled.api.put(path, content=json.dumps(NOTEBOOK), headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    settled.sign_in_page(page, EMAIL)
    yield page
    context.close()


def test_outputs_of_a_cell_cannot_access_the_studio(page: Page, settled: Any) -> None:
    answered: list[str] = []
    page.context.on("response", lambda response: answered.append(response.url))
    page.goto(f"{settled.url}/notebook?skillpack={PACK}")
    frame = page.frame_locator("iframe.nb-html")
    expect(frame.get_by_text("owl")).to_be_visible()
    for name in ("to the top", "another window"):
        frame.get_by_role("link", name=name).click()
    frame.get_by_role("button", name="send").click()
    expect(page.get_by_role("img", name="Image")).to_have_attribute("src", re.compile("^data:image/svg"))
    expect(frame.get_by_text("owl")).to_be_visible()
    frame.get_by_role("link", name="here", exact=True).click()
    page.wait_for_timeout(500)  # the absence of a navigation has no event to wait for
    assert page.url.startswith(f"{settled.url}/notebook")
    assert len(page.context.pages) == 1
    assert page.evaluate("window.hacked === undefined")
    assert not [url for url in answered if "taken" in url]


def test_html_outputs_follow_the_theme(page: Page, settled: Any) -> None:
    page.goto(f"{settled.url}/notebook?skillpack={PACK}")
    body = page.frame_locator("iframe.nb-html").locator("body")
    for theme, background in {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 14, 17)"}.items():
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        expect(body).to_have_css("background-color", background)
