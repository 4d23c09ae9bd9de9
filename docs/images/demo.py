"""The data that the screenshots show: two projects, skills in two versions, and jobs in every state."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import instance
from instance import ROOT
from skills import BIRDS, NOTEBOOK, OWN
from sqlalchemy import text

from backend.config import Settings
from backend.operations import database
from backend.skills.archives.pack import pack_files

TEMPLATES: Final = ROOT / "skills_kit" / "templates"
ENDED_WITHIN_S: Final = 120.0
STORY: Final = (
    "The lighthouse keeper counted the ships that passed. On the longest night of the year there were none, so he "
    "counted the waves instead, and wrote the number into the book where the ships should have stood."
)
TICKETS: Final = (
    "Order 1042 never came, and I am leaving on Friday.",
    "Does the lamp come in green?",
    "Order 1043 has a scratch on its left leg.",
)


@dataclass(frozen=True, slots=True)
class Demo:
    """A running instance, with the access to it and the jobs that the screenshots show."""

    url: str
    slug: str
    environment: Mapping[str, str]
    jobs: Mapping[str, str]
    """The IDs of the jobs by name."""


def fill(url: str, environment: Mapping[str, str]) -> Demo:
    """Create everything that the screenshots show, except the user, whom the caller creates."""
    made = json.loads(
        instance.operate(environment, "project", "create", "Lamp shop", "--credit-usd", "60", "--json")
    )
    other = json.loads(
        instance.operate(environment, "project", "create", "Darkroom", "--credit-usd", "3", "--json")
    )
    with _client(url, made["api_key"]) as api, _client(url, other["api_key"]) as publisher:
        _deploy(api)
        _offer(publisher)
        _fill_drive(api)
        jobs = _run(api)
        _set_up(api)
    asyncio.run(_spread(environment, set(jobs.values())))
    return Demo(url, made["slug"], environment, jobs)


def _client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=300)


def _sent(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise SystemExit(f"{answer.request.method} {answer.request.url}: {answer.text}")
    return answer.json() if answer.content else None


def _read(answer: httpx.Response) -> bytes:
    answer.raise_for_status()
    return answer.content


def _files(*templates: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name in templates:
        folder = TEMPLATES / name
        found = (file for file in folder.rglob("*") if file.is_file() and "skills" in file.parts)
        found = (file for file in found if "__pycache__" not in file.parts)
        files |= {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}
    return files


def _deploy(api: httpx.Client) -> None:
    first = _files("starter", "desk") | OWN
    prompt = first["skills/triage/prompt.md"] + b"\nSay sorry once, and not twice.\n"
    schema = first["skills/triage/skill.yaml"].replace(b"enum: [low, normal, high]", b"enum: [low, high]")
    schema = schema.replace(b"maxLength: 20000", b"maxLength: 4000")
    orders = first["skills/import-orders/main.py"].replace(
        b"total // max(1, len(rows))", b"total / max(1, len(rows))"
    )
    second = (
        first
        | _files("figures")
        | {"skills/triage/prompt.md": prompt, "skills/import-orders/main.py": orders}
    )
    third = second | {"skills/triage/skill.yaml": schema}
    for notes, files, active in (
        ("The first skills", first, "true"),
        ("Figures for the month; the desk says sorry once", second, "true"),
        ("Two urgencies are enough", third, "false"),
    ):
        bundle = {"bundle": ("skills.zip", pack_files(files))}
        _sent(api.post("/v1/deployments", files=bundle, data={"notes": notes, "activate": active}))
    _sent(api.post("/v1/skillpacks", json={"slug": "birds", "name": "Birds"}))
    bundle = {"bundle": ("birds.zip", pack_files(BIRDS))}
    _sent(api.post("/v1/skillpacks/birds/deployments", files=bundle))


def _offer(publisher: httpx.Client) -> None:
    _sent(
        publisher.post(
            "/v1/deployments", files={"bundle": ("skills.zip", pack_files(_files("figures", "starter")))}
        )
    )
    for slug, skill, price in (("month-in-figures", "figures", 50_000), ("summaries", "summarize", 20_000)):
        body = {"slug": slug, "skill": skill, "price_micros": price, "follows_active": True}
        _sent(publisher.post("/v1/marketplace/listings", json=body))
        _sent(publisher.patch(f"/v1/marketplace/listings/{slug}", json={"status": "published"}))


def _fill_drive(api: httpx.Client) -> None:
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "lake.jpg")
        subprocess.run([sys.executable, "-m", "backend.operations.demo.image", photo], cwd=ROOT, check=True)
        files = {"photos/lake.jpg": photo.read_bytes()}
    files["orders/november.csv"] = b'number,item,total\n1042,"lamp, white",48.00\n1043,"chair, oak",129.00\n'
    files["orders/october.csv"] = b'number,item,total\n1040,"lamp, black",fourty-eight\n'
    files["notes/desk.md"] = b"# The desk\n\nAnswers within a day.\n"
    for path, content in files.items():
        _sent(api.put(f"/v1/drive/files/drive/{path}", content=content))


def _run(api: httpx.Client) -> dict[str, str]:
    """Run jobs of every kind, and return the IDs of those with a screenshot of their own by name."""

    def submit(skill: str, inputs: dict[str, Any], *, wait: bool = True, **more: Any) -> dict[str, Any]:
        body = {"skill": skill, "inputs": inputs, **more}
        job: dict[str, Any] = _sent(api.post(f"/v1/jobs?wait={str(wait).lower()}", json=body))
        return job

    chance = Random(7)
    for number in range(24):
        skill, inputs = chance.choice(
            [
                ("greet", {"name": chance.choice(["Ada", "Grace", "Linus"])}),
                ("birds/greet", {"bird": chance.choice(["owl", "wren"])}),
                ("import-orders", {"table": "orders/november.csv" if number % 5 else "orders/october.csv"}),
                ("summarize", {"text": STORY}),
            ]
        )
        submit(skill, inputs)
    jobs = {
        "thumbnail": submit("thumbnail", {"image": "photos/lake.jpg"}),
        "orders": submit("import-orders", {"table": "orders/november.csv"}),
        "agent": submit("summarize", {"text": STORY}),
        "failed": submit("import-orders", {"table": "orders/october.csv"}),
        "running": submit("reindex", {}, wait=False),
        "asking": submit("triage", {"ticket": TICKETS[0]}, wait=False),
    }
    cancelled = submit("reindex", {}, wait=False)
    _sent(api.post(f"/v1/jobs/{cancelled['id']}/cancel"))
    _wait_for(api, jobs["asking"]["id"], "waiting")
    for version in (1, 2):
        suite = _sent(api.post("/v1/skillpacks/default/evals", json={"skill": "triage", "version": version}))
        _agree(api, suite["id"], but=jobs["asking"]["id"])
    return {name: str(job["id"]) for name, job in jobs.items()}


def _agree(api: httpx.Client, suite: str, *, but: str) -> None:
    """Approve the calls of a suite until it ends, except those of one job."""
    deadline = time.monotonic() + ENDED_WITHIN_S
    while time.monotonic() < deadline:
        if _sent(api.get(f"/v1/evals/{suite}"))["status"] in ("succeeded", "failed"):
            return
        for one in _sent(api.get("/v1/approvals?status=pending")):
            if one["job_id"] != but:
                api.post(f"/v1/approvals/{one['id']}/approve")
        time.sleep(0.3)


def _wait_for(api: httpx.Client, job_id: str, status: str) -> None:
    deadline = time.monotonic() + ENDED_WITHIN_S
    while time.monotonic() < deadline:
        job = _sent(api.get(f"/v1/jobs/{job_id}"))
        if job["status"] == status:
            return
        time.sleep(0.2)
    raise SystemExit(f"Job {job_id} is {job['status']}, not {status}.")


def _set_up(api: httpx.Client) -> None:
    working = "/v1/drafts/files/skills/triage/prompt.md"
    prompt = _read(api.get(working)) + b"\nName the order by its number.\n"
    _sent(api.put(working, content=prompt, headers={"If-Match": "*"}))
    _sent(api.put("/v1/drafts/files/notebooks/orders.ipynb", content=json.dumps(NOTEBOOK)))
    for record in (
        {
            "kind": "customer",
            "entity_key": "acme",
            "title": "Acme wants it formal",
            "record": {"tone": "formal"},
        },
        {
            "kind": "lesson",
            "title": "Lost parcels are sent again the same day",
            "record": {"team": "shipping"},
        },
    ):
        _sent(api.post("/v1/memory", json=record))
    _sent(api.put("/v1/secrets", json={"name": "SHOP_TOKEN", "value": "not shown"}))
    _sent(api.put("/v1/skillpacks/birds/secrets", json={"name": "ATLAS_KEY", "value": "not shown either"}))
    hook = {"url": "https://shop.example.org/puras", "events": ["job.succeeded", "job.failed"]}
    made = _sent(api.post("/v1/webhooks", json=hook | {"description": "The shop's own server"}))
    _sent(api.post(f"/v1/webhooks/{made['id']}/test"))
    for name, subject, cron in (
        (
            "Orders of the day",
            {"skill": "import-orders", "inputs": {"table": "orders/november.csv"}},
            "30 9 * * mon-fri",
        ),
        (
            "Summarize the tickets",
            {"listing_id": "summaries", "inputs": {"text": TICKETS[1]}},
            "*/30 * * * *",
        ),
    ):
        body = {"name": name, **subject, "cron": cron, "time_zone": "Europe/Berlin"}
        _sent(api.post("/v1/schedules", json=body))
    _sent(
        api.post(
            "/v1/budgets", json={"name": "The month", "limit_usd": 40, "window": "month", "scope": "project"}
        )
    )
    for key in (
        {"name": "website", "kind": "publishable"},
        {"name": "nightly", "daily_cap_micros": 2_000_000},
    ):
        _sent(api.post("/v1/api-keys", json=key))


async def _spread(environment: Mapping[str, str], kept: set[str]) -> None:
    """Spread the jobs without a screenshot over the last day, and their cost over the last month."""
    settings = Settings.model_validate({"home": environment["PURAS_HOME"]})
    chance = Random(11)
    async with database.unit_of_work(settings) as session:
        rows = await session.execute(
            text("select id from jobs where status in ('succeeded', 'failed') order by id")
        )
        for (job_id,) in rows.all():
            if str(job_id) in kept:
                continue
            minutes, days = int(chance.triangular(5, 1_430, 240)), chance.randrange(0, 26)
            values = {"id": job_id, "minutes": minutes, "days": days}
            await session.execute(text(_EARLIER), values)
            await session.execute(text(_PAID_EARLIER), values)


_EARLIER: Final = """update jobs set created_at = created_at - make_interval(mins => :minutes),
    started_at = started_at - make_interval(mins => :minutes),
    finished_at = finished_at - make_interval(mins => :minutes) where id = :id"""
_PAID_EARLIER: Final = (
    "update usage_events set created_at = created_at - make_interval(days => :days) where job_id = :id"
)
