"""The API reference of a project: its content is correct, and its code runs without changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]


def test_skill_is_described_called_from_code_and_run_on_the_page(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/api")
    signed_in.get_by_role("navigation", name="Skills").get_by_role("link", name="count", exact=True).click()
    expect(signed_in.get_by_text("/v1/skills/count/run", exact=True)).to_be_visible()
    row = signed_in.get_by_role("region", name="Input fields").get_by_role("row").filter(has_text="seconds")
    expect(row).to_contain_text("integer")
    expect(row).to_contain_text("at least 0, at most 60")
    outputs = (
        signed_in.get_by_role("region", name="Output fields").get_by_role("row").filter(has_text="counted")
    )
    expect(outputs).to_be_visible()
    expect(outputs).not_to_contain_text("optional")  # a result without it fails the job
    key = settled.api.headers["Authorization"].removeprefix("Bearer ")
    assert key not in signed_in.content()
    for language, start, command in (
        ("curl", "curl '", ["sh", "-c"]),
        ("Python", "from puras", [sys.executable, "-c"]),
        ("OpenAI SDK", "import os\nfrom openai", [sys.executable, "-c"]),
    ):
        tab = signed_in.get_by_role("tab", name=language)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        expect(signed_in.get_by_role("region", name="Code")).to_contain_text(start)
        code = signed_in.get_by_role("region", name="Code").locator("pre").inner_text()
        done = subprocess.run(
            [*command, code],
            env=os.environ | {"PURAS_API_KEY": key},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("counted" if language == "OpenAI SDK" else "succeeded") in done.stdout
        if language == "curl":
            assert json.loads(done.stdout)["status"] == "succeeded"
    signed_in.get_by_role("tab", name="TypeScript").click()
    code = signed_in.get_by_role("region", name="Code").locator("pre")
    expect(code).to_contain_text("seconds: number;")
    expect(code).to_contain_text("counted: number;")

    signed_in.get_by_role("button", name="Try it").click()
    signed_in.get_by_label("seconds").fill("61")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_role("alert").first).to_be_visible()
    signed_in.get_by_label("seconds").fill("0")
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=60_000)
    expect(signed_in.get_by_role("region", name="Result")).to_contain_text("<b>not markup</b>")


def test_openapi_documents_are_linked(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/api")
    for name, path in (
        ("OpenAPI: project skills", "/v1/skills/count/run"),
        ("OpenAPI: REST API", "/v1/jobs"),
    ):
        address = signed_in.get_by_role("link", name=name).get_attribute("href")
        described = signed_in.request.get(f"{settled.running.url}{address}").json()
        assert path in described["paths"], list(described["paths"])
    signed_in.get_by_role("navigation", name="Skills").get_by_role("link", name="API keys").click()
    expect(signed_in.get_by_role("button", name="New API key")).to_be_visible()
