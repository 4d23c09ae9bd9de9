"""An instance with a search engine, a web server on this host, and a running job of a function."""

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
output_schema: {{type: object, properties: {{results: {{type: array}}}}}}
"""
MAIN = b"def run(code):\n    results = []\n    exec(code, {'results': results})\n    return {'results': results}\n"


def bundle(network: object) -> dict[str, bytes]:
    """Return the skill `paint`, which executes the given code."""
    return {
        "skills/paint/skill.yaml": SKILL.format(network=network).encode(),
        "skills/paint/main.py": MAIN,
    }


@pytest_asyncio.fixture
async def web() -> AsyncIterator[Web]:
    """Run a server that replies for all hosts of the web."""
    async with Web().running() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, web: Web) -> Settings:
    """Return settings with a search engine at five dollars per 1,000 searches."""
    engine = f"http://127.0.0.1:{web.port}/search"
    return Settings(home=tmp_path, port=8123, public_url=None, search_url=engine, search_usd_per_1000=5.0)


@pytest_asyncio.fixture
async def instance(
    database: Database, redis_url: str, settings: Settings, web: Web
) -> AsyncIterator[AppContext]:
    """Create an instance that resolves the host names of the web server."""
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
    """Return the project with a skill whose `network` lists the hosts of the web server."""
    await project.pushed(bundle(web.hosts))
    return project
