"""The public `puras` client in a separate environment, against an instance that runs as an operator starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operations.instances import new_up

CLIENT = "puras==0.20.0"
JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

SKILL_YAML = """\
description: Counts aloud.
entrypoint: main.py:run
input_schema:
  type: object
  properties:
    upto: {type: integer, minimum: 0, maximum: 1000, default: 3}
    fail: {type: boolean, default: false}
output_schema:
  type: object
  properties:
    total: {type: integer}
"""
MAIN_PY = """\
from puras import log


def run(upto, fail):
    for number in range(upto):
        log.info(f"counted {number}")
    if fail:
        raise ValueError("asked to fail")
    return {"total": upto}
"""
SCORED = {
    "skill.yaml": """\
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}}
output_schema: {type: object, properties: {n: {type: integer}}}
evals:
  dataset: cases.jsonl
  graders:
    - {name: right, kind: exact_match}
    - {name: even, kind: check, entrypoint: main.py:even}
""",
    "main.py": """\
def run(n):
    return {"n": 2 * n}


def even(inputs, output):
    return {"score": 1.0 if output["n"] % 2 == 0 else 0.0}
""",
    "cases.jsonl": """\
{"id": "one", "inputs": {"n": 1}, "expected": {"n": 2}}
{"id": "wrong", "inputs": {"n": 2}, "expected": {"n": 5}}
""",
}


@dataclass(frozen=True)
class Ran:
    """The exit code and the output of a command of the client."""

    code: int
    output: str

    @property
    def job_id(self) -> str:
        match = JOB_ID.search(self.output)
        assert match, self.output
        return match.group()


@dataclass(frozen=True)
class Developer:
    """A user with the client installed, a folder with one skill, and an API key of a project."""

    python: Path
    home: Path
    folder: Path
    address: str
    key: str

    def puras(self, *arguments: str, stdin: str = "") -> Ran:
        """Run a command of the client in the folder of the skill."""
        completed = subprocess.run(
            [self.python.with_name("puras"), *arguments],
            cwd=self.folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return Ran(completed.returncode, completed.stdout + completed.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> Ran:
        """Run a command of the client, which must succeed."""
        ran = self.puras(*arguments, stdin=stdin)
        assert ran.code == 0, (arguments, ran.output)
        return ran

    def run_python(self, code: str) -> Any:
        """Return the JSON that code prints; the code can use `client`, the package's `Client` for this instance."""
        prelude = f"import json, puras\nclient = puras.Client({self.key!r}, 'counting', api_base={self.address!r})\n"
        completed = subprocess.run(
            [self.python, "-c", prelude + code],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return json.loads(completed.stdout)

    @property
    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
        return inherited | {"HOME": str(self.home), "COLUMNS": "160", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def developer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Developer]:
    """Return a developer who is logged in to a project with credit, with the skillpack `counting` deployed once."""
    folder = tmp_path_factory.mktemp("client")
    python = _environment_with_client(folder / "environment")
    skill = folder / "pack" / "tally"
    skill.mkdir(parents=True)
    (skill / "skill.yaml").write_text(SKILL_YAML, encoding="utf-8")
    (skill / "main.py").write_text(MAIN_PY, encoding="utf-8")
    (folder / "pack" / "scored").mkdir()
    for name, content in SCORED.items():
        (folder / "pack" / "scored" / name).write_text(content, encoding="utf-8")
    (folder / "home").mkdir()
    with new_up() as up:
        up.start()
        up.wait_ready()
        project = up.json("project", "create", "Client", "--credit-usd", "5")
        address = f"http://127.0.0.1:{up.port}"
        user = Developer(python, folder / "home", folder / "pack", address, project["api_key"])
        user.ok("login", "--key", user.key, "--api-base", address)
        user.ok("init", "--no-scaffold", "--name", "Counting", "--slug", "counting")
        user.ok("deploy")
        yield user


def _environment_with_client(folder: Path) -> Path:
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True, timeout=60)
    python = folder / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, CLIENT], check=True, timeout=110)
    return python
