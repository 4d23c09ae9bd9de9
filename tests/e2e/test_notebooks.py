"""Notebooks against a whole instance: the tutorials as they are, and what the magics refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbformat
import pytest

from studio.prerender import ROOT
from tests.e2e.conftest import Settled

RUN = Path(__file__).with_name("notebook_run.py")
TUTORIALS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")

COUNT = '''%%skill count --no-form
@puras.skill(network="none")
def count(text: str) -> dict:
    """Counts."""
    return {"words": len(text.split())}
'''


class Desk:
    """A skillpack of its own, and kernels that work on it."""

    def __init__(self, settled: Settled, folder: Path) -> None:
        made = settled.api.post("/v1/skillpacks", json={"slug": f"desk-{uuid4().hex[:8]}", "name": "Desk"})
        assert made.status_code == 201, made.text
        self.environment = {
            "PURAS_API_BASE": settled.running.url,
            "PURAS_API_KEY": settled.api.headers["Authorization"].removeprefix("Bearer "),
            "PURAS_SKILLPACK": made.json()["slug"],
            "IPYTHONDIR": str(folder / ".ipython"),
        }
        self.folder = folder

    def execute(self, notebook: Any) -> Any:
        """Run a notebook in a new kernel; an error in a cell is an error here."""
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= self.environment
        done = subprocess.run(
            [sys.executable, str(RUN)],
            cwd=self.folder,
            env=environment,
            input=nbformat.writes(notebook),
            capture_output=True,
            text=True,
            timeout=115,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return nbformat.reads(done.stdout, as_version=4)

    def run(self, *cells: str) -> list[str]:
        """What each cell shows as text, in a new kernel."""
        sources = ["%load_ext puras\n%puras_connect", *cells]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])
        return [_shown(cell.outputs) for cell in self.execute(notebook).cells[1:]]


@pytest.fixture
def desk(settled: Settled, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A fresh one."""
    return Desk(settled, tmp_path_factory.mktemp("nb"))


@pytest.mark.e2e
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_from_its_first_cell_to_its_last(desk: Desk, path: Path) -> None:
    desk.execute(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_is_kept_without_outputs_and_keys(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    text = path.read_text(encoding="utf-8")
    assert "puras_live_" not in text.replace("puras_live_…", "")


@pytest.mark.e2e
def test_a_version_that_breaks_callers_or_holds_changes_of_others_is_published_only_on_demand(
    desk: Desk,
) -> None:
    refused = _said_by("CellRefused", "UsageError")
    changed = COUNT.replace("text: str", "text: str, language: str")
    shown = desk.run(
        COUNT,
        '%skill_publish count -m "one"',
        refused("%skill_publish count"),
        changed,
        refused("%skill_publish count"),
        '%skill_publish count --breaking -m "two"',
        changed.replace("Counts.", "Counts words."),
        "instance = get_ipython().magics_manager.registry['PurasMagics'].bench.instance\n"
        "instance.ask('PUT', instance.pack('/drafts/files/README.md'), b'of somebody else') and None",
        refused("%skill_publish count"),
        '%skill_publish count --all -m "three"',
    )
    assert "<version 1, active>" in shown[1]
    assert "nothing to publish" in shown[2]
    assert "breaks callers of the skill" in shown[4]
    assert "<version 2, active>" in shown[5]
    assert "README.md" in shown[8]
    assert "--all" in shown[8]
    assert "<version 3, active>" in shown[9]


@pytest.mark.e2e
def test_nothing_is_published_over_what_somebody_else_publishes_meanwhile(desk: Desk) -> None:
    watched = (
        "bench = get_ipython().magics_manager.registry['PurasMagics'].bench\n"
        "class Watched(type(bench.instance)):\n"
        "    meanwhile = ()\n"
        "    def ask(self, method, path, *more, **options):\n"
        "        answer = super().ask(method, path, *more, **options)\n"
        "        if path.endswith('/drafts/diff'):\n"
        "            super().ask(*self.meanwhile)\n"
        "        return answer\n"
        "bench.instance.__class__ = Watched"
    )
    publish = "bench.instance.meanwhile = ('POST', bench.instance.pack('/drafts/publish'), {})"
    write = "bench.instance.meanwhile = ('PUT', bench.instance.pack('/drafts/files/other.md'), b'')"
    refused = _said_by("UsageError")("%skill_publish count")
    other = COUNT.replace("Counts.", "Counts words.")
    shown = desk.run(COUNT, watched, publish, refused, other, write, refused)
    assert "Another version became active while you were publishing: 1. Nothing was published." in shown[3]
    assert "Run %skill_publish again" in shown[3]
    assert "changed the draft while you were publishing it. Nothing was published." in shown[6]


@pytest.mark.e2e
def test_a_job_outlives_the_kernel_that_has_started_it(desk: Desk) -> None:
    slow = COUNT.replace("    return", "    import time; time.sleep(3)\n    return")
    (_, job_id) = desk.run(slow, 'print(count.submit({"text": "a b c"}).id)')
    (shown,) = desk.run(
        f"run = puras.attach('{job_id.strip()}', show=False)\nprint(run.result, len(run.events))"
    )
    assert shown.startswith("{'words': 3}")


@pytest.mark.e2e
def test_what_lives_in_the_kernel_only_is_found_before_it_ships(desk: Desk) -> None:
    hidden = COUNT.replace("len(text.split())", "helper(text)")
    shown = desk.run(
        "def helper(text): return 3",
        hidden,
        "count.run(text='a').result",
        "%skill_check count",
        _said_by("UsageError")("%skill_publish count"),
        COUNT.replace("@puras.skill(", '@puras.skill(examples=[{"inputs": {"text": 5}}], '),
        "%skill_check count",
    )
    assert "{'words': 3}" in shown[2]
    assert "captured" in shown[3]
    assert "Nothing was published" in shown[4]
    assert "new kernel" in shown[6]
    assert "'int' object has no attribute 'split'" in shown[6]


@pytest.mark.e2e
def test_a_file_that_somebody_else_has_changed_is_not_written_over(desk: Desk) -> None:
    someone = (
        "import urllib.request, json, os\n"
        "instance = get_ipython().magics_manager.registry['PurasMagics'].bench.instance\n"
        "made = instance.ask('POST', '/v1/api-keys', {'name': 'someone'})\n"
        "from puras.notebook.instance import Instance\n"
        "other = Instance(instance.base, made['key'])\n"
        "path = instance.pack('/drafts/files/skills/count/main.py')\n"
        "files = other.ask('GET', instance.pack('/drafts'))['files']\n"
        "there = [one for one in files if one['path'].endswith('main.py')]\n"
        "other.ask('PUT', path, b'# theirs', headers={'If-Match': str(there[0]['revision'])}) and None"
    )
    shown = desk.run(
        COUNT,
        'count.run(text="a", where="server", show=False).status',
        someone,
        _said_by("CellRefused")('count.run(text="a", where="server")'),
        'count.run(text="a", where="server", show=False, replace=True).status',
    )
    assert shown[1] == shown[4] == "'succeeded'"
    assert "of the draft was changed by key:" in shown[3]


def _said_by(*errors: str) -> Callable[[str], str]:
    """A cell that shows what another one refuses, and fails when it does not."""
    names = f"({', '.join(errors)},)"

    def refused(line: str) -> str:
        call = f"get_ipython().run_line_magic(*{line[1:].split(' ', 1)!r})" if line.startswith("%") else line
        return (
            "from IPython.core.error import UsageError\nfrom puras.notebook.errors import CellRefused\n"
            f"try:\n    {call}\nexcept {names} as refusal:\n    print(refusal)\n"
            "else:\n    raise AssertionError('not refused')"
        )

    return refused


def _shown(outputs: Sequence[Any]) -> str:
    return "\n".join(
        one.get("text") or one.get("data", {}).get("text/plain", "")
        for one in outputs
        if one.output_type != "error"
    )
