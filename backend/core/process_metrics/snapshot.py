"""What this process has counted so far, as plain data: sample by sample, each under a key of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Metric

Samples = Mapping[str, float]
"""Sample key → value."""

_CREATED: Final = "_created"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The numbers of one process at one moment."""

    totals: Samples
    """Counters and histograms: they only grow, and are kept when the process is gone."""
    gauges: Samples
    """What is so now; gone with its process."""


def take(registry: CollectorRegistry) -> Snapshot:
    """Return the numbers of the registry now."""
    totals: dict[str, float] = {}
    gauges: dict[str, float] = {}
    for family in registry.collect():
        kept = gauges if family.type == "gauge" else totals
        kept.update((key_of(name, labels), value) for name, labels, value in _samples(family))
    return Snapshot(totals, gauges)


def key_of(name: str, labels: Mapping[str, str]) -> str:
    """Return the key of a sample; the same whichever process made it."""
    return _key(name, tuple(labels.items()))


@lru_cache(maxsize=20_000)
def _key(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    return json.dumps([name, dict(labels)], sort_keys=True, separators=(",", ":"))


def parse_key(key: str) -> tuple[str, dict[str, str]]:
    """Return the name and the labels that a key was made of."""
    name, labels = json.loads(key)
    return name, labels


def added(parts: Iterable[Samples]) -> dict[str, float]:
    """Return the sums of samples of several processes."""
    sums: dict[str, float] = {}
    for part in parts:
        for key, value in part.items():
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _samples(family: Metric) -> Iterator[tuple[str, dict[str, str], float]]:
    for sample in family.samples:
        if not sample.name.endswith(_CREATED):
            yield sample.name, sample.labels, sample.value
