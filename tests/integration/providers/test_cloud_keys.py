"""API keys of projects for models at clouds: each cloud has its own form of keys, and needs its packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backend.core import extras
from backend.skills.model_catalog import catalog
from tests.integration.auth.conftest import World

AWS_KEY = "AKIAEXAMPLE0123456789:secret-plainly-visible"
MODELS = """
[endpoints.bedrock]
cloud = "bedrock"
region = "us-east-1"
key_env = "BEDROCK_API_KEY"

[models."nova/claude-on-bedrock"]
endpoint = "bedrock"
upstream_id = "anthropic.claude-sonnet-4-6"
context_tokens = 200000
max_output_tokens = 64000
price = { input_usd = 3, output_usd = 15 }
"""


@pytest.fixture(autouse=True)
def family_at_a_cloud(tmp_path: Path) -> Iterator[None]:
    """Add a model family whose endpoint is a cloud to the catalog."""
    file = tmp_path / "models.toml"
    file.write_text(MODELS)
    catalog.use(file)
    yield
    catalog.use(None)


async def test_key_has_the_form_of_its_cloud(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    listed = {
        one["family"]: one["cloud"] for one in (await client.get("/v1/providers", headers=headers)).json()
    }
    assert (listed["nova"], listed["claude"]) == ("bedrock", None)
    refused = await client.put("/v1/providers/nova", json={"api_key": "a:b:c:d"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_provider_key")
    assert "ACCESS_KEY:SECRET_KEY" in refused.text
    stored = await client.put("/v1/providers/nova", json={"api_key": AWS_KEY}, headers=headers)
    assert (stored.status_code, stored.json()["has_own_key"]) == (200, True)
    assert "secret-plainly-visible" not in stored.text


async def test_missing_packages_are_reported_before_a_key_is_stored(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await world.key(await world.project("Acme"))
    missing = extras.EXTRAS["bedrock"]._replace(modules=("no_such_module.of_clouds",))
    monkeypatch.setitem(extras.EXTRAS, "bedrock", missing)  # type: ignore[arg-type]
    extras.is_installed.cache_clear()
    try:
        refused = await client.put("/v1/providers/nova", json={"api_key": AWS_KEY}, headers=headers)
    finally:
        extras.is_installed.cache_clear()
    assert (refused.status_code, refused.json()["code"]) == (501, "extra_missing")
    assert "puras-studio[bedrock]" in refused.json()["detail"]
    listed = {one["family"]: one for one in (await client.get("/v1/providers", headers=headers)).json()}
    assert not listed["nova"]["has_own_key"]
