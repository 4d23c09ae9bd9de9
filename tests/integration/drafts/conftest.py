"""Projects with API keys, from the tests of deployments."""

from __future__ import annotations

from typing import Any

import pytest

from backend.core.db.engine import Database
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import BUNDLE, make_project

__all__ = ["make_project", "project"]


@pytest.fixture
async def project(make_project: Any, database: Database) -> Any:
    """Create a project with money and the skill `double`."""
    project = await make_project.make("Mine")
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(BUNDLE)
    return project
