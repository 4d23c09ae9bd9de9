"""Create the demo of `up --demo`: a project with the starter skillpack, and a first job on a photograph.

Everything except the project is created over REST, as any application would do it. In a home that already has the
demo, nothing is created again.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backend.config import Settings
from backend.core import logs
from backend.core.release_files import TEMPLATES
from backend.identity.api_keys import keys
from backend.identity.tables import Project
from backend.operations import database, user_commands
from backend.operations.demo.access import DemoAccess
from backend.operations.demo.command import KEY_FILE
from backend.operations.demo.rest import Rest
from backend.operations.errors import DemoFailed
from backend.skills.archives.pack import pack

log = logs.get(__name__)

NAME, SLUG = "Demo", "demo"
CREDIT_MICROS = 25_000_000
STARTER = TEMPLATES / "starter"
SKILL = "thumbnail"
PHOTOGRAPH = "demo/lake.jpg"
FINAL_STATUSES = ("succeeded", "failed", "cancelled")
JOB_TIMEOUT_S = 300.0
"""The first job builds the environment of the skill."""


async def create_demo(settings: Settings) -> DemoAccess:
    """Create the missing parts of the demo project, its skills and its photograph, and run a job.

    Raises:
        DemoFailed: A part could not be created, or the job did not succeed.
    """
    api_key = await _api_key(settings)
    rest = Rest(settings.local_url, api_key)
    await _deploy(rest)
    await _upload_photograph(rest)
    await _run_first_job(rest)
    return DemoAccess(api_key=api_key, curl=_curl(settings, api_key))


async def _api_key(settings: Settings) -> str:
    """Return the key of the demo project: the stored one, or a new one if that is lost or revoked."""
    key_file = settings.home / KEY_FILE
    if key_file.exists():
        api_key = key_file.read_text(encoding="ascii").strip()
        try:
            await Rest(settings.local_url, api_key).get("/v1/me")
        except DemoFailed as error:
            if error.fields.get("status_code") != 401:
                raise
        else:
            return api_key
    api_key = await _new_api_key(settings)
    _store_key(key_file, api_key)
    return api_key


async def _new_api_key(settings: Settings) -> str:
    project_id = await _project_id(settings)
    if project_id is None:
        made = await user_commands.create_with_key(
            settings, name=NAME, slug=SLUG, credit_micros=CREDIT_MICROS
        )
        return made.api_key
    async with database.unit_of_work(settings) as session:
        made_key = await keys.create(session, None, project_id=project_id, kind="secret", name="demo")
        return made_key.plaintext


async def _project_id(settings: Settings) -> UUID | None:
    async with database.unit_of_work(settings) as session:
        query = select(col(Project.id)).where(col(Project.slug) == SLUG, col(Project.deleted_at).is_(None))
        return await session.scalar(query)


def _store_key(file: Path, api_key: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
    ) as key_file:
        key_file.write(f"{api_key}\n")


async def _deploy(rest: Rest) -> None:
    """Deploy the starter skillpack, unless a skillpack was deployed already."""
    if await rest.get("/v1/deployments?limit=1"):
        return
    if not STARTER.is_dir():
        raise DemoFailed(
            f"The starter skillpack does not exist at {STARTER}. Run the command in a checkout of the repository."
        )
    bundle = await asyncio.to_thread(pack, STARTER)
    made = await rest.upload(
        "/v1/deployments", "bundle", bundle, {"notes": "starter skillpack", "activate": "true"}
    )
    log.info("deployed the starter skillpack", version=made["version"], bytes=made["size_bytes"])


async def _upload_photograph(rest: Rest) -> None:
    folder = f"{PHOTOGRAPH.rpartition('/')[0]}/"
    if any(entry["path"] == PHOTOGRAPH for entry in await rest.get(f"/v1/drive?prefix={folder}")):
        return
    content = await asyncio.to_thread(_photograph)
    stored = await rest.upload("/v1/drive/upload", "file", content, {"path": PHOTOGRAPH})
    log.info("uploaded a photograph", drive_path=stored["drive_path"], bytes=stored["size_bytes"])


def _photograph() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photograph.jpg"
        command = [sys.executable, "-P", "-m", "backend.operations.demo.image", str(file)]
        rendered = subprocess.run(command, capture_output=True, text=True, check=False)
        if rendered.returncode != 0:
            why = rendered.stderr.strip().splitlines()[-1:]
            raise DemoFailed(f"The photograph could not be rendered: {' '.join(why)}")
        return file.read_bytes()


async def _run_first_job(rest: Rest) -> None:
    submission = {"skill": SKILL, "inputs": {"image": PHOTOGRAPH}, "source": "demo"}
    job = await rest.post("/v1/jobs?wait=true&timeout=55", submission)
    deadline = time.monotonic() + JOB_TIMEOUT_S
    while job["status"] not in FINAL_STATUSES and time.monotonic() < deadline:
        await asyncio.sleep(0.25)
        job = await rest.get(f"/v1/jobs/{job['id']}")
    fields: dict[str, Any] = {"job_id": job["id"], "skill": SKILL, "version": job["deployment_version"]}
    if job["status"] != "succeeded":
        raise DemoFailed(
            f"Job {job['id']} is {job['status']}: {job.get('error') or job.get('waiting_reason') or 'no reason given'}",
            **fields,
        )
    result = job["result"]
    log.info(
        "first job succeeded",
        **fields,
        photograph=f"{result['width']} x {result['height']} {result['format']}",
        thumbnail=result["thumbnail"],
    )


def _curl(settings: Settings, api_key: str) -> str:
    body = json.dumps({"skill": SKILL, "inputs": {"image": PHOTOGRAPH}})
    return (
        f"curl -s '{settings.url}/v1/jobs?wait=true' \\\n"
        f"  -H 'Authorization: Bearer {api_key}' \\\n"
        f"  -H 'Content-Type: application/json' -d '{body}'"
    )
