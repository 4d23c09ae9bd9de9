"""Notebooks and a whole instance: the tutorials run unchanged, and the magics reject unsafe publications."""

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

from backend.core.release_files import ROOT
from tests.e2e.conftest import Settled

RUN = Path(__file__).with_name("notebook_run.py")
TUTORIALS = sorted((ROOT / "notebooks").glob("*.ipynb"))
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")

COUNT = '''%%skill count --no-form
@puras.skill(network="none")
def count(text: str) -> dict:
    """Counts."""
    return {"words": len(text.split())}
'''


class NotebookRunner:
    """A skillpack, and kernels that work on it."""

    def __init__(self, settled: Settled, folder: Path) -> None:
        made = settled.api.post(
            "/v1/skillpacks", json={"slug": f"runner-{uuid4().hex[:8]}", "name": "Runner"}
        )
        assert made.status_code == 201, made.text
        self.environment = {
            "PURAS_API_BASE": settled.running.url,
            "PURAS_API_KEY": settled.api.headers["Authorization"].removeprefix("Bearer "),
            "PURAS_SKILLPACK": made.json()["slug"],
            "IPYTHONDIR": str(folder / ".ipython"),
        }
        self.folder = folder

    def execute(self, notebook: Any) -> Any:
        """Run a notebook in a new kernel; an error in a cell fails the test."""
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
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
        """Return the text outputs of each cell, run in a new kernel."""
        sources = ["%load_ext puras\n%puras_connect", *cells]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in sources])
        return [_shown(cell.outputs) for cell in self.execute(notebook).cells[1:]]


@pytest.fixture
def runner(settled: Settled, tmp_path_factory: pytest.TempPathFactory) -> NotebookRunner:
    """Return a new skillpack with its kernels."""
    return NotebookRunner(settled, tmp_path_factory.mktemp("nb"))


@pytest.mark.e2e
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs_completely(runner: NotebookRunner, path: Path) -> None:
    runner.execute(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_is_stored_without_outputs_and_keys(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    text = path.read_text(encoding="utf-8")
    assert "puras_live_" not in text.replace("puras_live_…", "")


@pytest.mark.e2e
def test_breaking_or_foreign_changes_are_published_only_on_request(
    runner: NotebookRunner,
) -> None:
    rejected = _expecting("CellRefused", "UsageError")
    changed = COUNT.replace("text: str", "text: str, language: str")
    shown = runner.run(
        COUNT,
        '%skill_publish count -m "one"',
        rejected("%skill_publish count"),
        changed,
        rejected("%skill_publish count"),
        '%skill_publish count --breaking -m "two"',
        changed.replace("Counts.", "Counts words."),
        "instance = get_ipython().magics_manager.registry['PurasMagics'].bench.instance\n"
        "instance.ask('PUT', instance.pack('/drafts/files/README.md'), b'of another user') and None",
        rejected("%skill_publish count"),
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
def test_concurrent_changes_of_another_user_prevent_publication(runner: NotebookRunner) -> None:
    watch = (
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
    rejected = _expecting("UsageError")("%skill_publish count")
    changed_skill = COUNT.replace("Counts.", "Counts words.")
    shown = runner.run(COUNT, watch, publish, rejected, changed_skill, write, rejected)
    assert "Another version became active while you were publishing: 1. Nothing was published." in shown[3]
    assert "Run %skill_publish again" in shown[3]
    assert "changed the draft while you were publishing it. Nothing was published." in shown[6]


@pytest.mark.e2e
def test_job_outlives_the_kernel_that_started_it(runner: NotebookRunner) -> None:
    slow = COUNT.replace("    return", "    import time; time.sleep(3)\n    return")
    (_, job_id) = runner.run(slow, 'print(count.submit({"text": "a b c"}).id)')
    (shown,) = runner.run(
        f"run = puras.attach('{job_id.strip()}', show=False)\nprint(run.result, len(run.events))"
    )
    assert shown.startswith("{'words': 3}")


@pytest.mark.e2e
def test_dependency_on_the_kernel_is_found_before_publication(runner: NotebookRunner) -> None:
    hidden_dependency = COUNT.replace("len(text.split())", "helper(text)")
    shown = runner.run(
        "def helper(text): return 3",
        hidden_dependency,
        "count.run(text='a').result",
        "%skill_check count",
        _expecting("UsageError")("%skill_publish count"),
        COUNT.replace("@puras.skill(", '@puras.skill(examples=[{"inputs": {"text": 5}}], '),
        "%skill_check count",
    )
    assert "{'words': 3}" in shown[2]
    assert "captured" in shown[3]
    assert "Nothing was published" in shown[4]
    assert "new kernel" in shown[6]
    assert "'int' object has no attribute 'split'" in shown[6]


@pytest.mark.e2e
def test_file_that_another_user_changed_is_not_overwritten(runner: NotebookRunner) -> None:
    other_user_edit = (
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
    shown = runner.run(
        COUNT,
        'count.run(text="a", where="server", show=False).status',
        other_user_edit,
        _expecting("CellRefused")('count.run(text="a", where="server")'),
        'count.run(text="a", where="server", show=False, replace=True).status',
    )
    assert shown[1] == shown[4] == "'succeeded'"
    assert "of the draft was changed by key:" in shown[3]


def _expecting(*errors: str) -> Callable[[str], str]:
    """Return a function that wraps a cell, so that it prints the expected error and fails without one."""
    names = f"({', '.join(errors)},)"

    def rejected(line: str) -> str:
        call = f"get_ipython().run_line_magic(*{line[1:].split(' ', 1)!r})" if line.startswith("%") else line
        return (
            "from IPython.core.error import UsageError\nfrom puras.notebook.errors import CellRefused\n"
            f"try:\n    {call}\nexcept {names} as refusal:\n    print(refusal)\n"
            "else:\n    raise AssertionError('not refused')"
        )

    return rejected


def _shown(outputs: Sequence[Any]) -> str:
    return "\n".join(
        one.get("text") or one.get("data", {}).get("text/plain", "")
        for one in outputs
        if one.output_type != "error"
    )
