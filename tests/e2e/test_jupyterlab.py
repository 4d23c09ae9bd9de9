"""A skill in a user's JupyterLab: the form of its cell, local runs and jobs, without requests to other hosts."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, WebSocket, expect

from tests.e2e.conftest import Settled
from tests.e2e.jupyterlab import Lab, jupyterlab

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN_MS = 60_000
LOCAL_ONLY = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
}
"""The server and its kernels can only connect to this host."""
FUNCTION = '''%%skill read-aloud
import time
from pathlib import Path
from typing import Annotated, Literal, TypedDict
from puras import log

class Read(TypedDict):
    said: str

@puras.skill(network="none", examples=[{"inputs": {"text": "the owl"}}])
def read_aloud(
    text: Annotated[str, "What is read."],
    voice: Literal["owl", "frog"] = "owl",
    times: int = 1,
    sign: Annotated[str, "A file of the drive to wait for."] = "",
    loud: bool = False,
    tags: list[str] = [],
) -> Read:
    """Reads a text aloud."""
    log.info(f"the {voice} is ready")
    while sign and not Path("drive", sign).exists():
        time.sleep(0.05)
    said = " ".join([text] * times)
    return {"said": said.upper() if loud else said}
'''
PROMPT = """%%skill answer
---
description: Answers in one line.
input_schema: {type: object, required: [question], properties: {question: {type: text}}}
output_schema: {type: object, properties: {answer: {type: text}}}
examples: [{inputs: {question: "Who?"}, outputs: {answer: "The owl."}}]
---
Answer the question.
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_function_runs_from_the_form_locally_and_as_a_job(
    browser: Browser, settled: Settled, signed_in: Page, theme: str
) -> None:
    with _lab(settled, FUNCTION, theme) as lab, _page(browser, lab) as page:
        form = _form(page)
        expect(form).to_contain_text("Reads a text aloud.")
        _assert_accessible(page)

        form.get_by_label("text").fill("a frog")
        form.get_by_label("times").fill("2")
        form.get_by_label("loud").check()
        form.get_by_label("tags").fill("a, b")
        form.get_by_role("button", name="Run here").click()
        expect(form.get_by_role("alert")).to_contain_text("tags: the value is not valid JSON")
        form.get_by_label("tags").fill('["a"]')
        form.get_by_role("button", name="Run here").click()
        expect(form).to_contain_text('"said": "A FROG A FROG"', timeout=WITHIN_MS)

        sign = f"{uuid4().hex}.txt"
        form.get_by_label("sign").fill(sign)
        form.get_by_label("voice").select_option("frog")
        form.get_by_role("button", name="Run on the server").click()
        expect(form.get_by_role("log")).to_contain_text("the frog is ready", timeout=WITHIN_MS)
        expect(form).to_contain_text("running")
        settled.api.post("/v1/drive/upload", files={"file": ("sign", b"go")}, data={"path": sign})
        expect(form).to_contain_text(re.compile(r"succeeded · \$0\.0+[1-9]"), timeout=WITHIN_MS)
        expect(form).to_contain_text('"said": "A FROG A FROG"')
        _assert_accessible(page)
        job_page = form.get_by_role("link", name="Open in the studio").get_attribute("href")

    assert job_page
    signed_in.goto(job_page)
    expect(signed_in.get_by_role("heading", name="read-aloud")).to_be_visible(timeout=WITHIN_MS)
    expect(signed_in.get_by_text("A FROG A FROG").first).to_be_visible()
    job = settled.api.get(f"/v1/jobs/{job_page.rpartition('/')[2]}").json()
    assert (job["status"], job["source"]) == ("succeeded", "notebook")


def test_prompt_form_reports_the_missing_language_model(browser: Browser, settled: Settled) -> None:
    with _lab(settled, PROMPT, "light") as lab, _page(browser, lab) as page:
        form = _form(page)
        expect(form.get_by_role("button")).to_have_count(1)
        form.get_by_label("question").fill("")
        form.get_by_role("button", name="Run").click()
        expect(form.get_by_role("alert")).to_contain_text("question: a value is required")
        form.get_by_label("question").fill("Who?")
        form.get_by_role("button", name="Run").click()
        expect(form).to_contain_text("no language model", timeout=WITHIN_MS)
        expect(form).to_contain_text('"answer": "The owl."', timeout=WITHIN_MS)


@contextmanager
def _lab(settled: Settled, cell: str, theme: str) -> Iterator[Lab]:
    """Run a JupyterLab with an API key, a notebook of two cells, and a skillpack."""
    pack = f"lab-{uuid4().hex[:8]}"
    made = settled.api.post("/v1/skillpacks", json={"slug": pack, "name": "Lab"})
    assert made.status_code == 201, made.text
    environment = {
        "PURAS_API_BASE": settled.running.url,
        "PURAS_API_KEY": settled.api.headers["Authorization"].removeprefix("Bearer "),
        "PURAS_SKILLPACK": pack,
        **LOCAL_ONLY,
    }
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext puras", cell)]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    with tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True) as folder:
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=python), Path(folder, "skill.ipynb"))
        with jupyterlab(Path(folder), environment, theme=f"JupyterLab {theme.title()}") as lab:
            yield lab


@contextmanager
def _page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """Open the notebook in a browser that can only connect to the lab, and check that nothing else was requested."""
    other_requests: list[str] = []

    def route_to_lab(route: Route) -> None:
        if route.request.url.startswith((lab.url, "blob:", "data:")):
            route.continue_()
        else:
            other_requests.append(route.request.url)
            route.abort()

    def record(socket: WebSocket) -> None:
        if not socket.url.startswith(lab.url.replace("http", "ws", 1)):
            other_requests.append(socket.url)

    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    page.route("**/*", route_to_lab)
    page.on("websocket", record)
    page.goto(lab.notebook_url("skill.ipynb"))
    yield page
    context.close()
    assert not other_requests


def _form(page: Page) -> Locator:
    """Run both cells, and return the form of the second one."""
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=WITHIN_MS)
    for number in (1, 2):
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(number - 1).click()
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_text(f"[{number}]:")).to_be_visible(timeout=WITHIN_MS)
    form = page.locator(".puras-form")
    expect(form.get_by_role("button").first).to_be_visible(timeout=WITHIN_MS)
    return form


def _assert_accessible(page: Page) -> None:
    violations = Axe().run(page, context=".puras-form").response["violations"]
    assert not [f"{one['id']}: {node['html'][:200]}" for one in violations for node in one["nodes"]]
