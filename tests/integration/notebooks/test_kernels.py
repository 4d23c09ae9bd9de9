"""Kernels of notebooks: cells run in order in a sandbox, and their output is stored as it arrives."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.integration.notebooks.conftest import KERNELS, Kernel, Lab
from workers.notebooks.cell_output import MAX_CHARACTERS, MAX_TEXT_CHARACTERS

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def text_of(cell: Any) -> str:
    return "".join(one.get("text", "") for one in cell["outputs"])


async def test_variables_persist_and_the_last_value_is_returned(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run("x = 20", "print('hi')\nx + 1")
    assert (cell["status"], cell["execution_count"]) == ("ok", 2)
    assert cell["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": "hi\n"},
        {
            "output_type": "execute_result",
            "data": {"text/plain": "21"},
            "metadata": {},
            "execution_count": 2,
        },
    ]


async def test_reads_after_a_revision_return_only_changes(lab: Lab) -> None:
    kernel = await lab.kernel()
    await kernel.run("1")
    seen = await kernel.read()
    assert (await kernel.read(after=seen["revision"]))["cells"] == []
    waiting = asyncio.create_task(kernel.read(after=seen["revision"], wait_s=20))
    (cell_id,) = await kernel.queue("2")
    newer = await waiting
    assert newer["revision"] > seen["revision"]
    assert [one["id"] for one in newer["cells"]] == [cell_id]
    await kernel.wait_for([cell_id])


async def test_output_is_available_while_the_cell_runs(lab: Lab) -> None:
    kernel = await lab.kernel()
    (cell_id,) = await kernel.queue("import time\nprint('started', flush=True)\ntime.sleep(600)")
    await kernel.until_running(cell_id)
    assert (await kernel.read())["status"] == "busy"
    await kernel.post("interrupt")
    await kernel.wait_for([cell_id])


async def test_images_and_html_are_stored_in_notebook_format(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run(
        "import base64\nfrom IPython.display import HTML, Image, display\n"
        f"display(Image(data=base64.b64decode('{PNG}'), format='png'))\ndisplay(HTML('<b>hello</b>'))"
    )
    image, html = (one["data"] for one in cell["outputs"])
    assert image["image/png"].strip() == PNG
    assert html["text/html"] == "<b>hello</b>"


async def test_error_has_its_traceback_and_later_cells_are_dropped(lab: Lab) -> None:
    kernel = await lab.kernel()
    failed, later = await kernel.wait_for(await kernel.queue("1 / 0", "y = 1"))
    assert (failed["status"], later["status"]) == ("error", "dropped")
    (error,) = failed["outputs"]
    assert (error["output_type"], error["ename"]) == ("error", "ZeroDivisionError")
    plain = re.sub("\x1b\\[[0-9;]*m", "", "".join(error["traceback"]))
    assert "1 / 0" in plain
    assert (await kernel.run("'y' in dir()"))["outputs"][0]["data"]["text/plain"] == "False"


async def test_interrupted_loop_keeps_the_variables(lab: Lab) -> None:
    kernel = await lab.kernel()
    await kernel.run("x = 7")
    looping, later = await kernel.queue("print('looping', flush=True)\nwhile True: pass", "x = 8")
    await kernel.until_running(looping)
    await kernel.post("interrupt")
    first, second = await kernel.wait_for([looping, later])
    assert (first["status"], second["status"]) == ("interrupted", "dropped")
    assert (await kernel.run("x"))["outputs"][0]["data"]["text/plain"] == "7"


async def test_restart_clears_variables_even_if_a_cell_ignores_interrupts(lab: Lab) -> None:
    kernel = await lab.kernel()
    await kernel.run("x = 7")
    (cell_id,) = await kernel.queue(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('ready', flush=True)\n"
        "while True: time.sleep(1)"
    )
    await kernel.until_running(cell_id)
    await kernel.post("restart")
    seen = await kernel.until(lambda one: one["boots"] == 2 and one["status"] == "idle")
    assert "restarted" in seen["message"]
    assert [one["status"] for one in seen["cells"]] == ["ok", "interrupted"]
    cell = await kernel.run("x")
    assert (cell["status"], cell["execution_count"]) == ("error", 1)


async def test_dead_kernel_is_reported_and_restarted(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run("import os; os._exit(3)")
    assert cell["status"] == "error"
    assert "the kernel has ended" in text_of(cell)
    seen = await kernel.until(lambda one: one["boots"] == 2)
    assert "restarted" in seen["message"]
    assert (await kernel.run("2 + 2"))["outputs"][0]["data"]["text/plain"] == "4"


@pytest.mark.parametrize(
    "bomb",
    [
        "for _ in range(3000): print('x' * 1000)",
        "from IPython.display import HTML, display\nfor n in range(2000): display(HTML(str(n)))",
        "from IPython.display import HTML, display\nfor n in range(8): display(HTML('x' * 900_000))",
        "from IPython.display import HTML\nHTML('x' * 9_000_000)",
        "raise ValueError('x' * 3_000_000)",
    ],
    ids=["prints", "outputs", "large ones", "one huge", "an error"],
)
async def test_excessive_output_is_limited_and_reported(lab: Lab, bomb: str) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run(bomb)
    size = sum(len(str(one)) for one in cell["outputs"])
    assert size < MAX_CHARACTERS + MAX_TEXT_CHARACTERS + 10_000
    assert "omitted" in text_of(cell) or "too large" in text_of(cell) or cell["status"] == "error"
    assert (await kernel.run("1"))["status"] == "ok"


async def test_progress_bar_is_stored_in_its_last_state(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run("for n in range(5): print(f'\\r{n}/4', end='', flush=True)\nprint('\\ndone')")
    assert text_of(cell) == "4/4\ndone\n"


async def test_cleared_and_updated_output_is_stored_once(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run(
        "from IPython.display import clear_output, display\nprint('before'); clear_output(wait=True); print('after')\n"
        "shown = display('one', display_id=True); shown.update('two')"
    )
    assert cell["outputs"][0]["text"] == "after\n"
    assert cell["outputs"][1]["data"]["text/plain"] == "'two'"
    assert len(cell["outputs"]) == 2


async def test_characters_that_the_database_cannot_store_are_replaced(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run("print('a\\0b')\n'\\ud800'")
    assert cell["status"] == "ok"
    assert text_of(cell) == "a\ufffdb\n"


async def test_kernel_has_the_files_of_the_draft_and_the_drive(lab: Lab) -> None:
    project = await lab.project()
    await project.http.get("/v1/drafts")
    await project.http.put("/v1/drafts/files/skills/double/words.py", content=b"WORD = 'owl'\n")
    await project.http.put("/v1/drive/files/seen.txt", content=b"in the drive")
    kernel = await lab.kernel(project)
    cell = await kernel.run("import sys; sys.path.append('skills/double')\nimport words; words.WORD")
    assert cell["outputs"][0]["data"]["text/plain"] == "'owl'"
    assert text_of(await kernel.run("import os; print(sorted(os.listdir('drive')))")) != ""


async def test_kernel_cannot_access_the_host_other_projects_or_secrets(lab: Lab) -> None:
    mine, other = await lab.project(), await lab.project("Other")
    await mine.http.put("/v1/secrets/API_TOKEN", json={"value": "a-secret-of-the-project"})
    other_kernel = await lab.kernel(other)
    await other_kernel.run(
        "open('theirs.txt', 'w').write('theirs'); open('drive/theirs.txt', 'w').write('theirs')"
    )
    kernel = await lab.kernel(mine)
    home = lab.instance.settings.home
    look = (
        "import glob, os\n"
        "found = []\n"
        f"for place in ('/root', '/home', '/etc/shadow', {str(home)!r}, {str(home / 'storage')!r}):\n"
        "    try: found += os.listdir(place) if os.path.isdir(place) else [open(place).read()]\n"
        "    except OSError: pass\n"
        "found += [path for path in glob.glob('/**/theirs.txt', recursive=True)]\n"
        "found += [name for name in os.environ if 'TOKEN' in name or 'DATABASE' in name or 'SECRET' in name]\n"
        "print(found)"
    )
    assert text_of(await kernel.run(look)) == "[]\n"


async def test_kernel_cannot_connect_to_the_instance(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run(
        "import urllib.request\n"
        "for place in ('http://127.0.0.1:8123/v1/jobs', 'http://169.254.169.254/'):\n"
        "    try: urllib.request.urlopen(place, timeout=5); print('open')\n"
        "    except OSError: print('closed')"
    )
    assert text_of(cell) == "closed\nclosed\n"


async def test_kernel_is_a_job_that_can_be_cancelled(lab: Lab) -> None:
    kernel = await lab.kernel()
    job = (await kernel.project.http.get(f"/v1/jobs/{kernel.id}")).json()
    assert (job["type"], job["skill_name"], job["source"]) == ("kernel", "@notebook", "notebook")
    (cell_id,) = await kernel.queue("print('on', flush=True)\nwhile True: pass")
    await kernel.until_running(cell_id)
    assert (await kernel.project.http.post(f"/v1/jobs/{kernel.id}/cancel")).is_success
    seen = await kernel.until(lambda one: one["status"] == "ended")
    assert seen["end_reason"] == "stopped"
    assert seen["cells"][-1]["status"] == "lost"
    rejected = await kernel.project.http.post(
        f"{KERNELS}/{kernel.id}/cells", json={"cells": [{"cell": "a", "code": "1"}]}
    )
    assert (rejected.status_code, rejected.json()["code"]) == (409, "kernel_ended")
    replayed = await kernel.project.http.post(f"/v1/jobs/{kernel.id}/replay")
    assert (replayed.status_code, replayed.json()["code"]) == (409, "kernel_not_replayed")


async def test_notebook_has_one_kernel_and_a_new_one_after_its_end(lab: Lab) -> None:
    kernel = await lab.kernel()
    again = await lab.kernel(kernel.project)
    assert again.id == kernel.id
    assert (await kernel.project.http.delete(f"{KERNELS}/{kernel.id}")).status_code == 204
    await kernel.until(lambda one: one["status"] == "ended")
    assert (await kernel.project.http.get(KERNELS)).json() == []
    fresh: Kernel = await lab.kernel(kernel.project)
    assert fresh.id != kernel.id


async def test_kernel_starts_for_a_draft_without_skills(lab: Lab) -> None:
    project = await lab.projects.make("Empty")
    await lab.top_up(project)
    kernel = await lab.kernel(project)
    assert (await kernel.run("1 + 1"))["status"] == "ok"


async def test_skill_cell_returns_its_files_and_errors(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run(
        "%load_ext puras",
        '%%skill word-count --requires "httpx==0.28"\n@puras.skill(network="none")\n'
        'def word_count(text: str) -> dict[str, int]:\n    """Counts words."""\n'
        '    return {"words": len(text.split())}',
    )
    (skill_data,) = [
        one["data"]["application/vnd.puras.skill+json"] for one in cell["outputs"] if "data" in one
    ]
    assert (skill_data["name"], skill_data["kind"]) == ("word-count", "function")
    assert set(skill_data["files"]) == {"main.py", "skill.yaml", "requirements.txt"}
    assert "network: none" in skill_data["files"]["skill.yaml"]
    assert text_of(await kernel.run("print(word_count('a b'))")) == "{'words': 2}\n"
    prompt = await kernel.run("%%skill answer\nAnswer in one line.")
    files = prompt["outputs"][0]["data"]["application/vnd.puras.skill+json"]["files"]
    assert files["prompt.md"] == "Answer in one line.\n"
    wrong = await kernel.run("%%skill Bad Name\nx")
    assert "%%skill NAME" in str(wrong["outputs"])


async def test_calls_that_need_an_api_key_name_the_alternative(lab: Lab) -> None:
    kernel = await lab.kernel()
    await kernel.run(
        "%%skill word-count\n@puras.skill\ndef word_count(text: str) -> dict[str, int]:\n"
        "    return {'words': len(text.split())}"
    )
    await kernel.run("%%skill answer\nAnswer in one line.")
    for code, instead in {
        "puras.attach('0f0e')": "The page of the job",
        "word_count.run(text='a b')": "Try it",
        "word_count.map([{'text': 'a'}], where='server')": "Try it",
        "answer.run(input='a')": "Try it",
        "answer(input='a')": "Try it",
        "%skill_publish word-count": "the button of the card",
        "%skill_check word-count": "card below",
        "%puras_connect": "A connection is not needed",
        "%%skill_file word-count tools.py\nx = 1": "in the editor",
    }.items():
        cell = await kernel.run(code)
        output = str(cell["outputs"])
        assert "is only available in your own Jupyter" in output, output
        assert "has no API key" in output
        assert instead in output, output
    assert (await kernel.run("word_count('a b')"))["outputs"][0]["data"]["text/plain"] == "{'words': 2}"
