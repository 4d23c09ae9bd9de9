"""The code snippets of empty pages run without changes, in every language."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
from playwright.sync_api import Page, expect

from rxconfig import BUN

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(360)]

LANGUAGES: Final = ["curl", "Python", "Terminal", "TypeScript", "MCP"]
SKILL: Final = """\
entrypoint: main.py:run
description: Greets a user by name.
network: none
input_schema: {type: object, required: [name], properties: {name: {type: string}}}
output_schema: {type: object, properties: {said: {type: string}}}
"""
GRADED: Final = "evals: {dataset: cases.jsonl, graders: [{name: right, kind: exact_match}]}\n"
CALL: Final = """
import asyncio, json, os, sys
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

server, call = (json.loads(part.partition("\\n")[2]) for part in sys.argv[1].split("\\n\\n"))

async def main():
    key = {"Authorization": "Bearer " + os.environ["PURAS_API_KEY"]}
    async with (
        httpx2.AsyncClient(headers=key, timeout=70) as http,
        Client(streamable_http_client(server["mcpServers"]["puras"]["url"], http_client=http)) as client,
    ):
        answer = await client.call_tool(call["name"], call["arguments"])
    sys.exit(str(answer) if answer.is_error else 0)

asyncio.run(main())
"""


class EmptyProject(NamedTuple):
    """A project that has credit and nothing else, and a local folder with skills."""

    url: str
    api: httpx.Client
    key: str
    folder: Path


@pytest.fixture
def empty(settled: Any, tmp_path: Path) -> Any:
    made = json.loads(settled.running.operate("project", "create", "Empty", "--credit-usd", "2", "--json"))
    greet = tmp_path / "skills" / "greet"
    greet.mkdir(parents=True)
    (greet / "skill.yaml").write_text(SKILL, encoding="utf-8")
    (greet / "main.py").write_text(
        'def run(name):\n    return {"said": f"Hello, {name}"}\n', encoding="utf-8"
    )
    (tmp_path / "photo.jpg").write_bytes(b"an image")
    key = made["api_key"]
    with httpx.Client(
        base_url=settled.running.url, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as api:
        yield EmptyProject(f"{settled.running.url}/p/{made['slug']}", api, key, tmp_path)


def test_snippets_create_the_first_version_suite_listing_and_file(
    signed_in: Page, empty: EmptyProject
) -> None:
    for page in ("/deployments", "", "/jobs", "/api", "/evals"):
        texts = snippets_of(signed_in, empty.url + page)
    for language, text in texts.items():
        run_snippet(empty, language, text)
    versions = empty.api.get("/v1/deployments").json()
    assert len(versions) == len(LANGUAGES)

    skill, cases = (
        empty.folder / "skills" / "greet",
        '{"id": "ada", "inputs": {"name": "Ada"}, "expected": {"said": "Hello, Ada"}}',
    )
    signed_in.goto(f"{empty.url}/evals")
    expect(signed_in.get_by_role("heading", name="greet has no graders")).to_be_visible()
    (skill / "skill.yaml").write_text(SKILL + GRADED, encoding="utf-8")
    (skill / "cases.jsonl").write_text(cases, encoding="utf-8")
    run_snippet(empty, "Terminal", texts["Terminal"])
    texts = snippets_of(signed_in, f"{empty.url}/evals")
    for language, text in texts.items():
        run_snippet(empty, language, text)
    suites = empty.api.get("/v1/skillpacks/default/evals?skill=greet").json()
    assert len(suites) == len(LANGUAGES)

    texts = snippets_of(signed_in, f"{empty.url}/marketplace", languages=["curl", "Python", "TypeScript"])
    # Slugs of listings are unique in the instance, also after a deletion.
    for language, text in texts.items():
        own = re.sub(r"""(slug['"]: ['"]|listings/)greet""", rf"\1greet-{language.lower()}", text)
        run_snippet(empty, language, own)
    listings = empty.api.get("/v1/marketplace/listings").json()
    assert {(one["slug"], one["status"]) for one in listings} >= {
        (f"greet-{language.lower()}", "published") for language in texts
    }

    for folder in ("", 'it\'s a "trip"/100 %/'):
        texts = snippets_of(signed_in, f"{empty.url}/drive", folder=folder)
        for language, text in texts.items():
            name = "hello.txt" if language == "MCP" else "photo.jpg"
            run_snippet(empty, language, text)
            path = httpx.URL("/v1/drive/files/drive/" + folder.replace("%", "%25") + name)
            assert empty.api.delete(path).status_code == 204, language


def snippets_of(
    page: Page, address: str, *, folder: str = "", languages: Sequence[str] = LANGUAGES
) -> dict[str, str]:
    """Return the snippets of a page by language, once it has those of all languages."""
    page.goto(str(httpx.URL(address, params={"folder": folder})) if folder else address)
    tabs = page.get_by_role("tablist", name="Language").get_by_role("tab")
    expect(tabs).to_have_text(languages)
    texts = {}
    for tab in tabs.all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        texts[tab.inner_text()] = page.locator(".copied pre").inner_text()
    return texts


def run_snippet(empty: EmptyProject, language: str, text: str) -> str:
    """Run a snippet in the folder, with the API key in the environment, and return its output."""
    script = empty.folder / "first.ts"
    script.write_text(text, encoding="utf-8")
    command: Mapping[str, list[str]] = {
        "curl": ["sh", "-ec", text.replace("curl ", "curl --fail-with-body ")],
        "Terminal": ["sh", "-ec", text],
        "Python": [sys.executable, "-c", text],
        "TypeScript": [str(BUN), "run", str(script)],
        "MCP": [sys.executable, "-c", CALL, text],
    }
    environment = os.environ | {"PURAS_API_KEY": empty.key, "HOME": str(empty.folder)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command[language],
        cwd=empty.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, f"{language}:\n{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout
