"""An installation from the wheels runs a job outside of the checkout, also with a foreign `puras` next to the kit."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import puras
import pytest

from benchmarks.client import RequestFailed
from tests.contract.installed.release import (
    OTHER_VERSION,
    SOCKETS_ONLY,
    Installed,
    clean_environment,
    write_other_puras,
    write_wheel,
)

MAX_MB = 340
MAX_HELP_S = 0.5


def test_plain_installation_is_small_and_prints_help_quickly(installed: Installed) -> None:
    assert installed.megabytes() < MAX_MB
    installed.run(installed.command, "--help")  # compiles the modules
    took_s = []
    for _ in range(3):
        began = time.monotonic()
        assert "  doctor " in installed.run(installed.command, "--help")
        took_s.append(time.monotonic() - began)
    assert min(took_s) < MAX_HELP_S
    assert installed.run(installed.command, "--version").startswith("puras-studio 0.")


@pytest.mark.timeout(180)
def test_job_runs_on_the_kit_of_the_release(installed: Installed, tmp_path: Path) -> None:
    """The other project overwrites files of the installed kit, and the instance uses the copy of the release."""
    installed.install(write_other_puras(tmp_path))
    assert installed.run(installed.command.with_name("puras")) == "the other command\n"
    shipped = installed.release_files()
    with installed.up() as instance, instance.client() as client:
        assert OTHER_VERSION in instance.log
        assert instance.run_job(client) == {"kit": puras.__version__, "is_own": True}
        status, page = instance.get("/")
        assert status in (200, 303), page
        assert instance.open_page() == SOCKETS_ONLY, instance.log[-1000:]
        status, page = instance.get("/docs/guides/self-host/")
        assert (status, "<html" in page) == (200, True)
        assert len(client.call("GET", "/v1/docs")) > 20
        assert any(one["name"] == "starter" for one in client.call("GET", "/v1/templates"))
        with pytest.raises(RequestFailed, match=r"501.*extra_missing") as refused:
            client.call("POST", "/v1/notebooks/kernels", {"path": "notebooks/first.ipynb"})
        assert "pip install 'puras-studio[notebooks]'" in refused.value.response.body["detail"]
    assert installed.release_files() == shipped
    doctor = installed.run(installed.command, "doctor")
    assert re.search(
        rf"^warn  kit: puras-kit {puras.__version__} at .*; .* puras {OTHER_VERSION}", doctor, re.M
    )
    assert "pip install 'puras-studio[media]'" in doctor


def test_missing_pages_end_up_with_one_message(installed: Installed) -> None:
    web = next(installed.folder.glob("venv/lib/python*/site-packages/backend/release_files/web"))
    web.rename(web.with_name("hidden"))
    try:
        with pytest.raises(AssertionError) as failed:
            installed.run(installed.command, "up")
    finally:
        web.with_name("hidden").rename(web)
    message = str(failed.value)
    assert "The pages of the studio are not built" in message
    assert "Install puras-studio again from its wheel" in message
    assert "Traceback" not in message


def test_foreign_packages_are_reported_before_anything_starts(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "__init__.py").write_text(
        "raise SystemExit('a foreign package')\n", encoding="utf-8"
    )
    done = _fails(installed, PYTHONPATH=str(tmp_path))
    assert f"another package 'studio' is in {tmp_path}" in done
    info = "other_tool-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\nName: other-tool\nVersion: 1.0\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {"backend/__init__.py": "", f"{info}/METADATA": metadata, f"{info}/WHEEL": kind}
    package = next(installed.folder.glob("venv/lib/python*/site-packages/backend/__init__.py"))
    ours = package.read_bytes()
    installed.install(write_wheel(tmp_path / "other_tool-1.0-py3-none-any.whl", info, files))
    try:
        assert "the installed project other-tool-1.0 also has a package 'backend'" in _fails(installed)
    finally:
        package.write_bytes(ours)
        shutil.rmtree(package.parents[1] / info)


def _fails(installed: Installed, **environment: str) -> str:
    """Return the message of a command that ends before it does anything."""
    done = subprocess.run(
        [installed.command, "doctor"],
        env=clean_environment() | environment,
        cwd=installed.work,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done.stdout + done.stderr
    assert "uv tool install puras-studio" in done.stderr
    return done.stderr
