"""Metrics of this process as plain data: samples, each under a text key."""

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
    """The metrics of one process at one time."""

    totals: Samples
    """Counters and histograms, which only increase and are kept after the process has ended."""
    gauges: Samples
    """Current values, which are discarded when the process ends."""


def take(registry: CollectorRegistry) -> Snapshot:
    """Return the current metrics of the registry."""
    totals: dict[str, float] = {}
    gauges: dict[str, float] = {}
    for family in registry.collect():
        target = gauges if family.type == "gauge" else totals
        target.update((key_of(name, labels), value) for name, labels, value in _samples(family))
    return Snapshot(totals, gauges)


def key_of(name: str, labels: Mapping[str, str]) -> str:
    """Return the key of a sample, which is the same in each process."""
    return _key(name, tuple(labels.items()))


@lru_cache(maxsize=20_000)
def _key(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    return json.dumps([name, dict(labels)], sort_keys=True, separators=(",", ":"))


def parse_key(key: str) -> tuple[str, dict[str, str]]:
    """Return the name and the labels in a key."""
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
