"""The pages that people begin with are done word by word: each block, one after the other, on a real instance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from puras import Client
from puras.bundles import pack_files
from puras.client.forms import bundle

from tests.contract.documents import blocks
from tests.contract.documents.blocks import SIGNATURE
from tests.integration.operations.instances import new_up

PAGES = ("quickstart", "inputs", "billing", "migrating")
"""In this order: those that follow use the skill of the first."""
FILE_OF_A_SKILL = "# skills/"
RUN = Path(__file__).with_name("blocks_run.py")
HEAD = "entrypoint: main.py:run\nnetwork: none\n"
SKILLS = {
    "skills/greet/skill.yaml": HEAD
    + "input_schema: {type: object, properties: {name: {type: string}}}\n"
    + "output_schema: {type: object, properties: {greeting: {type: string}}}\n",
    "skills/greet/main.py": "def run(name):\n    return {'greeting': f'Hello, {name}!'}\n",
    "skills/resize/skill.yaml": HEAD
    + "input_schema: {type: object, properties: {width: {type: integer}}}\n"
    + "output_schema: {type: object, properties: {width: {type: integer}}}\n",
    "skills/resize/main.py": "def run(width):\n    return {'width': width}\n",
    "skills/summarize/skill.yaml": HEAD
    + "input_schema: {type: object, properties: {text: {type: string}}}\n"
    + "output_schema: {type: object, properties: {summary: {type: string}}}\n",
    "skills/summarize/main.py": "def run(text):\n    return {'summary': text[:5]}\n",
    "skills/thumbnail/skill.yaml": HEAD
    + "input_schema: {type: object, properties: {image: {type: image}}}\n"
    + "output_schema: {type: object, properties: {thumbnail: {type: image}}}\n",
    "skills/thumbnail/main.py": "from puras import drive, load_bytes\n\n\n"
    "def run(image):\n    return {'thumbnail': drive.save('thumbnails/a.jpg', load_bytes(image))}\n",
}
"""The skills that the pages of the clients call."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of somebody who has an instance, its address and a key."""
    with new_up() as up:
        up.start()
        up.wait_ready()
        key = up.json("project", "create", "Reader", "--credit-usd", "5")["api_key"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
        yield inherited | {
            "HOME": str(tmp_path_factory.mktemp("home")),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PURAS_API_BASE": f"http://127.0.0.1:{up.port}",
            "PURAS_API_KEY": key,
        }


@pytest.mark.timeout(300)
def test_every_block_of_the_first_pages_does_what_it_says(reader: dict[str, str], tmp_path: Path) -> None:
    folder, ran = tmp_path, 0
    for page in PAGES:
        for block in blocks.of_page(page):
            if block.language not in ("bash", "python") or block.code.startswith(FILE_OF_A_SKILL):
                continue
            command = (
                [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
            )
            done = subprocess.run(
                [*command, block.code],
                cwd=folder,
                env=reader,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert done.returncode == 0, (block.place, done.stdout, done.stderr)
            ran += 1
            if (folder / "my-skills").is_dir():  # a `cd` of a block is for those that follow
                folder = folder / "my-skills"
    assert ran >= 8


@pytest.mark.parametrize("page", ["sdk", "mcp"])
def test_every_block_for_programs_does_what_it_says(
    reader: dict[str, str], tmp_path: Path, page: str
) -> None:
    client = Client(reader["PURAS_API_KEY"], api_base=reader["PURAS_API_BASE"])
    files = {path: text.encode() for path, text in SKILLS.items()}
    pushed = bundle(pack_files(files), activate="true")
    client.request("POST", "/v1/deployments", body=pushed, idempotency_key="for the pages of clients")
    for name in ("photo.jpg", "report.pdf"):
        (tmp_path / name).write_bytes(b"not empty")
    told = [
        (block.place, _as_read(block.code, reader))
        for block in blocks.of_page(page)
        if block.language == "python" and not SIGNATURE.fullmatch(block.code)
    ]
    assert told
    names = {"texts": ["one", "two"], "names": ["Ada", "Grace"]}
    given = {"blocks": told, "names": names | {"job_id": client.run_job("greet", {"name": "Ada"})["id"]}}
    done = subprocess.run(
        [sys.executable, str(RUN)],
        cwd=tmp_path,
        env=reader,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "Hello, Ada!" in done.stdout


def _as_read(code: str, reader: dict[str, str]) -> str:
    """The block as somebody pastes it: with their own key and address."""
    mine = {"puras_live_…": reader["PURAS_API_KEY"], "https://studio.example.com": reader["PURAS_API_BASE"]}
    for shown, own in mine.items():
        code = code.replace(shown, own)
    return code
