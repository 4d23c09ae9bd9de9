"""The environment of a function: inputs, files, variables, streams, the broker and measured use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.core.vault.errors import BadSecret
from backend.core.vault.secret_rules import check_name
from tests.integration.sandbox.conftest import UID, open_runner
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.layers import Layers
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]
HAS_MOUNTS = sandbox_layers.probe("auto").bwrap is not None
WITHOUT_MOUNTS = Layers(
    None, sandbox_layers.probe("auto").landlock_abi, sandbox_layers.probe("auto").seccomp, ("none",)
)


@pytest.mark.parametrize(
    ("code", "declared", "inputs", "value"),
    [
        ("def run(inputs): return sorted(inputs)", "a b", {"a": 1, "b": 2}, ["a", "b"]),
        ("def run(inputs): return inputs", "inputs", {"inputs": 5}, 5),
        ("def run(a, b=3): return [a, b]", "a b", {"a": 1}, [1, 3]),
        ("def run(a, **rest): return rest", "a", {"a": 1, "x": 2}, {"x": 2}),
        ("def run(a): return a", "a", {"a": 1, "undeclared": 2}, 1),
        (
            "async def run(inputs):\n    import asyncio\n    await asyncio.sleep(0)\n    return 'awaited'",
            "",
            {},
            "awaited",
        ),
        ("class Run:\n    def __call__(self, inputs): return 7\nrun = Run()", "", {}, 7),
        ("def run(inputs): return (1, 2, {'ä': '😀'})", "", {}, [1, 2, {"ä": "😀"}]),
        ("def run(): return None", "", {}, None),
    ],
)
async def test_functions_accept_inputs_in_every_call_form(
    runner: DeterministicRunner,
    skill: Skill,
    recorder: Any,
    code: str,
    declared: str,
    inputs: Any,
    value: Any,
) -> None:
    outcome = await runner.run(skill(code, declared=declared, inputs=inputs), recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value == value


async def test_work_folder_has_the_inputs_the_drive_and_the_skill_files(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import json, os, tempfile
        def run(inputs):
            with open("drive/saved.txt", "w") as file:
                file.write("kept")
            with tempfile.NamedTemporaryFile() as scratch, open("/tmp/scratch", "w"):
                temporary = scratch.name
            return {
                "inputs": json.load(open("_inputs.json")),
                "data": open("data.txt").read(),
                "names": sorted(os.listdir()),
                "temporary": temporary.startswith(os.getcwd()),
                "root": os.listdir(os.environ["PURAS_DEPLOYMENT_ROOT"]),
                "home": os.environ["HOME"] == os.getcwd(),
                "user": os.getuid(),
            }
        """,
        inputs={"colour": "bläu"},
    )
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value == {
        "inputs": {"colour": "bläu"},
        "data": "data of the skill",
        "names": ["_inputs.json", "data.txt", "drive", "main.py", "tmp"],
        "temporary": True,
        "root": ["skills"],
        "home": True,
        "user": UID if UID is not None else os.getuid(),
    }
    assert (assignment.drive_dir / "saved.txt").read_text() == "kept"


async def test_environment_variables_contain_nothing_of_the_worker(
    runner: DeterministicRunner, skill: Skill, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://of-the-worker")
    monkeypatch.setenv("WORKERS_OWN", "x")
    assignment = skill(
        "import os\ndef run(inputs): return dict(os.environ)", secrets={"API_KEY": "k-1", "PATH": "/evil"}
    )
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success)
    environment = outcome.value
    assert environment["API_KEY"] == "k-1"
    assert environment["PURAS_SERVICE_TOKEN"] == assignment.token
    assert environment["PURAS_JOB_ID"] == str(assignment.job_id)
    assert environment["PURAS_PROJECT_ID"] == environment["PURAS_WORKSPACE_ID"] == str(assignment.project_id)
    assert environment["PURAS_API_BASE"].startswith("http://127.0.0.1:")
    assert "/evil" not in environment["PATH"]
    assert not {"DATABASE_URL", "WORKERS_OWN"} & set(environment)
    for name in environment.keys() - {"API_KEY"}:
        with pytest.raises(BadSecret):
            check_name(name)  # a secret with this name would replace a variable of the platform


async def test_jobs_have_only_the_secrets_of_their_version(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    first = skill("import os\ndef run(inputs): return os.environ.get('KEY')", secrets={"KEY": "old"})
    second = replace(first, secrets={"KEY": "new"}, secrets_version="2")
    third = replace(first, secrets={}, secrets_version="3")
    values = [await runner.run(one, recorder) for one in (first, second, third, first)]
    assert [one.value for one in values if isinstance(one, Success)] == ["old", "new", None, "old"]


async def test_output_and_kit_events_have_their_order_and_streams(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(
        skill(
            r"""
            import json, os, sys
            def send(**event):
                os.write(int(os.environ["PURAS_EVENTS_FD"]), json.dumps(event).encode() + b"\n")
            def run(inputs):
                print("half", end=" ")
                print("line\x00")
                print("oops", file=sys.stderr)
                send(type="log", level="info", text="recorded", fields={"n": 1})
                send(type="progress", fraction=0.5, text="half way")
                send(type="progress", fraction=7, text="nonsense")
                send(type="succeeded", text="forged")
                os.write(int(os.environ["PURAS_EVENTS_FD"]), b"not json\n")
            """
        ),
        recorder,
    )
    assert isinstance(outcome, Success), outcome
    assert recorder.text("stdout") == "half line\ufffd\n"
    assert recorder.text("stderr") == "oops\n"
    assert {"stream": "log", "level": "info", "text": "recorded", "fields": {"n": 1}} in recorder.of("log")
    assert recorder.of("progress") == [
        {"fraction": 0.5, "text": "half way"},
        {"fraction": None, "text": "nonsense"},
    ]
    assert {name for name, _ in recorder.events} == {"sandbox", "function_start", "log", "progress"}


async def test_each_job_has_its_own_process_folder_and_random_seed(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        "import os, random\ndef run(inputs): return [os.getpid(), os.getcwd(), random.random()]"
    )
    outcomes = await asyncio.gather(*(runner.run(assignment, recorder) for _ in range(12)))
    values = [outcome.value for outcome in outcomes if isinstance(outcome, Success)]
    for column in range(3):
        assert len({value[column] for value in values}) == 12


async def test_broker_forwards_only_job_routes_with_the_job_token(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    if not HAS_MOUNTS:
        pytest.skip("the broker needs a network namespace")
    seen: list[bytes] = []

    async def api(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n" + b'{"ok":true}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(api, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    runner = open_runner(tmp_path, api_base=f"http://127.0.0.1:{port}")
    assignment = skill(
        """
        import os, urllib.error, urllib.request
        def call(path, token, method="POST"):
            headers = {"X-Puras-Service-Token": token, "Content-Type": "application/json", "Authorization": "Bearer x"}
            body = b"{}" if method == "POST" else None
            request = urllib.request.Request(os.environ["PURAS_API_BASE"] + path, body, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return [answer.status, answer.read().decode()]
            except urllib.error.HTTPError as error:
                return [error.code, ""]
        def run(inputs):
            token = os.environ["PURAS_SERVICE_TOKEN"]
            return [call("/v1/drive/sign", token), call("/v1/jobs", token), call("/v1/drive/sign", "other"),
                    call("/v1/drive/sign", token, "GET"), call("/v1/drive/../jobs", token)]
        """
    )
    try:
        outcome = await runner.run(assignment, recorder)
    finally:
        await runner.close()
        server.close()
        await server.wait_closed()
    assert isinstance(outcome, Success), outcome
    assert outcome.value == [[200, '{"ok":true}'], [403, ""], [401, ""], [403, ""], [403, ""]]
    assert len(seen) == 1
    assert f"X-Puras-Service-Token: {assignment.token}".encode() in seen[0]
    assert b"Bearer" not in seen[0]


async def test_large_inputs_and_results_are_complete(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        "def run(inputs): return inputs['text'][::-1]", inputs={"text": "ab" * 2_000_000}, declared="text"
    )
    outcome = await runner.run(replace(assignment, limits=replace(assignment.limits, output_mb=8)), recorder)
    assert isinstance(outcome, Success), str(outcome)[:500]
    assert outcome.value == "ba" * 2_000_000


async def test_resource_use_of_a_job_is_measured(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(
        skill(
            """
            import time
            def run(inputs):
                held = bytearray(b"x") * (100 << 20)
                end = time.process_time() + 0.3
                while time.process_time() < end:
                    pass
            """
        ),
        recorder,
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.measured.cpu_s >= 0.3
    assert outcome.measured.peak_memory_mb >= 100
    assert outcome.measured.wall_s >= 0.3


async def test_child_processes_have_the_kit_and_can_communicate(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(
        skill(
            """
            import multiprocessing, subprocess, sys
            def square(n):
                return n * n
            def run(inputs):
                with multiprocessing.Pool(2) as pool:
                    squares = pool.map(square, range(4))
                process = subprocess.run([sys.executable, "-c", "import puras; print(puras.__name__)"],
                                      capture_output=True, text=True)
                return [squares, process.stdout, process.stderr]
            """
        ),
        recorder,
    )
    assert isinstance(outcome, Success), outcome
    assert outcome.value == [[0, 1, 4, 9], "puras\n", ""]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("A=B", "hidden value", "a name that is not valid for environment variables"),
        ("A\0B", "hidden value", "a name that is not valid for environment variables"),
        ("", "hidden value", "a name that is not valid for environment variables"),
        ("A\ud800", "hidden value", "a name that is not valid for environment variables"),
        ("A", "hidden value\0", "contains a NUL character"),
        ("A", "hidden value\ud800", "is not valid Unicode text"),
    ],
    ids=["equals sign", "NUL", "empty", "surrogate", "value with NUL", "value with surrogate"],
)
async def test_invalid_secret_is_reported_without_its_value(
    runner: DeterministicRunner, skill: Skill, recorder: Any, name: str, value: str, expected: str
) -> None:
    outcome = await runner.run(skill("def run(inputs): return 1", secrets={name: value}), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "bad_entrypoint"
    assert expected in outcome.message
    assert "hidden" not in outcome.message
    assert outcome.message.isascii()
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)
