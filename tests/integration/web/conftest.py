"""An instance with a search engine, a web on this machine, and a job of a function that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.net.egress.run_egress import WebAccess
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.storage import removal
from backend.storage.local import LocalStorage
from tests.doubles.web import Web
from tests.integration.deployments.conftest import Project
from tests.integration.media.conftest import Running, api_base, app, project, running

__all__ = ["Running", "api_base", "app", "project", "running"]

SKILL = """
entrypoint: main.py:run
limits: {{cost_usd: 1}}
network: {network}
input_schema: {{type: object, properties: {{code: {{type: text}}}}}}
output_schema: {{type: object, properties: {{told: {{type: array}}}}}}
"""
MAIN = b"def run(code):\n    told = []\n    exec(code, {'told': told})\n    return {'told': told}\n"


def bundle(network: object) -> dict[str, bytes]:
    """The skill `paint`, which does what it is told."""
    return {
        "skills/paint/skill.yaml": SKILL.format(network=network).encode(),
        "skills/paint/main.py": MAIN,
    }


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    """The web, of one server."""
    async with Web().running() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, web: Web) -> Settings:
    """With a search engine at five dollars a thousand."""
    engine = f"http://127.0.0.1:{web.port}/search"
    return Settings(home=tmp_path, port=8123, public_url=None, search_url=engine, search_usd_per_1000=5.0)


@pytest_asyncio.fixture
async def instance(
    database: Database, redis_url: str, settings: Settings, web: Web
) -> AsyncIterator[AppContext]:
    """An instance that finds the names of that web."""
    redis = Redis.from_url(redis_url)
    yield AppContext(
        settings=settings,
        database=database,
        redis=redis,
        storage=LocalStorage(settings.home / "storage"),
        vault=Vault.open(settings.home, None),
        wakeups=WakeUpListener(redis),
        web_access=WebAccess(connector=web.connector),
    )
    await redis.aclose()
    removal.remove(settings.home / "storage")


@pytest_asyncio.fixture
async def listed(project: Project, web: Web) -> Project:
    """The project, whose skill lists the hosts of the web."""
    await project.pushed(bundle(web.hosts))
    return project
