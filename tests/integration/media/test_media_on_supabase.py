"""Media with drives in object storage: they are stored there immediately, and in the staged drive of the job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest_asyncio

from backend.context import AppContext
from backend.storage.supabase.storage import SupabaseStorage
from tests.doubles.fal import FalServer
from tests.integration.agents.conftest import PlainWorkspace
from tests.integration.deployments.conftest import Project
from tests.integration.media.conftest import Running, api_base
from tests.integration.media.test_local_media import file, run_code
from tests.integration.storage.conftest import storage_server, supabase, supabase_storage
from tests.integration.workspace.conftest import EventRecorder, write_skill
from workers.agent.tools.media import media_tools
from workers.agent.types import ToolCall

__all__ = ["api_base", "storage_server", "supabase", "supabase_storage"]

CODE = """
from puras import drive, media

drive.save("mine.png", drive.open("in.png", "rb").read())
image = media.generate_image("An owl", refs=["mine.png", {"drive_path": "in.png"}], output_path="out/owl.png")
results.append(image["drive_paths"])
results.append(drive.path("out/owl.png").read_bytes()[:4] == b"\\x89PNG")
"""


@pytest_asyncio.fixture
async def instance(instance: AppContext, supabase_storage: SupabaseStorage) -> AppContext:
    return replace(instance, storage=supabase_storage)


async def test_generated_media_are_in_staged_drive_and_can_use_its_files(
    fal: FalServer, instance: AppContext, project: Project, api_base: str
) -> None:
    await project.http.put("/v1/drive/files/in.png", content=b"\x89PNG\r\n\x1a\n of before")
    job = await run_code(instance, project, api_base, CODE)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert job["result"]["results"] == [["out/owl.png"], True]
    first, second = fal.orders[0].body["image_urls"]
    assert first == second
    assert first.startswith("data:image/png;base64,")
    assert (await file(project, "out/owl.png"))[:4] == b"\x89PNG"


async def test_media_of_agent_are_in_its_staged_drive(
    fal: FalServer, instance: AppContext, running: Running, tmp_path: Path
) -> None:
    assignment, skill = write_skill(tmp_path, "", [])
    own = replace(
        assignment,
        job_id=running.job_id,
        project_id=running.project.id,
        has_staged_drive=True,
        sandbox_uid=None,
    )
    (own.drive_dir / "mine.png").write_bytes(b"\x89PNG\r\n\x1a\n of my own")
    workspace = PlainWorkspace(own, skill, EventRecorder(), tmp_path, own.drive_dir)
    (draw, *_) = media_tools(instance)
    arguments = {"prompt": "An owl", "refs": ["drive/mine.png"], "output_path": "out/"}
    result = await draw.run(
        ToolCall("call-1", "generate_image", arguments, 1, str(running.job_id)), workspace
    )
    path = result.details["drive_path"]
    assert (own.drive_dir / path).read_bytes() == await running.file(path)
    assert fal.orders[0].body["image_urls"][0].startswith("data:image/png;base64,")
    again = await draw.run(ToolCall("call-1", "generate_image", arguments, 1, str(running.job_id)), workspace)
    assert (again.details["drive_path"], len(fal.orders)) == (path, 1)
