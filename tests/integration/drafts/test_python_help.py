"""Help for Python code over REST: problems, format, completions, definitions and renaming, also of hostile files."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import puras
import pytest
from fastapi import FastAPI

from backend.authoring.python_help import api
from backend.authoring.python_help.process import PythonAnalyzer
from backend.authoring.python_help.schemas import MAX_CHARACTERS

PYTHON = "/v1/drafts/python"
MAIN = "skills/double/main.py"
HELPERS = b'''"""Helpers."""


def greet(name: str, loud: bool = False) -> str:
    """Return a greeting."""
    return name.upper() if loud else name
'''


@pytest.fixture(scope="module")
def analyzer() -> Iterator[PythonAnalyzer]:
    """Return one analyzer for all tests of this file, since each one parses the stubs."""
    analyzer = PythonAnalyzer()
    yield analyzer
    asyncio.run(analyzer.close())


@pytest.fixture(autouse=True)
def _warm(app: FastAPI, analyzer: PythonAnalyzer) -> None:
    app.state.python_analyzer = analyzer


async def post(project: Any, what: str, text: str, path: str = MAIN, **more: Any) -> Any:
    return await project.http.post(f"{PYTHON}/{what}", json={"path": path, "text": text, **more})


async def at_end(project: Any, what: str, text: str, path: str = MAIN, **more: Any) -> Any:
    lines = text.split("\n")
    response = await post(project, what, text, path, line=len(lines), column=len(lines[-1]) + 1, **more)
    assert response.status_code == 200, response.text
    return response.json()


async def names(project: Any, text: str, path: str = MAIN) -> list[str]:
    return [one["name"] for one in (await at_end(project, "completions", text, path))["completions"]]


async def with_helpers(
    project: Any, path: str = "skills/double/helpers.py", content: bytes = HELPERS
) -> None:
    assert (await project.http.put(f"/v1/drafts/files/{path}", content=content)).is_success


async def test_problems_have_places_codes_and_fixes(project: Any) -> None:
    response = await post(project, "diagnostics", "import os\n\n\ndef run():\n    return nmae\n")
    assert response.status_code == 200, response.text
    unused, undefined = response.json()["problems"]
    assert (unused["code"], unused["line"], unused["severity"]) == ("F401", 1, "warning")
    assert unused["fix"]["edits"] == [{"line": 1, "column": 1, "end_line": 2, "end_column": 1, "text": ""}]
    assert (undefined["code"], undefined["line"], undefined["column"], undefined["end_column"]) == (
        "F821",
        5,
        12,
        16,
    )
    assert (undefined["severity"], undefined["fix"]) == ("error", None)


async def test_syntax_errors_and_comments_that_suppress_are_respected(project: Any) -> None:
    broken = (await post(project, "diagnostics", "def run(:\n    pass\n")).json()["problems"]
    assert {(one["code"], one["severity"]) for one in broken} == {("invalid-syntax", "error")}
    assert (await post(project, "diagnostics", "import os  # noqa: F401\n")).json()["problems"] == []
    package = await post(project, "diagnostics", "from .main import run\n", "skills/double/__init__.py")
    assert [one["fix"] for one in package.json()["problems"]] in ([], [None])  # a package may export it


async def test_format_changes_only_the_layout(project: Any) -> None:
    formatted = await post(project, "format", "def run( a,b ):\n  return {'sum':a+b}\n")
    assert formatted.json() == {"text": 'def run(a, b):\n    return {"sum": a + b}\n'}
    assert (await post(project, "format", " \n")).json() == {"text": " \n"}
    rejected = await post(project, "format", "def run(:\n")
    assert rejected.status_code == 422
    assert (rejected.json()["code"], rejected.json()["line"]) == ("python_not_formattable", 1)


async def test_kit_library_and_own_modules_are_completed(project: Any) -> None:
    await with_helpers(project)
    kit = await names(project, "import puras\npuras.")
    assert set(kit) == set(puras.__all__)
    assert set(await names(project, "from puras import ")) == set(puras.__all__)
    described = (await post(project, "hover", "from puras import chart\nchart\n", line=2, column=2)).json()
    assert described["signature"].startswith("def chart(kind: Kind, data: Iterable[Mapping[str, Any]]")
    (place,) = (await post(project, "definitions", "import puras\npuras.Client\n", line=2, column=8)).json()[
        "definitions"
    ]
    assert place["source"].startswith("class Client")
    assert "loads" in await names(project, "import json\njson.lo")
    assert await names(project, "import helpers\nhelpers.gr") == ["greet"]
    assert "helpers" in await names(project, "import help")
    assert await names(project, "from skills.double.helpers import gr") == ["greet"]
    assert "upper" in await names(project, "from helpers import greet\ngreet('x').up")
    assert "sqlalchemy" not in await names(project, "import sqlal"), (
        "functions do not have the packages of the server"
    )
    first = (await at_end(project, "completions", "import puras\npuras.progr"))["completions"][0]
    assert first["documentation"].startswith("progress(fraction: float | None")


async def test_names_are_described_and_their_definitions_found(project: Any) -> None:
    await with_helpers(project)
    text = "from helpers import greet\nimport json\n\nprint(greet('a'), json.loads)\n"
    hover = (await post(project, "hover", text, line=4, column=8)).json()
    assert hover["signature"] == "def greet(name: str, loud: bool=False) -> str"
    assert (hover["documentation"], hover["module"]) == ("Return a greeting.", "helpers")
    own = (await post(project, "definitions", text, line=4, column=8)).json()["definitions"]
    assert [(one["path"], one["line"], one["column"]) for one in own] == [("skills/double/helpers.py", 4, 5)]
    library = (await post(project, "definitions", text, line=4, column=26)).json()["definitions"]
    assert (library[0]["path"], library[0]["module"]) == (None, "json")
    assert "def loads(" in library[0]["source"]
    nothing = (await post(project, "hover", text, line=3, column=1)).json()
    assert nothing == {"signature": "", "documentation": "", "module": ""}


async def test_name_is_renamed_in_all_modules(project: Any) -> None:
    await with_helpers(project)
    text = "from helpers import greet\n\n\ndef run(text):\n    return {'text': greet(text)}\n"
    place = {"line": 5, "column": 23}
    found = (await post(project, "rename", text, **place, new_name="welcome")).json()
    assert found["name"] == "greet"
    assert {(one["path"], one["line"], one["column"]) for one in found["places"]} == {
        ("skills/double/helpers.py", 4, 5),
        (MAIN, 1, 21),
        (MAIN, 5, 21),
    }
    rejected = await post(project, "rename", text, **place, new_name="for")
    assert (rejected.status_code, rejected.json()["code"]) == (422, "python_not_renamable")
    foreign = await post(project, "rename", "import json\njson.loads\n", line=2, column=7, new_name="read")
    assert "not defined in a Python file of the draft" in foreign.json()["detail"]


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd.py", "a/../../b.py", "skills/double/skill.yaml", "a\\b.py"]
)
async def test_paths_outside_of_a_draft_are_rejected(project: Any, path: str) -> None:
    for what in ("diagnostics", "format", "completions", "hover", "definitions"):
        response = await post(
            project,
            what,
            "x = 1\n",
            path,
            **({} if what in ("diagnostics", "format") else {"line": 1, "column": 1}),
        )
        assert (response.status_code, response.json()["code"]) == (422, "draft_path_unusable"), (
            what,
            response.text,
        )


async def test_large_texts_and_wrong_positions_are_rejected(project: Any) -> None:
    large = await post(project, "diagnostics", "x" * (5 << 20))
    assert large.status_code in (413, 422), large.text
    longer = await post(project, "diagnostics", "x" * (MAX_CHARACTERS + 1))
    assert longer.status_code == 422
    beyond = await post(project, "completions", "x = 1\n", line=9, column=1)
    assert beyond.json()["code"] == "python_position_invalid"


HOSTILE = {
    "nested": "x = " + "(" * 20_000 + ")" * 20_000 + "\nx.",
    "open": "x = " + "[" * 50_000 + "\nx.",
    "attributes": "x = a" + ".b" * 60_000 + ".",
    "recursion": "def f(x):\n    return f(f(f(x)))\n\n\nf(f)(f)(f).",
    "cycle": "import main\nfrom main import *\nmain.main.main.main.",
    "classes": "".join(f"class A{i}(A{i + 1}, A{i - 1}): pass\n" for i in range(3_000)) + "A1.",
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_code_ends_within_the_limits(project: Any, kind: str) -> None:
    lines = HOSTILE[kind].split("\n")
    place = {"line": len(lines), "column": len(lines[-1]) + 1}
    started = time.monotonic()
    for what, more in (("completions", place), ("diagnostics", {})):
        response = await post(project, what, HOSTILE[kind], **more)
        assert response.status_code == 200 or response.json()["code"] == "python_too_complex", response.text
    assert time.monotonic() - started < 20
    assert await names(project, "import json\njson.lo"), "the next request is answered"


async def test_code_of_the_bundle_is_never_executed(project: Any, tmp_path: Path) -> None:
    proof = tmp_path / "executed"
    attack = f"open({str(proof)!r}, 'w').write('x')\ndef helper(): pass\n".encode()
    for name in ("os.py", "json.py", "conftest.py", "sitecustomize.py", "puras.py", "helpers.py"):
        await with_helpers(project, f"skills/double/{name}", attack)
    stub = b"import subprocess\nsubprocess.run(['touch', '" + str(proof).encode() + b"'])\n"
    await with_helpers(project, "skills/double/setup.py", stub)
    assert "helper" in await names(project, "import helpers\nhelpers.he")
    assert "getcwd" in await names(project, "import os\nos.getc"), "a job has loaded `os` before"
    assert "progress" in await names(project, "import puras\npuras.progr"), "the kit cannot be replaced"
    await names(project, "import json, conftest, sitecustomize, setup\nsetup.")
    assert not proof.exists()


async def test_requests_see_nothing_of_other_requests(project: Any, make_project: Any) -> None:
    other = await make_project.make("Other")
    await with_helpers(project, content=b"def secret_of_mine(): pass\n")
    assert await names(project, "import helpers\nhelpers.se") == ["secret_of_mine"]
    assert await names(other, "import helpers\nhelpers.se") == []


async def test_files_of_the_host_are_not_read(project: Any) -> None:
    await names(project, "import sys\nsys.path.insert(0, '/etc')\nimport passwd\npasswd.")
    text = f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[3])!r})\nimport backend.config\nbackend.config."
    assert "settings" not in await names(project, text)


async def test_process_is_started_again_after_a_crash(project: Any, analyzer: PythonAnalyzer) -> None:
    assert await names(project, "import json\njson.lo")
    pid = analyzer.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await names(project, "import json\njson.lo")
    assert analyzer.pid not in (None, pid)


async def test_idle_process_ends(project: Any, analyzer: PythonAnalyzer) -> None:
    await names(project, "import json\njson.lo")
    pid = analyzer.pid
    analyzer._end_idle()
    assert await names(project, "import json\njson.lo")
    assert analyzer.pid != pid


async def test_warm_answers_are_fast(project: Any) -> None:
    text = "import json\nimport puras\npuras.pro"
    await at_end(project, "completions", text)
    durations = []
    for _ in range(10):
        started = time.monotonic()
        await at_end(project, "completions", text)
        durations.append(time.monotonic() - started)
    assert min(durations) < 0.3


async def test_rate_is_limited(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_REQUESTS", 2)
    responses = [await post(project, "format", " ") for _ in range(3)]
    assert [one.status_code for one in responses] == [200, 200, 429]
