"""Convert the samples of all processes to the text format of Prometheus."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from backend.core.process_metrics.snapshot import Samples, parse_key

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def text(
    registry: CollectorRegistry, samples: Samples, extra: Iterable[Metric], accept: str
) -> tuple[bytes, str]:
    """Return the samples in the format that the `Accept` header selects, and its content type.

    Samples of families that the registry does not have, from processes of another release, are omitted.
    """
    encode, content_type = choose_encoder(accept)
    families = [*_families(registry, samples), *extra]
    return encode(_FixedCollector(families)), content_type


class _FixedCollector(Collector):
    """Collector of a fixed list of families."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(registry: CollectorRegistry, samples: Samples) -> Iterator[Metric]:
    by_name: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for key, value in samples.items():
        name, labels = parse_key(key)
        by_name[name].append((labels, value))
    for family in registry.collect():
        summed = Metric(family.name, family.documentation, family.type)
        rows = [
            (name, labels, value)
            for name in (family.name + suffix for suffix in _SUFFIXES[family.type])
            for labels, value in by_name.get(name, ())
        ]
        for sample in sorted(rows, key=_sort_key):
            summed.add_sample(sample[0], dict(sample[1]), sample[2])
        yield summed


def _sort_key(row: tuple[str, Mapping[str, str], float]) -> tuple[object, ...]:
    """Return a key that keeps series together, and buckets of a histogram in order before its count and sum."""
    name, labels, _ = row
    series = sorted((label, value) for label, value in labels.items() if label != "le")
    return (series, name, float(labels.get("le", math.inf)))
