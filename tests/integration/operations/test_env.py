"""`puras-studio env`: the variables of the demo project, as a POSIX shell evaluates them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.operations.locks import serving_lock
from tests.integration.operations.instances import Up

KEY = "puras_live_0123456789abcdef"
EVALUATE = """eval "$(puras-studio env)" && printf '%s\\n%s\\n' "$PURAS_API_BASE" "$PURAS_API_KEY" """


@pytest.fixture
def key_file(up: Up) -> Path:
    """Return the key file, in a home folder that contains nothing else."""
    up.home.mkdir()
    return up.home / "demo-key"


def test_a_posix_shell_evaluates_the_output(up: Up, key_file: Path) -> None:
    key_file.write_text(f"{KEY}\n", encoding="ascii")
    assert evaluate(up) == [f"http://127.0.0.1:{up.port}", KEY]


def test_values_are_quoted(up: Up, key_file: Path) -> None:
    unusual = "a b$(touch injected)'\"`;&"
    key_file.write_text(f"{unusual}\n", encoding="ascii")
    assert evaluate(up)[1] == unusual
    assert not (up.folder / "injected").exists()


def test_url_is_the_local_one_even_with_a_public_url(up: Up, key_file: Path) -> None:
    key_file.write_text(KEY, encoding="ascii")
    up.settings |= {"PURAS_HOST": "0.0.0.0", "PURAS_PUBLIC_URL": "https://studio.example.com"}
    assert up.run("env").stdout.splitlines()[0] == f"export PURAS_API_BASE=http://127.0.0.1:{up.port}"


def test_a_warning_names_the_port_on_which_the_instance_runs(up: Up, key_file: Path) -> None:
    key_file.write_text(KEY, encoding="ascii")
    with serving_lock(up.home, up.port):
        assert up.run("env").stderr == ""
    other = up.port + 1
    with serving_lock(up.home, other):
        printed = up.run("env")
    assert f"Set PURAS_PORT={other} " in printed.stderr
    assert len(printed.stdout.splitlines()) == 2


def test_without_a_demo_project_it_fails_and_prints_nothing(up: Up) -> None:
    failed = up.run("env")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("puras-studio: The API key of the demo project cannot be read from ")
    assert str(up.home / "demo-key") in failed.stderr
    assert "`puras-studio up --demo`" in failed.stderr
    assert "PURAS_HOME" in failed.stderr


@pytest.mark.parametrize(
    ("content", "why"), [(b"\n", "it is empty"), (b"\xff\xfe", "does not contain an API key")]
)
def test_a_file_without_a_key_is_an_error(up: Up, key_file: Path, content: bytes, why: str) -> None:
    key_file.write_bytes(content)
    failed = up.run("env")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert why in failed.stderr


def test_the_help_lists_the_command(up: Up) -> None:
    (listed,) = [line for line in up.run("--help").stdout.splitlines() if " env " in line]
    assert "Print shell commands that set PURAS_API_BASE" in listed


def evaluate(up: Up) -> list[str]:
    """Return both values as a POSIX shell has them after it evaluated what the installed command prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-eu", "-c", EVALUATE],
        cwd=up.folder,
        env=up.environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()
