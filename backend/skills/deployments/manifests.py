"""Cache the parsed manifests of this process. A deployment never changes, so a manifest is parsed once."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Manifest

MAX_KEPT_CHARACTERS: Final = 4 << 20
"""Maximum JSON of the cached manifests: that of 2,000 skills of usual size. A parsed manifest takes about 7 bytes of
memory for each character."""


class Known(NamedTuple):
    """The immutable parts of a deployment."""

    manifest: Manifest
    sha256: str
    characters: int
    """Length of the manifest as JSON."""


_known: OrderedDict[UUID, Known] = OrderedDict()
_kept_characters = 0


async def of(session: AnySession, ids: Collection[UUID]) -> dict[UUID, Known]:
    """Return the manifests of deployments that the caller may read.

    Only those that are not cached are loaded.
    """
    found = {deployment_id: _known[deployment_id] for deployment_id in ids if deployment_id in _known}
    missing = set(ids) - found.keys()
    if missing:
        query = select(col(Deployment.id), col(Deployment.manifest), col(Deployment.sha256))
        for row in await session.execute(query.where(col(Deployment.id).in_(missing))):
            size = len(json.dumps(row.manifest))
            found[row.id] = Known(Manifest.model_validate(row.manifest), row.sha256, size)
    for deployment_id, known in found.items():
        _keep(deployment_id, known)
    return found


def _keep(deployment_id: UUID, known: Known) -> None:
    global _kept_characters
    if deployment_id not in _known:
        _kept_characters += known.characters
    _known[deployment_id] = known
    _known.move_to_end(deployment_id)
    while _kept_characters > MAX_KEPT_CHARACTERS:
        _kept_characters -= _known.popitem(last=False)[1].characters
