"""Files and packages of a kernel: the draft, valid or not, and its requirements.txt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.deployments.conftest import Project
from tests.integration.notebooks.conftest import KERNELS, PATH, Kernel, Lab
from tests.integration.sandbox.packages import wheel

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a folder of packages that replaces the registry, with the wheel `tiny-wheel`."""
    folder = tmp_path / "index"
    folder.mkdir()
    settings = tmp_path / "uv.toml"
    settings.write_text(f'[pip]\nno-index = true\nfind-links = ["{folder}"]\n', encoding="utf-8")
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    wheel(folder)
    return folder


async def put(project: Project, path: str, content: bytes) -> None:
    await project.http.get("/v1/drafts")
    response = await project.http.put(f"/v1/drafts/files/{path}", content=content, headers={"If-Match": "*"})
    assert response.status_code == 200, response.text


def value_of(cell: Any) -> str:
    assert cell["status"] == "ok", cell
    return str(cell["outputs"][-1]["data"]["text/plain"])


async def start_kernel(lab: Lab, project: Project) -> tuple[Any, list[str]]:
    """Create a kernel; return its state when it is idle or has ended, and the reasons that it reported."""
    created = await project.http.post(KERNELS, json={"path": PATH})
    assert created.status_code == 201, created.text
    kernel, reasons = Kernel(project, created.json()["id"]), []
    lab.kernels.append(kernel)

    def is_ready_or_ended(seen: Any) -> bool:
        reasons.append(seen["reason"])
        return bool(seen["status"] in ("idle", "ended"))

    return await kernel.until(is_ready_or_ended), reasons


async def test_invalid_skill_is_reported_and_its_files_are_available(lab: Lab) -> None:
    project = await lab.project()
    await put(project, "skills/double/skill.yaml", b"entrypoint: main.py:gone\n")
    kernel = await lab.kernel(project)
    cell = await kernel.run("import sys; sys.path.append('skills/double')\nfrom main import run\nrun(2)")
    assert value_of(cell) == "{'n': 4}"
    notice = (await kernel.read())["message"]
    assert "is invalid" in notice
    assert "skills/double/skill.yaml" in notice


async def test_files_of_a_draft_without_skills_are_available(lab: Lab) -> None:
    project = await lab.projects.make("Empty")
    await lab.top_up(project)
    await put(project, "notebooks/owls.txt", b"barn owl")
    kernel = await lab.kernel(project)
    assert value_of(await kernel.run("open('notebooks/owls.txt').read()")) == "'barn owl'"
    assert (await kernel.read())["message"] == ""


async def test_packages_are_installed_for_a_draft_with_an_invalid_skill(lab: Lab, index: Path) -> None:
    project = await lab.project()
    await put(project, "requirements.txt", b"tiny-wheel==1.0\n")
    await put(project, "skills/double/skill.yaml", b"entrypoint: main.py:gone\n")
    seen, reasons = await start_kernel(lab, project)
    assert seen["status"] == "idle", seen
    assert any("Installing the packages" in one and "tiny-wheel" in one for one in reasons), set(reasons)
    cell = await lab.kernels[-1].run("import tinywheel\ntinywheel.ANSWER")
    assert value_of(cell) == "42"


async def test_matplotlib_finds_its_inline_backend_in_a_kernel(lab: Lab) -> None:
    kernel = await lab.kernel()
    cell = await kernel.run(
        "from importlib.metadata import entry_points\n"
        "[(point.name, point.value) for point in entry_points(group='matplotlib.backend')]"
    )
    assert value_of(cell) == "[('inline', 'matplotlib_inline.backend_inline')]"


@pytest.mark.parametrize(
    ("line", "why"), [(b"no-such-owl==1.0", "no-such-owl"), (b"-e ./here", "requirements.txt line 1")]
)
async def test_unavailable_package_is_named(lab: Lab, index: Path, line: bytes, why: str) -> None:
    project = await lab.project()
    await put(project, "requirements.txt", line + b"\n")
    seen, _ = await start_kernel(lab, project)
    assert (seen["status"], seen["end_reason"]) == ("ended", "failed")
    assert why in seen["reason"]
