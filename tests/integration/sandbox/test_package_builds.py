"""Packages without a wheel: builds run in the sandbox for one project and cannot affect anything outside of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import tarfile
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.integration.sandbox.conftest import UID, open_runner, until
from tests.integration.sandbox.packages import archive, requirements_file, source, wheel
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.packages.builds import BuildLimits
from workers.types import Assignment, Failure, Success

pytestmark = pytest.mark.skipif(
    sandbox_layers.probe("auto").bwrap is None, reason="packages are built only in a sandbox with mounts"
)

Skill = Callable[..., Assignment]


@pytest_asyncio.fixture
async def runner(tmp_path: Path) -> AsyncIterator[DeterministicRunner]:
    """Open a runner with low limits for builds."""
    limits = BuildLimits(memory_mb=128, disk_mb=16, processes=16, step_s=5)
    opened = open_runner(tmp_path, build_limits=limits)
    yield opened
    await opened.close()


async def test_package_without_a_wheel_is_built_once_per_project(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    source(index, "rare", "import os\ndef build(): return os.urandom(8).hex()")
    one = skill(
        "import rare\ndef run(inputs): return rare.VALUE", requirements=_requirements(tmp_path, "rare")
    )
    same = replace(skill("import rare\ndef run(inputs): return rare.VALUE"), project_id=one.project_id)
    same = replace(same, requirements=_requirements(tmp_path, "Rare >= 1\ntiny-wheel", "same"))
    other = skill(
        "import rare\ndef run(inputs): return rare.VALUE",
        requirements=_requirements(tmp_path, "rare", "other"),
    )
    first, concurrent = await asyncio.gather(_value(runner, one, recorder), _value(runner, same, recorder))
    assert len(first) == 16
    assert concurrent == first
    assert _log(recorder).count("building rare 1.0") == 1
    assert await _value(runner, one, recorder) == first
    assert await _value(runner, other, recorder) != first


async def test_dependencies_are_built_and_build_tools_are_installed(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    wheel(index, name="tool", extra={"tool.py": "def make(): return 'made by a tool'\n"})
    wheel(index, name="late_tool", extra={"late_tool.py": "WORD = 'later'\n"})
    source(index, "deep", "import tool\ndef build(): return tool.make()", requires=["tool>=1"])
    hook = "def get_requires_for_build_wheel(settings=None): return ['late-tool']\n"
    source(
        index, "upper", f"{hook}def build():\n    import late_tool\n    return late_tool.WORD", needs=["deep"]
    )
    code = "import deep, upper\ndef run(inputs): return [deep.VALUE, upper.VALUE]"
    outcome = await _value(runner, skill(code, requirements=_requirements(tmp_path, "upper")), recorder)
    assert outcome == ["made by a tool", "later"]


async def test_build_cannot_access_the_host_or_the_network(
    runner: DeterministicRunner,
    skill: Skill,
    recorder: Any,
    index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://of-the-worker")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source(
            index,
            "spy",
            f"""
            import socket
            def tried(attempt):
                try:
                    return repr(attempt())
                except OSError as error:
                    return "closed"
            def build():
                return {{
                    "user": os.getuid(),
                    "variables": sorted(os.environ),
                    "values": " ".join(os.environ.values()),
                    "home": tried(lambda: os.listdir({str(tmp_path)!r})),
                    "shadow": tried(lambda: open("/etc/shadow").read()),
                    "wheels": tried(lambda: os.listdir("/work")),
                    "tcp": tried(lambda: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 1)),
                    "interfaces": tried(lambda: socket.if_nameindex()),
                    "jobs": sorted(os.listdir("/jobs")),
                    "tools": tried(lambda: open("/environment/planted", "w")),
                    "ours": tried(lambda: open("/puras/planted", "w")),
                    "system": tried(lambda: open("/usr/planted", "w")),
                    "root": tried(lambda: os.setuid(0)),
                    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
                }}
            """,
        )
        secret = {"API_KEY": "a-secret-of-the-project"}
        code = "import spy\ndef run(inputs): return spy.VALUE"
        spied = await _value(
            runner, skill(code, requirements=_requirements(tmp_path, "spy"), secrets=secret), recorder
        )
    assert spied.pop("user") == (UID if UID is not None else os.getuid())
    assert "DATABASE_URL" not in spied.pop("variables")
    assert "secret" not in spied.pop("values")
    assert spied.pop("jobs") == ["archive", "source", "tmp", "wheels"]
    assert spied.pop("processes") == ["1", "2"], "the first process of the sandbox, and the build"
    if os.getuid() != 0 and spied["root"] != "closed":
        pytest.fail(str(spied))
    assert spied.pop("interfaces") in ("closed", "[(1, 'lo')]")
    assert set(spied.values()) == {"closed"}, spied


BAD_BUILDS = """
import ctypes, time

def raises():
    raise RuntimeError("no compiler here")

def spins():
    while True:
        pass

def hangs():
    time.sleep(600)

def fills_disk():
    for number in range(10**6):
        with open(f"f{number}", "wb") as file:
            file.write(b"x" * (1 << 20))

def starts_many():
    for _ in range(99):
        os.fork() or time.sleep(60)
    time.sleep(60)

def bombs():
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)

def eats_memory():
    for _ in range(4):
        if not os.fork():
            held = bytearray(os.urandom(1 << 20)) * 60
            time.sleep(60)
    time.sleep(60)

def leaves():
    os._exit(0)

def crashes():
    ctypes.string_at(0)

NAME = "bad-1.0-py3-none-any.whl"

def leaves_none(folder):
    pass

def leaves_a_link(folder):
    os.symlink("/etc/passwd", f"{folder}/{NAME}")

def links_the_folder(folder):
    os.rmdir(folder)
    os.symlink("/etc", folder)

def leaves_a_pipe(folder):
    os.mkfifo(f"{folder}/{NAME}")

def leaves_another(folder):
    write(folder, {}, name="tiny_wheel")

def leaves_rubbish(folder):
    open(f"{folder}/{NAME}", "w").write("no zip")

def asks_for_an_address():
    return ["x @ https://example.org/x.whl"]

def asks_for_an_option():
    return ["six\\n--index-url https://example.org"]

def asks_for_a_number():
    return 5

def spoils_the_answer():
    os.mkdir("/jobs/answer.json")
    return []
"""


@pytest.mark.parametrize(
    ("hook", "does", "expected"),
    [
        ("build", "raises", "no compiler here"),
        ("build", "spins", "took longer than 5 s"),
        ("build", "hangs", "took longer than 5 s"),
        ("build", "fills_disk", "more disk"),
        # The limit of the watchdog applies, or that of the user.
        ("build", "starts_many", "processes|temporarily unavailable"),
        ("build", "bombs", "processes"),
        ("build", "eats_memory", "of memory"),
        ("build", "leaves", "exit code 0"),
        ("build", "crashes", "exit code"),
        ("build_wheel", "leaves_none", "instead of its wheel"),
        ("build_wheel", "leaves_a_link", "cannot be used"),
        ("build_wheel", "links_the_folder", "did not create a wheel"),
        ("build_wheel", "leaves_a_pipe", "cannot be used"),
        ("build_wheel", "leaves_another", "instead of its wheel"),
        ("build_wheel", "leaves_rubbish", "`bad` (v1.0) was invalid"),
        ("get_requires_for_build_wheel", "asks_for_an_address", "not a package of the index"),
        ("get_requires_for_build_wheel", "asks_for_an_option", "not a package of the index"),
        ("get_requires_for_build_wheel", "asks_for_a_number", "exit code"),
        ("get_requires_for_build_wheel", "spoils_the_answer", "exit code"),
    ],
)
async def test_failed_build_fails_the_job_with_its_reason_and_is_removed(
    runner: DeterministicRunner,
    skill: Skill,
    recorder: Any,
    index: Path,
    tmp_path: Path,
    hook: str,
    does: str,
    expected: str,
) -> None:
    arguments = "folder" if hook == "build_wheel" else ""
    source(
        index,
        "bad",
        f"{BAD_BUILDS}\ndef {hook}({'folder, ' * bool(arguments)}*_):\n    return {does}({arguments})\n",
    )
    outcome = await runner.run(
        skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "bad")), recorder
    )
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "environment_failed"
    assert any(words in outcome.message for words in expected.split("|")), outcome.message
    assert str(tmp_path) not in outcome.message + _log(recorder)
    assert list((tmp_path / "home/wheels").iterdir()) == []
    assert not [path for path in (tmp_path / "home/environments").iterdir() if not path.name.startswith(".")]
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ('[build-system]\nrequires = ["x @ file:///etc"]\n', "not a package of the index"),
        ('[build-system]\nrequires = ["-e ."]\n', "not a package of the index"),
        ('[build-system]\nrequires = ["no-such-builder"]\n', "no-such-builder"),
        ("[build-system\n", "pyproject.toml cannot be read"),
        ('[build-system]\nrequires = "six"\n', "not a package of the index"),
        ('[build-system]\nrequires = []\nbuild-backend = "no_such_backend"\n', "no_such_backend"),
    ],
)
async def test_build_requirements_follow_the_rules_of_requirements(
    runner: DeterministicRunner,
    skill: Skill,
    recorder: Any,
    index: Path,
    tmp_path: Path,
    project: str,
    expected: str,
) -> None:
    archive(index / "odd-1.0.tar.gz", {"pyproject.toml": project})
    outcome = await runner.run(
        skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "odd")), recorder
    )
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "environment_failed"
    assert expected in outcome.message, outcome.message


async def test_archives_that_write_outside_or_grow_too_large_are_rejected(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    (index / "broken-1.0.tar.gz").write_bytes(b"not an archive")
    with tarfile.open(index / "climber-1.0.tar.gz", "w:gz") as climber:
        climber.addfile(tarfile.TarInfo("climber-1.0/../../../etc/planted"))
    with tarfile.open(index / "bomb-1.0.tar.gz", "w:gz") as bomb, (tmp_path / "zeros").open("wb+") as zeros:
        zeros.truncate(64 << 20)
        member = tarfile.TarInfo("bomb-1.0/zeros")
        member.size = 64 << 20
        bomb.addfile(member, zeros)
    for name, expected in (("broken", "cannot be unpacked"), ("climber", "outside of it"), ("bomb", "")):
        outcome = await runner.run(
            skill("def run(inputs): return 1", requirements=_requirements(tmp_path, name, name)), recorder
        )
        assert isinstance(outcome, Failure), outcome
        assert expected in outcome.message, outcome.message


async def test_source_code_does_not_run_outside_of_the_sandbox(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    planted = tmp_path / "ran-outside"
    code = f"try: open({str(planted)!r}, 'a')\nexcept OSError: pass\n"
    project = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    archive(index / "sly-1.0.tar.gz", {"pyproject.toml": project, "setup.py": code, "own.py": code})
    outcome = await runner.run(
        skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "sly")), recorder
    )
    assert isinstance(outcome, Failure)
    assert not planted.exists()


async def test_endless_build_output_uses_little_worker_memory(
    skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    source(
        index, "flood", "def build():\n    while True:\n        os.write(1, b'0123456789abcde\\n' * 4096)\n"
    )
    runner = open_runner(tmp_path, build_limits=BuildLimits(step_s=2))
    tracemalloc.start()
    try:
        job = skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "flood"))
        outcome = await runner.run(job, recorder)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await runner.close()
    assert isinstance(outcome, Failure)
    assert "took longer than 2 s" in outcome.message
    assert "0123456789abcde" in outcome.message
    assert 32 * 1024 < len(_log(recorder)) < 80 * 1024
    assert peak_bytes < 16 << 20, f"{peak_bytes >> 20} MiB"


@pytest.mark.parametrize(
    "needed",
    ["evil @ http://x.invalid/e.whl", "evil\n @ http://x.invalid/${HOME}", "evil; os_name == '${HOME}'"],
)
async def test_built_wheel_may_require_only_packages_of_the_index(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path, needed: str
) -> None:
    source(index, "greedy", needs=[needed])
    outcome = await runner.run(
        skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "greedy")), recorder
    )
    assert isinstance(outcome, Failure), outcome
    assert "greedy cannot be used: its wheel requires" in outcome.message
    assert list((tmp_path / "home/wheels").iterdir()) == []


async def test_large_wheel_is_copied_in_chunks(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    source(
        index,
        "large",
        """
        def build_wheel(folder, settings=None, metadata=None):
            name = write(folder, {})
            with open(f"{folder}/{name}", "rb+") as file:
                wheel = file.read()
                file.seek(0)
                file.truncate()
                file.seek(64 << 20)
                file.write(wheel)
            return name
        """,
    )
    runner = open_runner(tmp_path)
    tracemalloc.start()
    try:
        job = skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "large"))
        await runner.run(job, recorder)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await runner.close()
    assert peak_bytes < 32 << 20, f"{peak_bytes >> 20} MiB"


async def test_sleeping_builds_of_one_project_do_not_block_another(
    skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    runner = open_runner(tmp_path, build_limits=BuildLimits(step_s=5))
    names = ("sleeps-1", "sleeps-2", "sleeps-3")
    for name in names:
        source(index, name.replace("-", "_"), "import time\ndef build(): time.sleep(600)")
    source(index, "honest")
    job = skill("def run(inputs): return 1")
    sleeping = [
        asyncio.create_task(
            runner.run(
                replace(job, job_id=uuid4(), requirements=_requirements(tmp_path, name, name)), recorder
            )
        )
        for name in names
    ]
    await until(lambda: "building sleeps" in _log(recorder))
    code = "import honest\ndef run(inputs): return honest.VALUE"
    ours = type(recorder)()
    assert (
        await _value(runner, skill(code, requirements=_requirements(tmp_path, "honest", "ours")), ours)
        == "built"
    )
    assert not any(task.done() for task in sleeping)
    assert _log(recorder).count("building sleeps") == 1
    await runner.close()
    await asyncio.gather(*sleeping, return_exceptions=True)


async def test_source_is_built_only_with_a_matching_hash(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    source(index, "pinned", "print('the code of the package runs', flush=True)")
    job = skill("import pinned\ndef run(inputs): return pinned.VALUE")
    good = hashlib.sha512((index / "pinned-1.0.tar.gz").read_bytes()).hexdigest()
    for wrong in (f"sha256:{'1' * 64}", f"sha512:{'1' * 128}"):
        needs = _requirements(tmp_path, f"pinned==1.0 --hash={wrong}", wrong[:6])
        outcome = await runner.run(replace(job, requirements=needs), recorder)
        assert isinstance(outcome, Failure), outcome
        assert "has none of the hashes in requirements.txt" in outcome.message
    assert "the code of the package runs" not in _log(recorder)
    needs = _requirements(tmp_path, f"pinned==1.0 --hash=sha256:{'1' * 64} --hash=sha512:{good}", "good")
    assert await _value(runner, replace(job, requirements=needs), recorder) == "built"


@pytest.mark.parametrize("line", ["extra[x]", "extra[x]==1.0", "Extra >= 0.5, < 2"])
async def test_required_package_is_built_for_every_spelling(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path, tmp_path: Path, line: str
) -> None:
    source(index, "extra")
    code = "import extra\ndef run(inputs): return extra.VALUE"
    assert await _value(runner, skill(code, requirements=_requirements(tmp_path, line)), recorder) == "built"


async def test_builds_end_when_their_worker_stops(
    skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    runner = open_runner(tmp_path)
    source(
        index,
        "slow",
        "def build():\n    import time\n    print('it builds', flush=True)\n    time.sleep(600)",
    )
    job = asyncio.create_task(
        runner.run(skill("def run(inputs): return 1", requirements=_requirements(tmp_path, "slow")), recorder)
    )
    await until(lambda: "it builds" in _log(recorder))
    await runner.close()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert list((tmp_path / "home/jobs").iterdir()) == []


async def test_without_mounts_builds_fail_with_a_reason(
    skill: Skill, recorder: Any, index: Path, tmp_path: Path
) -> None:
    source(index, "rare")
    runner = open_runner(tmp_path, layers=Layers(None, 0, True, ("bubblewrap is not installed",)))
    try:
        # Without mounts, a separate user would need access to the folder of the tests.
        assignment = skill(
            "def run(inputs): return 1", requirements=_requirements(tmp_path, "rare"), sandbox_uid=None
        )
        outcome = await runner.run(assignment, recorder)
    finally:
        await runner.close()
    assert isinstance(outcome, Failure)
    assert "rare has no wheel" in outcome.message
    assert "bubblewrap is not installed" in outcome.message


def _requirements(tmp_path: Path, text: str, folder: str = "requirements") -> Path:
    return requirements_file(tmp_path, text, folder)


def _log(recorder: Any) -> str:
    return "".join(event["log"] for event in recorder.of("environment"))


async def _value(runner: DeterministicRunner, assignment: Assignment, recorder: Any) -> Any:
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success), outcome
    return outcome.value
