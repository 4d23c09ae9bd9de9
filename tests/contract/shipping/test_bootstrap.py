"""The bootstrap downloads one version of uv, and installs only files whose hash is in the repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
PINNED: Final = ROOT / "bootstrap-requirements.txt"
VERSION: Final = "99.1.2"
"""A version of uv that does not exist, so that the uv of the host always has another version."""
UV: Final = f"""#!/bin/sh
if [ "$1" = --version ]; then echo "uv {VERSION} (of a test)"; else echo "ran: uv $*"; fi
"""


def locked() -> dict[str, object]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    (found,) = [package for package in packages if package["name"] == "uv"]
    return dict(found)


def test_bootstrap_pins_the_locked_uv_with_the_hashes_of_all_wheels() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "uv_requirements.py"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert PINNED.read_text(encoding="utf-8") == done.stdout, "run `make uv-pin`"
    uv = locked()
    assert f"uv=={uv['version']} \\\n" in done.stdout
    wheels = uv["wheels"]
    assert isinstance(wheels, list)
    assert len(wheels) > 10
    assert set(re.findall(r"--hash=(\S+)", done.stdout)) == {wheel["hash"] for wheel in wheels}


@pytest.mark.parametrize("file", [".ci/environment", "Dockerfile"])
def test_every_pip_call_checks_hashes_and_builds_nothing(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    commands = [
        part for line in lines for part in line.split("&&") if not line.strip().startswith(("#", "say"))
    ]
    installs = [one for one in commands if "pip install" in one]
    assert installs
    for line in installs:
        if "/app/locked.txt" in line:
            assert "--require-hashes" in line, line
            continue
        if "dist/*.whl" in line:
            assert "--no-deps" in line, line
            continue
        for option in (
            "--require-hashes",
            "--only-binary :all:",
            "--no-deps",
            "--requirement bootstrap-requirements.txt",
        ):
            assert option in line, line


def wheel(folder: Path, uv: str = UV) -> str:
    """Write a wheel of a fake uv to a folder, and return its hash."""
    folder.mkdir(exist_ok=True)
    info = f"uv-{VERSION}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: uv\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"uv-{VERSION}.data/scripts/uv": uv,
    }
    path = folder / f"uv-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16  # a program, as in the wheel of uv
            archive.writestr(entry, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with only the files that the bootstrap reads."""
    (tmp_path / ".ci").mkdir()
    shutil.copy2(ROOT / ".ci" / "environment", tmp_path / ".ci" / "environment")
    groups = "[dependency-groups]\nbench = []\nfuzz = []\nx = []\n"
    (tmp_path / "pyproject.toml").write_text(groups, encoding="utf-8")
    return tmp_path


def bootstrap(
    checkout: Path, index: Path, *hashes: str, arguments: tuple[str, ...] = ("--group", "x")
) -> subprocess.CompletedProcess[str]:
    """Run the bootstrap with a folder as the package index, on a host with another version of uv."""
    lines = " \\\n".join([f"uv=={VERSION}", *(f"    --hash={one}" for one in hashes)])
    (checkout / "bootstrap-requirements.txt").write_text(f"{lines}\n", encoding="utf-8")
    other = checkout / "bin"
    other.mkdir(exist_ok=True)
    uv = Path(sys.executable).with_name("uv")
    assert uv.exists()
    (other / "uv").unlink(missing_ok=True)
    (other / "uv").symlink_to(uv)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "VIRTUAL_ENV"))
    }
    environment |= {"PATH": f"{other}:{os.environ['PATH']}", "HOME": str(checkout)}
    for tool in ("PIP", "UV"):
        environment |= {f"{tool}_NO_INDEX": "1", f"{tool}_FIND_LINKS": str(index)}
    environment |= {"UV_OFFLINE": "1"}
    return subprocess.run(
        ["sh", checkout / ".ci" / "environment", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_pinned_uv_is_downloaded_despite_another_version_on_the_host(checkout: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    fetched = bootstrap(checkout, index, "sha256:" + "0" * 64, wheel(index))
    assert fetched.returncode == 0, fetched.stderr
    assert "ran: uv sync --frozen" in fetched.stdout
    assert f"Fetching uv {VERSION}" in fetched.stderr
    again = bootstrap(checkout, tmp_path / "nothing", "sha256:" + "0" * 64)
    assert "Fetching" not in again.stderr, "the installed uv already has this version"
    assert "ran: uv sync --frozen" in again.stdout


def test_requested_dependency_group_is_kept(checkout: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    hashes = ("sha256:" + "0" * 64, wheel(index))
    (checkout / ".venv").mkdir()

    def groups(*arguments: str) -> str:
        done = bootstrap(checkout, index, *hashes, arguments=arguments)
        assert done.returncode == 0, done.stderr
        _, _, after = done.stdout.partition("--python ")
        return after.strip().partition(" ")[2]

    assert groups() == ""
    assert groups("--group", "bench") == "--group bench"
    assert groups() == "--group bench", "`make pages` keeps the packages of `make bench`"
    assert groups("--group", "fuzz", "--group", "bench") == "--group bench --group fuzz"
    assert groups("--group", "fuzz") == "--group bench --group fuzz"
    (checkout / "pyproject.toml").write_text("[dependency-groups]\nfuzz = []\n", encoding="utf-8")
    assert groups() == "--group fuzz", "a group that a later release does not define is dropped"
    shutil.rmtree(checkout / ".venv")
    assert groups() == "", "a new environment has no groups"


@pytest.mark.parametrize(("age", "name"), [("oldest", "python3.12"), ("newest", "python3.14")])
def test_oldest_and_newest_python_get_separate_environments(
    checkout: Path, tmp_path: Path, age: str, name: str
) -> None:
    (checkout / "bin").mkdir()
    for interpreter, version in (("python3.12", "3.1"), ("python3.14", "3.99")):
        program = checkout / "bin" / interpreter
        program.write_text(f'#!/bin/sh\necho "{version} $0"\n', encoding="utf-8")
        program.chmod(0o755)
    index = tmp_path / "index"
    done = bootstrap(checkout, index, "sha256:" + "0" * 64, wheel(index), arguments=("--of", age))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f".tools/{age}-python/bin/python\n"
    assert f"ran: uv sync --frozen --quiet --python {checkout}/bin/{name}\n" in done.stderr
    assert not (checkout / ".venv").exists()


def test_uv_with_another_hash_is_not_installed(checkout: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    original = wheel(index)
    wheel(index, UV + "# changed by a user of the index\n")
    rejected = bootstrap(checkout, index, original)
    assert rejected.returncode != 0
    assert "ran: uv" not in rejected.stdout
    assert "hash" in rejected.stderr.lower(), rejected.stderr
    assert f"uv {VERSION} is needed, and was not fetched" in rejected.stderr
    assert not (checkout / ".tools" / "bin").exists()


def test_older_uv_of_the_bootstrap_is_replaced(checkout: Path, tmp_path: Path) -> None:
    old = checkout / ".tools" / "bin" / "uv"
    old.parent.mkdir(parents=True)
    old.write_text("#!/bin/sh\necho 'uv 0.0.1 (old)'\n", encoding="utf-8")
    old.chmod(0o755)
    fetched = bootstrap(checkout, tmp_path / "index", wheel(tmp_path / "index"))
    assert fetched.returncode == 0, fetched.stderr
    assert VERSION in old.read_text(encoding="utf-8")
