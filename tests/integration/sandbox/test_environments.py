"""Packages of a requirements.txt: built once, from wheels alone, out of a folder that the test fills itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.integration.sandbox.conftest import open_runner, until
from tests.integration.sandbox.packages import requirements_file, wheel
from workers.runners import Assignment, Failure, Success
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.supplies import SupplyBounds

Skill = Callable[..., Assignment]


async def test_a_package_and_its_programs_are_there_for_the_job(
    runner: DeterministicRunner, skill: Skill, notebook: Any, index: Path, tmp_path: Path
) -> None:
    assignment = skill(
        """
        import subprocess, sys, tinywheel, puras
        def run(inputs):
            said = subprocess.run(["tinywheel"], capture_output=True, text=True)
            again = subprocess.run([sys.executable, "-c", "import tinywheel; print(tinywheel.ANSWER)"],
                                   capture_output=True, text=True)
            return [tinywheel.ANSWER, said.stdout + said.stderr, again.stdout, sys.prefix, puras.__file__]
        """,
        requirements=requirements_file(tmp_path, "# ours\nTiny_Wheel >= 1.0  # the newest\n"),
    )
    outcome = await runner.run(assignment, notebook)
    assert isinstance(outcome, Success), outcome
    assert outcome.value[:3] == [42, "42\n", "42\n"]
    assert outcome.value[4].endswith("/puras/__init__.py")
    log = "".join(event["log"] for event in notebook.of("environment"))
    assert "tiny-wheel" in log
    assert "ready after" in log
    quiet = type(notebook)()
    assert isinstance(await runner.run(assignment, quiet), Success)
    assert quiet.of("environment") == []


async def test_jobs_that_wait_for_the_same_packages_share_one_build(
    runner: DeterministicRunner, skill: Skill, notebook: Any, index: Path, tmp_path: Path
) -> None:
    code = "import tinywheel\ndef run(inputs): return tinywheel.ANSWER"
    jobs = [
        skill(code, requirements=requirements_file(tmp_path, f"tiny-wheel\n# {number}\n", f"r{number}"))
        for number in range(4)
    ]
    notebooks = [type(notebook)() for _ in jobs]
    outcomes = await asyncio.gather(
        *(runner.run(job, book) for job, book in zip(jobs, notebooks, strict=True))
    )
    assert all(isinstance(outcome, Success) for outcome in outcomes), outcomes
    logs = {"".join(event["log"] for event in book.of("environment")) for book in notebooks}
    assert len(logs) == 1
    built = [
        folder for folder in (tmp_path / "home/environments").iterdir() if not folder.name.startswith(".")
    ]
    assert len(built) == 1


async def test_a_failed_build_fails_its_jobs_with_its_log_and_is_not_repeated_at_once(
    runner: DeterministicRunner, skill: Skill, notebook: Any, index: Path, tmp_path: Path
) -> None:
    assignment = skill(
        "def run(inputs): return 1", requirements=requirements_file(tmp_path, "no-such-package-here==1")
    )
    outcome = await runner.run(assignment, notebook)
    assert isinstance(outcome, Failure)
    assert outcome.code == "environment_failed"
    assert "no-such-package-here" in outcome.message
    assert "no-such-package-here" in "".join(event["log"] for event in notebook.of("environment"))
    started = time.monotonic()
    again = await runner.run(assignment, notebook)
    assert isinstance(again, Failure)
    assert again.message == outcome.message
    assert time.monotonic() - started < 0.2


async def test_code_of_a_package_that_runs_at_start_runs_as_the_jobs_user(
    runner: DeterministicRunner, skill: Skill, notebook: Any, index: Path, tmp_path: Path
) -> None:
    wheel(
        index,
        name="at_start",
        extra={"at_start.pth": "import os; os.environ['AT_START'] = str(os.getresuid())\n"},
    )
    outcome = await runner.run(
        skill(
            "import os\ndef run(inputs): return [os.environ['AT_START'], str(os.getresuid())]",
            requirements=requirements_file(tmp_path, "at-start"),
        ),
        notebook,
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.value[0] == outcome.value[1]
    assert "(0," not in outcome.value[0]


async def test_nothing_of_a_package_runs_while_it_is_installed(
    runner: DeterministicRunner, skill: Skill, notebook: Any, index: Path, tmp_path: Path
) -> None:
    planted = tmp_path / "ran-outside"
    code = f"import os\ntry: open({str(planted)!r}, 'a')\nexcept OSError: pass\n"
    wheel(
        index,
        name="sly",
        extra={
            "sly.pth": f"import os; exec({code!r})\n",
            "sitecustomize.py": code,
            "usercustomize.py": code,
            "compileall.py": code,
            "broken.py": "def (:\n",
        },
    )
    outcome = await runner.run(
        skill("import tinywheel\ndef run(inputs): return 1", requirements=requirements_file(tmp_path, "sly")),
        notebook,
    )
    assert isinstance(outcome, Success), outcome
    assert not planted.exists()
    (environment,) = (tmp_path / "home/environments").glob("[!.]*")
    assert list(environment.glob("lib/python3*/site-packages/__pycache__/tinywheel.*.pyc"))


async def test_refused_lines_fail_the_job_before_anything_is_installed(
    runner: DeterministicRunner, skill: Skill, notebook: Any, tmp_path: Path
) -> None:
    assignment = skill("def run(inputs): return 1")
    for line in ("-e .", "--index-url https://example.org", "x @ https://example.org/x.whl", "./local"):
        outcome = await runner.run(
            replace(assignment, requirements=requirements_file(tmp_path, f"six\n{line}\n")), notebook
        )
        assert isinstance(outcome, Failure)
        assert outcome.code == "environment_failed"
        assert "line 2" in outcome.message
    assert notebook.events == []


async def test_environments_that_nobody_uses_go_and_come_back_when_they_are_wanted(
    tmp_path: Path, skill: Skill, notebook: Any, index: Path
) -> None:
    runner = open_runner(tmp_path, supply_bounds=SupplyBounds(environments_mb=0, bundles_mb=0))
    waiting = """
        import os, time, tinywheel
        def run(inputs):
            open("drive/started", "w").close()
            while inputs.get("wait") and not os.path.exists("drive/stop"):
                time.sleep(0.01)
            return tinywheel.ANSWER
        """
    assignment = skill(waiting, requirements=requirements_file(tmp_path, "tiny-wheel"), inputs={"wait": True})
    shelf = tmp_path / "home/environments"
    try:
        job = asyncio.create_task(runner.run(assignment, notebook))
        await until((assignment.drive_dir / "started").exists)
        _age(shelf)
        await runner.supplies.tidy()
        assert len(list(shelf.glob("[!.]*"))) == 1
        (assignment.drive_dir / "stop").touch()
        assert isinstance(await job, Success)
        _age(shelf)
        await runner.supplies.tidy()
        assert list(shelf.glob("[!.]*")) == []
        again = replace(assignment, project_id=uuid4())
        assert isinstance(await runner.run(again, notebook), Success)
    finally:
        await runner.close()


def _age(shelf: Path) -> None:
    for path in shelf.iterdir():
        os.utime(path, (0, 0))
