"""The notebook page: cells, kernels, skills that cells define, conflicts and uploads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.conftest import EMAIL
from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
SKILL = (
    "%%skill shout\n@puras.skill(network='none')\ndef shout(text: str) -> dict[str, str]:\n"
    "    return {'loud': text.upper()}"
)


@pytest.fixture
def pack(settled: Any, request: pytest.FixtureRequest) -> str:
    """Create an empty skillpack, and return the slug."""
    slug = request.node.name.removeprefix("test_")[:50].replace("_", "-")
    made = settled.api.post("/v1/skillpacks", json={"slug": slug, "name": slug})
    assert made.status_code == 201, made.text
    return slug


def write(page: Page, number: int, code: str, *, runs: bool = True) -> Locator:
    """Write a cell and run it with the keyboard, which selects the next cell."""
    text = page.get_by_role("textbox", name=f"Source of cell {number}", exact=True)
    text.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    if runs:
        page.keyboard.press("Shift+Enter")
    return page.get_by_role("article", name=re.compile(rf", cell {number}$"))


def stored_notebook(settled: Any, pack: str, name: str = "first") -> Any:
    """Return the notebook of the draft, and check that it is valid."""
    answer = settled.api.get(f"/v1/skillpacks/{pack}/drafts/files/notebooks/{name}.ipynb")
    assert answer.status_code == 200, answer.text
    nbformat.validate(nbformat.reads(answer.text, as_version=4))
    return json.loads(answer.text)


def take_screenshot(page: Page, name: str) -> None:
    """Take a screenshot for a manual review if a folder for screenshots is set."""
    if folder := os.environ.get("PURAS_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder, f"{name}.png")))


def create_notebook(page: Page, settled: Any, pack: str) -> None:
    page.goto(f"{settled.url}/notebook?skillpack={pack}")
    page.get_by_role("button", name="New", exact=True).click()
    page.get_by_label("Name of the new notebook").fill("first")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Source of cell 1", exact=True)).to_be_visible()


def test_cell_becomes_a_published_skill_and_a_job(signed_in: Page, settled: Any, pack: str) -> None:
    page = signed_in
    create_notebook(page, settled, pack)
    write(page, 1, "x = 20\nprint('owls')")
    second = write(page, 2, "x + 1")
    expect(second).to_contain_text("21", timeout=60_000)
    third = write(
        page,
        3,
        "import base64\nfrom IPython.display import HTML, Image, display\n"
        f"display(Image(data=base64.b64decode('{PNG}'), width=40))\n"
        "display(HTML('<table><tr><th>owl</th></tr><tr><td>1</td></tr></table><script>parent.hacked = 1</script>'))",
    )
    expect(third.get_by_role("img")).to_be_visible(timeout=20_000)
    frame = third.frame_locator("iframe")
    expect(frame.get_by_text("owl")).to_be_visible()
    assert page.evaluate("window.hacked === undefined")
    looping = write(page, 4, "print('on', flush=True)\nwhile True: pass")
    expect(looping).to_contain_text("on", timeout=20_000)
    expect(page.get_by_label("Kernel", exact=True)).to_contain_text("Kernel busy")
    take_screenshot(page, "busy")
    page.get_by_role("button", name="Interrupt", exact=True).click()
    expect(looping).to_contain_text("KeyboardInterrupt", timeout=20_000)
    expect(looping).to_contain_text("was interrupted")
    skill = write(page, 5, SKILL)
    card = skill.get_by_role("region", name="Skill shout")
    expect(card).to_contain_text("skills/shout/ of the draft", timeout=20_000)
    card.get_by_role("button", name="Try it").click()
    card.get_by_role("textbox", name="text").fill("owls")
    with page.expect_response(lambda answer: answer.url.endswith("/drafts/check"), timeout=30_000) as checked:
        pass  # the page loads the draft again every ten seconds
    checked.value.finished()
    page.wait_for_timeout(300)  # the rendered page does not change, so there is nothing to wait for
    expect(card.get_by_role("textbox", name="text")).to_have_value("owls")
    card.get_by_role("button", name=re.compile("^Run")).click()
    expect(card.get_by_role("region", name="Result")).to_contain_text("OWLS", timeout=30_000)
    take_screenshot(page, "skill")
    card.get_by_role("button", name="Publish skill…").click()
    dialog = page.get_by_role("dialog", name="Publish").filter(visible=True)
    expect(dialog).to_contain_text("skills/shout/main.py")
    expect(dialog).to_contain_text("Not included: notebooks/first.ipynb")
    dialog.get_by_role("button", name="Publish and activate").click()
    expect(dialog).to_contain_text("Version 1 is published and active")
    dialog.get_by_role("button", name="Close").click()
    body = {"skill": "shout", "inputs": {"text": "owls"}}
    job = settled.api.post("/v1/jobs", params={"skillpack": pack, "wait": "true"}, json=body).json()
    assert (job["status"], job["result"]) == ("succeeded", {"loud": "OWLS"}), job
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("article", name=re.compile(", cell 2$"))).to_contain_text("21")
    expect(page.get_by_role("article", name=re.compile(", cell 3$")).get_by_role("img")).to_be_visible()
    expect(page.get_by_label("Kernel", exact=True)).to_contain_text("Kernel idle")
    notebook = stored_notebook(settled, pack)
    assert notebook["cells"][1]["outputs"][0]["data"]["text/plain"] == "21"
    assert notebook["metadata"]["puras"]["skills"] == ["shout"]
    page.get_by_role("button", name="Restart").click()
    page.get_by_role("dialog", name="Restart the kernel?").get_by_role(
        "button", name="Restart kernel"
    ).click()
    expect(page.get_by_text("The kernel was restarted")).to_be_visible(timeout=30_000)
    forgotten = write(page, 1, "x")
    expect(forgotten).to_contain_text("NameError", timeout=20_000)
    page.get_by_role("button", name="Clear outputs").click()
    expect(forgotten).not_to_contain_text("NameError")
    expect(write(page, 1, "print(40 + 2)")).to_contain_text("42", timeout=20_000)
    page.get_by_role("button", name="Stop kernel").click()
    expect(page.get_by_label("Kernel", exact=True)).to_contain_text("Kernel stopped", timeout=20_000)
    # In the new kernel, the number of this run is 1 again.
    again = write(page, 1, "import threading\nthreading.Event().wait()")
    expect(again).to_contain_text("This cell is running", timeout=30_000)
    page.get_by_role("button", name="Stop kernel").click()
    expect(page.get_by_label("Kernel", exact=True)).to_contain_text("Kernel stopped", timeout=20_000)


def test_a_job_is_opened_as_a_notebook(signed_in: Page, settled: Any) -> None:
    body = {"skill": "count", "inputs": {"seconds": 0}}
    job = settled.api.post("/v1/jobs", params={"wait": "true"}, json=body).json()
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    on_the_job_page(signed_in).click()
    expect(signed_in).to_have_url(re.compile(r"/notebook\?skillpack=default&file=notebooks%2Fjob-"))
    inputs = signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)
    expect(inputs).to_contain_text("inputs = {'seconds': 0}")


def on_the_job_page(page: Page) -> Locator:
    link = page.get_by_role("link", name="Notebook", exact=True)
    return link.and_(page.get_by_title("Open this job as a notebook in the draft"))


def publish_function(settled: Any, pack: str) -> None:
    """Publish a function `say` as the first version of the skillpack."""
    files = {
        "skills/say/words.py": b"WORD = 'hello'\n",
        "skills/say/main.py": b"from words import WORD\n\ndef run(inputs):\n"
        b"    return {'said': WORD + ' ' + inputs['name']}\n",
        "skills/say/skill.yaml": b"entrypoint: main.py:run\nnetwork: none\n"
        b"input_schema: {type: object, required: [name], properties: {name: {type: string}}}\n"
        b"output_schema: {type: object, properties: {said: {type: string}}}\n",
    }
    answer = settled.api.post(
        f"/v1/skillpacks/{pack}/deployments", files={"bundle": ("skills.zip", pack_files(files))}
    )
    assert answer.status_code == 201, answer.text


def test_a_job_is_opened_in_the_skillpack_of_its_skill(
    signed_in: Page, settled: Any, pack: str, as_viewer: Callable[[Page], None]
) -> None:
    publish_function(settled, pack)
    body = {"skill": f"{pack}/say", "inputs": {"name": "Ada"}}
    job = settled.api.post("/v1/jobs", params={"wait": "true"}, json=body).json()
    as_viewer(signed_in)
    signed_in.goto(f"{settled.url}/notebook?skillpack={pack}&job={job['id']}")
    expect(signed_in.get_by_role("alert").filter(has_text="read-only access")).to_be_visible()
    settled.sign_in_page(signed_in, EMAIL)
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    on_the_job_page(signed_in).click()
    expect(signed_in).to_have_url(re.compile(rf"/notebook\?skillpack={pack}&file=notebooks%2Fjob-"))
    expect(signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)).to_contain_text("Ada")
    assert "runpy" in stored_notebook(settled, pack, f"job-{job['id'][-8:]}")["cells"][-1]["source"]


def test_the_playground_opens_inputs_and_runs_as_notebooks(
    signed_in: Page, settled: Any, pack: str, as_viewer: Callable[[Page], None]
) -> None:
    publish_function(settled, pack)
    playground = f"{settled.url}/play/say?skillpack={pack}"
    signed_in.goto(playground)
    signed_in.get_by_label("name").fill("Ada")
    signed_in.get_by_role("button", name="Notebook", exact=True).click()
    expect(signed_in).to_have_url(re.compile(rf"/notebook\?skillpack={pack}&file=notebooks%2Fsay.ipynb"))
    expect(signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)).to_contain_text("Ada")
    signed_in.get_by_role("button", name="Run all").click()
    called = signed_in.get_by_role("article", name="Code, cell 4")
    expect(called).to_contain_text("{'said': 'hello Ada'}", timeout=60_000)
    signed_in.get_by_role("button", name="Stop kernel").click()
    signed_in.goto(playground)
    signed_in.get_by_label("name").fill("Bob")
    signed_in.get_by_role("button", name=re.compile("^Run")).click()
    signed_in.get_by_role("link", name="Open in notebook").click(timeout=40_000)
    expect(signed_in).to_have_url(re.compile(rf"/notebook\?skillpack={pack}&file=notebooks%2Fjob-"))
    expect(signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)).to_contain_text("Bob")
    as_viewer(signed_in)
    signed_in.goto(playground)
    expect(signed_in.get_by_label("name")).to_be_visible()
    expect(signed_in.get_by_role("button", name="Notebook", exact=True)).to_have_count(0)


READ: dict[str, Any] = {
    "cells": [
        {
            "cell_type": "markdown",
            "id": "a",
            "metadata": {},
            "source": "# Owls\n\nThey <b>hunt** at *night*.",
        },
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {},
            "source": "1 + 1",
            "execution_count": 1,
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["two", "\n"]},
                {"output_type": "stream", "name": "stderr", "text": "careful\n"},
                {
                    "output_type": "display_data",
                    "metadata": {},
                    "data": {"text/html": "<table><tr><th>kind</th></tr><tr><td>barn owl</td></tr></table>"},
                },
                {
                    "output_type": "error",
                    "ename": "ValueError",
                    "evalue": "no owl",
                    "traceback": ["\x1b[0;31mValueError\x1b[0m: no owl"],
                },
            ],
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def put_notebook(settled: Any, pack: str) -> None:
    """Store a notebook that was run elsewhere in the draft."""
    path = f"/v1/skillpacks/{pack}/drafts/files/notebooks/first.ipynb"
    assert settled.api.put(path, content=json.dumps(READ)).status_code == 200


def test_viewer_reads_a_notebook_and_cannot_run_cells(
    signed_in: Page, settled: Any, pack: str, as_viewer: Callable[[Page], None]
) -> None:
    put_notebook(settled, pack)
    as_viewer(signed_in)
    signed_in.goto(f"{settled.url}/notebook?skillpack={pack}")
    expect(signed_in.get_by_role("heading", name="Owls")).to_be_visible()
    expect(signed_in.get_by_text("They <b>hunt** at night.")).to_be_visible()
    expect(signed_in.get_by_text("two", exact=True)).to_be_visible()
    expect(signed_in.get_by_text("ValueError: no owl")).to_be_visible()
    expect(signed_in.get_by_role("button", name="Run all")).to_have_count(0)
    expect(signed_in.get_by_role("button", name="New", exact=True)).to_have_count(0)


def test_notebook_is_accessible_in_both_themes_and_on_a_narrow_page(
    signed_in: Page, settled: Any, pack: str
) -> None:
    put_notebook(settled, pack)
    signed_in.goto(f"{settled.url}/notebook?skillpack={pack}")
    expect(signed_in.get_by_text("two", exact=True)).to_be_visible()
    assert_usable(signed_in, "a notebook")
    take_screenshot(signed_in, "dark")
    signed_in.set_viewport_size({"width": 390, "height": 844})
    expect(signed_in.get_by_role("button", name="Run all")).to_be_visible()
    assert signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth")
    take_screenshot(signed_in, "narrow")
    first = signed_in.get_by_role("article", name="Text, cell 1")
    first.focus()
    signed_in.keyboard.press("ArrowDown")
    expect(signed_in.get_by_role("article", name="Code, cell 2")).to_be_focused()
    signed_in.keyboard.press("b")
    expect(signed_in.get_by_role("textbox", name="Source of cell 3", exact=True)).to_be_focused()
    signed_in.keyboard.press("Escape")
    expect(signed_in.get_by_role("article", name="Code, cell 3")).to_be_focused()
    signed_in.keyboard.press("m")
    expect(signed_in.get_by_role("article", name="Text, cell 3")).to_be_visible()


def test_conflict_of_two_users_in_one_notebook_loses_no_text(
    signed_in: Page, settled: Any, pack: str
) -> None:
    put_notebook(settled, pack)
    signed_in.goto(f"{settled.url}/notebook?skillpack={pack}")
    expect(signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)).to_be_visible()
    other_text = {**READ, "cells": [{**READ["cells"][1], "source": "theirs = 1"}]}
    path = f"/v1/skillpacks/{pack}/drafts/files/notebooks/first.ipynb"
    answer = settled.api.put(path, content=json.dumps(other_text), headers={"If-Match": "*"})
    assert answer.status_code == 200
    write(signed_in, 2, "mine = 1", runs=False)
    conflict = signed_in.get_by_role("alert").filter(has_text="changed this file")
    expect(conflict).to_be_visible()
    conflict.get_by_role("button", name="Use their text").click()
    expect(signed_in.get_by_role("textbox", name="Source of cell 1", exact=True)).to_contain_text(
        "theirs = 1"
    )


def test_notebooks_are_uploaded_renamed_and_deleted(signed_in: Page, settled: Any, pack: str) -> None:
    signed_in.goto(f"{settled.url}/notebook?skillpack={pack}")
    listed = signed_in.get_by_role("navigation", name="Draft notebooks")
    expect(listed).to_contain_text("No notebooks yet.")
    assert_usable(signed_in, "no notebook yet")
    wrong: FilePayload = {"name": "wrong.ipynb", "mimeType": "application/json", "buffer": b"no JSON"}
    listed.get_by_label("Notebook to upload").set_input_files(files=[wrong])
    expect(signed_in.get_by_role("alert")).to_contain_text("is not a notebook")
    right: FilePayload = {
        "name": "owls.ipynb",
        "mimeType": "application/json",
        "buffer": json.dumps(READ).encode(),
    }
    listed.get_by_label("Notebook to upload").set_input_files(files=[right])
    expect(signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)).to_contain_text("1 + 1")
    listed.get_by_role("button", name="Rename").click()
    listed.get_by_label("New name of notebooks/owls.ipynb").fill("barn-owls")
    signed_in.keyboard.press("Enter")
    expect(listed.get_by_role("button", name="barn-owls")).to_have_attribute("aria-current", "page")
    expect(signed_in.get_by_role("textbox", name="Source of cell 2", exact=True)).to_contain_text("1 + 1")
    assert stored_notebook(settled, pack, "barn-owls")["cells"][1]["source"] == "1 + 1"
    listed.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("dialog").filter(visible=True).get_by_role("button", name="Delete notebook").click()
    expect(listed).to_contain_text("No notebooks yet.")
