"""`client.environments`: what is active in development, staging and production, promotions and rollbacks."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from puras.client.messages import new_key
from puras.client.routes import Routes
from puras.client.sessions import InThread
from puras.client.shapes import Environment, EnvironmentState, Promotion


class Environments:
    """Read and change the active versions of the environments of a skillpack.

    A key of development or staging can change only its own environment.
    """

    def __init__(self, client: Routes, skillpack: str | None) -> None:
        self._client = client
        pack = f"/skillpacks/{quote(skillpack, safe='')}" if skillpack else ""
        self._path = f"/v1{pack}/environments"

    def list(self) -> list[EnvironmentState]:
        """Return the environments, each with its active and its previous version."""
        found: list[EnvironmentState] = self._client.request("GET", self._path)
        return found

    def review(
        self,
        environment: Environment,
        *,
        source: Environment | None = None,
        deployment: str | int | None = None,
    ) -> Promotion:
        """Return what a promotion to the environment would change, and the state of its checks.

        Args:
            environment: The environment that would get another version.
            source: The environment whose active version is promoted; by default the one before.
            deployment: ID or number of a version instead.
        """
        query = {"source": source, "deployment": deployment}
        path = f"{self._path}/{environment}/promotion"
        found: Promotion = self._client.request("GET", path, query=query)
        return found

    def promote(
        self,
        environment: Environment,
        *,
        source: Environment | None = None,
        deployment: str | int | None = None,
        version: int | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        """Make the version of another environment the active one of this environment, and return it.

        Args:
            environment: The environment that gets the version.
            source: The environment whose active version is promoted; by default the one before.
            deployment: ID or number of a version instead.
            version: The version that you have reviewed; another one is not promoted.
            force: Whether an admin skips the eval gates of production.
        """
        names = {
            "source": source,
            "deployment": None if deployment is None else str(deployment),
            "version": version,
        }
        body = {name: value for name, value in names.items() if value is not None}
        return self._post(environment, "promotion", body, force=force)

    def roll_back(self, environment: Environment, *, force: bool = False) -> dict[str, Any]:
        """Activate the version again that was active in the environment before, and return it."""
        return self._post(environment, "rollback", None, force=force)

    def _post(
        self, environment: Environment, action: str, body: dict[str, Any] | None, *, force: bool
    ) -> dict[str, Any]:
        found: dict[str, Any] = self._client.request(
            "POST",
            f"{self._path}/{environment}/{action}",
            body=body,
            query={"force": force or None},
            idempotency_key=new_key(),
        )
        return found


class AsyncEnvironments:
    """`Environments` with awaitable methods."""

    def __init__(self, environments: Environments, run: InThread) -> None:
        self._environments = environments
        self._run = run

    async def list(self) -> list[EnvironmentState]:
        """See `Environments.list`."""
        return await self._run(self._environments.list)

    async def review(self, environment: Environment, **options: Any) -> Promotion:
        """See `Environments.review`."""
        return await self._run(partial(self._environments.review, environment, **options))

    async def promote(self, environment: Environment, **options: Any) -> dict[str, Any]:
        """See `Environments.promote`."""
        return await self._run(partial(self._environments.promote, environment, **options))

    async def roll_back(self, environment: Environment, *, force: bool = False) -> dict[str, Any]:
        """See `Environments.roll_back`."""
        return await self._run(partial(self._environments.roll_back, environment, force=force))
