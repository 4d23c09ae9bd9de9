"""Media without an API key: generated on this host by a real job with the kit, labeled, and free."""

from __future__ import annotations

import asyncio
import io
from typing import Any

from PIL import Image

from backend.context import AppContext
from tests.factories.worker import woken
from tests.integration.deployments.conftest import Project
from tests.integration.media.conftest import Running
from workers.drives.staged import staged_drives
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

CODE = """
from pathlib import Path
import puras
from puras import drive, media

image = puras.generate_image("An owl at night", aspect_ratio="16:9", output_path="out/owl.png")
results.append(image)
results.append(drive.path(image["drive_path"]).stat().st_size > 1000)
edit = media.generate_image("The same by day", refs=["drive/out/owl.png", b"bytes of mine"], n=2, output_path="many/")
results.append(edit)
results.append(puras.generate_video("It flies", duration=1, audio=True, resolution="480p"))
results.append(puras.generate_audio("Die Eule fliegt.", language="de", output_path="out/said.wav"))
results.append(media.run("tts", {"text": "Owl."}))
for refused in (lambda: puras.transcribe("drive/out/said.wav"), lambda: puras.generate_image(""),
                lambda: puras.generate_image("x", refs=[Path("none.png")])):
    try:
        refused()
    except puras.MediaError as error:
        results.append(str(error))
"""


async def run_code(instance: AppContext, project: Project, api_base: str, code: str) -> Any:
    """Run the code in a job and return the job when it has ended."""
    runner = DeterministicRunner(
        SandboxRuntime(instance.settings.home, sandbox="auto", api_base=api_base, idle_s=60, pool_mb=512)
    )
    drives = staged_drives(instance)
    supervisor = Supervisor(instance, {"deterministic": runner}, lanes=["default"], capacity=1, drives=drives)
    async with woken(supervisor), asyncio.timeout(60):
        submitted = await project.http.post("/v1/jobs", json={"skill": "paint", "inputs": {"code": code}})
        while True:
            job = (await project.http.get(f"/v1/jobs/{submitted.json()['id']}")).json()
            if job["finished_at"] is not None:
                break
            await asyncio.sleep(0.02)
    await runner.close()
    if drives is not None:
        await asyncio.to_thread(drives.close)
    return job


async def test_job_generates_all_kinds_of_media_free_of_charge(
    instance: AppContext, project: Project, api_base: str
) -> None:
    job = await run_code(instance, project, api_base, CODE)
    assert (job["status"], job["error"], job["cost_micros"]) == ("succeeded", None, 0)
    image, is_there, edit, film, speech, older, transcribed, empty, missing_file = job["result"]["results"]
    assert (image["model"], image["kind"], image["label"]) == ("local/drawing", "image", "local")
    assert "no API key" in image["meta"]["warnings"][0]
    assert (image["drive_path"], is_there, image["billed_micros"]) == ("out/owl.png", True, 0)
    assert Image.open(io.BytesIO(await file(project, "out/owl.png"))).size == (1024, 576)
    assert len(edit["drive_paths"]) == 2
    assert edit["drive_paths"][0].startswith("many/image-")
    assert (await file(project, film["drive_path"]))[4:8] == b"ftyp"
    assert (speech["drive_path"], (await file(project, "out/said.wav"))[:4]) == ("out/said.wav", b"RIFF")
    assert (older["model"], (await file(project, older["drive_path"]))[:3]) == ("local/espeak", b"ID3")
    assert "output_url" in older
    assert "FAL_KEY" in transcribed
    assert "inputs.prompt" in empty
    assert "none.png" in missing_file
    receipt = (await project.http.get(f"/v1/jobs/{job['id']}/receipt")).json()
    media = [line for line in receipt["lines"] if line["kind"] == "media"]
    assert [(line["model"], line["label"], line["billed_micros"]) for line in media] == [
        ("local/drawing", "local", 0),
        ("local/drawing", "local", 0),
        ("local/clip", "local", 0),
        ("local/espeak", "local", 0),
        ("local/espeak", "local", 0),
    ]


async def test_same_prompt_gives_same_image_with_correct_file_extension(
    running: Running,
) -> None:
    first = await running.create_media(output_path="a.png")
    second = await running.create_media(output_path="b.gif")
    other = await running.create_media(inputs={"prompt": "a fox"}, output_path="c.jpg")
    assert second["drive_path"] == "b.png"
    assert "image/png" in second["meta"]["warnings"][-1]
    assert await running.file(first["drive_path"]) == await running.file(second["drive_path"])
    assert (await running.file(other["drive_path"]))[:3] == b"\xff\xd8\xff"


async def test_unavailable_voice_falls_back_to_english_with_warning(running: Running) -> None:
    result = await running.create_media("audio", inputs={"text": "Owl.", "voice": "Rachel"})
    assert "'rachel'" in result["meta"]["warnings"][-1]
    assert result["drive_path"].endswith(".mp3")


async def file(project: Project, path: str) -> bytes:
    response = await project.http.get(f"/v1/drive/files/{path}")
    assert response.status_code == 200, response.text
    return response.content
