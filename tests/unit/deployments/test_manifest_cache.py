"""The cache of manifests is limited by their size, and keeps those that were used last."""

from __future__ import annotations

from collections import OrderedDict
from uuid import uuid4

import pytest

from backend.skills.deployments import manifests
from backend.skills.deployments.manifests import Known
from backend.skills.manifest.types import Manifest


def test_the_least_recently_used_manifests_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_KEPT_CHARACTERS", 100)
    monkeypatch.setattr(manifests, "_kept_characters", 0)
    monkeypatch.setattr(manifests, "_known", OrderedDict())
    ids = [uuid4() for _ in range(4)]
    for deployment_id in ids[:3]:
        manifests._keep(deployment_id, Known(Manifest(skills=()), "", 30))
    manifests._keep(ids[0], Known(Manifest(skills=()), "", 30))
    manifests._keep(ids[3], Known(Manifest(skills=()), "", 40))
    assert list(manifests._known) == [ids[2], ids[0], ids[3]]
    manifests._keep(uuid4(), Known(Manifest(skills=()), "", 101))
    assert (list(manifests._known), manifests._kept_characters) == ([], 0)
