"""Cache the parsed manifests of this process. A deployment never changes, so a manifest is parsed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Manifest

MAX_KEPT: Final = 256


class Known(NamedTuple):
    """The immutable parts of a deployment."""

    manifest: Manifest
    sha256: str


_known: OrderedDict[UUID, Known] = OrderedDict()


async def of(session: AnySession, ids: Collection[UUID]) -> dict[UUID, Known]:
    """Return the manifests of deployments that the caller may read.

    Only those that are not cached are loaded.
    """
    found = {deployment_id: _known[deployment_id] for deployment_id in ids if deployment_id in _known}
    missing = set(ids) - found.keys()
    if missing:
        query = select(col(Deployment.id), col(Deployment.manifest), col(Deployment.sha256))
        for row in await session.execute(query.where(col(Deployment.id).in_(missing))):
            found[row.id] = Known(Manifest.model_validate(row.manifest), row.sha256)
    for deployment_id, known in found.items():
        _keep(deployment_id, known)
    return found


def _keep(deployment_id: UUID, known: Known) -> None:
    _known[deployment_id] = known
    _known.move_to_end(deployment_id)
    while len(_known) > MAX_KEPT:
        _known.popitem(last=False)
