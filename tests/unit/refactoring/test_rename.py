"""`rename` moves modules and renames names with every import and mention, and leaves other names alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from check_renames import check
from rename import carry_out, main
from rename_plan import Plan, PlanError, read_plan

Write = Callable[[Mapping[str, str]], None]

FILES = {
    "backend/__init__.py": "",
    "backend/warm.py": '''"""Sessions."""

LIMIT = 3


class WarmSession:
    """A WarmSession runs statements."""


def start() -> WarmSession:
    global LIMIT
    LIMIT += 1
    return WarmSession()
''',
    "backend/fences/__init__.py": '"""Guards."""\n',
    "backend/fences/judging.py": "from .matching import PATTERN\n\nVERDICT = PATTERN\n",
    "backend/fences/matching.py": "from ..warm import LIMIT\n\nPATTERN = LIMIT\n",
    "backend/clock.py": "from backend.warm import WarmSession as WarmSession\n\nNOW = 1\n",
}
PLAN = Plan(
    moves={"backend/warm.py": "backend/base/db/brisk.py", "backend/fences": "backend/enclosures"},
    names={("backend.warm", "WarmSession"): "BriskSession", ("backend.warm", "LIMIT"): "MAX_ATTEMPTS"},
    docstrings={"backend/base": "Contain what all parts use."},
)
CHECK = "from backend.base.db.brisk import BriskSession\nfrom backend.base.db import brisk\n"


def renamed(repository: Path, commit: Write, source: str) -> str:
    """Return the result for a source that uses the modules of the plan."""
    commit({**FILES, "workers/user.py": source, "workers/__init__.py": ""})
    carry_out(repository, PLAN)
    result = (repository / "workers/user.py").read_text()
    ast.parse(result)
    return result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import backend.warm as y\n\ny.WarmSession()\n",
            "import backend.base.db.brisk as y\n\ny.BriskSession()\n",
        ),
        (
            "import backend.warm\n\nbackend.warm.WarmSession()\n",
            "import backend.base.db.brisk\n\nbackend.base.db.brisk.BriskSession()\n",
        ),
        (
            "from backend import clock, warm\n\nwarm.start(clock.NOW, warm.LIMIT)\n",
            "from backend import clock\nfrom backend.base.db import brisk\n\n"
            "brisk.start(clock.NOW, brisk.MAX_ATTEMPTS)\n",
        ),
        (
            "from backend.warm import WarmSession as Session\n\nSession()\n",
            "from backend.base.db.brisk import BriskSession as Session\n\nSession()\n",
        ),
        (
            "from backend.warm import WarmSession, start\n\n\n"
            "def run(one: WarmSession) -> None:\n    start(WarmSession)\n",
            "from backend.base.db.brisk import BriskSession, start\n\n\n"
            "def run(one: BriskSession) -> None:\n    start(BriskSession)\n",
        ),
        (
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from backend.warm import WarmSession\n",
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
            "    from backend.base.db.brisk import BriskSession\n",
        ),
        (
            "def later():\n    from backend.fences import judging as fences  # lazily\n\n"
            "    return fences.VERDICT\n",
            "def later():\n    from backend.enclosures import judging as fences  # lazily\n\n"
            "    return fences.VERDICT\n",
        ),
        (
            "from backend import fences\n\nfences.judging.VERDICT\n",
            "from backend import enclosures\n\nenclosures.judging.VERDICT\n",
        ),
        (
            'from backend.warm import LIMIT\n\n__all__ = ["LIMIT"]\n',
            'from backend.base.db.brisk import MAX_ATTEMPTS\n\n__all__ = ["MAX_ATTEMPTS"]\n',
        ),
        (
            'from backend import warm\n\npatch.setattr(warm, "LIMIT", 2)\n',
            'from backend.base.db import brisk\n\npatch.setattr(brisk, "MAX_ATTEMPTS", 2)\n',
        ),
        (
            'load("backend.warm.LIMIT", "backend.fences", f"backend.fences.{x}", "backend/warm.py")\n',
            'load(\n    "backend.base.db.brisk.MAX_ATTEMPTS",\n    "backend.enclosures",\n'
            '    f"backend.enclosures.{x}",\n    "backend/base/db/brisk.py",\n)\n',
        ),
        (
            "from backend.warm import start; start()\n",
            "from backend.base.db.brisk import start\n\nstart()\n",
        ),
        (
            "from backend.clock import WarmSession\n\nWarmSession()\n",
            "from backend.clock import BriskSession\n\nBriskSession()\n",
        ),
    ],
)
def test_every_form_of_import_is_rewritten(repository: Path, commit: Write, before: str, after: str) -> None:
    assert renamed(repository, commit, before) == after


@pytest.mark.parametrize(
    "source",
    [
        "WarmSession = 1\nLIMIT = WarmSession\n",
        "def run(warm, LIMIT):\n    return warm.LIMIT + LIMIT\n",
        'path = "tests/backend/warm.py", "backend.warmth", "app.backend.warm", "LIMIT"\n',
        "from other.warm import WarmSession\n\nWarmSession()\n",
        "import warm\n\nwarm.WarmSession()\n",
    ],
)
def test_names_of_other_objects_are_kept(repository: Path, commit: Write, source: str) -> None:
    assert renamed(repository, commit, source) == source


@pytest.mark.parametrize(
    "source",
    [
        "from backend import warm\n\nwarm.LIMIT\n",
        "from backend import warm as other\n\nother.LIMIT\n",
        "import backend.warm\n\nbackend.warm.LIMIT\n",
        "from backend import fences, warm\n\n\ndef run(limit=warm.LIMIT):\n    return fences\n",
    ],
)
def test_a_name_is_renamed_in_a_module_that_does_not_move(
    repository: Path, commit: Write, source: str
) -> None:
    commit({**FILES, "workers/user.py": source})

    carry_out(repository, Plan({}, {("backend.warm", "LIMIT"): "MAXIMUM"}))

    assert (repository / "workers/user.py").read_text() == source.replace("LIMIT", "MAXIMUM")


def test_local_variable_that_shadows_an_import_is_kept(repository: Path, commit: Write) -> None:
    source = "from backend.warm import LIMIT\n\n\ndef one(LIMIT):\n    return LIMIT\n\n\ndef two():\n    return LIMIT\n"

    result = renamed(repository, commit, source)

    assert "def one(LIMIT):\n    return LIMIT\n" in result
    assert "def two():\n    return MAX_ATTEMPTS\n" in result


def test_an_import_whose_new_name_is_taken_gets_an_alias(repository: Path, commit: Write) -> None:
    source = "from backend import warm\n\nbrisk = 1\nwarm.start(brisk)\n"

    result = renamed(repository, commit, source)

    assert "from backend.base.db import brisk as warm\n" in result
    assert "warm.start(brisk)" in result


def test_the_definition_and_its_mentions_are_renamed(repository: Path, commit: Write) -> None:
    commit(FILES)

    carry_out(repository, PLAN)

    result = (repository / "backend/base/db/brisk.py").read_text()
    assert "class BriskSession:" in result
    assert '"""A BriskSession runs statements."""' in result
    assert "global MAX_ATTEMPTS\n    MAX_ATTEMPTS += 1\n    return BriskSession()" in result
    assert (repository / "backend/enclosures/judging.py").read_text() == FILES["backend/fences/judging.py"]
    assert (
        "from backend.base.db.brisk import MAX_ATTEMPTS"
        in (repository / "backend/enclosures/matching.py").read_text()
    )
    assert (repository / "backend/base/__init__.py").read_text() == '"""Contain what all parts use."""\n'
    assert (repository / "backend/base/db/__init__.py").exists()
    assert not (repository / "backend/fences").exists()
    assert not (repository / "__init__.py").exists()


def test_other_files_follow(repository: Path, commit: Write) -> None:
    commit(
        {
            **FILES,
            "pyproject.toml": '[tool]\nmodule = ["backend.warm", "backend.fences.judging"]\n',
            "alembic.ini": "script_location = %(here)s/backend/fences\n",
            "Makefile": "run:\n\tpython -m backend.warm\n",
            "docs/a.md": "See [it](../backend/warm.py) and backend/fences. `backend.warm.LIMIT` too.\n",
            "CHANGELOG.md": "Added backend/warm.py.\n",
        }
    )

    carry_out(repository, PLAN)

    texts = {path: (repository / path).read_text() for path in ("pyproject.toml", "alembic.ini", "Makefile")}
    assert texts["pyproject.toml"] == (
        '[tool]\nmodule = ["backend.base.db.brisk", "backend.enclosures.judging"]\n'
    )
    assert texts["alembic.ini"] == "script_location = %(here)s/backend/enclosures\n"
    assert texts["Makefile"] == "run:\n\tpython -m backend.base.db.brisk\n"
    assert (repository / "docs/a.md").read_text() == (
        "See [it](../backend/base/db/brisk.py) and backend/enclosures. "
        "`backend.base.db.brisk.MAX_ATTEMPTS` too.\n"
    )
    assert (repository / "CHANGELOG.md").read_text() == "Added backend/warm.py.\n"


def test_the_result_runs_and_passes_the_check_of_renames(repository: Path, commit: Write) -> None:
    commit(
        {
            **FILES,
            "workers/__init__.py": "",
            "workers/user.py": "from backend import clock, warm\n\nwarm.start()\n",
        }
    )

    carry_out(repository, PLAN)

    subprocess.run(
        [sys.executable, "-c", f"{CHECK}import workers.user, backend.enclosures.judging"],
        cwd=repository,
        env={"PYTHONPATH": str(repository)},
        check=True,
    )
    assert check(repository, "HEAD", moved=dict(PLAN.moves)).differences == []


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan({"backend/none.py": "backend/x.py"}, {}), "does not exist"),
        (Plan({"backend/warm.py": "backend/clock.py"}, {}), "exists"),
        (Plan({}, {("backend.warm", "Cold"): "Warm"}), "does not define"),
        (Plan({}, {("backend.warm", "LIMIT"): "WarmSession"}), "already uses"),
        (Plan({}, {("backend.cold", "LIMIT"): "MAX"}), "does not exist"),
        (Plan({"backend/warm.py": "mcp/__init__.py"}, {}), "must not exist"),
    ],
)
def test_impossible_plan_changes_nothing(repository: Path, commit: Write, plan: Plan, message: str) -> None:
    commit(FILES)

    with pytest.raises(PlanError, match=message):
        carry_out(repository, plan)

    assert check(repository, "HEAD").compared == 0


@pytest.mark.parametrize(
    "text", ["[[moves]]\n", '[[move]]\nfrom = "a"\n', '[[name]]\nmodule = "a"\nfrom = "b"\nto = "c-d"\n', "["]
)
def test_a_plan_that_is_not_valid_is_rejected(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(PlanError):
        read_plan(file)
    assert main([str(file), "--root", str(tmp_path)]) == 2


def test_notes_report_code_that_depends_on_a_file_location(repository: Path, commit: Write) -> None:
    commit({**FILES, "backend/warm.py": FILES["backend/warm.py"] + "FOLDER = __file__\n"})

    notes = carry_out(repository, PLAN).notes

    assert any("brisk.py:14: depends on the location" in note for note in notes), notes
